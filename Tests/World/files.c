// Calls that change files below the folder WORLD_FILES fail at times, or write only half.
#include "world.h"
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int is_ours(const char *path) {
    static const char *folder;
    static size_t length;
    if (!folder) {
        folder = getenv("WORLD_FILES") ? getenv("WORLD_FILES") : "/nowhere";
        length = strlen(folder);
    }
    return strncmp(path, folder, length) == 0;
}

static int is_our_file(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    long count = raw_syscall(SYS_readlink, (long)link, (long)path, PATH_MAX - 1, 0, 0, 0);
    if (count <= 0) return 0;
    path[count] = 0;
    return is_ours(path);
}

// Names are as the program gives them: absolute, or by a descriptor of the run's folder, or below the working directory.
static int is_our_name(const char *name) {
    char path[PATH_MAX];
    if (name[0] == '/') {
        char folder[PATH_MAX];
        snprintf(folder, sizeof folder, "%s", name);
        char *slash = strrchr(folder, '/');
        if (slash == folder) return 0;
        *slash = 0;
        char *real = REAL(realpath)(folder, path);
        return is_ours(real ? real : name);
    }
    return getenv("WORLD_FILES") != NULL;
}

// Whether this call is to fail; sets errno.
static int fails(const char *what) {
    struct plan *plan = &world->plan;
    if (plan->file_rate == 0 || draw() % 65536 >= (uint64_t)plan->file_rate) return 0;
    world->file_faults++;
    note(what, plan->file_code);
    errno = plan->file_code;
    return 1;
}

#define TURN(name) \
    do { \
        note(name, 0); \
        may_give_way(); \
    } while (0)

static ssize_t put(int file, const void *bytes, size_t count, off_t place, int is_placed) {
    if (me && is_our_file(file)) {
        TURN("write");
        if (fails("failed write")) {
            if (world->plan.file_code != 0) return -1;
            count = (count + 1) / 2;
        }
    }
    long result = is_placed ? raw_syscall(SYS_pwrite64, file, (long)bytes, (long)count, place, 0, 0)
                            : raw_syscall(SYS_write, file, (long)bytes, (long)count, 0, 0, 0);
    if (result >= 0) return result;
    errno = (int)-result;
    return -1;
}

ssize_t write(int file, const void *bytes, size_t count) { return put(file, bytes, count, 0, 0); }
ssize_t pwrite(int file, const void *bytes, size_t count, off_t place) { return put(file, bytes, count, place, 1); }
ssize_t pwrite64(int file, const void *bytes, size_t count, off_t place) { return put(file, bytes, count, place, 1); }

int fsync(int file) {
    if (me && is_our_file(file)) {
        TURN("sync");
        if (world->plan.file_code != 0 && fails("failed sync")) return -1;
    }
    return REAL(fsync)(file);
}

int rename(const char *from, const char *to) {
    if (me && is_our_name(to)) {
        TURN("rename");
        if (world->plan.file_code != 0 && fails("failed rename")) return -1;
    }
    return REAL(rename)(from, to);
}

int unlink(const char *path) {
    if (me && is_our_name(path)) {
        TURN("unlink");
        if (world->plan.file_code != 0 && fails("failed unlink")) return -1;
    }
    return REAL(unlink)(path);
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (me && (flags & O_ACCMODE) != O_RDONLY && is_our_name(path)) {
        TURN("create");
        if (world->plan.file_code != 0 && fails("failed create")) return -1;
    }
    long result = raw_syscall(SYS_openat, AT_FDCWD, (long)path, flags, mode, 0, 0);
    if (result >= 0) return (int)result;
    errno = (int)-result;
    return -1;
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
