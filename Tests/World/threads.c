// POSIX threads, their locks and conditions, and the kernel's futexes, as far as the program and Swift's libraries use them.
#include "world.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>

// By the numbers of their tasks.
static pthread_t threads[MOST_TASKS];

struct birth {
    struct task *task;
    void *(*body)(void *);
    void *argument;
};

// Called in each of the rounds in which a thread's last objects go away, and ends the task in the last one: what a library
// does at a thread's end would else run beside the next task.
static pthread_key_t rounds;

static void end_round(void *round) {
    if ((intptr_t)round < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(rounds, (char *)round + 1);
        return;
    }
    wake(number_of(&threads[me - world->task]));
    end_task();
}

__attribute__((constructor(101))) static void prepare(void) { pthread_key_create(&rounds, end_round); }

static void *run(void *argument) {
    struct birth birth = *(struct birth *)argument;
    free(argument);
    begin_task(birth.task);
    pthread_setspecific(rounds, (void *)1);
    return birth.body(birth.argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    if (!me) return REAL(pthread_create)(thread, attributes, body, argument);
    struct birth *birth = malloc(sizeof *birth);
    *birth = (struct birth){new_task(), body, argument};
    long number = birth->task - world->task;
    note("thread", number);
    int code = REAL(pthread_create)(&threads[number], attributes, run, birth);
    *thread = threads[number];
    may_give_way();
    return code;
}

int pthread_join(pthread_t thread, void **value) {
    for (int i = 0; me && i < world->tasks_used; i++)
        if (world->task[i].process == own && pthread_equal(threads[i], thread))
            while (world->task[i].state != GONE) block(number_of(&threads[i]), -1);
    return REAL(pthread_join)(thread, value);
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
    if (!me) return REAL(pthread_mutex_lock)(mutex);
    int code;
    while ((code = REAL(pthread_mutex_trylock)(mutex)) == EBUSY) block(number_of(mutex), -1);
    return code;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
    int code = REAL(pthread_mutex_unlock)(mutex);
    if (me) wake(number_of(mutex));
    return code;
}

static int64_t nanoseconds(const struct timespec *time) { return time->tv_sec * 1000000000LL + time->tv_nsec; }

static int wait_on(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t until) {
    pthread_mutex_unlock(mutex);
    block(number_of(condition), until);
    int is_late = me->is_late;
    pthread_mutex_lock(mutex);
    return is_late ? ETIMEDOUT : 0;
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    return me ? wait_on(condition, mutex, -1) : REAL(pthread_cond_wait)(condition, mutex);
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    return me ? wait_on(condition, mutex, nanoseconds(until)) : REAL(pthread_cond_timedwait)(condition, mutex, until);
}

int pthread_cond_signal(pthread_cond_t *condition) {
    if (!me) return REAL(pthread_cond_signal)(condition);
    wake_one(number_of(condition));
    may_give_way();
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t *condition) {
    if (!me) return REAL(pthread_cond_broadcast)(condition);
    wake(number_of(condition));
    may_give_way();
    return 0;
}

static int take_semaphore(sem_t *semaphore, int64_t until) {
    while (REAL(sem_trywait)(semaphore) != 0) {
        block(number_of(semaphore), until);
        if (me->is_late && REAL(sem_trywait)(semaphore) != 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        if (me->is_late) return 0;
    }
    return 0;
}

int sem_wait(sem_t *semaphore) { return me ? take_semaphore(semaphore, -1) : REAL(sem_wait)(semaphore); }

int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
    return me ? take_semaphore(semaphore, nanoseconds(until)) : REAL(sem_timedwait)(semaphore, until);
}

int sem_post(sem_t *semaphore) {
    int code = REAL(sem_post)(semaphore);
    if (me) {
        wake(number_of(semaphore));
        may_give_way();
    }
    return code;
}

// Who looks again and again is given no turn for a while, so that others get on.
int sched_yield(void) {
    if (!me) return REAL(sched_yield)();
    nap(5000 + (int64_t)(draw() % 20000));
    return 0;
}

long syscall(long number, ...) {
    long words[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) words[i] = va_arg(list, long);
    va_end(list);
    int operation = (int)words[1] & FUTEX_CMD_MASK;
    if (me && number == SYS_futex && (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET)) {
        if (*(volatile int *)words[0] != (int)words[2]) {
            errno = EAGAIN;
            return -1;
        }
        const struct timespec *time = (const struct timespec *)words[3];
        int64_t from = operation == FUTEX_WAIT ? world->now : 0;
        block(number_of((void *)words[0]), time ? from + nanoseconds(time) : -1);
        if (!me->is_late) return 0;
        errno = ETIMEDOUT;
        return -1;
    }
    if (me && number == SYS_futex && (operation == FUTEX_WAKE || operation == FUTEX_WAKE_BITSET)) {
        wake(number_of((void *)words[0]));
        may_give_way();
        return 1;
    }
    // Swift's Mutex: its word is 0 or the owner's number, and says whether others wait.
    if (me && number == SYS_futex && (operation == FUTEX_LOCK_PI || operation == FUTEX_LOCK_PI2)) {
        volatile uint32_t *word = (volatile uint32_t *)words[0];
        while (*word & FUTEX_TID_MASK) {
            *word |= FUTEX_WAITERS;
            block(number_of((void *)words[0]), -1);
        }
        *word = (uint32_t)raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
        return 0;
    }
    if (me && number == SYS_futex && operation == FUTEX_UNLOCK_PI) {
        *(volatile uint32_t *)words[0] = 0;
        wake(number_of((void *)words[0]));
        return 0;
    }
    if (me && number == SYS_getrandom) {
        for (long i = 0; i < words[1]; i++) ((unsigned char *)words[0])[i] = (unsigned char)(draw() >> 32);
        return words[1];
    }
    long result = raw_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
    if (result >= 0 || result <= -4096) return result;
    errno = (int)-result;
    return -1;
}

// Signals of the world come when a thread of the process has its turn.
static void (*handlers[65])(int);

void handle_signal(int number) {
    if (handlers[number] && handlers[number] != SIG_IGN) handlers[number](number);
}

void (*signal(int number, void (*handler)(int)))(int) {
    if (me && number > 0 && number < 65) handlers[number] = handler;
    return REAL(signal)(number, handler);
}
