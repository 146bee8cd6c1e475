"""The stand-in for CuPy is as strict as CuPy, counts as CuPy launches, and runs CUDA."""

import gc
import json

import numpy as np
import pytest
from conftest import require_or_skip, run_python

pytestmark = pytest.mark.standin


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
            cupy.empty(2**20)

    def test_nobody_reads_what_nobody_wrote(self, cupy):
        assert cupy.isnan(cupy.empty(5)).all()
