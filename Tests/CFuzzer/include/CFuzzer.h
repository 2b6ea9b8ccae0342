// What libFuzzer declares for C (compiler-rt, FuzzerInterface.h).
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *bytes, size_t count));

/// Makes a file of `count` bytes, in place of what was there. Returns 0, or -1.
int fuzz_write(const char *path, const uint8_t *bytes, size_t count);
