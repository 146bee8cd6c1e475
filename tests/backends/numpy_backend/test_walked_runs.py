"""Factorizations by compiled walks are those of NumPy's own kernels, and all else is left alone."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from nmf_accel import nmf
from nmf_accel.backends.numpy_backend import backend as numpy_backend
from nmf_accel.backends.numpy_backend import ways
from nmf_accel.backends.numpy_backend.ways import Machine
from nmf_accel.core import Batch
from nmf_accel.intake import Given, prepare
from nmf_accel.options import Options

thin = pytest.importorskip("nmf_accel.backends.numpy_backend.thin")
compiled_walk = pytest.importorskip("nmf_accel.backends.numpy_backend.compiled_walk")


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture
def whatever_size(monkeypatch):
    """A walk is worth it however few multiplications it takes."""
    monkeypatch.setattr(numpy_backend, "LEAST", dict.fromkeys(numpy_backend.LEAST, 1))


class Counted:
    """Kernels of the backend that count their calls that came to something."""

    def __init__(self, monkeypatch):
        self.calls = {}
        kernel = numpy_backend.NumpyBackend.kernel

        def counting(backend, name, default):
            found = kernel(backend, name, default)
            if name not in thin.KERNELS:
                return found

            def call(*arguments):
                result = found(*arguments)
                self.calls[name] = self.calls.get(name, 0) + (result is not None)
                return result

            return call

        monkeypatch.setattr(numpy_backend.NumpyBackend, "kernel", counting)


WAYS = {
    "hals": {"solver": "hals"},
    "mu": {"solver": "mu"},
    "extrapolated": {"solver": "hals", "extrapolate": True},
    "descent": {"solver": "hals", "stop": "descent", "tol": 1e-3, "check_every": 1},
    "penalties": {"solver": "hals", "l1_H": 0.1, "l2_W": 0.2},
    "mu with penalties": {"solver": "mu", "l1_W": 0.1, "l2_H": 0.2},
    "by the error": {"solver": "mu", "tol": 1e-4},
}
LEFT_ALONE = {
    "repeated": {"solver": "hals", "inner": 3},
    "kkt": {"solver": "hals", "stop": "kkt", "tol": 1e-6},
    "folds": {"solver": "hals", "folds": 4},
    "weights": {"solver": "hals", "weights": np.ones((50, 300))},
    "held": {"solver": "hals", "W_fixed": np.ones((50, 1))},
    "shuffled": {"solver": "bpp"},
    "another loss": {"loss": "kullback-leibler"},
}


def both(monkeypatch, function):
    """What a function gives with compiled kernels, and with NumPy's own."""
    found = function()
    monkeypatch.setattr(numpy_backend, "compiled_kernels", dict)
    return found, function()


def matrix(shape, order="C", dtype="float64"):
    rng = np.random.default_rng(7)
    A = rng.random((shape[0], 4)) @ rng.random((4, shape[1])) + 0.2 * rng.random(shape)
    return np.asarray(A, dtype, order=order)


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("how", WAYS)
def test_a_factorization_is_that_of_numpys_own(how, order, small, whatever_size, monkeypatch):
    A, options = matrix((50, 300), order), {"max_iter": 40, "backend": "numpy", **WAYS[how]}
    if not small:
        monkeypatch.setattr(ways, "SMALL", 0)
    counted = Counted(monkeypatch)
    result, plain = both(monkeypatch, lambda: nmf(A, 5, **options))
    extrapolated = "extrapolate" in options
    rule = "multiply" if options["solver"] == "mu" else "descend"
    kind = "through" if small and rule == "descend" and not extrapolated else "along"
    assert counted.calls.pop(f"{rule}_{kind}") > 0
    assert not any(counted.calls.values())
    assert result.n_iter == plain.n_iter
    np.testing.assert_allclose(result.errors, plain.errors, rtol=1e-11)
    close = 1e-7 if extrapolated else 1e-10
    np.testing.assert_allclose(result.W, plain.W, rtol=close, atol=close)
    np.testing.assert_allclose(result.H, plain.H, rtol=close, atol=close)
    assert result.kkt == pytest.approx(plain.kkt, rel=1e-6)


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("how", LEFT_ALONE)
def test_what_no_walk_knows_is_left_alone(how, small, whatever_size, monkeypatch):
    if not small:
        monkeypatch.setattr(ways, "SMALL", 0)
    counted = Counted(monkeypatch)
    nmf(matrix((50, 300)), 5, max_iter=5, backend="numpy", **LEFT_ALONE[how])
    assert not any(counted.calls.values())


