// What -march chose, which C's macros know and Swift's conditions do not.

static inline const char *lockstep_target(void)
{
#if defined(__AVX512F__) && defined(__AVX512VL__)
    return "x86-64-v4 (AVX-512)";
#elif defined(__AVX2__) && defined(__FMA__)
    return "x86-64-v3 (AVX2)";
#elif defined(__x86_64__)
    return "x86-64";
#elif defined(__aarch64__)
    return "aarch64";
#else
    return "unknown";
#endif
}

// The features that the compiler may have used, as /proc/cpuinfo names them, separated by spaces.
static inline const char *lockstep_needed_features(void)
{
#if defined(__AVX512F__) && defined(__AVX512VL__)
    return "avx2 fma bmi2 avx512f avx512vl avx512bw avx512dq";
#elif defined(__AVX2__) && defined(__FMA__)
    return "avx2 fma bmi2";
#else
    return "";
#endif
}

// Asks for a cache line ahead of its use: to read it soon, to read it later (into the second-level cache), to write it.
// Any address will do.
static inline void lockstep_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }
static inline void lockstep_prefetch_for_later(const void *address) { __builtin_prefetch(address, 0, 2); }
static inline void lockstep_prefetch_to_write(const void *address) { __builtin_prefetch(address, 1, 3); }
