"""What runs recorded, chunk by chunk, without a loop."""

import sys

import numpy as np
import pytest

from nmf_accel.core.records import Records
from nmf_accel.options import Options

HERE = np.arange(2)


def records(**options):
    return Records(2, Options(rank=1, **options), np.array([10.0, 10.0]), every=1)


def chunk(*errors):
    """What a loop records that measures the errors only: of each iteration those of the runs."""
    return np.array(errors, dtype=float)[:, None, :]


def test_a_run_ends_at_the_first_check_that_it_meets():
    found = records(tol=0.1, check_every=2, max_iter=9)
    falls = chunk([8, 9], [7, 9], [6, 9], [6, 9], [5, 5], [5, 5])
    assert found.take(HERE, 6, falls, 6.0) == 4
    assert found.n_iter.tolist() == [4, 2]
    assert found.converged.tolist() == [True, True]
    assert found.errors(0).tolist() == [8, 7, 6, 6]
    assert found.errors(1).tolist() == [9, 9]
    assert found.watched.tolist() == [6, 9]


def test_checks_go_on_from_one_chunk_to_the_next():
    found = records(tol=0.1, check_every=3, max_iter=5)
    assert found.take(HERE, 2, chunk([8, 8], [6, 8]), 1.0) == 2
    assert found.take(HERE, 2, chunk([5, 7], [4, 7]), 1.0) == 2
    assert found.going.all()
    assert found.take(HERE, 1, chunk([3, 7]), 1.0) == 1
    assert found.stopped_because == ["max_iter = 5 reached"] * 2
    assert not found.converged.any()
    assert found.errors(1).tolist() == [8, 8, 7, 7, 7]


def test_a_run_that_stopped_records_no_more():
    found = records(tol=0.1, check_every=1, max_iter=5)
    found.take(HERE, 1, chunk([10, 5]), 2.0)
    assert found.going.tolist() == [False, True]
    found.take(HERE, 1, chunk([7, 3]), 2.0)
    assert found.errors(0).tolist() == [10]
    assert found.errors(1).tolist() == [5, 3]
    assert found.seconds.tolist() == [1, 3]
    found.take(np.array([1]), 1, chunk([1]), 2.0)  # the other one has left the loop
    assert found.errors(1).tolist() == [5, 3, 1]
    assert found.error[1] == 1


def test_the_last_check_of_a_chunk_is_the_one_before_the_next_chunk():
    found = records(tol=0.1, check_every=1, max_iter=9)
    assert found.take(HERE, 2, chunk([8, 8], [6, 6]), 1.0) == 2
    assert found.take(HERE, 1, chunk([5.5, 4]), 1.0) == 1
    assert found.going.tolist() == [False, True]


def test_what_overflowed_is_left_to_others_to_tell_of():
    found = records(tol=0.1, check_every=1, max_iter=9)
    with np.errstate(all="raise"):  # inf - inf is no number
        assert found.take(HERE, 3, chunk([np.inf, 8], [np.inf, 6], [np.nan, 4]), 1.0) == 3


@pytest.mark.parametrize("first", [None, np.array([1.0, 1.0])])
def test_the_first_number_is_that_of_the_first_iteration_where_none_is_given(first):
    found = Records(2, Options(rank=1, tol=0.1, check_every=1), first, every=1)
    found.take(HERE, 1, chunk([4, 3]), 1.0)
    assert found.first.tolist() == ([4, 3] if first is None else [1, 1])


def test_interrupted_at_any_line_it_is_as_before_or_as_after():
    """What was recorded, and how many iterations that were, belong together."""
    for line in range(1, 60):
        found = records(max_iter=20, tol=1e-3, check_every=5)
        falls = np.linspace(2, 1, 20)[:, None, None] * np.ones((1, 1, 2))
        found.take(HERE, 10, falls[:10], 0.1)
        left = [line]

        def interrupt(frame, event, arg, left=left):
            if frame.f_code is not Records.take.__code__:
                return None
            left[0] -= event == "line"
            if event == "line" and not left[0]:
                raise KeyboardInterrupt
            return interrupt

        before = sys.gettrace()  # of what measures which lines are run
        sys.settrace(interrupt)
        try:
            found.take(HERE, 10, falls[10:], 0.1)
        except KeyboardInterrupt:
            pass
        else:
            assert line > 20, "nothing was interrupted"
            return
        finally:
            sys.settrace(before)
        assert len(found.errors(0)) == found.n_iter[0] == found.iteration
        assert found.going.all() == (found.iteration < 20)
    pytest.fail("take has more lines than that")
