#ifndef LOCKSTEP_TARGET_H
#define LOCKSTEP_TARGET_H

// What -march chose, which C's macros know and Swift's conditions do not. Data alone: no code that is compiled for that
// CPU runs before lockstep_require_processor has looked.
extern const char lockstep_target[];
static inline const char *lockstep_target_name(void) { return lockstep_target; }

// The features that the compiler may have used, as __builtin_cpu_supports names them, each between spaces.
extern const char lockstep_needed_features[];

// Asks for a cache line ahead of its use: to read it soon, to read it later (into the second-level cache), to write it.
// Any address will do.
static inline void lockstep_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }
static inline void lockstep_prefetch_for_later(const void *address) { __builtin_prefetch(address, 0, 2); }
static inline void lockstep_prefetch_to_write(const void *address) { __builtin_prefetch(address, 1, 3); }

// Says that this thread waits in a loop.
static inline void lockstep_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
