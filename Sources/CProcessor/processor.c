#define _GNU_SOURCE
#include "processor.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target.h"

#if defined(__x86_64__)

static void require(const char *feature, int present, char *missing)
{
    char word[32];
    snprintf(word, sizeof word, " %s ", feature);
    if (present || !strstr(lockstep_needed_features, word))
        return;
    if (*missing)
        strcat(missing, ", ");
    strcat(missing, feature);
}

void lockstep_require_processor(void)
{
    // Room for every name below.
    char missing[256] = "";
    __builtin_cpu_init();
    require("avx2", __builtin_cpu_supports("avx2"), missing);
    require("fma", __builtin_cpu_supports("fma"), missing);
    require("bmi2", __builtin_cpu_supports("bmi2"), missing);
    require("avx512f", __builtin_cpu_supports("avx512f"), missing);
    require("avx512vl", __builtin_cpu_supports("avx512vl"), missing);
    require("avx512bw", __builtin_cpu_supports("avx512bw"), missing);
    require("avx512dq", __builtin_cpu_supports("avx512dq"), missing);
    require("avx512vbmi", __builtin_cpu_supports("avx512vbmi"), missing);
    require("avx512vbmi2", __builtin_cpu_supports("avx512vbmi2"), missing);
    if (!*missing)
        return;
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!rank || strcmp(rank, "0") == 0)
        fprintf(stderr,
                "error: this processor has no %s, which the program was built for (%s): build it here, or with "
                "LOCKSTEP_MARCH=x86-64-v3\n",
                missing, lockstep_target);
    exit(2);
}

#else

void lockstep_require_processor(void) {}

#endif

int lockstep_available_processors(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    // More than any machine has, or the call fails.
    enum { most = 65536 };
    int count = 0;
    cpu_set_t *set = CPU_ALLOC(most);
    if (set && sched_getaffinity(0, CPU_ALLOC_SIZE(most), set) == 0)
        count = CPU_COUNT_S(CPU_ALLOC_SIZE(most), set);
    if (set)
        CPU_FREE(set);
    if (count > 0)
        return count;
    return online > 0 ? (int)online : 1;
}
