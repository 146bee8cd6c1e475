"""Least squares, with weights and without, by the generic forms: as by their definitions."""

import numpy as np
import pytest
from plain import Plain
from test_generic_divergences import FEW, KINDS, RNG, RUNS, A, D, M, N, X, Y

from nmf_accel import backends
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import FROBENIUS, WEIGHTED_SQUARES, Divergence
from nmf_accel.losses.frobenius import residual2
from nmf_accel.losses.weighted import known_rest, rest_parts
from nmf_accel.matrices import Dense, Frame, Known, Partly, Side, Weighted

WEIGHTED = ["weighted", "folds", "known", "known in folds"]
WtW, HHt = Y @ Y.mT, X @ X.mT


def weighted(kind, library):
    """A matrix of that kind, what it holds, and the weights of each run."""
    make, weights = KINDS[kind]
    B = np.where(A > 0.3, A, 0) if kind == "known in folds" else A
    return make(B, library), [
        (weight, B - y.T @ x) for weight, y, x in zip(weights, Y, X, strict=True)
    ]


@pytest.mark.parametrize("kind", WEIGHTED)
def test_the_rest_with_weights_is_that_of_the_definition(kind):
    library = Plain(7 if "known" in kind else FEW)  # of what is stored, several blocks too
    matrix, runs = weighted(kind, library)
    rest, value = (known_rest if "known" in kind else rest_parts)(library, matrix, Y, X, True)
    expected = [y @ (M * off) for y, (M, off) in zip(Y, runs, strict=True)]
    np.testing.assert_allclose(rest, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(value, [(M * off**2).sum() for M, off in runs], rtol=1e-12)
    np.testing.assert_allclose(WEIGHTED_SQUARES.value(matrix, (3.0,), X, Y), value, rtol=1e-12)


def test_what_is_not_recorded_with_weights_is_zero():
    """For each run, so that it passes through a compiler beside what is."""
    matrix, _ = weighted("weighted", library := Plain(FEW))
    rest, value = rest_parts(library, matrix, Y, X, False)
    np.testing.assert_array_equal(value, np.zeros(RUNS))
    np.testing.assert_array_equal(rest, rest_parts(library, matrix, Y, X, True)[0])


@pytest.mark.parametrize("kind", WEIGHTED)
def test_the_model_with_weights_has_the_gradient_and_the_largest_curvature(kind):
    library, largest = Plain(), 3.5
    matrix, runs = weighted(kind, library)
    model = WEIGHTED_SQUARES.model(matrix, (largest,), Y, X)
    gradient = [-y @ (M * off) for y, (M, off) in zip(Y, runs, strict=True)]
    np.testing.assert_allclose(model.G, largest * WtW, rtol=1e-12)
    np.testing.assert_allclose(model.plus(library, X) - model.minus(), gradient, atol=1e-12)
    carried, value = WEIGHTED_SQUARES.settle(matrix, (largest,), X, Y, None, record=True)
    assert WEIGHTED_SQUARES.settle(matrix, (largest,), X, Y, None, record=False)[1] is None
    np.testing.assert_array_equal(value, WEIGHTED_SQUARES.value(matrix, (largest,), X, Y))
    again = WEIGHTED_SQUARES.model(matrix, (largest,), Y, X, carried)
    np.testing.assert_array_equal(again.N, model.N)


def test_what_the_loop_carries_is_not_computed_again():
    matrix, _ = weighted("weighted", Plain())
    (rest,), _ = WEIGHTED_SQUARES.settle(matrix, (3.0,), X, Y, None, record=False)
    found = WEIGHTED_SQUARES.model(matrix, (3.0,), Y, X, (rest + 1,))
    np.testing.assert_allclose(found.N, np.maximum(rest + 1 + 3.0 * WtW @ X, 0), rtol=1e-12)
    assert FROBENIUS.model(Dense(A, Plain()), (), Y, X, (WtW,)).G is WtW


def test_what_weights_leave_of_a_is_never_negative_by_rounding():
    """Of a matrix of zeros it is a difference of equal numbers; rules divide by such parts."""
    matrix = Weighted(np.zeros((M, N)), Plain(), np.ones((M, N)))
    found = WEIGHTED_SQUARES.model(matrix, (1.0,), Y, X).minus()
    assert (Y @ (0 - Y.mT @ X) + WtW @ X).min() < 0, "or nothing is tested"
    assert found.min() == 0


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_squared_residual_is_that_of_the_definition(order):
    library = Plain(FEW)
    expected = [((A - y.T @ x) ** 2).sum() for y, x in zip(Y, X, strict=True)]
    matrix = Dense(np.asarray(A, order=order), library)
    np.testing.assert_allclose(residual2(matrix, Y, X), expected, rtol=1e-12)
    facts = FROBENIUS.facts(matrix, A.mean())
    of_W = FROBENIUS.model(matrix.T, facts, X, Y)
    for model in (None, of_W):
        (G,), value = FROBENIUS.settle(matrix, facts, X, Y, model, record=True)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        np.testing.assert_allclose(G, WtW, rtol=1e-12)
    assert FROBENIUS.settle(matrix, facts, X, Y, of_W, record=False)[1] is None


def test_where_a_component_is_held_its_part_of_the_value_is_known():
    """Its products with A are neither computed nor asked for in the half-step of W."""
    Wt, held, none = Y.copy(), np.arange(D) == 1, np.zeros(D, dtype=bool)
    Wt[1, held] = Wt[0, held]
    matrix = Dense(A, library := Plain())
    here = Known.of(held, none, library).multiplied(matrix, Wt[:1])
    partly = Partly(matrix, here, Known.of(none, held, library))
    facts = FROBENIUS.facts(matrix, A.mean())
    of_W = FROBENIUS.model(partly.T, facts, X, Wt)
    assert not of_W.N[:, held].any()
    _, value = FROBENIUS.settle(partly, facts, X, Wt, of_W, record=True)
    np.testing.assert_allclose(value, ((A - Wt.mT @ X) ** 2).sum(axis=(1, 2)), rtol=1e-12)


BIG = RNG.random((70, 5)) + 0.1
BIG_Y, BIG_X = RNG.random((RUNS, D, 70)) + 0.1, RNG.random((RUNS, D, 5)) + 0.1
WALKS = {
    "divergence": lambda A: Divergence(1.5).value(A, (0.0,), BIG_X, BIG_Y),
    "residual": lambda A: residual2(A, BIG_Y, BIG_X),
    "weights": lambda A: rest_parts(A.library, A, BIG_Y, BIG_X, True),
}


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_takes_as_much_at_a_time_as_the_backend_says(walk):
    """Over all runs; but rows enough that a compiled loop over the blocks stays short."""
    for entries, height in ((2**18, 2**18 // 10), (109, 10), (1, 3)):
        library = Plain(entries)
        WALKS[walk](Weighted(BIG, library, np.ones_like(BIG)))
        assert library.heights == [height]


class TestWhole:
    """Over rows and columns of zeros too, which the loop leaves out."""

    B = np.pad(A, ((2, 1), (0, 3)))
    FRAME = Frame(Side(M + 3, np.arange(2, M + 2)), Side(N + 3, np.arange(N)))
    H, Wt = RNG.random((RUNS, D, N + 3)), RNG.random((RUNS, D, M + 3))

    def test_the_value_is_of_all(self):
        matrix = Dense(A, Plain())
        found = FROBENIUS.whole_value(matrix, ((A**2).sum(), 0.0), self.FRAME, self.H, self.Wt)
        expected = ((self.B - self.Wt.mT @ self.H) ** 2).sum(axis=(1, 2))
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    def test_a_run_near_an_exact_fit_is_measured_by_its_residual(self):
        """Beside another one that is far from it."""
        H, Wt = X.copy(), Y
        matrix = Dense(Wt[1].T @ H[1], Plain())
        H[1, 0, 0] += 1e-9
        facts = FROBENIUS.facts(matrix, 1.0)
        found = FROBENIUS.whole_value(matrix, facts, Frame.whole((M, N)), H, Wt)
        expected = ((matrix.array - Wt.mT @ H) ** 2).sum(axis=(1, 2))
        assert expected[1] < 1e-12 < expected[0]
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_near_an_exact_fit_what_the_loop_leaves_out_counts_too(self):
        H, Wt = self.H.copy(), self.Wt.copy()
        H[..., N:], Wt[..., :2], Wt[..., -1:] = 1e-4, 0, 0
        H[1], Wt[1] = H[0], Wt[0]
        matrix = Dense(Wt[0].T[2:-1] @ H[0, :, :N], Plain())
        facts = FROBENIUS.facts(matrix, 1.0)
        found = FROBENIUS.whole_value(matrix, facts, self.FRAME, H, Wt)
        expected = (1e-8 * Wt.sum(axis=1) ** 2).sum(axis=1) * 3  # columns of zeros
        assert (expected > 0).all()
        assert (expected < facts[1]).all()
        np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_the_value_of_an_exact_fit_is_never_negative(self):
        """Though what is added up of all rows and of those kept differs by rounding."""
        seen = []
        for seed in range(20):
            rng = np.random.default_rng(seed)
            H, Wt = rng.random((1, 3, 70)), rng.random((1, 3, 50))
            rows, columns = rng.permutation(50), rng.permutation(70)
            frame = Frame(Side(50, rows), Side(70, columns))
            kept = Wt[..., rows], H[..., columns]
            matrix = Dense(kept[0][0].T @ kept[1][0], Plain())
            facts = FROBENIUS.facts(matrix, 1.0)
            seen.append(FROBENIUS.whole_value(matrix, facts, frame, H, Wt)[0])
        assert min(seen) == 0
        assert max(seen) < 1e-12


def test_the_formula_in_use_says_what_it_may_be_trusted_with():
    """The free one with no value below a bound, the residual with any."""
    facts = 7.0, 0.5
    for values, trusted in (([0.5, 3.0], True), ([3.0, 0.49], False), ([0.1, 0.1], False)):
        assert FROBENIUS.trusts(np.array(values), facts) is trusted
        assert FROBENIUS.direct().trusts(np.array(values), facts)


def test_rounding_of_the_free_formula_is_of_the_norm_and_of_the_residual_of_its_root():
    matrix = prepare(Given(A.astype(np.float32)), backend="numpy").A
    values = np.array([-0.25, 0.0, 0.25, 0.49, 0.5, 9.0])
    found = FROBENIUS.rounding(matrix, (16.0, 0.5), values)
    in_eps = np.array([0, 0, 4 * 0.5, 4 * 0.7, 16, 16])
    np.testing.assert_allclose(found, 2.4 * 2.0**-23 * in_eps, rtol=1e-6)


def test_the_norm_of_the_weighted_matrix_is_that_of_its_roots():
    matrix, _ = weighted("weighted", backends.get("numpy"))
    assert WEIGHTED_SQUARES.norm(matrix, 1.0) == pytest.approx(
        np.sqrt((KINDS["weighted"][1][0] * A**2).sum())
    )
    assert WEIGHTED_SQUARES.facts(matrix, 1.0) == (KINDS["weighted"][1][0].max(),)
