"""What the caller left open is settled by A; what cannot be is refused where it was given."""

import warnings

import numpy as np
import pytest

from nmf_accel import nmf, sweep
from nmf_accel.core import Fixed, Problem, settle
from nmf_accel.core import settling as module
from nmf_accel.core.settling import delta_inside, penalties_inside, taken
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import Penalty
from nmf_accel.options import Options
from nmf_accel.solvers import Fastest

RNG = np.random.default_rng(0)
A = RNG.random((9, 7)) + 0.1


def problem(A=A, dtype=None):
    return prepare(Given(A), dtype, "numpy")


class TestAuto:
    """'auto' fills in what is open, as far as it goes with what was given."""

    @pytest.fixture(autouse=True)
    def _fastest(self, monkeypatch):
        choice = Fastest("hals", "because", True, 3)
        monkeypatch.setattr(module, "choice_for", lambda options, problem: choice)

    def of(self, **options):
        found = taken(Options(rank=2, **{"solver": "auto", **options}), problem())
        return found.solver, found.inner, found.extrapolate

    def test_what_is_open_is_filled_in(self):
        assert self.of() == ("hals", 3, True)

    def test_what_was_given_stays(self):
        assert self.of(inner=7) == ("hals", 7, True)
        assert self.of(extrapolate=False) == ("hals", 3, False)
        assert self.of(solver="bpp") == ("bpp", None, None)

    @pytest.mark.parametrize("name", ["l1_H", "l2_H", "l1_W", "l2_W"])
    def test_with_penalties_steps_are_not_prolonged(self, name):
        assert self.of(**{name: 0.1}) == ("hals", 3, None)

    def test_what_does_not_go_with_the_others_is_left_out(self):
        assert self.of(stop="descent", tol=1e-3) == ("hals", None, True)
        assert self.of(tol=1e-3, check_every=1) == ("hals", 3, None)


def test_a_result_says_why_auto_took_its_solver():
    found, other = (nmf(A, 2, solver=x, max_iter=1, backend="numpy") for x in ("auto", "hals"))
    why = found.settings["why_solver"]
    assert why == "auto: " + module.choice_for(Options(rank=2, solver="auto"), problem()).because
    assert "why_solver" not in other.settings


def test_what_is_settled_says_all():
    found = settle(Options(rank=2, solver="hals"), problem())
    assert (found.inner, found.extrapolate) == (Options(rank=2, solver="hals").method.inner, False)
    assert found.delta == pytest.approx(1e-9 * A.mean() ** 1.5)
    assert settle(Options(rank=2, solver="hals", inner=4), problem()).inner == 4
    assert settle(Options(rank=2, delta=0.5), problem()).delta == 0.5


@pytest.mark.parametrize("run", [nmf, sweep])
def test_a_start_with_zeros_is_told_of_at_the_line_of_the_caller(run):
    how = {"init": "nndsvd", "max_iter": 1, "backend": "numpy"}
    with pytest.warns(UserWarning, match="init='nndsvd' has zeros") as told:
        run(A, 2, solver="mu", **how) if run is nmf else run(A, [2], 1, solver="mu", **how)
    assert {x.filename for x in told} == {__file__}
    assert len({x.lineno for x in told}) == 1, "so that it is shown once"
    said = str(told[0].message)
    assert "'random'" in said
    assert said.count("'nndsvd'") == 1, "which is no cure"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nmf(A, 2, solver="hals", **how)  # where they may leave


class TestDelta:
    """δ in the loop is a positive number of the dtype."""

    def test_the_largest_and_the_least_are_taken(self):
        of = problem(dtype="float32")
        for delta in (float(np.finfo("float32").max), 1e-45):
            assert delta_inside(Options(rank=2, delta=delta), of) == delta

    @pytest.mark.parametrize(
        ("delta", "said"),
        [(3.5e38, "so large beside A.*smaller"), (1e-46, "is zero in float32; take a larger one")],
    )
    def test_others_are_refused(self, delta, said):
        with pytest.raises(ValueError, match=f"delta is {delta:g}, .*{said}".replace("+", r"\+")):
            settle(Options(rank=2, delta=delta), problem(dtype="float32"))

    def test_the_usual_one_may_be_zero_of_a_small_matrix(self, monkeypatch):
        of = problem(np.full((2, 3), 1e-7, dtype="float32"))
        monkeypatch.setattr(type(of.A), "largest_weight", 1e-30)
        with pytest.raises(ValueError, match=r"delta is 3\.\d+e-50, which is zero .*; scale A"):
            settle(Options(rank=2), of)

    @pytest.mark.parametrize(("order", "is_float"), [(-330, True), (-332, False)])
    def test_one_that_has_lost_digits_is_left_open(self, order, is_float):
        found = settle(Options(rank=2), problem(np.ldexp(A, 2 * order)))
        assert (found.delta is not None) == is_float
        if is_float:
            assert found.delta == pytest.approx(np.ldexp(1e-9 * A.mean() ** 1.5, 3 * order))


class TestPenalties:
    """Those of a far scale must have squares; those of a usual one are the caller's affair."""

    def test_the_largest_is_taken(self):
        of, most = problem(np.ldexp(A, -300)), float(np.finfo("float64").max) ** 0.5
        k = of.scale.order
        for name, factor, field in (("l1_H", 3, 0), ("l2_W", 2, 1)):
            given = float(np.ldexp(most, factor * k))
            inside = penalties_inside(Options(rank=2, **{name: given}), of)
            assert inside[name.endswith("W")][field] == pytest.approx(most)
            with pytest.raises(ValueError, match=f"{name} is .* nothing but {name[-1]} = 0 is"):
                penalties_inside(Options(rank=2, **{name: given * 1.001}), of)

    def test_others_are_as_they_were_given(self):
        options = Options(rank=2, l1_H=1e200, l2_W=1e300)
        assert penalties_inside(options, problem()) == (Penalty(1e200), Penalty(0.0, 1e300))


def test_a_start_has_the_scale_of_what_is_held():
    """A component is as large in W H as it was, though one of its lines is another."""
    plain = problem()
    W0, H0 = plain.draw(4, 5, "random")
    W = np.column_stack([A[:, 0] * 1e3, np.full(9, np.nan), A[:, 1] * 1e-2])
    H = np.vstack([A[0] * 50, A[1] * 70])
    held = Problem(plain.backend, plain.A, plain.frame, plain.mean, Fixed(W, H))
    W1, H1 = held.draw(4, 5, "random")
    sizes = [x.mean(axis=0) * y.mean(axis=1) for x, y in ((W0, H0), (W1, H1))]
    assert H1[2].mean() * W[:, 2].mean() == pytest.approx(sizes[0][2])
    assert W1[:, 1].mean() * H[1].mean() == pytest.approx(sizes[0][1])
    np.testing.assert_array_equal(W1[:, [0, 2, 3]], W0[:, [0, 2, 3]])
    np.testing.assert_array_equal(H1[[0, 1, 3]], H0[[0, 1, 3]])
    nothing = Problem(plain.backend, plain.A, plain.frame, plain.mean, Fixed(np.zeros((9, 1))))
    # A component that is held at zero has no scale.
    np.testing.assert_array_equal(nothing.draw(4, 5, "random")[1], H0)
