"""A run of short iterations goes ahead of its checks, and back to where it stopped."""

import numpy as np
import pytest
from conftest import to_host

from nmf_accel import nmf
from nmf_accel.core import Loop, batch
from nmf_accel.stopping import Residual

A = np.random.default_rng(2).random((20, 15))

CASES = [
    {"solver": "hals", "stop": "descent", "tol": 0.03, "check_every": 1},
    {"solver": "hals", "stop": "kkt", "tol": 0.05, "check_every": 3},
    {"solver": "mu", "tol": 1e-3, "check_every": 4},
    {"solver": "hals", "tol": 1e-3, "check_every": 2, "extrapolate": True},
    {"solver": "hals", "tol": 1e-12, "check_every": 7},
]


@pytest.fixture
def counts(monkeypatch):
    """The lengths of all chunks."""
    found = []
    advance = Loop.advance

    def watched(loop, count):
        found.append(count)
        return advance(loop, count)

    monkeypatch.setattr(Loop, "advance", watched)
    return found


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_the_outcome_is_that_of_looking_each_time(settings, backend, counts, monkeypatch):
    def run(ahead):
        monkeypatch.setattr(batch, "AHEAD", ahead)
        counts.clear()
        return nmf(A, 4, max_iter=50, backend=backend, **settings)

    looked = run(0.0)
    assert max(counts) <= settings["check_every"]
    result = run(1e9)
    assert max(counts) > settings["check_every"]
    assert result.n_iter == looked.n_iter
    assert result.stopped_because == looked.stopped_because
    assert result.converged == looked.converged
    for name in ("W", "H", "errors"):
        found, expected = (to_host(getattr(x, name)) for x in (result, looked))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    assert result.kkt == pytest.approx(looked.kkt, rel=1e-9)


def test_a_callback_is_called_at_every_check(monkeypatch):
    monkeypatch.setattr(batch, "AHEAD", 1e9)
    seen = []
    nmf(A, 4, max_iter=20, tol=1e-12, check_every=3, callback=lambda k, e: seen.append(k))
    assert seen == [3, 6, 9, 12, 15, 18, 20]


def test_what_comes_after_the_end_of_a_run_does_no_harm(monkeypatch):
    """It would overflow a few iterations later."""
    monkeypatch.setattr(batch, "AHEAD", 1e9)
    advance = Loop.advance

    def broken(loop, count):
        recorded = advance(loop, count)
        if count > 1:
            recorded[-1] = np.nan
        return recorded

    expected = nmf(A, 4, **CASES[0])
    monkeypatch.setattr(Loop, "advance", broken)
    result = nmf(A, 4, **{**CASES[0], "tol": 0.5})
    assert result.n_iter < expected.n_iter
    assert np.isfinite(result.errors).all()


@pytest.mark.parametrize("max_iter", [545, 605])
@pytest.mark.parametrize("check_every", [90, 100])
def test_no_check_is_missed_where_a_chunk_is_cut(check_every, max_iter, monkeypatch):
    seen = []
    met = Residual.met

    def watched(self, first, last, now, tol):
        seen.extend(now[:, 0].tolist())
        return met(self, first, last, now, tol)

    monkeypatch.setattr(Residual, "met", watched)
    for ahead in (0.0, 1e9):
        monkeypatch.setattr(batch, "AHEAD", ahead)
        nmf(A, 4, tol=1e-300, stop="kkt", check_every=check_every, max_iter=max_iter)
    assert len(seen) == 2 * (max_iter // check_every)
    assert seen[: len(seen) // 2] == pytest.approx(seen[len(seen) // 2 :], rel=1e-9)


@pytest.mark.parametrize("at", ["before", "within"])
def test_ctrl_c_on_the_way_back_leaves_what_was_recorded(at, monkeypatch):
    monkeypatch.setattr(batch, "AHEAD", 1e9)
    expected = nmf(A, 4, **CASES[0])
    back_to, advance, interrupts = Loop.back_to, Loop.advance, []

    def once(loop, count):
        if interrupts == ["within"]:
            interrupts.append("done")
            raise KeyboardInterrupt
        return advance(loop, count)

    def armed(loop, iteration):
        if not interrupts:
            interrupts.append(at)
            if at == "before":
                raise KeyboardInterrupt
        back_to(loop, iteration)

    monkeypatch.setattr(Loop, "advance", once)
    monkeypatch.setattr(Loop, "back_to", armed)
    with pytest.raises(KeyboardInterrupt) as stopped:
        nmf(A, 4, **CASES[0])
    result = stopped.value.result
    assert result.n_iter == expected.n_iter
    np.testing.assert_array_equal(result.W, expected.W)
