"""Sides of a matrix of which nothing is left out, but lines are held at zero where they stand."""

import numpy as np

from nmf_accel import backends
from nmf_accel.matrices import Frame, RawDense, Side, Standing

NUMPY = backends.get("numpy")
KEPT = np.array([True, False, True])
SIDE = Standing(3, kept=KEPT, library=NUMPY)


def test_what_is_not_kept_is_zero_where_it_stands():
    x = np.arange(1.0, 7).reshape(2, 3)
    assert SIDE.keep(NUMPY, x).tolist() == [[1, 0, 3], [4, 0, 6]]
    assert SIDE.keep(NUMPY, x.T, 0).tolist() == [[1, 4], [0, 0], [3, 6]]
    assert SIDE.put_back(NUMPY, x) is x
    assert SIDE.left_out.tolist() == [1]


def test_the_matrix_itself_is_not_copied():
    A = np.ones((2, 3)) * KEPT
    cut = RawDense(A, NUMPY).cut(Frame(Side(2), SIDE))
    assert cut.array is A
