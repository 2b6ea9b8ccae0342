// MPI, as far as the program uses it: messages lie in the world's memory until they are due. Two of one sender to one
// receiver stay in order; others overtake each other.
#include "world.h"
#include <mpi.h>

struct group {
    int number, rank, size, splits;
    int members[MOST_RANKS];
};

struct request {
    struct request *next;
    int is_receive, is_done, group, source, target, tag, message;
    void *to;
    int64_t size;
};

static struct group everyone;
// Receives that are under way, in the order in which they began.
static struct request *receives;

static struct group *group_of(MPI_Comm group) { return group == MPI_COMM_WORLD ? &everyone : (struct group *)group; }

static int post(struct group *group, const void *bytes, int64_t size, int target, int tag, int needs_taking) {
    int64_t due = world->now + 1000 + (int64_t)(draw() % (uint64_t)world->plan.delay);
    int place = -1;
    for (int i = 0; i < MOST_MESSAGES; i++) {
        struct message *other = &world->message[i];
        if (!other->is_live) {
            if (place < 0) place = i;
        } else if (other->group == group->number && other->source == group->rank && other->target == target
                   && other->due >= due) {
            due = other->due + 1;
        }
    }
    if (place < 0 || world->pool_used + size > (int64_t)sizeof world->pool) give_up(OVERFLOW);
    world->message[place] = (struct message){
        1, 0, needs_taking, group->number, group->rank, target, tag, ++world->messages_sent, due, size, world->pool_used};
    memcpy(world->pool + world->pool_used, bytes, (size_t)size);
    world->pool_used += (size + 63) & ~63LL;
    // Not its size: a process's number may be in it, which the system draws.
    note("send", target);
    return place;
}

// The first message that is there, -1 where none is.
static int find(int group, int source, int target, int tag) {
    int first = -1;
    for (int i = 0; i < MOST_MESSAGES; i++) {
        struct message *message = &world->message[i];
        if (message->is_live && !message->is_taken && message->group == group && message->source == source
            && message->target == target && message->tag == tag && message->due <= world->now
            && (first < 0 || message->number < world->message[first].number))
            first = i;
    }
    return first;
}

static int take(int group, int source, int target, int tag, void *to, int64_t size) {
    int place = find(group, source, target, tag);
    if (place < 0) return 0;
    struct message *message = &world->message[place];
    if (message->size != size) {
        fprintf(stderr, "error: a message of %ld bytes came where %ld were expected\n", (long)message->size, (long)size);
        abort();
    }
    memcpy(to, world->pool + message->place, (size_t)size);
    note("take", source);
    if (message->needs_taking) message->is_taken = 1;
    else message->is_live = 0;
    return 1;
}

int MPI_Init_thread(int *count, char ***words, int wanted, int *provided) {
    *provided = wanted;
    everyone = (struct group){.number = 1, .rank = own, .size = world->ranks};
    for (int i = 0; i < world->ranks; i++) everyone.members[i] = i;
    return MPI_SUCCESS;
}

int MPI_Comm_set_errhandler(MPI_Comm group, MPI_Errhandler handler) { return MPI_SUCCESS; }

int MPI_Comm_rank(MPI_Comm group, int *rank) {
    *rank = group_of(group)->rank;
    return MPI_SUCCESS;
}

int MPI_Comm_size(MPI_Comm group, int *size) {
    *size = group_of(group)->size;
    return MPI_SUCCESS;
}

// Larger messages may wait until their receiver takes them, as MPI is free to have them do.
static int start_sending(
    const void *bytes, int size, int target, int tag, MPI_Comm group, MPI_Request *request, int needs_taking) {
    struct request *sending = calloc(1, sizeof *sending);
    sending->message = post(group_of(group), bytes, size, target, tag, needs_taking || (size > 4096 && draw() % 2));
    *request = (MPI_Request)sending;
    may_give_way();
    return MPI_SUCCESS;
}

int MPI_Isend(const void *bytes, int size, MPI_Datatype type, int target, int tag, MPI_Comm group, MPI_Request *request) {
    return start_sending(bytes, size, target, tag, group, request, 0);
}

int MPI_Issend(const void *bytes, int size, MPI_Datatype type, int target, int tag, MPI_Comm group, MPI_Request *request) {
    return start_sending(bytes, size, target, tag, group, request, 1);
}

int MPI_Irecv(void *bytes, int size, MPI_Datatype type, int source, int tag, MPI_Comm group, MPI_Request *request) {
    struct request *receive = calloc(1, sizeof *receive);
    struct group *members = group_of(group);
    *receive = (struct request){
        .is_receive = 1, .group = members->number, .source = source, .target = members->rank, .tag = tag, .to = bytes,
        .size = size};
    struct request **last = &receives;
    while (*last) last = &(*last)->next;
    *last = receive;
    *request = (MPI_Request)receive;
    return MPI_SUCCESS;
}

