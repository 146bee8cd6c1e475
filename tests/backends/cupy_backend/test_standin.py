"""The stand-in for CuPy is as strict as CuPy, counts as CuPy launches, and runs CUDA."""

import gc
import json

import numpy as np
import pytest
from conftest import require_or_skip, run_python

pytestmark = pytest.mark.standin


@pytest.fixture
def cupy():
    import cupy

    return cupy


@pytest.fixture
def kernel(cupy):
    """``kernel(source)``: a RawKernel of the one function `f`."""
    return lambda source, **options: cupy.RawKernel(
        f'extern "C" __global__ {source}', "f", **options
    )


class TestNames:
    """Whatever it has, the wheel has."""

    COMPARE = """
import ast, importlib.util, json, pathlib, pkgutil, cupy, cupyx.scipy.sparse
folder = pathlib.Path(cupy.__file__).parent
missing = []
for path, names in json.loads({names!r}).items():
    if path == "cupy.cublas:":  # imports cuBLAS, which may not be there
        tree = ast.parse((folder / "cublas.py").read_text())
        there = {{node.name for node in tree.body if isinstance(node, ast.FunctionDef)}}
    else:
        there = dir(pkgutil.resolve_name(path))
    missing += [path + name for name in set(names) - set(there)]
print(json.dumps(missing))
"""

    def names(self, cupy):
        import cupy.cublas
        import cupyx.scipy.sparse as sparse

        modules = [cupy, cupy.cuda, cupy.linalg, cupy.cublas, sparse]
        modules += [cupy.cuda.runtime, cupy.cuda.device, cupy.cuda.memory, cupy.cuda.stream]
        found = {}
        for module in modules:
            public = getattr(module, "__all__", [n for n in dir(module) if n[0] != "_"])
            found[f"{module.__name__}:"] = sorted(set(public) - {"annotations", "cublas", "np"})
        classes = {
            "": ["ndarray", "RawKernel", "RawModule", "ElementwiseKernel", "ReductionKernel"]
        }
        classes["cuda"] = ["Stream", "Event", "Graph", "MemoryPool", "MemoryPointer", "Device"]
        for room, members in classes.items():
            for name in members:
                thing = getattr(getattr(cupy, room) if room else cupy, name)
                public = {n for n in dir(thing) if n[0] != "_"}
                path = f"cupy.{room}:{name}" if room else f"cupy:{name}"
                found[path] = sorted(public)
        for name in ("csr_matrix", "csc_matrix"):
            public = {n for n in dir(getattr(sparse, name)) if n[0] != "_"}
            found[f"cupyx.scipy.sparse:{name}"] = sorted(public)
        return found

    def test_they_are_cupys(self, cupy):
        names = self.names(cupy)
        assert len(names["cupy:"]) > 100
        assert "sum" in names["cupy:ndarray"]
        done = run_python(self.COMPARE.format(names=json.dumps(names)))
        require_or_skip("cupy-wheel", done.returncode == 0, done.stderr[-300:])
        missing = json.loads(done.stdout.splitlines()[-1])
        assert not missing, missing

    def test_and_none_else(self, cupy):
        for name in ("vecdot", "concat", "pow", "no_such_name"):
            assert not hasattr(cupy, name)
        assert not hasattr(cupy.ones(2), "no_such_name")


