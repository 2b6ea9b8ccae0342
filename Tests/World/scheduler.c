// Whose turn it is. One task runs at a time, over all processes of the job; whoever gives way draws the next one.
#include "world.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

struct world *world;
int own;
__thread struct task *me;
static FILE *trace_file;

long raw_syscall(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

// Marsaglia's xorshift.
uint64_t draw(void) {
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return world->random;
}

void note(const char *what, int64_t about) {
    world->events++;
    for (const char *letter = what; *letter; letter++) world->trace = (world->trace ^ (uint64_t)*letter) * 1099511628211u;
    world->trace = (world->trace ^ (uint64_t)about) * 1099511628211u;
    if (trace_file) {
        fprintf(
            trace_file, "%lu %s %ld t=%ld by %ld\n", world->events, what, about, world->now,
            me ? (long)(me - world->task) : -1);
        fflush(trace_file);
    }
}

uint64_t number_of(const void *place) { return (uint64_t)(uintptr_t)place * MOST_RANKS + (uint64_t)own; }

static void give(struct task *task) {
    atomic_store(&task->baton, 1);
    raw_syscall(SYS_futex, (long)&task->baton, FUTEX_WAKE, 1, 0, 0, 0);
}

// Waits until a process is no more than a status for its parent.
static void await_death(int pid) {
    char path[32], words[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    while (1) {
        long file = raw_syscall(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
        if (file < 0) return;
        long count = raw_syscall(SYS_read, file, (long)words, sizeof words - 1, 0, 0, 0);
        raw_syscall(SYS_close, file, 0, 0, 0, 0, 0);
        if (count <= 0) return;
        words[count] = 0;
        char *name = strrchr(words, ')');
        if (!name || name[2] == 'Z' || name[2] == 'X') return;
        raw_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
    }
}

// Waits for the turn, and handles what signal came meanwhile: at a place of the trace, and not whenever the system likes.
static void await_turn(void) {
    while (!atomic_exchange(&me->baton, 0)) raw_syscall(SYS_futex, (long)&me->baton, FUTEX_WAIT, 0, 0, 0, 0);
    int pid = world->dying, number = world->process[own].signal;
    if (pid) {
        world->dying = 0;
        await_death(pid);
    }
    if (number) {
        world->process[own].signal = 0;
        note("signal", number);
        handle_signal(number);
    }
}

// The next task, by lot; where none is ready time goes on to when the first one is. NULL where none ever will be.
static struct task *next_task(void) {
    while (1) {
        int ready = 0;
        int64_t soonest = INT64_MAX;
        for (int i = 0; i < world->tasks_used; i++) {
            struct task *task = &world->task[i];
            if (task->state == BLOCKED && task->until >= 0) {
                if (task->until <= world->now) {
                    task->state = READY;
                    task->is_late = 1;
                } else if (task->until < soonest) {
                    soonest = task->until;
                }
            }
            ready += task->state == READY;
        }
        if (ready > 0) {
            int chosen = (int)(draw() % (uint64_t)ready);
            for (int i = 0; i < world->tasks_used; i++)
                if (world->task[i].state == READY && chosen-- == 0) return &world->task[i];
        }
        if (world->kill_rest_at && world->kill_rest_at <= soonest) {
            world->now = world->kill_rest_at;
            return NULL;
        }
        if (soonest == INT64_MAX) return NULL;
        world->now = soonest;
    }
}

static void remove_process(int number) {
    for (int i = 0; i < world->tasks_used; i++)
        if (world->task[i].process == number) world->task[i].state = GONE;
    world->process[number].is_live = 0;
    close_ends(number);
}

static void kill_process(int number) {
    remove_process(number);
    if (number == own) return;
    raw_syscall(SYS_kill, world->process[number].pid, SIGKILL, 0, 0, 0, 0);
    await_death(world->process[number].pid);
}

static _Noreturn void die(void) {
    raw_syscall(SYS_kill, world->process[own].pid, SIGKILL, 0, 0, 0, 0);
    while (1) raw_syscall(SYS_pause, 0, 0, 0, 0, 0, 0);
}

// Ends the job at once, as mpirun does a moment after it has lost a rank.
static void kill_rest(void) {
    note("end of all", 0);
    int was_live = world->process[own].is_live;
    for (int i = 0; i < world->ranks; i++)
        if (world->process[i].is_live) kill_process(i);
    if (was_live) die();
}

void give_up(int end) {
    if (world->end == FINE) world->end = end;
    kill_rest();
}

// What the plan has for now.
static void meet_fate(void) {
    struct plan *plan = &world->plan;
    if (plan->stop_at && world->events >= plan->stop_at) {
        plan->stop_at = 0;
        world->stops++;
        for (int i = 0; i < world->ranks; i++) world->process[i].signal = SIGUSR1;
    }
    if (plan->cut_at && world->events >= plan->cut_at) {
        plan->cut_at = 0;
        world->kills++;
        kill_rest();
    }
    if (plan->kill_at && world->events >= plan->kill_at) {
        plan->kill_at = 0;
        if (world->process[plan->victim].is_live) {
            world->kills++;
            note("kill", plan->victim);
            kill_process(plan->victim);
            // mpirun gives the others a moment to find out.
            world->kill_rest_at = world->now + (int64_t)(draw() % 1500000000u);
        }
    }
    if (world->kill_rest_at && world->now >= world->kill_rest_at) kill_rest();
    if (world->events > plan->limit) give_up(ENDLESS);
}

// Gives the turn to the next task, and returns when it is this one's again; at once where this one is gone.
void give_way(void) {
    struct task *self = me;
    world->now += 1000;
    meet_fate();
    struct task *next = next_task();
    if (!next) {
        int live = 0;
        for (int i = 0; i < world->ranks; i++) live += world->process[i].is_live;
        if (world->kill_rest_at) kill_rest();
        else if (live > 0) give_up(DEADLOCK);
        die();
    }
    note("turn", next - world->task);
    // What comes behind the giving runs beside the next one, unless it waits.
    int is_lost = !world->process[own].is_live, is_over = self->state == GONE;
    if (is_lost) world->dying = world->process[own].pid;
    if (next != self) give(next);
    if (is_lost) die();
    if (!is_over && next != self) await_turn();
    else if (next == self && world->process[own].signal) {
        give(self);
        await_turn();
    }
}

void may_give_way(void) {
    if (draw() % 4 == 0) give_way();
}

void block(uint64_t on, int64_t until) {
    me->state = BLOCKED;
    me->waits_for = on;
    me->until = until;
    me->is_late = 0;
    give_way();
}

void nap(int64_t nanoseconds) { block(0, world->now + (nanoseconds > 0 ? nanoseconds : 0)); }

void wake(uint64_t on) {
    for (int i = 0; i < world->tasks_used; i++)
        if (world->task[i].state == BLOCKED && world->task[i].waits_for == on) world->task[i].state = READY;
}

void wake_one(uint64_t on) {
    int waiting = 0;
    for (int i = 0; i < world->tasks_used; i++)
        waiting += world->task[i].state == BLOCKED && world->task[i].waits_for == on;
    if (waiting == 0) return;
    int chosen = (int)(draw() % (uint64_t)waiting);
    for (int i = 0; i < world->tasks_used; i++)
        if (world->task[i].state == BLOCKED && world->task[i].waits_for == on && chosen-- == 0)
            world->task[i].state = READY;
}

struct task *new_task(void) {
    if (world->tasks_used == MOST_TASKS) give_up(OVERFLOW);
    struct task *task = &world->task[world->tasks_used++];
    task->process = own;
    task->until = -1;
    return task;
}

void begin_task(struct task *task) {
    me = task;
    await_turn();
}

void end_task(void) {
    me->state = GONE;
    note("end", me - world->task);
    give_way();
    me = NULL;
}

// A process that ends gives the turn on for good.
static void leave(void) {
    if (!me) return;
    note("exit", own);
    remove_process(own);
    struct task *next = next_task();
    me = NULL;
    if (next) {
        world->dying = world->process[own].pid;
        return give(next);
    }
    int live = 0;
    for (int i = 0; i < world->ranks; i++) live += world->process[i].is_live;
    if (world->kill_rest_at) kill_rest();
    else if (live > 0) give_up(DEADLOCK);
}

__attribute__((destructor)) static void finish(void) { leave(); }

void _exit(int status) {
    leave();
    raw_syscall(SYS_exit_group, status, 0, 0, 0, 0, 0);
    __builtin_unreachable();
}

__attribute__((constructor)) static void join(void) {
    const char *path = getenv("WORLD"), *number = getenv("WORLD_RANK"), *trace = getenv("WORLD_TRACE");
    if (!path || !number) return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    void *memory = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || memory == MAP_FAILED) _Exit(98);
    close(file);
    world = memory;
    own = atoi(number);
    if (trace) trace_file = fopen(trace, "ae");
    struct process *process = &world->process[own];
    process->pid = getpid();
    atomic_store(&process->is_there, 1);
    raw_syscall(SYS_futex, (long)&process->is_there, FUTEX_WAKE, 1, 0, 0, 0);
    begin_task(&world->task[own]);
}
