"""The stand-in runs kernels as CUDA does: threads, barriers, shuffles, shared memory."""

import numpy as np
import pytest

pytestmark = pytest.mark.standin

BLOCK_SUM = """void f(const double* x, double* sums, int n) {
    __shared__ double partial[8];
    double sum = 0;
    const int all = gridDim.x * blockDim.x;
    for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += all) sum += x[k];
    for (int s = 16; s > 0; s /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, s);
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int w = 1; w < blockDim.x / 32; ++w) partial[0] += partial[w];
        sums[blockIdx.x] = partial[0];
    }
    __syncthreads();
}"""


class TestKernels:
    def block_sums(self, cupy, kernel, source):
        x = cupy.asarray(np.random.default_rng(0).random(5000))
        sums = cupy.empty(3)
        kernel(source)((3,), (256,), (x, sums, np.int32(5000)))
        return float(sums.sum()), float(x.sum())

    @pytest.mark.parametrize("backwards", [False, True])
    def test_a_sum_by_shuffles_and_barriers(self, cupy, kernel, ledger, monkeypatch, backwards):
        monkeypatch.setattr(ledger.machine, "backwards", backwards)
        found, expected = self.block_sums(cupy, kernel, BLOCK_SUM)
        assert found == pytest.approx(expected, rel=1e-12)

    def test_a_missing_barrier_shows(self, cupy, kernel):
        mutant = BLOCK_SUM.replace("__syncthreads();\n    if", "if")
        assert mutant != BLOCK_SUM
        found, expected = self.block_sums(cupy, kernel, mutant)
        assert abs(found / expected - 1) > 1e-3

    def test_threads_that_wait_for_ever(self, kernel):
        f = kernel("void f() { if (threadIdx.x < 16) __syncwarp(); else __syncthreads(); }")
        with pytest.raises(RuntimeError, match="wait for a barrier for ever"):
            f((1,), (32,), ())
        kernel("void f() { if (threadIdx.x < 16) return; __syncthreads(); }")((1,), (64,), ())

    def test_shared_memory_is_not_zero(self, cupy, kernel):
        x = cupy.zeros(1)
        f = kernel("void f(double* x) { extern __shared__ double s[]; x[0] = s[threadIdx.x]; }")
        f((1,), (1,), (x,), shared_mem=8)
        assert cupy.isnan(x).all()

    def test_words_of_cuda(self, cupy, kernel):
        out, counts = cupy.empty(6), cupy.zeros(2, dtype=cupy.uint32)
        source = """void __launch_bounds__(64) f(double* __restrict__ out, unsigned* counts) {
            const int t = threadIdx.x;
            int v = t;
            for (int s = 4; s > 0; s /= 2) v += __shfl_down_sync(0xffffffffu, v, s, 8);
            if (atomicAdd(&counts[0], 1u) == 63) counts[1] = t;
            __threadfence();
            if (t == 8) out[0] = v;
            if (t == 0) { out[1] = min(2, 3) + max(0.5, 0.25); out[2] = fma(2.0, 3.0, 1.0);
                          out[3] = rsqrt(4.0); out[4] = max(NAN, 1.0); out[5] = WIDTH; }
        }"""
        kernel(source, options=("-DWIDTH=7",))((1,), (64,), (out, counts))
        assert out.tolist() == [sum(range(8, 16)), 2.5, 7.0, 0.5, 1.0, 7.0]
        assert counts.tolist() == [64, 63]

    def test_an_elementwise_kernel(self, cupy):
        f = cupy.ElementwiseKernel(
            "T x, S y, float64 z",
            "T u, bool v",
            "u = x > y ? x : T(z); if (i == 1) u = -1; v = x > y",
            "thing",
        )
        x, y = cupy.asarray(np.array([[1.0, 2, 3]], np.float32)), cupy.asarray(np.array([[0], [5]]))
        u, v = f(x, y, 9)
        assert u.dtype == np.float32
        assert u.tolist() == [[1, -1, 3], [9, 9, 9]]
        assert v.tolist() == [[True] * 3, [False] * 3]
        with pytest.raises(TypeError, match="Type is mismatched"):
            f(x, y, cupy.ones(3, dtype=cupy.float32))

    def test_a_reduction_kernel(self, cupy):
        f = cupy.ReductionKernel("T x, T y", "T z", "x * y", "a + b", "z = sqrt(a)", "0", "dot")
        x = cupy.asarray(np.arange(6.0).reshape(2, 3))
        assert f(x, x, axis=1).tolist() == pytest.approx([5**0.5, 50**0.5])
