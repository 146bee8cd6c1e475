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
    for ends, iterations in (([9, 9, 9, 5], 3), ([9, 9, 5, 5, 5, 5], 6)):
        found = records(tol=0.1, check_every=3, max_iter=9)
        assert found.take(HERE, 2, chunk(*[[x, x] for x in ends[:2]]), 1.0) == 2
        rest = chunk(*[[x, x] for x in ends[2:]])
        assert found.take(HERE, len(rest), rest, 1.0) == iterations - 2
        assert found.converged.all()


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
    found.take(HERE, 3, chunk([4, 3], [2, 2], [1, 1]), 1.0)
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


def test_of_records_between_which_there_are_others_each_is_the_check_at_its_end():
    found = Records(2, Options(rank=1, tol=0.1, check_every=3, max_iter=8), np.full(2, 10.0), 2)
    # Of iterations 2, 4, 6: checks are at 3 and 6, where 4 and 6 were recorded.
    assert found.take(HERE, 6, chunk([9, 9], [8, 8.5], [5, 8]), 6.0) == 6
    assert found.going.tolist() == [True, False]
    assert found.n_iter.tolist() == [6, 6]
    assert found.errors(1).tolist() == [9, 8.5, 8]
    assert found.take(HERE, 2, chunk([1, 1]), 6.0) == 2, "the last one is at 8"
    assert found.errors(0).tolist() == [9, 8, 5, 1]
    assert found.errors(1).tolist() == [9, 8.5, 8]
    assert found.stopped_because[0] == "max_iter = 8 reached"


def test_a_run_that_ends_between_two_records_has_the_one_behind():
    found = Records(2, Options(rank=1, tol=0.1, check_every=3, max_iter=9), np.full(2, 10.0), 2)
    assert found.take(HERE, 6, chunk([9.5, 5], [9.2, 4], [9.1, 2]), 6.0) == 6
    assert found.n_iter.tolist() == [3, 6]
    assert found.errors(0).tolist() == [9.5, 9.2]
    assert found.watched.tolist() == [9.2, 2]
    assert found.error.tolist() == [9.1, 2]


def test_seconds_are_shared_out_and_those_of_a_compiler_are_no_iterations():
    found = records(tol=0.1, check_every=2, max_iter=40)
    assert found.take(HERE, 2, chunk([9, 4], [9, 3]), 40.0) == 2
    assert found.seconds.tolist() == [20, 20]
    assert [found.seconds_per_iteration(r) for r in (0, 1)] == [10, 10], "there is no more"
    assert found.going.tolist() == [False, True]
    found.take(HERE, 4, chunk([9, 2], [9, 1.5], [9, 1], [9, 0.1]), 8.0)
    assert found.n_iter.tolist() == [2, 6]
    assert found.seconds.tolist() == [20, 28], "the one that was going has them all"
    assert found.seconds_per_iteration(0) == 10
    assert found.seconds_per_iteration(1) == 2
    early = records(tol=0.1, check_every=2, max_iter=40)
    early.take(HERE, 8, chunk(*[[9, 9]] * 8), 80.0)
    assert early.seconds.tolist() == [10, 10], "the rest was in vain"
    assert early.seconds_per_iteration(0) == 5


def test_what_is_followed_need_not_be_the_error():
    found = Records(2, Options(rank=1, tol=0.1, stop="kkt", check_every=1), np.ones(2), every=1)
    recorded = np.array([[[5, 6], [0.3, 0.05]], [[4, 5], [0.2, 0.04]]])
    assert found.take(HERE, 2, recorded, 1.0) == 2
    assert found.errors(0).tolist() == [5, 4]
    assert found.errors(1).tolist() == [6]
    assert found.watched.tolist() == [0.2, 0.05]
    assert found.converged.tolist() == [False, True]
    assert found.stopped_because == ["", "the KKT residual fell to tol = 0.1"]


def test_runs_that_are_stopped_say_why_and_those_that_were_done_say_no_more():
    found = records(tol=0.1, check_every=1, max_iter=9)
    found.take(HERE, 1, chunk([10, 5]), 1.0)
    found.stop("enough")
    assert not found.going.any()
    assert found.stopped_because[1] == "enough"
    assert "tol = 0.1 of the start's over 1 iterations" in found.stopped_because[0]
    assert found.converged.tolist() == [True, False]


def test_without_tol_nothing_is_checked():
    found = records(tol=0.0, check_every=1, max_iter=3)
    assert found.take(HERE, 2, chunk([9, 9], [9, 9]), 1.0) == 2
    assert found.going.all()
    assert found.take(HERE, 1, chunk([8, 7]), 1.0) == 1
    assert found.error.tolist() == [8, 7]
    assert found.stopped_because == ["max_iter = 3 reached"] * 2
