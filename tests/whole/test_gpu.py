"""A GPU does what only a GPU can show; ``pytest -m gpu`` also runs every other test on CuPy."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import CUPY, assert_histories_agree, assert_parity, require_or_skip
from reference import reference_nmf

from nmf_accel import backends, nmf

pytestmark = pytest.mark.gpu
ON_CUPY = pytest.mark.parametrize("gpu", [CUPY], indirect=True)


@pytest.fixture(params=[CUPY, "jax", "torch"])
def gpu(request):
    """The backends that run on a GPU here."""
    found = backends.probe(request.param)
    reason = found.reason or f"it runs on {found.device}, which is no GPU"
    require_or_skip(request.param, found.usable and found.accelerated, reason)
    return backends.get(request.param)


def test_it_says_what_it_is(gpu):
    found = gpu.probe()
    assert found.device
    assert found.version
    assert backends.resolve("auto").probe().accelerated


@pytest.mark.parametrize("rank", [16, 64])
def test_parity_with_the_oracle(gpu, rank, sprites):
    W, H, errors = reference_nmf(sprites, rank, max_iter=300)
    result = nmf(sprites, rank, max_iter=300, delta=1e-9, backend=gpu.name)
    assert_parity(result.W, W, 1e-10)
    assert_parity(result.H, H, 1e-10)
    assert_histories_agree(result.errors, errors, 1e-10)


def test_float32_products_are_not_tf32(gpu):
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(size=(512, 512)).astype(np.float32) for _ in range(2))
    with gpu.scope():
        product = gpu.to_numpy(gpu.matmul(*(gpu.asarray(x, x.dtype) for x in (a, b))))
    exact = a.astype(np.float64) @ b
    assert np.abs(product / exact - 1).max() < 1e-5  # TF32 is off by 1e-4 and more


TF32_SCRIPT = """
import sys, numpy
from nmf_accel import nmf
A = numpy.random.default_rng(0).uniform(size=(512, 600))
result = nmf(A, 64, max_iter=50, solver="hals", dtype="float32", backend="cupy")
numpy.save(sys.stdout.buffer, result.W)
"""


def test_cupys_variable_for_tf32_changes_nothing(monkeypatch):
    found = backends.probe("cupy")
    require_or_skip("cupy", found.usable and found.accelerated, found.reason)
    outputs = []
    for asked in "01":
        monkeypatch.setenv("CUPY_TF32", asked)
        command = [sys.executable, "-c", TF32_SCRIPT]
        outputs.append(subprocess.run(command, capture_output=True, check=True).stdout)
    assert len(outputs[0]) > 512 * 64 * 4
    assert outputs[0] == outputs[1]


def test_device_in_device_out(gpu, sprites):
    with gpu.scope():
        A = gpu.asarray(sprites, np.dtype("float64"))
    result = nmf(A, 8, max_iter=20)
    for x in (result.W, result.H):
        assert gpu.owns(x)
        assert x.device == A.device
    np.testing.assert_array_equal(
        gpu.to_numpy(result.W), nmf(sprites, 8, max_iter=20, backend=gpu.name).W
    )


@pytest.mark.parametrize(
    ("solver", "inner"), [("mu", 10), ("hals", 1), ("hals", 5), ("apg", 10), ("bpp", 1)]
)
def test_solvers(gpu, solver, inner, sprites):
    options = {"solver": solver, "inner": inner, "max_iter": 20}
    result = nmf(sprites, 12, backend=gpu.name, **options)
    expected = nmf(sprites, 12, backend="numpy", **options)
    assert_parity(result.W, expected.W, 1e-10)
    assert_parity(result.H, expected.H, 1e-10)


@ON_CUPY
@pytest.mark.parametrize("solver", ["mu", "hals", "bpp", "apg"])
@pytest.mark.parametrize("turn", [False, True])
def test_sparse(gpu, solver, turn):
    from cupyx.scipy import sparse as there
    from scipy import sparse as here

    rng = np.random.default_rng(0)
    A = rng.random((300, 200)) * (rng.random((300, 200)) < 0.1)
    A[3], A[:, 5] = 0, 0
    A = A.T.copy() if turn else A
    options = {"solver": solver, "max_iter": 30, "l1_H": 0.01, "tol": 1e-9}
    expected = nmf(A, 8, backend="numpy", **options)
    found = nmf(here.csr_array(A), 8, backend="cupy", **options)
    on_device = nmf(there.csr_matrix(here.csr_matrix(A)), 8, **options)
    assert gpu.owns(on_device.W)
    for result in (found.W, gpu.to_numpy(on_device.W)):
        assert_parity(result, expected.W, 1e-10)
    assert_histories_agree(found.errors, expected.errors, 1e-10)
    assert_parity(gpu.to_numpy(on_device.W), found.W, 1e-12)


@pytest.mark.parametrize("gpu", ["torch"], indirect=True)
def test_pytorch_stays_on_the_device(gpu, sprites, tmp_path):
    import torch

    with gpu.scope():
        A = gpu.asarray(np.array(sprites, dtype=gpu.widest), gpu.widest)
    result = nmf(A, 8, max_iter=80)
    assert A.device.type != "cpu"
    assert result.W.device == result.H.device == A.device
    assert isinstance(result.W, torch.Tensor)
    result.save(tmp_path / "f.npz")
    expected = nmf(sprites, 8, max_iter=80, dtype=gpu.widest, backend="numpy")
    tolerance = 1e-10 if gpu.widest == np.float64 else 1e-3
    assert_parity(result.W.cpu().numpy(), expected.W, tolerance)
    assert_histories_agree(result.errors, expected.errors, tolerance)


@ON_CUPY
def test_cupy_waits_for_the_device_once_a_chunk(gpu, sprites, monkeypatch):
    import cupy

    waits = []

    def counted(plain):
        def call(*args, **options):
            waits.append(plain)
            return plain(*args, **options)

        return call

    for owner, names in (
        (cupy, ["asnumpy"]),
        (cupy.ndarray, ["get", "item", "tolist", "__float__", "__int__", "__bool__"]),
        (cupy.cuda.Stream, ["synchronize"]),
        (cupy.cuda.runtime, ["deviceSynchronize", "streamSynchronize"]),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, counted(getattr(owner, name)))

    def waits_of(max_iter):
        waits.clear()
        every = {"check_every": 256, "callback": lambda k, error: None}
        nmf(sprites, 4, max_iter=max_iter, backend="cupy", **every)
        return len(waits)

    captures = 2  # waits, once a run that is long enough: before a graph is captured
    assert 0 < waits_of(8) == waits_of(256) - captures
    assert 0 < waits_of(512) - waits_of(256) == waits_of(768) - waits_of(512)


@pytest.mark.parametrize("gpu", ["jax"], indirect=True)
def test_jax_moves_nothing_to_the_host_within_a_chunk(gpu, sprites, monkeypatch):
    import jax

    plain = gpu.iterate

    def guarded(*args):
        with jax.transfer_guard_device_to_host("disallow_explicit"):
            return plain(*args)

    monkeypatch.setattr(gpu, "iterate", guarded)
    assert nmf(sprites, 4, max_iter=100, backend="jax").n_iter == 100


@ON_CUPY
def test_memory_of_cupy(gpu):
    import cupy

    A = np.random.default_rng(0).uniform(size=(1728, 10_000))
    pool = cupy.get_default_memory_pool()
    nmf(A[:, :100], 64, max_iter=2, backend="cupy")  # what cuBLAS keeps for itself
    pool.free_all_blocks()
    before = pool.total_bytes()
    result = nmf(A, 64, max_iter=20, backend="cupy")
    taken = pool.total_bytes() - before
    assert taken <= 3 * (A.nbytes + result.W.nbytes + result.H.nbytes)
