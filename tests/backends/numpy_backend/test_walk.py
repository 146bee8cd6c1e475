"""The walk through W H in blocks: as the generic form, in little memory, by threads."""

import tracemalloc

import numpy as np
import pytest
from conftest import THREADS, assert_parity, blas_threads

from nmf_accel import backends, nmf
from nmf_accel.backends.numpy_backend import divergences as numpys
from nmf_accel.backends.numpy_backend import threads, ways
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import Divergence, loss_called
from nmf_accel.losses.divergences import divergence_parts
from nmf_accel.losses.weighted import rest_parts

NUMPY = backends.get("numpy")
WEIGHTED_BETAS = [-0.5, 0, 0.5, 1, 1.5, 3]


def prepared(A, loss):
    return prepare(Given(A), backend="numpy", objective=loss_called(loss))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(5, 3), (90, 700), (3, 9000)])
@pytest.mark.parametrize("beta", [0, 0.4, 0.8, 1, 3])
@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("record", [True, False])
@pytest.mark.usefixtures("three_threads", "kernels")
def test_numpys_walk_is_the_generic_one(shape, order, beta, runs, record, monkeypatch):
    rng = np.random.default_rng(0)
    A = np.asarray(rng.random(shape) + 0.1 * (beta <= 0), order=order)
    A[0, 1] *= beta > 0
    A = A + 1e-3 * (beta <= 0)
    matrix = NUMPY.matrix(Given(A).raw())
    Y, X = rng.random((runs, 4, shape[0])), rng.random((runs, 4, shape[1]))
    for a, y, x in ((matrix, Y, X), (matrix.T, X, Y)):
        expected = divergence_parts(NUMPY, a, y, x, 1e-9, beta, record)
        for machine in (ways.Machine(1), ways.Machine(THREADS, handing=1)):
            monkeypatch.setattr(ways, "here", lambda machine=machine: machine)
            found = numpys.divergence_parts(NUMPY, a, y, x, 1e-9, beta, record)
            for part, wanted in zip(found, expected, strict=True):
                assert part.shape == wanted.shape
                np.testing.assert_allclose(part, wanted, rtol=1e-12)
    assert blas_threads() == THREADS


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(5, 3), (90, 700), (3, 9000)])
@pytest.mark.parametrize("beta", [None, *WEIGHTED_BETAS])
@pytest.mark.usefixtures("three_threads")
def test_with_weights_it_is_the_generic_one_too(shape, order, beta, monkeypatch):
    rng = np.random.default_rng(0)
    B, weights = (np.asarray(rng.random(shape) + 1e-3, order=order) for _ in range(2))
    matrix = prepare(Given(B, weights=weights), backend="numpy").A
    Y, X = rng.random((2, 4, shape[0])), rng.random((2, 4, shape[1]))
    form = rest_parts if beta is None else divergence_parts
    more = (True,) if beta is None else (1e-9, beta, True)
    for a, y, x in ((matrix, Y, X), (matrix.T, X, Y)):
        expected = form(NUMPY, a, y, x, *more)
        for machine in (ways.Machine(1), ways.Machine(THREADS, handing=1)):
            monkeypatch.setattr(ways, "here", lambda machine=machine: machine)
            found = getattr(numpys, form.__name__)(NUMPY, a, y, x, *more)
            for part, wanted in zip(found, expected, strict=True):
                np.testing.assert_allclose(part, wanted, rtol=1e-11, atol=1e-13)
    assert blas_threads() == THREADS


@pytest.mark.parametrize("beta", [0, 1, 2.5])
def test_columns_in_blocks_are_not_for_what_is_carried_of_each(beta, monkeypatch):
    rng = np.random.default_rng(0)
    A, W0, H0 = (rng.random(shape) + 0.1 for shape in ((40, 900), (40, 5), (5, 900)))
    settings = {"loss": beta, "W0": W0, "H0": H0, "max_iter": 10, "backend": "numpy"}
    expected = nmf(A, 5, **settings)
    machine = ways.Machine(THREADS, cache=0, own_cache=1, fresh=99, handing=1)
    monkeypatch.setattr(ways, "here", lambda: machine)
    assert isinstance(ways.way_for(prepared(A, 2).A, H0[None], machine), ways.ByColumns)
    found = nmf(A, 5, **settings)
    assert_parity(found.W, expected.W, 1e-10)
    np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-10)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("beta", [0, 0.5, 1])
def test_memory_does_not_grow_with_the_matrix(beta):
    """Of an iteration, beside what is as large as the factors."""
    A = np.random.default_rng(0).random((200, 20_000)) + 0.1
    loss, (Y, X) = Divergence(beta), (np.ones((1, 4, size)) for size in A.shape)
    matrix = prepared(A, beta).A
    loss.model(matrix, (1e-9,), Y, X)  # compiled where it is
    tracemalloc.start()
    for a, y, x in ((matrix, Y, X), (matrix.T, X, Y)):
        loss.model(a, (1e-9,), y, x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 15 * 2**20 < A.nbytes / 2  # of two threads


def test_with_a_blas_that_cannot_be_held_one_thread_walks(monkeypatch):
    monkeypatch.setattr(ways, "here", lambda: ways.Machine(8, holds=False, handing=1))
    crews = []
    monkeypatch.setattr(threads, "crew", crews.append)
    A, Y, X = np.ones((40, 60)), np.ones((1, 5, 40)), np.ones((1, 5, 60))
    numpys.divergence_parts(NUMPY, prepared(A, 0.5).A, Y, X, 1e-9, 0.5, True)
    assert not crews
