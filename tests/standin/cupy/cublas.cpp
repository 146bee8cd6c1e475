// cuBLAS's own signatures (cublas_api.h); each call goes to Python as an array of numbers.
#include <stddef.h>
#include <stdint.h>
typedef long long i64;
typedef int (*Callback)(int, const i64*);
static Callback callback;
static i64 of(const void* p) { return (i64)(intptr_t)p; }
static i64 of(int k) { return k; }
static i64 of(i64 k) { return k; }
static i64 of(size_t k) { return (i64)k; }
template <class... T> static int tell(int what, T... values) {
    const i64 all[] = {of(values)...};
    return callback ? callback(what, all) : 1;
}
extern "C" {
void standin_register(Callback to) { callback = to; }
int cublasCreate_v2(void** h) { return tell(0, h); }
int cublasDestroy_v2(void* h) { return tell(1, h); }
int cublasSetStream_v2(void* h, void* stream) { return tell(2, h, stream); }
int cublasSetWorkspace_v2(void* h, void* work, size_t size) { return tell(3, h, work, size); }
int cublasSetMathMode(void* h, int mode) { return tell(4, h, mode); }
int cublasGetMathMode(void* h, int* mode) { return tell(5, h, mode); }

// All kinds of gemm as the most general one; -1 for a compute type says: as the math mode has it.
static int gemm(void* h, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int ka,
                int lda, i64 sa, const void* b, int kb, int ldb, i64 sb, const void* beta, void* c,
                int kc, int ldc, i64 sc, int batch, int compute, int algo) {
    return tell(6, h, ta, tb, m, n, k, alpha, a, ka, lda, sa, b, kb, ldb, sb, beta, c, kc, ldc, sc,
                batch, compute, algo);
}
#define PLAIN_GEMM(NAME, T, KIND)                                                                    \
    int cublas##NAME##gemm_v2(void* h, int ta, int tb, int m, int n, int k, const T* alpha,          \
                              const T* a, int lda, const T* b, int ldb, const T* beta, T* c,         \
                              int ldc) {                                                             \
        return gemm(h, ta, tb, m, n, k, alpha, a, KIND, lda, 0, b, KIND, ldb, 0, beta, c, KIND, ldc, \
                    0, 1, -1, -1);                                                                   \
    }                                                                                                \
    int cublas##NAME##gemmStridedBatched(void* h, int ta, int tb, int m, int n, int k,               \
                                         const T* alpha, const T* a, int lda, i64 sa, const T* b,    \
                                         int ldb, i64 sb, const T* beta, T* c, int ldc, i64 sc,      \
                                         int batch) {                                                \
        return gemm(h, ta, tb, m, n, k, alpha, a, KIND, lda, sa, b, KIND, ldb, sb, beta, c, KIND,    \
                    ldc, sc, batch, -1, -1);                                                         \
    }
PLAIN_GEMM(S, float, 0)
PLAIN_GEMM(D, double, 1)
#define SOLVE(NAME, T, KIND)                                                                         \
    int cublas##NAME##getrfBatched(void* h, int n, T* const a[], int lda, int* pivots, int* failed,  \
                                   int batch) {                                                      \
        return tell(7, h, n, (const void*)a, lda, pivots, failed, batch, KIND);                      \
    }                                                                                                \
    int cublas##NAME##getrsBatched(void* h, int ta, int n, int nrhs, const T* const a[], int lda,    \
                                   const int* pivots, T* const b[], int ldb, int* wrong,             \
                                   int batch) {                                                      \
        return tell(8, h, ta, n, nrhs, (const void*)a, lda, pivots, (const void*)b, ldb, wrong,      \
                    batch, KIND);                                                                    \
    }
SOLVE(S, float, 0)
SOLVE(D, double, 1)
int cublasGemmEx(void* h, int ta, int tb, int m, int n, int k, const void* alpha, const void* a,
                 int ka, int lda, const void* b, int kb, int ldb, const void* beta, void* c, int kc,
                 int ldc, int compute, int algo) {
    return gemm(h, ta, tb, m, n, k, alpha, a, ka, lda, 0, b, kb, ldb, 0, beta, c, kc, ldc, 0, 1,
                compute, algo);
}
int cublasGemmStridedBatchedEx(void* h, int ta, int tb, int m, int n, int k, const void* alpha,
                               const void* a, int ka, int lda, i64 sa, const void* b, int kb, int ldb,
                               i64 sb, const void* beta, void* c, int kc, int ldc, i64 sc, int batch,
                               int compute, int algo) {
    return gemm(h, ta, tb, m, n, k, alpha, a, ka, lda, sa, b, kb, ldb, sb, beta, c, kc, ldc, sc, batch,
                compute, algo);
}
}
