"""The golden histories are the oracle's, and a backend that computes otherwise is found out."""

import numpy as np
import pytest
from make_golden import make_golden

from nmf_accel import verify
from nmf_accel.backends.numpy_backend import NumpyBackend, kernels


def test_every_backend_passes(backend):
    checks = list(verify.verify(backend))
    assert [(check.rank, check.dtype) for check in checks] == verify.CASES
    for check in checks:
        assert check.passed
        if check.dtype == "float64":
            assert max(check.history, check.factors) < 1e-11


def test_the_file_is_what_the_oracle_gives():
    stored, made = verify.golden(), make_golden()
    assert set(stored) == set(made)
    assert str(stored["sha256"]) == str(made["sha256"])
    for name in set(made) - {"sha256"}:
        rtol = verify.TOLERANCE[name.partition("-")[0]]
        atol = rtol * np.abs(made[name]).max()
        np.testing.assert_allclose(stored[name], made[name], rtol=rtol, atol=atol)


@pytest.mark.parametrize(("dtype", "mistake"), [("float64", 1e-6), ("float32", 0.03)])
def test_a_wrong_update_is_found(monkeypatch, dtype, mistake):
    # Numerators that are slightly too large: far less than a plot would show.
    plain = kernels.multiply_divide

    def wrong(backend, x, n, d, delta):
        return plain(backend, x, n * x.dtype.type(1 + mistake), d, delta)

    monkeypatch.setitem(kernels.KERNELS, "multiply_divide", wrong)
    monkeypatch.setattr(verify, "CASES", [(4, dtype)])
    assert not any(check.passed for check in verify.verify("numpy"))


def test_products_in_low_precision_are_found(monkeypatch):
    # As on a GPU in TF32: operands of 10 bits.
    plain = NumpyBackend.matmul

    def rounded(x):
        return (x.view(np.uint32) + 0x1000 & 0xFFFFE000).view(np.float32)

    monkeypatch.setattr(
        NumpyBackend, "matmul", lambda self, a, b: plain(self, rounded(a), rounded(b))
    )
    monkeypatch.setattr(verify, "CASES", [(4, "float32"), (32, "float32")])
    assert not any(check.passed for check in verify.verify("numpy"))


def test_other_sprites_are_said_to_be_other(monkeypatch):
    monkeypatch.setattr(verify, "golden_matrix", lambda: np.ones((3, 3)))
    with pytest.raises(RuntimeError, match="the sprites differ"):
        next(verify.verify("numpy"))


def test_not_a_number_does_not_pass():
    nan = float("nan")
    for dtype in ("float64", "float32"):
        assert not verify.Check("numpy", dtype, 4, history=nan, factors=0.0).passed
    assert not verify.Check("numpy", "float64", 4, history=0.0, factors=nan).passed