class TestStrictness:
    def test_no_array_of_numpys_gets_in(self, cupy):
        x, y = cupy.ones(3), np.ones(3)
        for call in (
            lambda: x + y,
            lambda: y + x,
            lambda: cupy.add(x, y),
            lambda: cupy.where(x > 0, x, y),
            lambda: cupy.sum(y),
            lambda: cupy.concatenate([x, y]),
            lambda: cupy.matmul(x, y),
            lambda: x.__setitem__(slice(None), y),
            lambda: np.asarray(x),
            lambda: np.add(x, y),
        ):
            with pytest.raises(TypeError, match=r"Unsupported type|Implicit|Only cupy"):
                call()
        assert (x * np.float64(2) + 1).get().tolist() == [3.0, 3.0, 3.0]

    def test_each_type_of_a_kernel_must_fit(self, cupy, kernel):
        f = kernel("void f(float* x, int n, double a) {}")
        x = cupy.ones(3, dtype=cupy.float32)
        f((1,), (1,), (x, np.int32(3), 1.0))
        for wrong in (
            (x.astype(cupy.float64), np.int32(3), 1.0),
            (x, 3, 1.0),
            (x, np.int32(3), np.float32(1)),
            (np.ones(3, np.float32), np.int32(3), 1.0),
            (x, np.int32(3)),
            (np.int32(3), x, 1.0),
        ):
            with pytest.raises(TypeError):
                f((1,), (1,), wrong)

    @pytest.mark.parametrize(
        ("grid", "block"), [((0,), (1,)), ((1, 65536), (1,)), ((1,), (1025,)), ((1,), (64, 32))]
    )
    def test_a_launch_must_fit(self, kernel, grid, block):
        with pytest.raises(RuntimeError, match="CUDA_ERROR_INVALID_VALUE"):
            kernel("void f() {}")(grid, block, ())

    def test_shared_memory_must_be_asked_for(self, kernel):
        f = kernel("void f() {}")
        with pytest.raises(RuntimeError, match="CUDA_ERROR_INVALID_VALUE"):
            f((1,), (1,), (), shared_mem=50_000)
        f.max_dynamic_shared_size_bytes = 50_000
        f((1,), (1,), (), shared_mem=50_000)

    def test_an_array_stays_on_its_device(self, cupy, ledger, monkeypatch):
        with pytest.raises(RuntimeError, match="cudaErrorInvalidDevice"), cupy.cuda.Device(1):
            pass
        monkeypatch.setattr(ledger.machine, "devices", 2)
        with cupy.cuda.Device(1):
            x = cupy.ones(3)
            assert (x + 1).device == x.device == cupy.cuda.Device(1) != cupy.cuda.Device(0)
        assert x.device.id == 1
        with pytest.raises(ValueError, match="array device = 1 while current = 0"):
            x + 1

    def test_a_race_between_streams(self, cupy):
        stream = cupy.cuda.Stream(non_blocking=True)
        with stream:
            x = cupy.ones(3)
        with pytest.raises(RuntimeError, match="a race"):
            x + 1
        cupy.cuda.get_current_stream().wait_event(stream.record())
        assert (x + 1).sum() == 6


class TestCounting:
    @pytest.mark.parametrize(
        ("launches", "call"),
        [
            (1, lambda cupy, x: x + 1),
            (1, lambda cupy, x: cupy.maximum(x, x)),
            (1, lambda cupy, x: x.sum(axis=0)),
            (1, lambda cupy, x: x @ x),
            (1, lambda cupy, x: x.T @ x),
            (2, lambda cupy, x: x[None].mT @ x[None]),
            (1, lambda cupy, x: cupy.zeros(3)),
            (0, lambda cupy, x: cupy.empty(3)),
            (0, lambda cupy, x: x[1:, 0].T.reshape(-1, 1)[None]),
            (1, lambda cupy, x: cupy.where(x, x, x)),
            (1, lambda cupy, x: cupy.concatenate([x, x])),
            (6, lambda cupy, x: cupy.linalg.solve(x[None], x[None])),
        ],
    )
    def test_launches(self, cupy, ledger, launches, call):
        x = cupy.eye(4)
        with ledger.counted() as count:
            call(cupy, x)
        assert count["launch"] == launches, count.names()
        assert count["sync"] == 0

    def test_large_systems_are_solved_one_by_one(self, cupy, ledger):
        x = cupy.eye(257)[None] * cupy.ones((3, 1, 1))
        with ledger.counted() as count:
            cupy.linalg.solve(x, x)
        assert count["launch"] >= 3

    def test_what_waits(self, cupy, ledger):
        x = cupy.ones(())
        for wait in (float, bool, int, cupy.asnumpy, lambda x: x.get(), lambda x: x.item()):
            with ledger.counted() as count:
                wait(x)
            assert count["sync"] == count["d2h"] == 1
        with ledger.counted() as count:
            cupy.asarray(np.ones(5))
            cupy.cuda.get_current_stream().synchronize()
        assert count["h2d"] == count["sync"] == 1
        assert count.nbytes("h2d") == 40


