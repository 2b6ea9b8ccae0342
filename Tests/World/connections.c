// Connections between the processes of a world, as TCP makes them: bytes in order, an end that says all it will, an end whose
// process is gone.
#include "world.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

// The end of each descriptor of this process, plus 1; 0 for a descriptor of the system's own.
static int ends[1024];

static struct end *end_of(int file) {
    return me && file >= 0 && file < 1024 && ends[file] > 0 ? &world->end_of[ends[file] - 1] : NULL;
}

static int new_end(void) {
    if (world->ends_used == MOST_ENDS) give_up(OVERFLOW);
    int number = world->ends_used++;
    struct end *end = &world->end_of[number];
    end->state = OPEN;
    end->process = own;
    end->other = end->door = -1;
    return number;
}

// A descriptor that nothing else has, for an end.
static int new_file(int number) {
    int file = REAL(socket)(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file >= 1024) give_up(OVERFLOW);
    if (file >= 0) ends[file] = number + 1;
    return file;
}

void close_ends(int process) {
    for (int i = 0; i < world->ends_used; i++)
        if (world->end_of[i].process == process) world->end_of[i].state = CLOSED;
}

int socket(int domain, int type, int protocol) {
    if (!me || domain != AF_INET || (type & 15) != SOCK_STREAM) return REAL(socket)(domain, type, protocol);
    return new_file(new_end());
}

int bind(int file, const struct sockaddr *address, socklen_t size) {
    struct end *end = end_of(file);
    if (!end) return REAL(bind)(file, address, size);
    end->port = 20000 + ends[file];
    return 0;
}

int listen(int file, int waiting) {
    struct end *end = end_of(file);
    if (!end) return REAL(listen)(file, waiting);
    end->is_door = 1;
    return 0;
}

static void tell_address(const struct end *end, struct sockaddr *address, socklen_t *size) {
    struct sockaddr_in own_address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)end->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (address && size) {
        memcpy(address, &own_address, *size < sizeof own_address ? *size : sizeof own_address);
        *size = sizeof own_address;
    }
}

int getsockname(int file, struct sockaddr *address, socklen_t *size) {
    struct end *end = end_of(file);
    if (!end) return REAL(getsockname)(file, address, size);
    tell_address(end, address, size);
    return 0;
}

int connect(int file, const struct sockaddr *address, socklen_t size) {
    struct end *end = end_of(file);
    if (!end) return REAL(connect)(file, address, size);
    int port = ntohs(((const struct sockaddr_in *)address)->sin_port);
    note("connect", port);
    may_give_way();
    for (int i = 0; i < world->ends_used; i++) {
        struct end *door = &world->end_of[i];
        if (!door->is_door || door->state != OPEN || door->port != port) continue;
        int other = new_end();
        world->end_of[other].process = door->process;
        world->end_of[other].door = i;
        world->end_of[other].other = (int)(end - world->end_of);
        end->other = other;
        return 0;
    }
    errno = ECONNREFUSED;
    return -1;
}

static int first_waiting(int door) {
    for (int i = 0; i < world->ends_used; i++)
        if (world->end_of[i].state == OPEN && world->end_of[i].door == door) return i;
    return -1;
}

int accept(int file, struct sockaddr *address, socklen_t *size) {
    struct end *door = end_of(file);
    if (!door) return REAL(accept)(file, address, size);
    int number = first_waiting((int)(door - world->end_of));
    if (number < 0) {
        errno = EAGAIN;
        return -1;
    }
    note("accept", number);
    world->end_of[number].door = -1;
    tell_address(&world->end_of[number], address, size);
    return new_file(number);
}

static int is_over(const struct end *end) {
    if (end->other < 0) return 0;
    struct end *other = &world->end_of[end->other];
    return other->state == CLOSED || other->has_said_all;
}

ssize_t send(int file, const void *bytes, size_t count, int flags) {
    struct end *end = end_of(file);
    if (!end) return REAL(send)(file, bytes, count, flags);
    struct end *other = end->other >= 0 ? &world->end_of[end->other] : NULL;
    if (!other || other->state == CLOSED || end->has_said_all) {
        errno = EPIPE;
        return -1;
    }
    int64_t room = END_BYTES - other->count;
    if (room == 0) {
        errno = EAGAIN;
        return -1;
    }
    int64_t sent = (int64_t)count < room ? (int64_t)count : room;
    for (int64_t i = 0; i < sent; i++)
        other->bytes[(other->begin + other->count + i) % END_BYTES] = ((const char *)bytes)[i];
    other->count += sent;
    note("say", sent);
    may_give_way();
    return sent;
}

ssize_t recv(int file, void *bytes, size_t count, int flags) {
    struct end *end = end_of(file);
    if (!end) return REAL(recv)(file, bytes, count, flags);
    if (end->count == 0) {
        if (is_over(end)) return 0;
        errno = EAGAIN;
        return -1;
    }
    int64_t taken = (int64_t)count < end->count ? (int64_t)count : end->count;
    for (int64_t i = 0; i < taken; i++) ((char *)bytes)[i] = end->bytes[(end->begin + i) % END_BYTES];
    end->begin = (end->begin + taken) % END_BYTES;
    end->count -= taken;
    note("hear", taken);
    return taken;
}

int shutdown(int file, int how) {
    struct end *end = end_of(file);
    if (!end) return REAL(shutdown)(file, how);
    end->has_said_all = 1;
    return 0;
}

int close(int file) {
    struct end *end = end_of(file);
    if (end) {
        end->state = CLOSED;
        ends[file] = 0;
    }
    return REAL(close)(file);
}

int getsockopt(int file, int level, int option, void *value, socklen_t *size) {
    if (!end_of(file)) return REAL(getsockopt)(file, level, option, value, size);
    memset(value, 0, *size);
    return 0;
}

int setsockopt(int file, int level, int option, const void *value, socklen_t size) {
    return end_of(file) ? 0 : REAL(setsockopt)(file, level, option, value, size);
}

static short events_of(const struct end *end, short wanted) {
    enum { READ_END = 0x2000 };
    if (end->is_door) return first_waiting((int)(end - world->end_of)) >= 0 ? wanted & POLLIN : 0;
    short events = wanted & POLLOUT;
    if (end->count > 0 || is_over(end)) events |= wanted & POLLIN;
    if (is_over(end)) events |= wanted & READ_END;
    return events;
}

// Looks at all of them now; returns on how many there is something.
static int look_at(struct pollfd *files, nfds_t count) {
    int ready = 0;
    for (nfds_t i = 0; i < count; i++) {
        struct end *end = end_of(files[i].fd);
        files[i].revents = 0;
        if (end) files[i].revents = events_of(end, files[i].events);
        else REAL(poll)(&files[i], 1, 0);
        ready += files[i].revents != 0;
    }
    return ready;
}

int poll(struct pollfd *files, nfds_t count, int milliseconds) {
    if (!me) return REAL(poll)(files, count, milliseconds);
    int64_t until = milliseconds < 0 ? INT64_MAX : world->now + milliseconds * 1000000LL;
    while (1) {
        int ready = look_at(files, count);
        if (ready > 0) {
            note("poll", ready);
            return ready;
        }
        int64_t left = until - world->now;
        if (left <= 0) return 0;
        nap(left < 1000000 ? left : 1000000);
    }
}
