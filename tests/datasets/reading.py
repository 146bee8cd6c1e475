"""Matrices to write into files, and how what is read is held against them."""

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nmf_accel.datasets import DatasetError, read

A = np.arange(1.0, 13).reshape(3, 4)
B = A[:2, :3] * 10
DTYPES = ["float64", "float32", "float16", "int32", "uint8", "int64", "bool", ">f4", ">i2"]


def dense(A):
    return A.toarray() if hasattr(A, "toarray") else A


def native(dtype):
    return np.dtype(dtype).newbyteorder("=")


def matrices(dtypes=DTYPES):
    """Matrices of unequal sides too, whose entries differ."""
    sides = st.tuples(st.integers(1, 4), st.integers(1, 4))
    return st.builds(
        lambda shape, dtype, order: np.asarray(
            np.arange(3, 3 + np.prod(shape)).reshape(shape), dtype, order=order
        ),
        sides,
        st.sampled_from(dtypes),
        st.sampled_from("CF"),
    ) | sides.flatmap(
        lambda shape: arrays("float64", shape, elements=st.floats(0, 1e300), fill=st.nothing())
    )


def assert_read(path, expected, **options):
    data = read(str(path), **options)
    np.testing.assert_array_equal(data.A, expected)
    assert data.A.dtype == native(expected.dtype)
    return data


def refused(path, match, **options):
    with pytest.raises(DatasetError, match=match) as caught:
        read(str(path), **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
