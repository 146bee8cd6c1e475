"""NumPy's one walk through A finds the KKT residual that its definition says, for every kind."""

import numpy as np
import pytest
from conftest import THREADS, blas_threads
from reference import kkt_residual, squares
from scipy.sparse import csr_array

from nmf_accel import backends
from nmf_accel.backends.numpy_backend import certificate, shared, threads, ways
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import FROBENIUS, Penalty, residual

pytestmark = pytest.mark.usefixtures("three_threads")
NUMPY = backends.get("numpy")
PENALTIES = Penalty(0.03, 0.2), Penalty(0.01)


def matrix(shape, dtype="float64"):
    """With a zero row, a zero column, and few enough zeros elsewhere."""
    A = np.random.default_rng(0).random(shape).astype(dtype)
    A *= np.random.default_rng(1).random(shape) < 0.5
    A[1], A[:, 3] = 0, 0
    return A


def definition(A, H, W):
    """The KKT residual, with the penalties."""
    penalties = [(l1, l2 or 0) for l1, l2 in PENALTIES]
    return kkt_residual(W, H, squares(A.astype(np.longdouble)), penalties=penalties)


KINDS = {
    "dense": lambda A: A,
    "by columns": np.asfortranarray,
    "strided": lambda A: np.repeat(A, 2, axis=0)[::2],
    "sparse": csr_array,
    "folded": lambda A: np.repeat(np.repeat(A, 3, axis=0), 3, axis=1),
}


@pytest.fixture(params=["threads", "alone"])
def at_work(request, monkeypatch, three_threads):
    """Threads of ours on small blocks, or one thread; the crews that were called up."""
    tiny = {"own_cache": 1, "cache": 0, "handing": 1, "fresh": 99}
    machine = ways.Machine(1) if request.param == "alone" else ways.Machine(THREADS, **tiny)
    monkeypatch.setattr(ways, "here", lambda: machine)
    monkeypatch.setattr(shared, "LEAST_ENTRIES", 1)
    crews, crew = [], threads.crew
    monkeypatch.setattr(threads, "crew", lambda several: crews.append(several) or crew(several))
    return crews


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(90, 251), (251, 90), (150, 150)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("runs", [1, 3])
def test_the_residual(kind, shape, dtype, runs, at_work):
    A = KINDS[kind](matrix(shape, dtype))
    problem = prepare(Given(A), backend="numpy")
    assert problem.A.kind == {"sparse": "sparse", "folded": "folded"}.get(kind, "dense")
    m, n = problem.shape
    rng = np.random.default_rng(2)
    H, W = (rng.random((runs, *x)).astype(dtype) for x in ((4, n), (m, 4)))
    H[rng.random(H.shape) < 0.2] = 0
    W[rng.random(W.shape) < 0.2] = 0
    W[0, 2], H[0, 1, 5] = 1e-44, 1e-44  # below the smallest normal number of float32
    where = (NUMPY, problem.A, problem.frame, H, W.mT, PENALTIES)
    before = H.copy(), W.copy()
    found = residual(NUMPY, *certificate.least_squares_certificate(*where))
    assert bool(at_work) is (kind != "folded" and ways.here().threads > 1)
    A = A.toarray() if kind == "sparse" else A
    expected = [definition(A, *x) for x in zip(H, W, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12 if dtype == "float64" else 1e-5)
    assert found.shape == (runs,)
    for x, y in zip((H, W), before, strict=True):
        np.testing.assert_array_equal(x, y)
    assert blas_threads() == THREADS
    facts = problem.facts(FROBENIUS)
    whole = FROBENIUS.whole_squares(problem.A, facts, problem.frame, H, W.mT, PENALTIES)
    np.testing.assert_array_equal(residual(NUMPY, *whole), found)


@pytest.mark.usefixtures("at_work")
def test_nan_is_seen():
    problem = prepare(Given(matrix((90, 251))), backend="numpy")
    H, Wt = np.ones((1, 4, 251)), np.ones((1, 4, 90))
    H[0, 2, 250] = np.nan
    where = (NUMPY, problem.A, problem.frame, H, Wt, PENALTIES)
    assert np.isnan(residual(NUMPY, *certificate.least_squares_certificate(*where))).all()
