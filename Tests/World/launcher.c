// Starts the ranks of one job in a world of its own, as mpirun does, and says how they ended, in one line of JSON.
//
//   launcher LIBRARY WORLD KEY=VALUE… -- COMMAND…
//
// LIBRARY is what stands between the program and the system; WORLD, a file in memory for the world. Keys: seed, ranks,
// hosts (ranks a host), kill, victim, cut, stop (numbers of events; 0: never), rate, code (of failing calls on files),
// delay (nanoseconds), limit (events).
#include "world.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void set(const char *name, long value) {
    char text[32];
    snprintf(text, sizeof text, "%ld", value);
    setenv(name, text, 1);
}

static void start(struct world *world, int rank, int ranks_a_host, const char *library, const char *path, char **command) {
    int first = rank / ranks_a_host * ranks_a_host;
    int local = world->ranks - first < ranks_a_host ? world->ranks - first : ranks_a_host;
    setenv("WORLD", path, 1);
    set("WORLD_RANK", rank);
    if (world->ranks > 1) {
        set("OMPI_COMM_WORLD_RANK", rank);
        set("OMPI_COMM_WORLD_SIZE", world->ranks);
        set("OMPI_COMM_WORLD_LOCAL_RANK", rank - first);
        set("OMPI_COMM_WORLD_LOCAL_SIZE", local);
    }
    setenv("LD_PRELOAD", library, 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1);
    execv(command[0], command);
    _exit(99);
}

int main(int count, char **words) {
    const char *library = words[1], *path = words[2];
    unlink(path);
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(struct world)) != 0) return 98;
    struct world *world = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (world == MAP_FAILED) return 98;
    uint64_t seed = 1;
    int ranks_a_host = 2, place = 3;
    struct plan plan = {.delay = 400000, .limit = 2000000};
    world->ranks = 1;
    for (; place < count && strcmp(words[place], "--") != 0; place++) {
        char key[16];
        unsigned long long value;
        if (sscanf(words[place], "%15[a-z]=%llu", key, &value) != 2) return 97;
        if (strcmp(key, "seed") == 0) seed = value;
        else if (strcmp(key, "ranks") == 0) world->ranks = (int)value;
        else if (strcmp(key, "hosts") == 0) ranks_a_host = (int)value;
        else if (strcmp(key, "kill") == 0) plan.kill_at = value;
        else if (strcmp(key, "victim") == 0) plan.victim = (int)value;
        else if (strcmp(key, "cut") == 0) plan.cut_at = value;
        else if (strcmp(key, "stop") == 0) plan.stop_at = value;
        else if (strcmp(key, "rate") == 0) plan.file_rate = (int)value;
        else if (strcmp(key, "code") == 0) plan.file_code = (int)value;
        else if (strcmp(key, "delay") == 0) plan.delay = (int64_t)value;
        else if (strcmp(key, "limit") == 0) plan.limit = value;
        else return 97;
    }
    world->plan = plan;
    world->random = seed * 0x9E3779B97F4A7C15u + 0x1234567u;
    world->trace = 1469598103934665603u;
    world->now = 1000000000000;
    world->tasks_used = world->ranks;
    // One task runs at a time: on one core nothing has to travel.
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(seed % (uint64_t)sysconf(_SC_NPROCESSORS_ONLN), &cores);
    sched_setaffinity(0, sizeof cores, &cores);
    int pids[MOST_RANKS];
    for (int i = 0; i < world->ranks; i++) {
        world->task[i].process = i;
        world->task[i].until = -1;
        world->process[i].is_live = 1;
        world->process[i].host = i / ranks_a_host;
        pids[i] = fork();
        if (pids[i] == 0) start(world, i, ranks_a_host, library, path, words + place + 1);
    }
    for (int i = 0; i < world->ranks; i++)
        while (!atomic_load(&world->process[i].is_there))
            syscall(SYS_futex, &world->process[i].is_there, FUTEX_WAIT, 0, NULL, NULL, 0);
    atomic_store(&world->task[0].baton, 1);
    syscall(SYS_futex, &world->task[0].baton, FUTEX_WAKE, 1, NULL, NULL, 0);
    int statuses[MOST_RANKS], crashed = -1;
    for (int left = world->ranks; left > 0; left--) {
        int status, pid = waitpid(-1, &status, 0), rank = 0;
        while (rank < world->ranks && pids[rank] != pid) rank++;
        statuses[rank] = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        // One that ended without a word to the world had the turn, and nobody else will ever have it.
        if (world->process[rank].is_live && crashed < 0) {
            crashed = rank;
            for (int i = 0; i < world->ranks; i++)
                if (i != rank) kill(pids[i], SIGKILL);
        }
    }
    static const char *ends[] = {"fine", "deadlock", "endless", "overflow"};
    printf("{\"statuses\": [");
    for (int i = 0; i < world->ranks; i++) printf("%s%d", i > 0 ? ", " : "", statuses[i]);
    printf(
        "], \"end\": \"%s\", \"crashed\": %d, \"events\": %lu, \"trace\": \"%016lx\", \"milliseconds\": %ld, "
        "\"messages\": %lu, \"kills\": %lu, \"stops\": %lu, \"file_faults\": %lu}\n",
        ends[world->end], crashed, (unsigned long)world->events, (unsigned long)world->trace,
        (long)((world->now - 1000000000000) / 1000000), (unsigned long)world->messages_sent, (unsigned long)world->kills,
        (unsigned long)world->stops, (unsigned long)world->file_faults);
    unlink(path);
    return 0;
}
