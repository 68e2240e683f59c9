// OpenBLAS, loaded at run time. Debian's build picks its kernels when the library loads, and takes
// some processors for ones three generations older; so the kernel is chosen first and the library
// opened after. Nothing links against it, which keeps its constructor from running too early.
#pragma once
#include <stddef.h>

enum { COB_NO_TRANSPOSE = 111, COB_TRANSPOSE = 112 };

// Chooses the kernel (unless OPENBLAS_CORETYPE is set), opens the library and makes it
// single-threaded. Returns 0, or 1 with a sentence in `message`. Safe to call again.
int cob_load(char *message, size_t capacity);

// The core whose kernels run, for example "SkylakeX". Empty before `cob_load`.
const char *cob_core_name(void);

// C = alpha * op(A) op(B) + beta * C, row-major; op(A) is m x k, op(B) is k x n.
void cob_sgemm(int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
               const float *b, int ldb, float beta, float *c, int ldc);
