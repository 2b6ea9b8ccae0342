// A library for LD_PRELOAD that makes a system call on a file fail, write only half, or end the process: the n-th of
// chosen kinds on paths below a folder, once or from there on. Calls that the C library makes inside of its own functions
// are not seen, but for fopen's.
//
// FAULT_BELOW   the folder, absolute and without links; without it nothing is done
// FAULT_CALLS   kinds, parted by commas: create (open for writing), open, read, write, sync, rename, unlink, truncate,
//               link (symbolic ones too), mkdir
// FAULT_AT      which of them, from 1; 0: none, calls are only counted
// FAULT_DO      a number of errno, "short" (half of a write's bytes) or "kill" (SIGKILL to the process)
// FAULT_ALWAYS  1: all of them from there on
// FAULT_RANK    the rank of Open MPI whose calls count; "none": of processes that have no rank; left out: of all
// FAULT_NAME    the program whose calls count, by its name; left out: lockstep
// FAULT_LOG     a file that gets a line for every call, "KIND PATH", with "hit " before it where it was made to fail
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *below, *calls, *log_file;
static size_t below_length;
static long at;
static int is_always, is_kill, is_short, code;
static atomic_long counted;

__attribute__((constructor)) static void prepare(void) {
    const char *name = getenv("FAULT_NAME"), *rank = getenv("FAULT_RANK"), *own = getenv("OMPI_COMM_WORLD_RANK");
    const char *kind = getenv("FAULT_DO");
    if (strcmp(program_invocation_short_name, name ? name : "lockstep") != 0) return;
    if (rank && (strcmp(rank, "none") == 0 ? own != NULL : own == NULL || strcmp(rank, own) != 0)) return;
    calls = getenv("FAULT_CALLS");
    log_file = getenv("FAULT_LOG");
    at = atol(getenv("FAULT_AT") ? getenv("FAULT_AT") : "0");
    is_always = getenv("FAULT_ALWAYS") && strcmp(getenv("FAULT_ALWAYS"), "1") == 0;
    is_kill = kind && strcmp(kind, "kill") == 0;
    is_short = kind && strcmp(kind, "short") == 0;
    code = kind ? atoi(kind) : 0;
    below = calls ? getenv("FAULT_BELOW") : NULL;
    if (below) below_length = strlen(below);
}

static int is_below(const char *path) {
    return strncmp(path, below, below_length) == 0 && (path[below_length] == '/' || path[below_length] == 0);
}

static int is_chosen(const char *kind) {
    size_t length = strlen(kind);
    for (const char *word = calls; word; word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL)
        if (strncmp(word, kind, length) == 0 && (word[length] == ',' || word[length] == 0)) return 1;
    return 0;
}

static void note(const char *kind, const char *path, int is_hit) {
    if (!log_file) return;
    char line[PATH_MAX + 64];
    int count = snprintf(line, sizeof line, "%s%s %s\n", is_hit ? "hit " : "", kind, path);
    int file = (int)syscall(SYS_openat, AT_FDCWD, log_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return;
    syscall(SYS_write, file, line, (size_t)count);
    syscall(SYS_close, file);
}

// The absolute path of a descriptor. False for what has none.
static int path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t count = syscall(SYS_readlink, link, path, (size_t)PATH_MAX - 1);
    if (count <= 0) return 0;
    path[count] = 0;
    return path[0] == '/';
}

// What is to become of a call on a path: 0 it is done, 1 it fails, 2 it writes less. The process may not return from it.
static int judge_path(const char *kind, const char *path) {
    int kept = errno, verdict = 0;
    if (is_below(path) && is_chosen(kind)) {
        long number = atomic_fetch_add(&counted, 1) + 1;
        int is_hit = at > 0 && (number == at || (is_always && number > at));
        note(kind, path, is_hit);
        if (is_hit) {
            if (is_kill) {
                syscall(SYS_kill, getpid(), SIGKILL);
                for (;;) pause();
            }
            verdict = is_short ? 2 : 1;
        }
    }
    errno = verdict == 1 ? code : kept;
    return verdict;
}

static int judge(const char *kind, int folder, const char *name) {
    if (!below || !name) return 0;
    char path[2 * PATH_MAX + 2];
    // A path by an open folder.
    static const char open_files[] = "/proc/self/fd/";
    if (strncmp(name, open_files, sizeof open_files - 1) == 0) {
        char *rest;
        folder = (int)strtol(name + sizeof open_files - 1, &rest, 10);
        if (*rest != '/' || !path_of(folder, path)) return 0;
        strncat(path, rest, PATH_MAX);
        return judge_path(kind, path);
    }
    if (name[0] == '/') return judge_path(kind, name);
    if (folder == AT_FDCWD) {
        if (syscall(SYS_getcwd, path, (size_t)PATH_MAX) < 0) return 0;
    } else if (!path_of(folder, path)) {
        return 0;
    }
    size_t length = strlen(path);
    snprintf(path + length, sizeof path - length, "/%s", strncmp(name, "./", 2) == 0 ? name + 2 : name);
    return judge_path(kind, path);
}

static int judge_file(const char *kind, int file) {
    if (!below || file < 3) return 0;
    char path[PATH_MAX];
    return path_of(file, path) ? judge_path(kind, path) : 0;
}