class TestMemory:
    def test_a_pool_keeps_what_was_freed(self, cupy):
        gc.collect()
        pool = cupy.cuda.MemoryPool()
        with cupy.cuda.using_allocator(pool.malloc):
            x = cupy.zeros(1000)
        assert (pool.used_bytes(), pool.total_bytes(), pool.free_bytes()) == (8192, 8192, 0)
        del x
        assert (pool.used_bytes(), pool.free_bytes()) == (0, 8192)
        with cupy.cuda.using_allocator(pool.malloc):
            x, y = cupy.zeros(500), cupy.zeros(500)
        assert (pool.used_bytes(), pool.total_bytes()) == (8192, 8192)
        del x, y
        pool.free_all_blocks()
        assert pool.total_bytes() == 0

    def test_a_limit(self, cupy):
        pool = cupy.cuda.MemoryPool()
        pool.set_limit(size=4096)
        with cupy.cuda.using_allocator(pool.malloc):
            x = cupy.zeros(400)
            with pytest.raises(
                cupy.cuda.memory.OutOfMemoryError, match=r"allocating 3,584 bytes .*so"
            ):
                x + 1
            with pytest.raises(MemoryError, match="limit set to: 4,096 bytes"):
                cupy.empty(400)

    def test_a_device_that_is_full(self, cupy, ledger, monkeypatch):
        cupy.get_default_memory_pool().free_all_blocks()
        free, total = cupy.cuda.Device().mem_info
        monkeypatch.setattr(ledger.machine, "memory", total - free + 10_000)
        assert cupy.cuda.Device().mem_info == (10_000, total - free + 10_000)
        with pytest.raises(cupy.cuda.memory.OutOfMemoryError):
            cupy.empty(2000)

    def test_nobody_reads_what_nobody_wrote(self, cupy):
        assert cupy.isnan(cupy.empty(5)).all()


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


class TestGraphs:
    def captured(self, cupy, work, before=lambda: None):
        """The graph of `work`, in memory of a pool of its own."""
        stream, pool = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()
        cupy.cuda.get_current_stream().synchronize()
        with stream, cupy.cuda.using_allocator(pool.malloc):
            before()
            stream.begin_capture()
            try:
                work()
            finally:
                graph = stream.end_capture()
        return graph, stream, pool

    def test_a_capture_runs_nothing_and_a_replay_all(self, cupy, ledger):
        x = cupy.zeros(3)

        def work():
            y = x + 1  # freed at once, and the graph's to use
            x[...] = y * 2

        with ledger.counted() as count:
            graph, stream, _pool = self.captured(cupy, work)
        assert count["captured"] == 3
        assert count["launch"] == count["graph"] == 0
        for _ in range(3):
            graph.launch(stream)
        stream.synchronize()
        assert x.tolist() == [14.0] * 3

    def test_nothing_waits_in_a_capture(self, cupy):
        x = cupy.zeros(3)
        stream = cupy.cuda.Stream(non_blocking=True)
        for call in (
            lambda: x.get(),
            lambda: float(x.sum()),
            lambda: bool(x.sum() > 0),
            stream.synchronize,
            cupy.cuda.runtime.deviceSynchronize,
            lambda: cupy.asarray(np.ones(3)),
        ):
            with stream:
                stream.begin_capture()
                with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="stream is capturing"):
                    call()
                with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="previous error"):
                    stream.end_capture()
                assert not stream.is_capturing()

    def test_cupy_calls_no_library_in_a_capture(self, cupy):
        x, stream = cupy.eye(3), cupy.cuda.Stream(non_blocking=True)
        with stream:
            stream.begin_capture()
            for call in (lambda: x @ x, lambda: cupy.linalg.solve(x[None], x[None])):
                with pytest.raises(NotImplementedError, match="during stream capture"):
                    call()
            assert stream.is_capturing()
            stream.end_capture()

    def test_memory_that_is_gone_is_noticed(self, cupy):
        x = cupy.zeros(3)
        others = [cupy.zeros(3)]
        graph, stream, _pool = self.captured(cupy, lambda: x.__setitem__(slice(None), others[0]))
        graph.launch(stream)
        others.clear()
        with pytest.raises(RuntimeError, match="freed since"):
            graph.launch(stream)

    @pytest.mark.parametrize("how", ["given", "freed", "no pool"])
    def test_a_pool_must_be_the_graphs_alone(self, cupy, how):
        x = cupy.zeros(3)
        graph, stream, pool = self.captured(cupy, lambda: x.__setitem__(slice(None), x + 1))
        if how == "given":
            with stream, cupy.cuda.using_allocator(pool.malloc):
                kept = cupy.zeros(3)
                assert kept.size == 3
        elif how == "freed":
            pool.free_all_blocks()
        del pool
        with pytest.raises(RuntimeError, match="memory of the graph"):
            graph.launch(stream)
