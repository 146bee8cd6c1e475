"""Small weights, and components whose size is far apart in W and H: right, or said."""

import warnings

import numpy as np
import pytest

from nmf_accel import nmf
from nmf_accel.core import Point
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import loss_called

rng = np.random.default_rng(0)
A = rng.random((30, 4)) @ rng.random((4, 25)) + 0.1 * rng.random((30, 25))
W, H = rng.random((30, 4)), rng.random((4, 25))


@pytest.mark.parametrize(
    ("size", "dtype"), [(1e-12, "float64"), (1e-120, "float64"), (1e-30, "float32")]
)
def test_weights_count_beside_each_other_and_not_beside_delta(size, dtype):
    options = {"dtype": dtype, "max_iter": 30, "backend": "numpy"}
    expected = nmf(A, 4, weights=np.ones(A.shape), **options)
    found = nmf(A, 4, weights=np.full(A.shape, size), **options)
    assert found.relative_error == pytest.approx(expected.relative_error, rel=1e-5)
    assert found.kkt == pytest.approx(expected.kkt, rel=1e-3)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize(("largest", "size"), [(1e-150, "small"), (1e150, "large")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_that_are_no_numbers_of_the_dtype_are_refused(largest, size, dtype):
    message = f"largest weight is {largest:g}, too {size} for {dtype}; divide the weights by"
    with pytest.raises(ValueError, match=message.replace("+", r"\+")):
        nmf(A, 4, weights=np.full(A.shape, largest), dtype=dtype, backend="numpy")


@pytest.mark.parametrize("loss", ["frobenius", 1, 0])
@pytest.mark.parametrize(
    ("dtype", "order"), [("float32", 66), ("float32", -83), ("float64", 532), ("float64", -990)]
)
def test_the_residual_is_the_same_however_far_apart_they_are(backend, dtype, order, loss):
    problem = prepare(Given(A.astype(dtype)), backend=backend)
    loss = loss_called(loss).on(problem.A)
    for orders in (np.full(4, order), np.array([order, -order, 0, 3])):
        here = np.ldexp(W, orders).astype(dtype), np.ldexp(H.T, -orders).T.astype(dtype)
        with problem.backend.scope(problem.A):
            (found,) = Point(problem, here[0][None], here[1][None], loss).kkt
            (expected,) = Point(problem, W[None], H[None], loss).kkt
        assert found == pytest.approx(expected, rel=1e-5)


def test_a_run_whose_components_all_become_zero_says_so():
    with pytest.warns(UserWarning, match="all components became zero.* W0 and H0 of like size"):
        nmf(A * 1e-100, 4, W0=W, H0=H * 1e-100, max_iter=20, backend="numpy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nmf(A * 1e-100, 4, max_iter=20, backend="numpy")
