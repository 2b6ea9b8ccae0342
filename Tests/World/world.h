// A job's world in one piece of memory that all its processes share: threads that run one at a time, in an order that the
// seed draws; a clock that moves only when one of them gives way; messages between ranks; and what is to go wrong.
//
// The program is the one that users run. A library that is loaded before all others (LD_PRELOAD) stands in for the C
// library's and MPI's functions that wait, tell the time, send, and write files; nothing in the program knows of it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { MOST_TASKS = 1024, MOST_RANKS = 16, MOST_MESSAGES = 4096, MOST_ENDS = 512, END_BYTES = 1 << 16 };

// A thread of a process.
struct task {
    enum { READY, BLOCKED, GONE } state;
    int process;
    // What a blocked one waits for, by a number that is its process's own; and when it goes on at the latest, -1: never.
    uint64_t waits_for;
    int64_t until;
    int is_late;
    // 1 where it may run.
    atomic_int baton;
};

struct process {
    // Set once it has come.
    atomic_int is_there;
    int is_live, pid, host;
    // A signal that it has not handled yet.
    int signal;
};

struct message {
    int is_live, is_taken, needs_taking;
    int group, source, target, tag;
    uint64_t number;
    int64_t due, size, place;
};

// One end of a connection between processes, or a door that such come in by.
struct end {
    enum { UNUSED, OPEN, CLOSED } state;
    int process, is_door, port;
    // The other end, -1 before there is one; and for one that waits at a door, the door's.
    int other, door;
    int has_said_all;
    // What came and was not read yet.
    int64_t begin, count;
    char bytes[END_BYTES];
};

// What goes wrong, each at an event's number; 0: never.
struct plan {
    uint64_t kill_at, stop_at, cut_at;
    // Whom the kill hits; whether the others are killed with it, as by a power cut.
    int victim;
    // Of 65,536 calls that change a file, so many fail; the number of errno, or 0 for a write of half the bytes.
    int file_rate, file_code;
    // Nanoseconds that a message is under way at most.
    int64_t delay;
    // Events after which the job is said to have no end.
    uint64_t limit;
};

struct world {
    uint64_t random, events, trace, messages_sent, kills, stops, file_faults;
    int64_t now, kill_rest_at, pool_used;
    int tasks_used, ranks;
    // A process that is about to end, whose connections and locks go before anybody's turn.
    int dying;
    enum { FINE, DEADLOCK, ENDLESS, OVERFLOW } end;
    struct plan plan;
    struct process process[MOST_RANKS];
    struct task task[MOST_TASKS];
    struct message message[MOST_MESSAGES];
    int ends_used;
    struct end end_of[MOST_ENDS];
    char pool[(int64_t)1 << 32];
};

extern struct world *world;
// This process's number, and this thread's task; NULL for a thread that the world does not know.
extern int own;
extern __thread struct task *me;

uint64_t draw(void);
// Adds an event to the trace.
void note(const char *what, int64_t about);
// Lets another task run, or this one again.
void give_way(void);
// The same at times.
void may_give_way(void);
void block(uint64_t on, int64_t until);
void wake(uint64_t on);
void wake_one(uint64_t on);
struct task *new_task(void);
// A thread's first wait for its turn, and its end.
void begin_task(struct task *task);
void end_task(void);
uint64_t number_of(const void *place);
// Sleeps for so many nanoseconds of the world's.
void nap(int64_t nanoseconds);
// The world cannot go on.
void give_up(int end);
long raw_syscall(long number, long a, long b, long c, long d, long e, long f);
void handle_signal(int number);
// Closes what a process has open.
void close_ends(int process);

// The function of that name that this library stands in for.
#define REAL(name)                                                      \
    ({                                                                  \
        static __typeof__(&name) function;                              \
        if (!function) function = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
        function;                                                       \
    })
