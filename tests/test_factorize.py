"""`nmf` refuses bad settings, heeds its callback, keeps what there is on Ctrl-C, shows a bar."""

import numpy as np
import pytest
from conftest import low_rank

from nmf_accel import Interrupted, backends, nmf
from nmf_accel.core.records import Records

GOOD = np.arange(1.0, 13.0).reshape(3, 4)
INF = np.inf


def run(A, rank=2, **options):
    return nmf(A, rank, **{"max_iter": 5, **options})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rank": 0}, ValueError, "rank is 0; it must be at least 1"),
        ({"rank": -2}, ValueError, "rank is -2; it must be at least 1"),
        ({"rank": 2.0}, TypeError, "rank is 2.0; it must be an integer"),
        ({"rank": True}, TypeError, "rank is True; it must be an integer"),
        ({"rank": None}, TypeError, "rank is None; it must be an integer"),
        ({"seed": -1}, ValueError, "seed is -1; it must be at least 0"),
        ({"seed": None}, TypeError, "seed is None; it must be an integer"),
        ({"max_iter": 0}, ValueError, "max_iter is 0; it must be at least 1"),
        ({"check_every": 0}, ValueError, "check_every is 0; it must be at least 1"),
        ({"tol": -1e-4}, ValueError, "tol is -0.0001; it must be finite and >= 0"),
        ({"tol": INF}, ValueError, "tol is inf; it must be finite and >= 0"),
        ({"tol": np.nan}, ValueError, "tol is nan"),
        ({"delta": 0}, ValueError, "delta is 0.*; it must be positive, e.g. 1e-9"),
        ({"delta": -1e-9}, ValueError, "delta is -1e-09; it must be positive"),
        ({"delta": INF}, ValueError, "delta is inf; it must be positive"),
        ({"delta": np.nan}, ValueError, "delta is nan; it must be positive"),
        ({"delta": 1e-60, "dtype": "float32"}, ValueError, "delta is 1e-60, which is zero in flo"),
        ({"dtype": "float16"}, ValueError, "dtype is 'float16'; it must be 'float32' or 'float64'"),
        ({"dtype": "int32"}, ValueError, "dtype is 'int32'"),
        ({"dtype": "double precision"}, ValueError, "dtype is 'double precision'"),
    ],
)
def test_bad_settings(options, error, message):
    with pytest.raises(error, match=message):
        run(GOOD, **options)


@pytest.mark.parametrize("rank", [3, 4, 9])
def test_a_rank_above_the_shape_is_allowed(backend, rank):
    result = run(GOOD, rank, backend=backend)
    assert result.W.shape == (3, rank)
    assert result.H.shape == (rank, 4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_the_smallest_matrices(backend, shape):
    result = run(np.full(shape, 2.0), 1, max_iter=50, backend=backend)
    np.testing.assert_allclose(result.reconstruct(), np.full(shape, 2.0), rtol=1e-8)


def test_results_may_be_written_to(backend):
    result = run(GOOD, backend=backend)
    result.W[0, 0] = 7.0
    result.H[0, 0] = 7.0
    result.errors[0] = 7.0


@pytest.mark.parametrize("tol", [0, 1e-4])
def test_overflow_on_the_way_is_an_error_not_a_result(backend, tol):
    A = (1e6 * GOOD).astype(np.float32)
    starts = {"W0": np.full((3, 2), 1e-24), "H0": np.full((2, 4), 1e18)}
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="overflowed float32"):
        run(A, backend=backend, delta=1e-30, tol=tol, **starts)


def test_interrupted_keeps_what_there_is(backend):
    def stop(iteration, error):
        if iteration == 20:
            raise KeyboardInterrupt

    whole = nmf(GOOD, 2, max_iter=100, check_every=10, backend=backend)
    with pytest.raises(Interrupted) as caught:
        nmf(GOOD, 2, max_iter=100, check_every=10, callback=stop, backend=backend)
    result = caught.value.result
    assert isinstance(caught.value, KeyboardInterrupt)
    assert str(caught.value) == result.stopped_because
    assert result.stopped_because == "interrupted after 20 of 100 iterations"
    np.testing.assert_array_equal(result.errors, whole.errors[:20])
    assert np.linalg.norm(GOOD - result.reconstruct()) == pytest.approx(result.error, rel=1e-10)


@pytest.mark.parametrize("callback", [None, lambda *_: None])
@pytest.mark.parametrize("stop", [{}, {"tol": 1e-9, "check_every": 5}])
def test_interrupted_before_a_chunk_is_recorded(callback, stop, backend, monkeypatch):
    """The factors are those of the last iteration whose error is known."""
    taken, take = [], Records.take

    def interrupted(*args):
        taken.append(1)
        if len(taken) == 4:
            raise KeyboardInterrupt
        return take(*args)

    monkeypatch.setattr(Records, "take", interrupted)
    with pytest.raises(Interrupted) as caught:
        nmf(GOOD, 2, max_iter=10_000, callback=callback, backend=backend, **stop)
    result = caught.value.result
    assert len(result.errors) == result.n_iter > 0
    assert np.linalg.norm(GOOD - result.reconstruct()) == pytest.approx(result.error, rel=1e-10)


def test_interrupted_before_the_first_chunk_there_is_nothing(monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(backends.get("numpy"), "iterate", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(GOOD, backend="numpy")
    assert not isinstance(caught.value, Interrupted)


def test_a_callback_can_stop(backend):
    A = low_rank(6, 5)[0]
    result = nmf(A, 2, check_every=5, callback=lambda k, error: k == 15, backend=backend)
    assert result.n_iter == 15
    assert not result.converged
    assert result.stopped_because == "the callback asked to stop"


def test_an_error_in_a_callback_is_the_callers(backend):
    def fail(iteration, error):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(GOOD, callback=fail, backend=backend)


def test_progress_goes_to_stderr_and_only_if_asked(backend, capsys):
    run(GOOD, backend=backend)
    assert capsys.readouterr() == ("", "")
    run(GOOD, backend=backend, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "5/5" in err
    assert "error" in err
