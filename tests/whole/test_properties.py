"""What theory says of every matrix holds for every matrix that is tried."""

import numpy as np
import pytest
from conftest import BACKENDS, assert_histories_agree, assert_parity, require_or_skip
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference import reference_nmf

from nmf_accel import backends, nmf
from nmf_accel.solvers import SOLVERS

ENTRIES = st.just(0.0) | st.floats(1e-3, 1e3)
SHAPES = st.sampled_from([(5, 4), (2, 6), (1, 3)])  # few, for JAX compiles each
MATRICES = arrays(np.float64, SHAPES, elements=ENTRIES)
RANKS = st.sampled_from([1, 3])
SEEDS = st.integers(0, 2**32)

A = np.random.default_rng(0).uniform(size=(9, 8))


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request):
    """As in conftest.py, but once a module: hypothesis runs many examples in one test."""
    found = backends.probe(request.param)
    require_or_skip(request.param, found.usable, found.reason)
    return request.param


@given(A=MATRICES, rank=RANKS, seed=SEEDS)
@example(A=np.array([[0.0, 160.0, 1.0], [1.0, 1.0, 1.0]]), rank=1, seed=1)  # much cancels
def test_errors_never_increase(backend, A, rank, seed):
    # Equation 17 of the project: ‖A − W_{k+1} H_{k+1}‖ <= ‖A − W_k H_k‖. It holds for delta = 0;
    # the default delta ends the fall at about 1e-9. Errors are reported to 1e-10.
    assume(A.any())
    errors = nmf(A, rank, seed=seed, max_iter=40, delta=1e-30, backend=backend).errors
    rounding = 1e-10 * errors[:-1] + 4 * np.finfo(float).eps * np.linalg.norm(A)
    assert (np.diff(errors) <= rounding).all()


@given(A=MATRICES, rank=RANKS, seed=SEEDS, dtype=st.sampled_from(["float64", "float32"]))
def test_factors_are_non_negative_and_zeros_stay(backend, A, rank, seed, dtype):
    assume(A.any())
    result = nmf(A, rank, seed=seed, max_iter=20, dtype=dtype, backend=backend)
    assert (result.W >= 0).all()
    assert (result.H >= 0).all()
    assert not result.W[~A.any(axis=1)].any()
    assert not result.H[:, ~A.any(axis=0)].any()


@pytest.mark.parametrize(
    ("rows", "columns"), [([], [0]), ([8], []), ([0, 3, 4], [7]), (range(8), range(7))]
)
def test_zero_rows_and_columns_change_nothing_else(backend, rows, columns):
    # The oracle keeps them all the way; the library leaves them out and puts them back.
    A0 = A.copy()
    A0[list(rows)] = 0
    A0[:, list(columns)] = 0
    W, H, errors = reference_nmf(A0, 2, seed=1, max_iter=50)
    result = nmf(A0, 2, seed=1, max_iter=50, delta=1e-9, backend=backend)
    assert_parity(result.W, W, 1e-11)
    assert_parity(result.H, H, 1e-11)
    floor = 1e-14 * np.linalg.norm(A0)
    np.testing.assert_allclose(result.errors, errors, rtol=1e-10, atol=floor)
    assert not result.W[list(rows)].any()
    assert not result.H[:, list(columns)].any()


@given(
    data=st.data(),
    init=st.sampled_from(["random", "nndsvda"]),
    solver=st.sampled_from(list(SOLVERS)),
)
@pytest.mark.parametrize(("dtype", "largest"), [("float64", 30), ("float32", 12)])
def test_scaling_the_matrix_scales_the_fit(backend, dtype, largest, init, solver, data):
    # delta is relative to the scale of the data where it is not given. Measured: at most 3e-14
    # and 3e-6, with bpp.
    scale = 10.0 ** data.draw(st.integers(-largest, largest))
    options = {"solver": solver, "init": init, "max_iter": 10, "dtype": dtype, "backend": backend}
    expected = nmf(A, 3, **options)
    result = nmf(scale * A, 3, **options)
    rtol = {"float64": 1e-12, "float32": 1e-5}[dtype]
    assert_parity(result.W / scale**0.5, expected.W, rtol)
    assert_parity(result.H / scale**0.5, expected.H, rtol)
    np.testing.assert_allclose(result.errors / scale, expected.errors, rtol=rtol)


@given(order=st.permutations(range(A.shape[1])))
def test_permuting_columns_permutes_the_weights(backend, order):
    rng = np.random.default_rng(1)
    W0, H0 = rng.uniform(size=(9, 3)), rng.uniform(size=(3, 8))
    expected = nmf(A, 3, W0=W0, H0=H0, max_iter=30, backend=backend)
    result = nmf(A[:, order], 3, W0=W0, H0=H0[:, order], max_iter=30, backend=backend)
    assert_parity(result.W, expected.W, 1e-12)
    assert_parity(result.H, np.ascontiguousarray(expected.H[:, order]), 1e-12)
    assert_histories_agree(result.errors, expected.errors, 1e-12)


def test_transposing_swaps_the_roles(backend):
    # One half-step serves both factors: started from the other side, an iteration that updates
    # W first is the transposed one.
    W, H, _ = reference_nmf(A, 3, max_iter=1)
    first = nmf(A, 3, W0=W, H0=H, max_iter=1, delta=1e-9, backend=backend)
    H1 = H * (W.T @ A) / (W.T @ W @ H + 1e-9)
    swapped = nmf(A.T.copy(), 3, W0=H1.T, H0=W.T, max_iter=1, delta=1e-9, backend=backend)
    assert_parity(swapped.H, first.W.T.copy(), 1e-13)
