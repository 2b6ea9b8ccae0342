#include "target.h"

const char lockstep_target[] =
#if defined(__AVX512F__) && defined(__AVX512VL__)
    "x86-64-v4 (AVX-512)";
#elif defined(__AVX2__) && defined(__FMA__)
    "x86-64-v3 (AVX2)";
#elif defined(__x86_64__)
    "x86-64";
#elif defined(__aarch64__)
    "aarch64";
#else
    "unknown";
#endif

const char lockstep_needed_features[] = " "
#ifdef __AVX2__
    "avx2 "
#endif
#ifdef __FMA__
    "fma "
#endif
#ifdef __BMI2__
    "bmi2 "
#endif
#ifdef __AVX512F__
    "avx512f "
#endif
#ifdef __AVX512VL__
    "avx512vl "
#endif
#ifdef __AVX512BW__
    "avx512bw "
#endif
#ifdef __AVX512DQ__
    "avx512dq "
#endif
#ifdef __AVX512VBMI__
    "avx512vbmi "
#endif
#ifdef __AVX512VBMI2__
    "avx512vbmi2 "
#endif
    ;
