"""`project` finds the best weights on components that are known."""

import numpy as np
import pytest
from conftest import assert_parity, require_or_skip
from scipy.optimize import nnls

from nmf_accel import backends, nmf, project
from nmf_accel.intake import Given, prepare_whole
from nmf_accel.losses import Penalty
from nmf_accel.projection import solve

rng = np.random.default_rng(0)
W, A = rng.random((20, 6)), rng.random((20, 15))
A[3], A[:, 4] = 0, 0


def solved(A, W):
    return np.column_stack([nnls(W, column)[0] for column in A.T])


def test_it_solves_every_column(backend):
    H = project(A, W, backend=backend)
    expected = solved(A, W)
    assert (expected[:, [0, 1, 2]] == 0).any(), "some weights should be zero for this test"
    np.testing.assert_allclose(H, expected, atol=1e-12)
    assert not H[:, 4].any()


def test_penalties(backend):
    l1, l2 = 0.3, 0.2
    H = project(A, W, l1=l1, l2=l2, backend=backend)
    # As least squares: √l2 I below W; −l1 Σ H completes to a square there.
    below = np.sqrt(l2) * np.eye(6)
    shifted = np.vstack([A, np.full((6, 15), -l1 / np.sqrt(l2))])
    np.testing.assert_allclose(H, solved(shifted, np.vstack([W, below])), atol=1e-12)


def test_float32_is_solved_in_float64(backend):
    H = project(A.astype(np.float32), W, backend=backend)
    assert H.dtype == np.float32
    np.testing.assert_allclose(H, solved(A, W), atol=1e-5)


@pytest.mark.parametrize(("solver", "max_iter"), [("mu", 20_000), ("hals", 3000), ("bpp", 300)])
def test_it_is_where_a_fit_converges_to(backend, solver, max_iter):
    result = nmf(A, 3, solver=solver, max_iter=max_iter, backend="numpy")
    assert_parity(project(A, result.W, backend=backend), result.H, 1e-4)


def test_components_that_are_equal_or_zero(backend):
    twins = np.hstack([W, W[:, :2], np.zeros((20, 1))])
    H = project(A, twins, backend=backend)
    assert np.linalg.norm(A - twins @ H) == pytest.approx(np.linalg.norm(A - W @ solved(A, W)))
    assert not H[-1].any()


def test_columns_of_very_different_size(backend):
    scales = 10.0 ** np.array([0, -5, 3, -8, 0, 6])
    H = project(A, W * scales, backend=backend)
    np.testing.assert_allclose(H * scales[:, None], solved(A, W), atol=1e-10)


def test_zero_columns_compile_nothing_again():
    found = backends.probe("jax")
    require_or_skip("jax", found.usable, found.reason)
    compiled = backends.get("jax").compiled
    compiled.clear_cache()  # or it may be cleared when it is full, and nothing counted
    counts = []
    for zeros in range(4):
        batch = A[:, :9].copy()  # a shape of this test's own
        batch[:, :zeros] = 0
        project(batch, W, backend="jax")
        counts.append(compiled._cache_size())
    assert len(set(counts)) == 1


def test_zero_is_projected_to_zero(backend):
    assert not project(np.zeros((20, 3)), W, backend=backend).any()
    assert not project(A, np.zeros((20, 2)), backend=backend).any()


def test_ill_conditioned_components_on_punks(punks):
    W = nmf(punks, 256, solver="hals", max_iter=30, dtype="float32", backend="numpy").W
    H = project(punks[:, :40], W, backend="numpy")
    gradient = W.T.astype(float) @ (W @ H - punks[:, :40])
    wrong = np.where(H > 0, gradient, np.minimum(gradient, 0))
    assert np.abs(wrong).max() < 1e-5 * np.abs(W.T @ punks[:, :40]).max()


@pytest.mark.parametrize("exponents", [(0, 200), (0, -200), (150, 0), (-150, 100)])
def test_neither_large_nor_small_numbers_are_lost(backend, exponents):
    of_A, of_W = (2.0 ** round(k * np.log2(10)) for k in exponents)
    H = project(A * of_A, W * of_W, backend=backend)
    np.testing.assert_allclose(H * (of_W / of_A), solved(A, W), atol=1e-12)


def test_digits_that_are_lost_are_told_of():
    small, large = (np.float32(10.0**k) for k in (-18, 18))
    with pytest.warns(UserWarning, match="so large beside A that H loses digits in float32"):
        project((A * small).astype(np.float32), (W * 100 * large).astype(np.float32))


@pytest.mark.parametrize("size", [1e-140, 1e100])
def test_penalties_stand_beside_components_of_any_size(size):
    found = project(A, W * size, l1=0.3 * size, l2=0.2 * size**2, backend="numpy") * size
    np.testing.assert_allclose(found, project(A, W, l1=0.3, l2=0.2, backend="numpy"), atol=1e-12)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"l1": -1}, "l1 is -1.0; it must be finite and >= 0"),
        ({"l2": np.inf}, "l2 is inf"),
        ({"W": W[:5]}, "W has 5 rows; it must have 20, as A has"),
        ({"W": -W}, "W has 120 negative entries"),
        ({"A": -A}, "A has .* negative entries"),
        ({"A": A * 1e150, "W": W * 1e-200}, "W is so small beside A that H overflows float64"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        project(**{"A": A, "W": W, **arguments})


class TestFromNear:
    """`solve` from an H at hand, as the estimator ends."""

    def solved(self, W, near, backend="numpy"):
        problem = prepare_whole(Given(W @ np.random.default_rng(1).random((W.shape[1], 9)) + 0.1))
        return solve(problem, W, Penalty(0.1), near=near)

    @pytest.mark.parametrize("seed", range(5))
    def test_it_is_what_is_found_from_zero(self, seed):
        rng = np.random.default_rng(seed)
        W, near = rng.random((12, 4)), rng.random((4, 9)) * (rng.random((4, 9)) < 0.7)
        near[near < 0.3] *= 1e-6  # which is taken for a zero at first
        np.testing.assert_allclose(
            self.solved(W, near), self.solved(W, None), rtol=1e-10, atol=1e-12
        )

    def test_where_there_are_many_solutions_it_starts_from_zero(self):
        W = np.random.default_rng(0).random((12, 4))
        W[:, 3] = W[:, 2] * (1 + 1e-12)
        near = np.ones((4, 9))
        np.testing.assert_array_equal(self.solved(W, near), self.solved(W, None))


def test_a_component_of_next_to_no_size_is_left_to_its_penalty():
    rng = np.random.default_rng(0)
    W, A = rng.random((21, 10)), rng.random((21, 60))
    W[:, -1] *= 1e-12
    found = project(A, W, l1=0.1, backend="numpy")
    np.testing.assert_allclose(
        found[:-1], project(A, W[:, :-1], l1=0.1, backend="numpy"), atol=1e-9
    )
    assert not found[-1].any()


def test_what_is_not_accurate_is_told_of(monkeypatch):
    monkeypatch.setattr("nmf_accel.projection.exact.ACCURATE", {"float64": -1.0})
    with pytest.warns(UserWarning, match="W is so ill-conditioned that the KKT residual of H is"):
        project(A, W, backend="numpy")
