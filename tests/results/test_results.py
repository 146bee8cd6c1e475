"""A factorization says what it found and how, and its file holds all of it."""

import json
import os
import pickle

import numpy as np
import pytest
from conftest import to_host

from nmf_accel import Factorization, backends, nmf

A = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 3.0], [0.0, 3.0, 3.0]])
ARRAYS = ("W", "H", "errors", "W0", "H0")


@pytest.fixture
def result():
    return nmf(A, 2, max_iter=20, seed=4, backend="numpy")


def test_what_it_says(result):
    assert result.rank == 2
    assert result.n_iter == 20
    assert result.error == result.errors[-1]
    assert result.norm == pytest.approx(np.linalg.norm(A), rel=1e-14)
    assert result.relative_error == result.error / result.norm
    assert not result.converged
    assert result.stopped_because == "max_iter = 20 reached"
    assert result.seconds > 0
    assert result.seconds_per_iteration > 0
    # WᵀA, AHᵀ; WᵀW, HHᵀ; (WᵀW)H, W(HHᵀ)
    assert result.flops_per_iteration == 2 * (2 * 3 * 3 * 2) + 4 * (2 * 3 * 2 * 2)


def test_reconstructions(result):
    np.testing.assert_array_equal(result.reconstruct(), result.W @ result.H)
    np.testing.assert_allclose(result.reconstruct([2, 0]), (result.W @ result.H)[:, [2, 0]])
    np.testing.assert_allclose(result.reconstruct(slice(2)), (result.W @ result.H)[:, :2])


def test_it_records_what_repeats_the_run(result):
    settings = result.settings
    options = {k: settings[k] for k in ("seed", "max_iter", "tol", "check_every", "delta", "dtype")}
    again = nmf(A, settings["rank"], backend=settings["backend"], **options)
    for name in ("W", "H", "errors"):
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))
    assert settings["shape"] == [3, 3]
    assert settings["versions"]["numpy"] == np.__version__
    assert {"nmf_accel", "python"} <= set(settings["versions"])
    assert settings["device"].startswith("CPU")


def test_the_summary_is_json(backend):
    result = nmf(A, 2, max_iter=np.int64(3), tol=np.float64(1e-9), backend=backend)
    summary = json.loads(json.dumps(result.summary()))
    assert summary["error"] == result.error
    assert summary["iterations"] == 3
    assert summary["backend"] == backend
    assert summary["gflops"] == pytest.approx(
        result.flops_per_iteration / result.seconds_per_iteration / 1e9
    )


@pytest.mark.parametrize("starts", [{}, {"W0": np.ones((3, 2)), "H0": np.eye(2, 3) + 1}])
def test_a_file_holds_everything(backend, starts, tmp_path):
    result = nmf(A, 2, max_iter=7, backend=backend, **starts)
    result.save(tmp_path / "f.npz")
    loaded = Factorization.load(tmp_path / "f.npz")
    for name in ARRAYS:
        stored, original = getattr(loaded, name), getattr(result, name)
        np.testing.assert_array_equal(stored, original)
        assert original is None or stored.dtype == original.dtype
    assert loaded.given is None
    for name in set(Factorization.__dataclass_fields__) - {*ARRAYS, "given"}:
        assert getattr(loaded, name) == getattr(result, name), name


def test_it_is_pickled_without_the_matrix(result):
    assert result.given is not None
    copied = pickle.loads(pickle.dumps(result))
    assert copied.given is None
    np.testing.assert_array_equal(copied.W, result.W)


def test_a_file_keeps_the_name_it_is_given(result, tmp_path):
    result.save(str(tmp_path / "without_ending"))
    assert os.listdir(tmp_path) == ["without_ending"]
    np.testing.assert_array_equal(Factorization.load(tmp_path / "without_ending").W, result.W)


def test_other_files_are_refused(result, tmp_path):
    path = tmp_path / "f.npz"
    np.savez(path, W=result.W)
    with pytest.raises(ValueError, match=r"f.npz is not a factorization; it holds \['W'\]"):
        Factorization.load(path)
    np.savez(path, W=result.W, record=np.array(json.dumps({"format": 2})))
    with pytest.raises(ValueError, match="has format 2, newer than 1; upgrade nmf-accel"):
        Factorization.load(path)
    np.save(tmp_path / "f.npy", result.W)
    with pytest.raises(ValueError, match=r"f.npy is not a factorization"):
        Factorization.load(tmp_path / "f.npy")


def test_a_result_is_frozen(result):
    with pytest.raises(AttributeError, match="cannot assign"):
        result.W = None


def test_a_failed_save_leaves_the_old_file(result, tmp_path, monkeypatch):
    path = tmp_path / "f.npz"
    result.save(path)
    before = path.read_bytes()

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        result.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["f.npz"]


def test_a_reconstruction_on_a_device_has_the_precision_of_the_factors(backend):
    library = backends.get(backend)
    with library.scope():
        A = library.asarray(np.random.default_rng(0).random((9, 7)), np.dtype("float64"))
    found = nmf(A, 2, max_iter=5)
    W, H = found.to_arrays()
    assert_allclose = np.testing.assert_allclose
    assert_allclose(to_host(found.reconstruct()), W @ H, rtol=1e-14)
    assert_allclose(to_host(found.reconstruct(slice(2, 4))), (W @ H)[:, 2:4], rtol=1e-14)
    assert found.reconstruct(slice(0)).shape == (9, 0)
    assert_allclose(to_host(found.reconstruct(3)), (W @ H)[:, 3], rtol=1e-14)
