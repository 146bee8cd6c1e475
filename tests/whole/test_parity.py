"""Every backend gives what the oracle gives, and what NumPy gives."""

import numpy as np
import pytest
from allowed import FLOAT32, FLOAT32_FROM_FLOAT64, FLOAT64
from conftest import assert_histories_agree, assert_parity, to_host
from reference import reference_nmf

from nmf_accel import backends, nmf

RANKS = (16, 64, 256)


def length(backend):
    """Iterations to compare; array-api-strict checks every operation, so fewer there."""
    return 100 if backend == "strict" else 1000


@pytest.mark.parametrize("rank", RANKS)
def test_punks_in_float64(backend, rank, punk_run, punk_oracle):
    max_iter = length(backend)
    result = punk_run(backend, rank, "float64", max_iter)
    W, H, errors = punk_oracle(rank, max_iter)
    assert_parity(result.W, W, FLOAT64)
    assert_parity(result.H, H, FLOAT64)
    assert_histories_agree(result.errors, errors, FLOAT64)


@pytest.mark.parametrize("rank", RANKS[:2])
def test_punks_in_float32(backend, rank, punk_run, punk_oracle):
    max_iter = length(backend)
    result = punk_run(backend, rank, "float32", max_iter)
    assert result.W.dtype == result.H.dtype == np.float32
    numpy_result = punk_run("numpy", rank, "float32", max_iter)
    assert_histories_agree(result.errors, numpy_result.errors, FLOAT32)
    exact = punk_oracle(rank, max_iter)[2][-1]
    assert abs(result.error / exact - 1) <= FLOAT32_FROM_FLOAT64


@pytest.mark.parametrize("rank", [1, 32])
def test_sprites_in_float64(backend, rank, sprites):
    result = nmf(sprites, rank, seed=3, delta=1e-7, max_iter=200, backend=backend)
    W, H, errors = reference_nmf(sprites, rank, seed=3, delta=1e-7, max_iter=200)
    assert_parity(result.W, W, 1e-11)
    assert_parity(result.H, H, 1e-11)
    assert_histories_agree(result.errors, errors, 1e-11)


def test_sprites_in_float32(backend, sprites):
    result = nmf(sprites, 32, max_iter=200, delta=1e-9, dtype="float32", backend=backend)
    expected = nmf(sprites, 32, max_iter=200, delta=1e-9, dtype="float32", backend="numpy")
    errors = reference_nmf(sprites, 32, max_iter=200, dtype=np.float32)[2]
    assert_histories_agree(result.errors, expected.errors, 1e-3)
    assert_histories_agree(result.errors, errors, 1e-3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_same_run_gives_the_same_bits(backend, dtype, sprites):
    first, second = (nmf(sprites, 16, max_iter=100, dtype=dtype, backend=backend) for _ in range(2))
    for name in ("W", "H", "errors"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_given_starts_are_the_starts(backend, sprites):
    A = sprites[:, :60]
    rng = np.random.default_rng(5)
    W0, H0 = rng.uniform(size=(len(A), 4)), rng.uniform(size=(4, 60))
    H = H0 * (W0.T @ A) / (W0.T @ W0 @ H0 + 1e-9)
    W = W0 * (A @ H.T) / (W0 @ (H @ H.T) + 1e-9)
    result = nmf(A, 4, W0=W0, H0=H0, max_iter=1, delta=1e-9, backend=backend)
    assert_parity(result.H, H, 1e-13)
    assert_parity(result.W, W, 1e-13)


def test_a_run_continues_from_its_result(backend, sprites):
    whole = nmf(sprites, 8, max_iter=60, backend=backend)
    half = nmf(sprites, 8, max_iter=20, backend=backend)
    rest = nmf(sprites, 8, W0=half.W, H0=half.H, max_iter=40, backend=backend)
    assert_histories_agree(np.concatenate([half.errors, rest.errors]), whole.errors, 1e-12)


def test_device_arrays_in_and_out(backend, sprites):
    library = backends.get(backend)
    host = nmf(sprites, 8, max_iter=50, backend=backend)
    with library.scope():
        A = library.asarray(sprites, np.dtype("float64"))
    result = nmf(A, 8, max_iter=50)
    assert result.settings["backend"] == backend
    assert library.owns(result.W)
    assert library.owns(result.H)
    np.testing.assert_array_equal(to_host(result.W), host.W)
    np.testing.assert_array_equal(to_host(result.H), host.H)
    with library.scope():
        assert library.owns(result.reconstruct())


def test_host_arrays_in_and_out(backend, sprites):
    result = nmf(sprites.astype(np.float32), 2, max_iter=2, backend=backend)
    for x in (result.W, result.H):
        assert type(x) is np.ndarray
        assert x.dtype == np.float32


class TestAssertParity:
    expected = np.array([[3.0, 0.0], [0.0, 4.0]])

    def test_equal_and_nearly_equal_arrays_pass(self):
        assert_parity(self.expected.copy(), self.expected, 0.0)
        assert_parity(self.expected + 1e-12, self.expected, 1e-12)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda x: backends.get("strict").asarray(x, x.dtype), "an array of strict"),
            (lambda x: x.astype(np.float32), "float32, not float64"),
            (np.ravel, r"shape \(4,\)"),
            (lambda x: x + 1e-9, "differs by 2.00e-09"),
            (lambda x: x * np.nan, "differs by nan"),
        ],
    )
    def test_anything_else_fails(self, change, message):
        with pytest.raises(AssertionError, match=message):
            assert_parity(change(self.expected), self.expected, 1e-10)

    def test_a_history_that_differs_at_one_iteration_fails(self):
        errors = np.array([3.0, 2.0, 1.0])
        assert_histories_agree(errors * (1 + 1e-12), errors, 1e-11)
        with pytest.raises(AssertionError, match="at iteration 3"):
            assert_histories_agree(errors + np.array([0, 0, 1e-9]), errors, 1e-10)
        with pytest.raises(AssertionError):
            assert_histories_agree(errors[:2], errors, 1e-10)
