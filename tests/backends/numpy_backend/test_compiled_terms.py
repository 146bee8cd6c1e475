"""What numba makes of a block of P for a divergence, held against NumPy's own, the reference."""

import numpy as np
import pytest

from nmf_accel.backends.numpy_backend import divergences
from nmf_accel.backends.numpy_backend.kernels import Floats

numba = pytest.importorskip("numba")
terms = pytest.importorskip("nmf_accel.backends.numpy_backend.compiled_terms")
CLOSE = {"float64": 1e-14, "float32": 1e-5}
FLOOR = 0.05


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return np.dtype(request.param)


def both(beta, record, a, P):
    """What it gives, and what NumPy's own does."""
    found = []
    for form in (terms.divergence_terms, divergences.divergence):
        work = [np.empty_like(P) for _ in range(3)]
        Q, B, value = form(P.dtype.type(FLOOR), beta, record, a, P.copy(), None, work)
        found.append((Q.copy(), None if B is None else B.copy(), value))
    return found


def block(dtype, beta, columns=101) -> tuple[Floats, Floats]:
    """Entries of A and of P; some of P are below its floor, and of A zero if they may be."""
    rng = np.random.default_rng(0)
    a, P = rng.gamma(0.5, 1, (7, columns)) + 1e-3, rng.gamma(0.5, 1, (7, columns)) + 1e-3
    a[:, ::5] *= beta == 0
    assert (P < FLOOR).any()
    return a.astype(dtype), P.astype(dtype)


@pytest.mark.parametrize("part", [slice(None), slice(3, 90), slice(None, None, 2)], ids=str)
@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("beta", [0, 1])
def test_a_block_is_as_numpys(beta, record, part, dtype):
    a, P = block(dtype, beta)
    found, expected = both(beta, record, a[:, part], np.ascontiguousarray(P[:, part]))
    assert (found[1] is None) == (expected[1] is None) == (beta == 1)
    for mine, other in zip(found, expected, strict=True):
        if other is not None:
            np.testing.assert_allclose(mine, other, rtol=CLOSE[dtype.name])
    assert record == bool(found[2])


@pytest.mark.parametrize("off", [1e-2, 1e-4, 1e-5])
@pytest.mark.parametrize("beta", [0, 1])
def test_the_value_is_accurate_near_an_exact_fit(beta, off):
    _, P = block(np.dtype(float), beta)
    P += 1
    a = P * (1 + off * np.random.default_rng(1).standard_normal(P.shape))
    exact, p = a.astype(np.longdouble), P.astype(np.longdouble)
    wanted = a / p - np.log(exact / p) - 1 if beta == 0 else exact * np.log(exact / p) - exact + p
    for _, _, value in both(beta, True, a, P):
        assert value == pytest.approx(float(wanted.sum()), rel=1e-10)


@pytest.mark.parametrize("beta", [0, 1])
def test_what_is_no_number_stays_none(beta, dtype):
    a, P = block(dtype, beta)
    P[2, 3] = np.nan
    Q, _, value = both(beta, True, a, P)[0]
    assert np.isnan(Q[2, 3])
    assert np.isnan(value)
    assert np.count_nonzero(np.isnan(Q)) == 1


def test_the_logarithm_is_accurate(dtype):
    @numba.njit
    def logs(x):
        found = np.empty_like(x)
        for i in range(x.size):
            found[i] = terms.log(x[i])
        return found

    limits = np.finfo(dtype)
    near = 1 + np.linspace(-0.5, 1, 5001)
    closest = 1 + limits.eps * np.arange(-8, 9)
    ends = np.log(float(limits.tiny)), np.log(float(limits.max))
    far = np.clip(np.exp(np.linspace(*ends, 5001)), limits.tiny, limits.max)
    x = np.concatenate([near, closest, far]).astype(dtype)
    np.testing.assert_allclose(logs(x), np.log(x.astype(np.longdouble)), rtol=3 * limits.eps)
