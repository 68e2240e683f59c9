#include "COpenBLAS.h"

#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __typeof__(&cblas_sgemm) sgemm_function;
static char *(*core_function)(void);

// The newest OpenBLAS kernel family whose instructions this processor and system offer; NULL
// leaves the choice to the library.
static const char *best_core(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    // Zen 4 runs 512-bit operations in two halves, and the 256-bit kernels are up to a fifth faster.
    return __builtin_cpu_is("amdfam19h") ? "Haswell" : "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return NULL;
}

int cob_load(char *message, size_t capacity) {
  static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", "libopenblas.dylib"};
  int failed = 0;
  pthread_mutex_lock(&lock);
  if (!sgemm_function) {
    const char *core = best_core();
    if (core) setenv("OPENBLAS_CORETYPE", core, 0);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);  // our own pool calls it from every thread
    void *library = NULL;
    for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++)
      library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      snprintf(message, capacity,
               "OpenBLAS could not be loaded (%s); install it with: apt-get install libopenblas-dev",
               dlerror());
      failed = 1;
    } else {
      *(void **)&sgemm_function = dlsym(library, "cblas_sgemm");
      *(void **)&core_function = dlsym(library, "openblas_get_corename");
      if (!sgemm_function) {
        snprintf(message, capacity, "the OpenBLAS library on this machine has no cblas_sgemm; "
                                    "install Debian's libopenblas0-pthread");
        failed = 1;
      }
    }
  }
  pthread_mutex_unlock(&lock);
  return failed;
}

const char *cob_core_name(void) { return core_function ? core_function() : ""; }

void cob_sgemm(int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
               const float *b, int ldb, float beta, float *c, int ldc) {
  sgemm_function(CblasRowMajor, (CBLAS_TRANSPOSE)trans_a, (CBLAS_TRANSPOSE)trans_b, m, n, k, alpha,
                 a, lda, b, ldb, beta, c, ldc);
}
