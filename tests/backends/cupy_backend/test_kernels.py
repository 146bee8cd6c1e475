"""CuPy's own kernels do what the generic ones say, also where sizes are ragged."""

import numpy as np
import pytest
from conftest import CUPY
from toys import ToyBackend

from nmf_accel import backends
from nmf_accel.backends.cupy_backend import kernels, sources
from nmf_accel.core import extrapolated
from nmf_accel.losses import Penalty, Quadratic, kkt, models
from nmf_accel.losses.frobenius import free2
from nmf_accel.losses.models import split
from nmf_accel.solvers import descent, gradient, multiplicative, pivoting, repeated
from nmf_accel.types import Squares

pytestmark = pytest.mark.usefixtures("backend")
PLAIN = ToyBackend()  # NumPy, with the generic kernels
RTOL = {"float64": 1e-12, "float32": 1e-4}
SHAPES = [(1, 1, 1), (3, 5, 37), (1, 8, 16), (2, 17, 100), (1, 70, 33), (1, 130, 5)]
PENALTIES = [Penalty(), Penalty(0.01, 0.3)]


@pytest.fixture(params=[CUPY])
def backend(request):
    """CuPy, on a device or on the stand-in, in its scope."""
    library = backends.get(request.param)
    with library.scope():
        yield library


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


def half_problem(runs, d, n, dtype, seed=0):
    """X, and N and G of a least-squares problem; one of three components of Y is dead."""
    rng = np.random.default_rng(seed)
    Y, A = rng.random((runs, d, 20)), rng.random((20, n))
    Y[:, 2::3] = 0
    X = rng.random((runs, d, n)) * (rng.random((runs, d, n)) < 0.7)
    return [x.astype(dtype) for x in (X, Y @ A, Y @ Y.mT)]


def both(backend, name, default, *arguments):
    """What the backend's kernel gives, on the host, and what the generic one does."""

    def there(x):
        return backend.asarray(x, x.dtype) if isinstance(x, np.ndarray) else x

    def moved(x):
        return Quadratic(*map(there, x)) if isinstance(x, Quadratic) else there(x)

    kernel = backend.kernel(name, default)
    assert kernel is not default
    found = kernel(backend, *map(moved, arguments))
    expected = default(PLAIN, *(x.copy() if isinstance(x, np.ndarray) else x for x in arguments))
    if not isinstance(found, tuple):
        found, expected = (found,), (expected,)
    return [backend.to_numpy(x) for x in found], expected


def assert_alike(found, expected, dtype):
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=RTOL[dtype], atol=RTOL[dtype])