@pytest.mark.parametrize("small", [True, False])
def test_near_an_exact_fit_the_error_is_that_of_the_residual(
    small, dtype, whatever_size, monkeypatch
):
    """Where the free formula has cancelled, see `Frobenius`."""
    if not small:
        monkeypatch.setattr(ways, "SMALL", 0)
    rng = np.random.default_rng(1)
    A = (rng.random((30, 3)) @ rng.random((3, 200))).astype(dtype)
    counted = Counted(monkeypatch)
    result = nmf(A, 3, max_iter=300, solver="hals", backend="numpy", dtype=dtype)
    assert result.relative_error < 2e-3
    assert small or counted.calls["walked_residual2"] > 0
    exact = np.linalg.norm(A - np.asarray(result.W, np.float64) @ result.H)
    assert result.errors[-1] == pytest.approx(exact, rel=1e-8 if dtype == "float64" else 1e-3)


@pytest.mark.parametrize("several", [1, 3])
@pytest.mark.parametrize("every", [1, 3])
def test_runs_that_are_packed_are_those_of_numpys_own(several, every, monkeypatch):
    monkeypatch.setattr(ways, "here", lambda: Machine(several, python=1, reading=1))
    problem = prepare(Given(matrix((20, 30))), backend="numpy")
    starts = [problem.draw(4, seed, "random") for seed in range(5)]
    W0, H0 = (np.stack(x) for x in zip(*starts, strict=True))
    options = Options(rank=4, solver="hals", max_iter=20, stop="descent", tol=5e-2, check_every=1)
    if every > 1:
        options = replace(options, tol=0)

    def batch():
        batch = Batch(problem, options, W0, H0, record_every=every)
        list(batch)
        return batch

    found, plain = both(monkeypatch, batch)
    assert every > 1 or len(set(plain.records.n_iter)) > 1
    for r in range(5):
        one, other = found.result(r), plain.result(r)
        assert one.n_iter == other.n_iter
        np.testing.assert_allclose(one.errors, other.errors, rtol=1e-11)
        np.testing.assert_allclose(one.W, other.W, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(found.records.watched[r], plain.records.watched[r], rtol=1e-9)


def test_ctrl_c_is_heard_between_parts_of_a_chunk_that_change_nothing(monkeypatch):
    A, calls = matrix((20, 30)), []
    expected = nmf(A, 3, max_iter=30, solver="hals", backend="numpy")
    monkeypatch.setattr(thin, "AT_ONCE", 4 * 6 * A.size * 3)
    iterate = compiled_walk.iterate

    def counted(*arguments):
        calls.append(arguments[-1].shape[0])
        iterate(*arguments)

    monkeypatch.setattr(compiled_walk, "iterate", counted)
    result = nmf(A, 3, max_iter=30, solver="hals", backend="numpy")
    assert max(calls) == 4
    assert np.array_equal(result.errors, expected.errors)
    assert np.array_equal(result.W, expected.W)


@pytest.mark.parametrize("small", [True, False])
def test_the_same_bits_twice(small, whatever_size, monkeypatch):
    if not small:
        monkeypatch.setattr(ways, "SMALL", 0)
    A = matrix((60, 700))
    one, other = (nmf(A, 6, max_iter=20, solver="hals", backend="numpy") for _ in range(2))
    assert np.array_equal(one.W, other.W)
    assert np.array_equal(one.errors, other.errors)


def test_threads_change_results_by_rounding_alone(whatever_size, monkeypatch):
    monkeypatch.setattr(ways, "SMALL", 0)
    A, found = matrix((60, 700)), []
    for several in (1, 2, 4):
        monkeypatch.setattr(ways, "here", lambda several=several: Machine(several, handing=1))
        found.append(nmf(A, 6, max_iter=30, solver="hals", backend="numpy"))
    for one, other in itertools.pairwise(found):
        np.testing.assert_allclose(one.errors, other.errors, rtol=1e-12)