// Of several receives of one kind, the one that began first gets the first message, whichever is asked after.
static void match(struct request *wanted) {
    for (struct request *other = receives; other && !wanted->is_done; other = other->next) {
        if (other->is_done || other->group != wanted->group || other->source != wanted->source || other->tag != wanted->tag)
            continue;
        if (!take(other->group, other->source, other->target, other->tag, other->to, other->size)) return;
        other->is_done = 1;
    }
}

int MPI_Test(MPI_Request *request, int *is_done, MPI_Status *status) {
    *is_done = 1;
    if (!*request || *request == MPI_REQUEST_NULL) return MPI_SUCCESS;
    struct request *asked = (struct request *)*request;
    world->now += 500;
    if (asked->is_receive) {
        match(asked);
        *is_done = asked->is_done;
        if (*is_done) {
            struct request **link = &receives;
            while (*link != asked) link = &(*link)->next;
            *link = asked->next;
        }
    } else {
        struct message *message = &world->message[asked->message];
        if (message->needs_taking) {
            *is_done = message->is_taken;
            if (*is_done) message->is_live = 0;
        }
    }
    if (*is_done) {
        free(asked);
        *request = MPI_REQUEST_NULL;
    } else {
        may_give_way();
    }
    return MPI_SUCCESS;
}

int MPI_Iprobe(int source, int tag, MPI_Comm group, int *is_there, MPI_Status *status) {
    world->now += 500;
    *is_there = 0;
    if (source == MPI_ANY_SOURCE) return MPI_SUCCESS;
    int place = find(group_of(group)->number, source, group_of(group)->rank, tag);
    if (place >= 0) {
        *is_there = 1;
        if (status) status->_ucount = (size_t)world->message[place].size;
    } else {
        may_give_way();
    }
    return MPI_SUCCESS;
}

int MPI_Get_count(const MPI_Status *status, MPI_Datatype type, int *count) {
    *count = (int)status->_ucount;
    return MPI_SUCCESS;
}

// Tags below those of the program.
enum { BROADCAST = -8, EXCHANGE = -7 };

static void receive(struct group *group, int source, int tag, void *to, int64_t size) {
    while (!take(group->number, source, group->rank, tag, to, size)) nap(20000);
}

int MPI_Bcast(void *bytes, int size, MPI_Datatype type, int root, MPI_Comm communicator) {
    struct group *group = group_of(communicator);
    if (group->rank != root) {
        receive(group, root, BROADCAST, bytes, size);
    } else {
        for (int i = 0; i < group->size; i++)
            if (i != root) post(group, bytes, size, i, BROADCAST, 0);
    }
    return MPI_SUCCESS;
}

// Every member's bytes, on every member.
static void exchange(struct group *group, const void *mine, int64_t size, void *all) {
    for (int i = 0; i < group->size; i++)
        if (i != group->rank) post(group, mine, size, i, EXCHANGE, 0);
    for (int i = 0; i < group->size; i++) {
        char *place = (char *)all + i * size;
        if (i == group->rank) memcpy(place, mine, (size_t)size);
        else receive(group, i, EXCHANGE, place, size);
    }
}

static int split(struct group *group, int color, int order, MPI_Comm *part) {
    struct choice { int color, order; } mine = {color, order}, all[MOST_RANKS];
    exchange(group, &mine, sizeof mine, all);
    group->splits++;
    *part = MPI_COMM_NULL;
    if (color < 0) return MPI_SUCCESS;
    struct group *members = calloc(1, sizeof *members);
    members->number = (group->number * 31 + group->splits) * MOST_RANKS + color + 1;
    int is_in[MOST_RANKS] = {0};
    while (1) {
        int next = -1;
        for (int i = 0; i < group->size; i++)
            if (all[i].color == color && !is_in[i] && (next < 0 || all[i].order < all[next].order)) next = i;
        if (next < 0) break;
        is_in[next] = 1;
        if (next == group->rank) members->rank = members->size;
        members->members[members->size++] = group->members[next];
    }
    *part = (MPI_Comm)members;
    return MPI_SUCCESS;
}

int MPI_Comm_split(MPI_Comm group, int color, int order, MPI_Comm *part) {
    return split(group_of(group), color == MPI_UNDEFINED ? -1 : color, order, part);
}

int MPI_Comm_split_type(MPI_Comm group, int type, int order, MPI_Info information, MPI_Comm *part) {
    return split(group_of(group), world->process[own].host, order, part);
}

int MPI_Finalize(void) {
    char mine = 1, all[MOST_RANKS];
    exchange(&everyone, &mine, 1, all);
    return MPI_SUCCESS;
}

int MPI_Abort(MPI_Comm group, int status) {
    note("abort", status);
    if (!world->kill_rest_at) world->kill_rest_at = world->now + 1000000;
    _exit(status);
}

int MPI_Get_library_version(char *text, int *length) {
    *length = sprintf(text, "simulated");
    return MPI_SUCCESS;
}

int MPI_Error_string(int code, char *text, int *length) {
    *length = sprintf(text, "code %d", code);
    return MPI_SUCCESS;
}