@pytest.mark.parametrize("tile", sources.TILES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("penalty", PENALTIES, ids=["plain", "penalized"])
def test_descend(backend, shape, dtype, tile, penalty, monkeypatch):
    monkeypatch.setattr(kernels, "tile_for", lambda *_: tile)
    X, N, G = half_problem(*shape, dtype)
    found, expected = both(backend, "descend", descent.descend, X, Quadratic(N, G), penalty)
    assert_alike(found, expected, dtype)


def test_descend_by_panels(backend, dtype, monkeypatch):
    monkeypatch.setattr(kernels, "SHARED", kernels.shared_bytes(dtype, 10, 4))
    assert kernels.most_rows(dtype) == 10
    X, N, G = half_problem(2, 24, 9, dtype)
    arguments = (X, Quadratic(N, G), Penalty(0.01, 0.3))
    found, expected = both(backend, "descend", descent.descend, *arguments)
    assert_alike(found, expected, dtype)


def test_descend_leaves_its_arguments_and_dead_components_as_they_are(backend):
    X, N, G = half_problem(2, 17, 40, "float64")
    arrays = [backend.asarray(x, x.dtype) for x in (X, N, G)]
    found = kernels.descend(backend, arrays[0], Quadratic(*arrays[1:]), Penalty())
    np.testing.assert_array_equal(backend.to_numpy(found)[:, 2::3], X[:, 2::3])
    for x, y in zip(arrays, (X, N, G), strict=True):
        np.testing.assert_array_equal(backend.to_numpy(x), y)


def test_nan_stays_nan_in_its_column(backend):
    X, N, G = half_problem(1, 17, 40, "float64")
    X[0, 4, 7] = np.nan
    found, _ = both(backend, "descend", descent.descend, X, Quadratic(N, G), Penalty())
    lost = np.isnan(found[0][0])
    assert lost[:, 7].sum() > 1
    assert not np.delete(lost, 7, axis=1).any()


MUTATIONS = [
    ("rest[e] -= diagonal[e * GROUP + b] * step", "rest[e] -= 0"),
    ("__syncthreads();  // x is there", "// x is there"),
    ("a + b == j0 + j ? l2", "a + b == j0 + j + 1 ? l2"),
    ("s > 0; s /= 2", "s > 1; s /= 2"),
    ("min(STREAMED, d - j0)", "min(STREAMED, d - j0 - 1)"),
]


@pytest.mark.standin
@pytest.mark.parametrize(("right", "wrong"), MUTATIONS)
def test_a_wrong_kernel_would_be_seen(backend, right, wrong, monkeypatch):
    source = sources.source()
    assert source.count(right) == 1
    monkeypatch.setattr(sources, "source", lambda: source.replace(right, wrong))
    monkeypatch.setattr(kernels, "raw", sources.raw.__wrapped__)
    X, N, G = half_problem(1, 70, 33, "float64")
    arguments = (X, Quadratic(N, G), Penalty(0.01, 0.3))
    (found,), (expected,) = both(backend, "descend", descent.descend, *arguments)
    assert not np.allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_a_tile_is_chosen_by_the_shape():
    tile = kernels.tile_for
    assert tile("float32", 20, 64, 500, 132) == 16
    assert tile("float32", 1, 64, 500, 132) == 4  # or most of the device would be idle
    assert tile("float32", 1, 64, 10_000, 132) == 16
    assert tile("float64", 20, 512, 500, 132) == 8  # two would not fit
    for dtype, d in (("float32", 1400), ("float64", 900)):
        assert d <= kernels.most_rows(dtype) < 2 * d
        assert kernels.shared_bytes(dtype, kernels.most_rows(dtype), 4) <= 48 * 1024


@pytest.mark.parametrize("shape", [*SHAPES, (2, 60, 500)], ids=str)
@pytest.mark.parametrize("penalty", PENALTIES, ids=["plain", "penalized"])
class TestUpdates:
    def test_multiply_divide(self, backend, shape, dtype, penalty):
        X, N, _ = half_problem(*shape, dtype)
        penalty = penalty._replace(l1=penalty.l1 + 1e-3)
        name, default = "multiply_divide", multiplicative.multiply_divide
        assert_alike(*both(backend, name, default, X, N, X + 1, penalty), dtype)

    def test_the_squares_of_rows(self, backend, shape, dtype, penalty):
        X, N, G = half_problem(*shape, dtype)
        X[:, 0, ::3], N[:, 0, ::2] = 0, 1e9  # gradients of both signs, also where X is zero
        for model in (Quadratic(N, G), split(1.0)(N, G @ X)):
            there = type(model)(*(backend.asarray(x, x.dtype) for x in model))
            found = kkt.squares(backend, backend.asarray(X, X.dtype), there, penalty)
            expected = kkt.squares(PLAIN, X, model, penalty)
            for mine, theirs in zip(found, expected, strict=True):
                assert backend.to_numpy(mine).shape == shape[:2]
                np.testing.assert_allclose(backend.to_numpy(mine), theirs, rtol=30 * RTOL[dtype])

    def test_the_violation_met(self, backend, shape, dtype, penalty):
        X, N, G = half_problem(*shape, dtype)
        new = X[:, ::-1].copy()
        found, expected = both(backend, "violation_met", kkt.violation_met, X, new, N, G, penalty)
        np.testing.assert_allclose(found[0], expected[0], rtol=10 * RTOL[dtype])


@pytest.mark.parametrize("shape", [*SHAPES, (2, 60, 500)], ids=str)
class TestSums:
    def test_the_balanced_residual(self, backend, shape, dtype):
        rng, (runs, d, _) = np.random.default_rng(0), shape
        halves = [Squares(*rng.random((3, runs, d))) for _ in range(2)]
        halves[0].factor[0, 0] = halves[1].factor[-1, -1] = 0  # zero on one side
        for of_H, of_W in (halves, [half._replace(factor=0 * half.factor) for half in halves]):
            arrays = [Squares(*(backend.asarray(x, x.dtype) for x in x)) for x in (of_H, of_W)]
            found = backend.to_numpy(kkt.residual(backend, *arrays))
            expected = kkt.residual(PLAIN, of_H, of_W)
            np.testing.assert_allclose(found, expected, rtol=1e-12)

    def test_the_mean_curvature(self, backend, shape, dtype):
        X, N, _ = half_problem(*shape, dtype)
        X[0, 0] = 0
        found, expected = both(backend, "mean_curvature", models.mean_curvature, N, X)
        np.testing.assert_allclose(found[0], expected[0], rtol=10 * RTOL[dtype])

    def test_the_free_error(self, backend, shape, dtype):
        X, N, G = half_problem(*shape, dtype)
        found, expected = both(backend, "free2", free2, 7.0, N, X, G, G[:, ::-1].copy())
        scale = np.abs(expected[0]).max() + 7
        np.testing.assert_allclose(found[0], expected[0], atol=RTOL[dtype] * scale)

    def test_inner(self, backend, shape, dtype):
        X, N, _ = half_problem(*shape, dtype)
        for x, y in ((X, N), (X[0], N[0]), (X.mT, N.mT)):
            a, b = (backend.asarray(z, z.dtype) for z in (x, y))
            found = backend.to_numpy(backend.inner(a, b))
            expected = (x.astype(float) * y).sum(axis=(-2, -1))
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-12)

    def test_the_end_of_a_repeat(self, backend, shape, dtype):
        X, N, _ = half_problem(*shape, dtype)
        going = np.arange(shape[0]) % 3 < 2
        for first in (np.full(shape[0], -1.0), np.full(shape[0], 1e9), np.zeros(shape[0])):
            arguments = (X, N, going, first, 0.01)
            found, expected = both(backend, "accept", repeated.accept_where_going, *arguments)
            assert_alike(found[:2], expected[:2], dtype)
            np.testing.assert_allclose(found[2], expected[2], rtol=RTOL[dtype])

    def test_a_step_of_the_accelerated_gradient(self, backend, shape, dtype):
        X, N, _ = half_problem(*shape, dtype)
        step = np.full((shape[0], 1, 1), 0.3, dtype=dtype)
        arguments = (X, X[:, ::-1].copy(), N, 2 * X, step, 0.7)
        assert_alike(*both(backend, "accelerate", gradient.accelerate, *arguments), dtype)

    def test_a_factor_moved_on(self, backend, shape, dtype):
        X, N, _ = half_problem(*shape, dtype)
        arguments = (X, N, np.linspace(0, 1, shape[0]))
        assert_alike(*both(backend, "move_on", extrapolated.moved_on, *arguments), dtype)

    def test_a_step_that_is_taken_by_some(self, backend, shape, dtype):
        X, N, _ = half_problem(*shape, dtype)
        arguments = (np.arange(shape[0]) % 3 < 2, X, N, X + 1)
        assert_alike(*both(backend, "take", extrapolated.taken_or_kept, *arguments), dtype)

    @pytest.mark.parametrize("at_once", [1, 10**6])
    def test_the_systems_of_pivoting(self, backend, shape, dtype, at_once, monkeypatch):
        monkeypatch.setattr(kernels, "SYSTEMS", at_once * shape[1] ** 2)
        X, N, G = half_problem(*shape, dtype)
        G = G + np.eye(shape[1], dtype=dtype)
        arguments = (G, N, X > 0, np.ones(X[:, 0].shape, dtype=bool))
        found = both(backend, "solve_passive", pivoting.solve_passive, *arguments)
        assert_alike(*found, dtype)