#define NEXT(name, ...) \
    static __typeof__(&name) next; \
    if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name);

static const char *way(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) ? "create" : "open";
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        NEXT(name) \
        MODE(flags) \
        return judge(way(flags), AT_FDCWD, path) == 1 ? -1 : next(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPEN_AT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        NEXT(name) \
        MODE(flags) \
        return judge(way(flags), folder, path) == 1 ? -1 : next(folder, path, flags, mode); \
    }
OPEN_AT(openat)
OPEN_AT(openat64)

#define CREATE(name) \
    int name(const char *path, mode_t mode) { \
        NEXT(name) \
        return judge("create", AT_FDCWD, path) == 1 ? -1 : next(path, mode); \
    }
CREATE(creat)
CREATE(creat64)

#define OPEN_STREAM(name) \
    FILE *name(const char *path, const char *mode) { \
        NEXT(name) \
        return judge(mode[0] == 'r' && !strchr(mode, '+') ? "open" : "create", AT_FDCWD, path) == 1 ? NULL \
                                                                                                   : next(path, mode); \
    }
OPEN_STREAM(fopen)
OPEN_STREAM(fopen64)

#define TRANSFER(name, kind, pointer) \
    ssize_t name(int file, pointer bytes, size_t count) { \
        NEXT(name) \
        int verdict = judge_file(kind, file); \
        return verdict == 1 ? -1 : next(file, bytes, verdict == 2 && count > 1 ? count / 2 : count); \
    }
TRANSFER(read, "read", void *)
TRANSFER(write, "write", const void *)

#define TRANSFER_AT(name, kind, pointer, offset) \
    ssize_t name(int file, pointer bytes, size_t count, offset place) { \
        NEXT(name) \
        int verdict = judge_file(kind, file); \
        return verdict == 1 ? -1 : next(file, bytes, verdict == 2 && count > 1 ? count / 2 : count, place); \
    }
TRANSFER_AT(pread, "read", void *, off_t)
TRANSFER_AT(pread64, "read", void *, off64_t)
TRANSFER_AT(pwrite, "write", const void *, off_t)
TRANSFER_AT(pwrite64, "write", const void *, off64_t)

ssize_t writev(int file, const struct iovec *parts, int count) {
    NEXT(writev)
    int verdict = judge_file("write", file);
    return verdict == 1 ? -1 : next(file, parts, verdict == 2 && count > 1 ? count / 2 : count);
}

#define OF_FILE(name, kind) \
    int name(int file) { \
        NEXT(name) \
        return judge_file(kind, file) == 1 ? -1 : next(file); \
    }
OF_FILE(fsync, "sync")
OF_FILE(fdatasync, "sync")
OF_FILE(syncfs, "sync")

#define TRUNCATE(name, offset) \
    int name(int file, offset length) { \
        NEXT(name) \
        return judge_file("truncate", file) == 1 ? -1 : next(file, length); \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int posix_fallocate(int file, off_t place, off_t length) {
    NEXT(posix_fallocate)
    int kept = errno;
    if (judge_file("truncate", file) == 1) {
        errno = kept;
        return code;
    }
    return next(file, place, length);
}

// A rename counts by what it makes.
int rename(const char *old, const char *new) {
    NEXT(rename)
    return judge("rename", AT_FDCWD, new) == 1 ? -1 : next(old, new);
}

int renameat(int from, const char *old, int to, const char *new) {
    NEXT(renameat)
    return judge("rename", to, new) == 1 ? -1 : next(from, old, to, new);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned int flags) {
    NEXT(renameat2)
    return judge("rename", to, new) == 1 ? -1 : next(from, old, to, new, flags);
}

#define OF_PATH(name, kind) \
    int name(const char *path) { \
        NEXT(name) \
        return judge(kind, AT_FDCWD, path) == 1 ? -1 : next(path); \
    }
OF_PATH(unlink, "unlink")
OF_PATH(rmdir, "unlink")
OF_PATH(remove, "unlink")

int unlinkat(int folder, const char *path, int flags) {
    NEXT(unlinkat)
    return judge("unlink", folder, path) == 1 ? -1 : next(folder, path, flags);
}

int symlink(const char *target, const char *path) {
    NEXT(symlink)
    return judge("link", AT_FDCWD, path) == 1 ? -1 : next(target, path);
}

int symlinkat(const char *target, int folder, const char *path) {
    NEXT(symlinkat)
    return judge("link", folder, path) == 1 ? -1 : next(target, folder, path);
}

int link(const char *old, const char *new) {
    NEXT(link)
    return judge("link", AT_FDCWD, new) == 1 ? -1 : next(old, new);
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
    NEXT(linkat)
    return judge("link", to, new) == 1 ? -1 : next(from, old, to, new, flags);
}

int mkdir(const char *path, mode_t mode) {
    NEXT(mkdir)
    return judge("mkdir", AT_FDCWD, path) == 1 ? -1 : next(path, mode);
}

int mkdirat(int folder, const char *path, mode_t mode) {
    NEXT(mkdirat)
    return judge("mkdir", folder, path) == 1 ? -1 : next(folder, path, mode);
}
