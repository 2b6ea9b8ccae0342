// The clock, sleep, chance and names: what a process learns of the machine it is on.
#include "world.h"
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>

// Looking at the clock takes time, so that whoever waits by looking comes to an end.
static int64_t look(void) { return world->now += 100; }

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (!me) return REAL(clock_gettime)(clock, time);
    int64_t now = look();
    *time = (struct timespec){now / 1000000000, now % 1000000000};
    return 0;
}

int gettimeofday(struct timeval *time, void *zone) {
    if (!me) return REAL(gettimeofday)(time, zone);
    int64_t now = look();
    *time = (struct timeval){now / 1000000000, now % 1000000000 / 1000};
    return 0;
}

time_t time(time_t *result) {
    if (!me) return REAL(time)(result);
    time_t seconds = (time_t)(look() / 1000000000);
    if (result) *result = seconds;
    return seconds;
}

int usleep(useconds_t microseconds) {
    if (!me) return REAL(usleep)(microseconds);
    nap(microseconds * 1000LL);
    return 0;
}

unsigned sleep(unsigned seconds) {
    if (!me) return REAL(sleep)(seconds);
    nap(seconds * 1000000000LL);
    return 0;
}

int nanosleep(const struct timespec *time, struct timespec *left) {
    if (!me) return REAL(nanosleep)(time, left);
    nap(time->tv_sec * 1000000000LL + time->tv_nsec);
    return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left) {
    if (!me) return REAL(clock_nanosleep)(clock, flags, time, left);
    int64_t nanoseconds = time->tv_sec * 1000000000LL + time->tv_nsec;
    nap(flags & TIMER_ABSTIME ? nanoseconds - world->now : nanoseconds);
    return 0;
}

ssize_t getrandom(void *bytes, size_t count, unsigned flags) {
    if (!me) return REAL(getrandom)(bytes, count, flags);
    for (size_t i = 0; i < count; i++) ((unsigned char *)bytes)[i] = (unsigned char)(draw() >> 32);
    return (ssize_t)count;
}

int getentropy(void *bytes, size_t count) {
    return getrandom(bytes, count, 0) < 0 ? -1 : 0;
}

int gethostname(char *name, size_t size) {
    if (!me) return REAL(gethostname)(name, size);
    snprintf(name, size, "node%d", world->process[own].host);
    return 0;
}