def test_who_takes_a_step(backend):
    rng = np.random.default_rng(0)
    numbers = rng.random((9, 40))
    numbers[3] *= rng.random(40) < 0.5  # some at rest
    numbers[8, :3] = np.nan
    slack = np.full(40, 0.1)

    def judge(library, asarray):
        momentum = extrapolated.Momentum(*map(asarray, numbers[:7]))
        arguments = (momentum, *map(asarray, numbers[7:]), asarray(slack), extrapolated.PACE)
        kernel = library.kernel("judge", extrapolated.judged)
        taken, after = kernel(library, *arguments)
        return [library.to_numpy(x) for x in (taken, *after)]

    assert backend.kernel("judge", extrapolated.judged) is not extrapolated.judged
    found = judge(backend, lambda x: backend.asarray(x, x.dtype))
    for x, y in zip(found, judge(PLAIN, lambda x: x), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-15)


@pytest.mark.standin
def test_sums_do_not_depend_on_the_order_of_blocks(backend, ledger, monkeypatch):
    X, N, _ = half_problem(2, 60, 900, "float64")
    x, y = (backend.asarray(z, z.dtype) for z in (X, N))
    found = backend.to_numpy(backend.inner(x, y))
    monkeypatch.setattr(ledger.machine, "backwards", True)
    np.testing.assert_array_equal(backend.to_numpy(backend.inner(x, y)), found)


VIEWS = {
    "plain": lambda x, y: (x, y),
    "both turned": lambda x, y: (y.mT, x.mT),
    "one turned": lambda x, y: (x, x.mT),
    "one run": lambda x, y: (x[:1], y[:1]),
    "matrices": lambda x, y: (x[0], y[0]),
    "turned matrices": lambda x, y: (x[0].mT, x[0]),
    "one for all": lambda x, y: (x[:1], y),
    "a matrix for all": lambda x, y: (x, y[0]),
    "rows": lambda x, y: (x[:, 2:5], y),
    "columns": lambda x, y: (x[:, :, 1:3], y[:, 1:3]),
    "strided": lambda x, y: (x[:, ::2], y[:, :, ::3]),
    "a row": lambda x, y: (x[:, :1], y),
    "a column": lambda x, y: (x, y[:, :, :1]),
    "an entry": lambda x, y: (x[:1, 3:4, ::5], y[:1, :1]),
    "a turned column": lambda x, y: (y[:, :, :1].mT, y),
}


@pytest.mark.parametrize("name", VIEWS)
def test_products_take_transposes_and_parts_of_arrays(backend, dtype, name):
    rng = np.random.default_rng(0)
    here = rng.random((3, 7, 5)).astype(dtype), rng.random((3, 5, 11)).astype(dtype)
    a, b = VIEWS[name](*(backend.asarray(x, x.dtype) for x in here))
    found = backend.to_numpy(backend.matmul(a, b))
    np.testing.assert_allclose(found, np.matmul(*VIEWS[name](*here)), rtol=RTOL[dtype])
