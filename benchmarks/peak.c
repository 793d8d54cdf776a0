/* Multiply-adds of as many independent vectors as keep a core busy, held in registers; returns the flops done. */
#if defined(__AVX512F__)
#define BYTES 64
#define N_CHAINS 16
#elif defined(__AVX__)
#define BYTES 32
#define N_CHAINS 12
#else
#define BYTES 16
#define N_CHAINS 8
#endif
typedef float vector __attribute__((vector_size(BYTES)));

double multiply_add(long n_rounds) {
    vector sums[N_CHAINS] = {0}, factor = {0};
    for (int chain = 0; chain < N_CHAINS; chain++) __asm__ volatile("" : "+x"(sums[chain])); /* or all would be one */
    for (long round = 0; round < n_rounds; round++) {
        __asm__ volatile("" : "+x"(factor)); /* nothing is known of it, so no round can be left out */
#pragma GCC unroll 16
        for (int chain = 0; chain < N_CHAINS; chain++) sums[chain] = sums[chain] * factor + factor;
    }
    for (int chain = 1; chain < N_CHAINS; chain++) sums[0] += sums[chain];
    volatile float kept = sums[0][0];
    (void)kept;
    return 2.0 * n_rounds * N_CHAINS * (BYTES / 4);
}
