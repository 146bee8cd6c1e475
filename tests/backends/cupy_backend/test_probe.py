"""CuPy is usable where all works that the loop uses, and runs on the device of the data."""

import numpy as np
import pytest

from nmf_accel import backends, nmf, sweep
from nmf_accel.backends.cupy_backend import CupyBackend, kernels, sums
from nmf_accel.backends.cupy_backend.cublas import Blas, check

pytestmark = pytest.mark.standin


def broken(*args, **options):
    raise RuntimeError("libbroken.so: cannot open")


class TestProbe:
    def test_it_is_usable(self, ledger):
        with ledger.counted() as count:
            found = CupyBackend().probe()
        assert found.usable
        assert found.accelerated
        assert found.device == "Stand-in"
        assert {"cublas gemm", "products", "nmf_multiply_divide"} <= set(count.names())

    @pytest.mark.parametrize("part", ["raw kernel", "elementwise", "cuBLAS", "solve", "cuSPARSE"])
    def test_whatever_is_broken_is_said(self, part, cupy, monkeypatch):
        import cupyx.scipy.sparse

        owner, name = {
            "raw kernel": (sums, "raw"),
            "elementwise": (cupy.ElementwiseKernel, "__call__"),
            "cuBLAS": (Blas, "matmul"),
            "solve": (Blas, "solve"),
            "cuSPARSE": (cupyx.scipy.sparse.csr_matrix, "__matmul__"),
        }[part]
        monkeypatch.setattr(owner, name, broken)
        found = CupyBackend().probe()
        assert not found.usable
        assert "unusable: libbroken.so: cannot open; pip install" in found.reason


@pytest.fixture
def second(cupy, ledger, monkeypatch):
    """The second of two GPUs."""
    monkeypatch.setattr(ledger.machine, "devices", 2)
    monkeypatch.setattr(
        cupy.cuda.runtime, "getDeviceProperties", lambda k: {"name": f"GPU {k}".encode()}
    )
    return cupy.cuda.Device(1)


@pytest.mark.parametrize("solver", ["mu", "hals", "bpp"])
def test_data_on_the_second_device_stays_there(second, cupy, solver):
    A = np.random.default_rng(0).random((20, 15))
    with second:
        there = cupy.asarray(A)
    options = {"solver": solver, "max_iter": 80 if solver != "bpp" else 5}
    result = nmf(there, 3, **options)
    assert result.settings["device"] == "GPU 1"
    assert result.W.device == result.H.device == second
    expected = nmf(A, 3, backend="numpy", **options)
    np.testing.assert_allclose(result.W.get(), expected.W, rtol=1e-9)
    assert nmf(A, 3, backend="cupy", **options).settings["device"] == "GPU 0"
    [row] = sweep(there, [3], 1, **options).table
    assert row["device"] == "GPU 1"


def test_bpp_goes_into_few_calls_at_any_rank(ledger):
    """`cupy.linalg.solve` goes from one system to the other above a rank of 256."""
    backend, d = backends.get("cupy"), 260
    rng = np.random.default_rng(0)
    counts = []
    for n in (2, 5):
        G, N = np.eye(d)[None], rng.random((1, d, n))
        with backend.scope():
            G, N = (backend.asarray(x, x.dtype) for x in (G, N))
            with ledger.counted() as count:
                X = kernels.solve_passive(backend, G, N, N > 0.5, None)
        counts.append(count["launch"])
        expected = N.get() * (N.get() > 0.5)
        np.testing.assert_allclose(X.get(), expected, rtol=1e-12)
    assert counts[0] == counts[1] < 15


def test_a_device_that_is_gone_keeps_its_name(cupy, monkeypatch):
    backend = CupyBackend()
    found = backend.probe()
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceProperties", broken)
    assert backend.probe() == found


def test_what_cublas_says_is_raised():
    check(0)
    with pytest.raises(MemoryError, match="no memory on the device"):
        check(3)
    with pytest.raises(RuntimeError, match="failed with status 13"):
        check(13)


def test_more_runs_than_there_were_counters(cupy):
    backend = backends.get("cupy")
    x = np.arange(3000.0).reshape(1500, 2, 1)
    for _ in range(2):
        found = backend.inner(cupy.asarray(x), cupy.asarray(x))
        np.testing.assert_array_equal(found.get(), (x**2).sum(axis=(1, 2)))
