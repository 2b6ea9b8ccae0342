// A file without a name, in memory: what declares it is hidden from Swift behind _GNU_SOURCE.
#include <sys/syscall.h>
#include <unistd.h>

/// Its descriptor, closed in programs that this one starts; -1 where there is none, and errno says why.
static inline int lockstep_memory_file(const char *name)
{
    const unsigned close_on_exec = 1;
    return (int)syscall(SYS_memfd_create, name, close_on_exec);
}
