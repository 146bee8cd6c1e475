"""The KKT residual of a result is that of its own W and H, by its definition."""

import numpy as np
import pytest
from reference import divergence, kkt_residual, squares
from toys import ToyBackend

from nmf_accel import nmf
from nmf_accel.core import Point
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import FROBENIUS, kkt
from nmf_accel.matrices.seen import folds_of
from nmf_accel.types import Squares

RNG = np.random.default_rng(0)
A = RNG.random((12, 15)) + 0.1
M = RNG.random(A.shape) * (RNG.random(A.shape) < 0.8)
W_FIXED = RNG.random((12, 2))
SEEN = folds_of(*np.ogrid[:12, :15], 4) != 1


@pytest.mark.parametrize("solver", ["mu", "hals"])
def test_the_certificate_is_that_of_the_factors(backend, solver, sprites):
    A = sprites.astype(np.float64)
    start = np.random.default_rng(3)
    W0, H0 = start.random((A.shape[0], 4)), start.random((4, A.shape[1]))
    W0[5:9] = 0
    result = nmf(A, 4, W0=W0, H0=H0, solver=solver, max_iter=30, backend=backend)
    assert result.kkt == pytest.approx(kkt_residual(result.W, result.H, squares(A)), rel=1e-8)


CASES = [
    ({"solver": "hals"}, None, squares(A)),
    ({"weights": M}, M, squares(A, M)),
    ({"weights": M, "solver": "hals"}, M, squares(A, M)),
    ({"weights": M, "solver": "hals", "extrapolate": True}, M, squares(A, M)),
    ({"folds": 4, "seed": 5}, SEEN, squares(A, SEEN)),
    ({"loss": "kullback-leibler"}, None, divergence(A, 1)),
    ({"loss": "kullback-leibler", "weights": M}, None, divergence(A, 1, M)),
    ({"loss": "itakura-saito"}, None, divergence(A, 0)),
    ({"loss": 3}, None, divergence(A, 3)),
]


@pytest.mark.parametrize("held", [0, 2])
@pytest.mark.parametrize(("options", "weights", "of_P"), CASES)
def test_it_is_with_every_loss_and_kind_of_step(options, weights, of_P, held):
    """Some of them have a part of it at hand from the loop, others have not."""
    W0, H0 = RNG.random((12, 4)), RNG.random((4, 15))
    known = {"W_fixed": W_FIXED} if held else {}
    options = {"max_iter": 25, "backend": "numpy", "W0": W0, "H0": H0, **options, **known}
    result = nmf(A, 4, **options)
    expected = kkt_residual(result.W, result.H, of_P, weights, held=((), range(held)))
    assert result.kkt == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("options", "weights", "of_P"), CASES)
def test_in_the_loop_it_is_that_of_the_new_h_and_the_old_w(options, weights, of_P):
    """So of the very pair where a run stops, but for the half-step of W that comes after."""
    start = {"W0": RNG.random((12, 4)), "H0": RNG.random((4, 15))}
    options = {"backend": "numpy", "stop": "kkt", "W_fixed": W_FIXED, **start, **options}
    if options.get("extrapolate"):
        pytest.skip("its pair stands in no result")
    seen = []
    for max_iter in (4, 5):
        run = nmf(A, 4, max_iter=max_iter, tol=1e-9, check_every=5, **options)
        seen.append(run)
    expected = kkt_residual(seen[0].W, seen[1].H, of_P, weights, held=((), range(2)))
    tols = [expected * (1 + off) for off in (-1e-7, 1e-7)]
    stopped = [nmf(A, 4, max_iter=5, tol=tol, check_every=5, **options) for tol in tols]
    assert [run.converged for run in stopped] == [False, True]


def residual_of(W, H):
    """That of least squares of A, where W and H are; the library's own."""
    problem = prepare(Given(A), backend="numpy")
    return Point(problem, W[None], H[None], FROBENIUS).kkt[0]


def test_how_the_size_is_shared_does_not_matter():
    """Nor is it changed by what a component is multiplied with, and the other factor divided by."""
    W, H = RNG.random((12, 4)), RNG.random((4, 15)) * (RNG.random((4, 15)) < 0.8)
    sizes = np.array([1e-40, 1.0, 1e25, 3.0])
    found = residual_of(W * sizes, H / sizes[:, None])
    assert found == pytest.approx(residual_of(W, H), rel=1e-10)
    assert found == pytest.approx(kkt_residual(W, H, squares(A)), rel=1e-10)


class TestZeros:
    W, H = RNG.random((12, 3)), RNG.random((3, 15))

    def test_a_component_that_is_zero_on_one_side_and_might_live_is_seen(self):
        found = nmf(A, 2, solver="hals", max_iter=3000, backend="numpy")
        W, H = np.c_[found.W, np.zeros(12)], np.r_[found.H, [RNG.random(15)]]
        assert found.kkt < 1e-7
        assert residual_of(W, H) > 1e-3
        assert residual_of(W, np.r_[found.H, np.zeros((1, 15))]) < 1e-7, "zero on both sides"
        almost = np.c_[found.W, np.full(12, 1e-9)]
        assert residual_of(almost, H) == pytest.approx(residual_of(W, H), rel=0.1)

    def test_nothing_but_zeros_on_one_side_is_no_solution(self):
        assert residual_of(0 * self.W, self.H) == pytest.approx(1)
        assert residual_of(self.W, 0 * self.H) == pytest.approx(1)

    def test_penalties_under_which_all_dies_have_that_for_a_solution(self):
        options = {"l1_W": 1e3, "l1_H": 1e3, "stop": "kkt", "tol": 1e-6, "max_iter": 50}
        result = nmf(A, 2, backend="numpy", **options)
        assert result.converged
        assert result.kkt == 0 == result.W.max()

    def test_a_penalty_on_what_the_other_factor_makes_nothing_of_is_seen(self):
        """H is zero at once; then coordinate descent leaves W as it is, though it costs."""
        result = nmf(A, 2, l1_W=1e3, l1_H=1e3, solver="hals", max_iter=5, backend="numpy")
        assert result.W.max() > 0 == result.H.max()
        assert result.kkt > 1

    def test_nan_is_seen(self):
        of_H = Squares(*np.ones((3, 1, 2)))
        for field in Squares._fields[:2]:
            broken = of_H._replace(**{field: np.array([[1.0, np.nan]])})
            assert np.isnan(kkt.residual(ToyBackend(), of_H, broken)).all()


def test_an_entry_that_is_almost_zero_counts_as_one_that_is():
    """Those of 'mu' never get there; the gradient there is as large as ever."""
    found = nmf(A, 3, solver="hals", max_iter=2000, backend="numpy")
    W, H = np.maximum(found.W, 1e-30), np.maximum(found.H, 1e-30)
    assert (found.W == 0).any()
    assert residual_of(W, H) < 1e-9
    mu = nmf(A, 3, max_iter=20_000, tol=1e-4, stop="kkt", backend="numpy")
    assert mu.converged
