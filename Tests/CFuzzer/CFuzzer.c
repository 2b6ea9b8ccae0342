#include "CFuzzer.h"

#include <fcntl.h>
#include <unistd.h>

int fuzz_write(const char *path, const uint8_t *bytes, size_t count) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return -1;
    ssize_t written = write(file, bytes, count);
    close(file);
    return written == (ssize_t)count ? 0 : -1;
}
