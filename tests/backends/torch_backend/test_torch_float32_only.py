"""On a device without float64, such as Apple's, everything is float32; here a CPU is such a one.

Every operation is looked at: none gives a tensor of float64.
"""

import numpy as np
import pytest

from nmf_accel import BackendError, backends, nmf, project, sweep
from nmf_accel.backends.torch_backend import device
from nmf_accel.sklearn import NMF

A = np.random.default_rng(0).random((60, 40)).astype(np.float32)
KNOWN = A > 0.1

RUNS = {
    "mu": {},
    "hals": {"solver": "hals"},
    "bpp": {"solver": "bpp", "max_iter": 20},
    "apg": {"solver": "apg"},
    "inner": {"solver": "hals", "inner": 5},
    "extrapolated": {"solver": "hals", "extrapolate": True},
    "kkt": {"stop": "kkt", "tol": 1e-3},
    "descent": {"solver": "hals", "stop": "descent", "tol": 1e-3},
    "penalties": {"solver": "hals", "l1_H": 0.1, "l2_W": 0.1},
    "direct residual": {"rank": 20, "max_iter": 300, "solver": "hals"},
    "kullback-leibler": {"loss": "kullback-leibler"},
    "itakura-saito": {"loss": "itakura-saito"},
    "beta": {"loss": 0.5},
    "weights": {"weights": KNOWN},
    "weights, other loss": {"weights": KNOWN, "loss": "kullback-leibler"},
    "missing": {"missing": 0.0, "solver": "hals"},
    "held": {"W_fixed": A[:, :2].copy(), "solver": "hals"},
    "nndsvda": {"init": "nndsvda"},
}


def forbidding(torch, forbid):
    """Within, `forbid(function, outputs)` sees every operation that PyTorch carries out."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            outputs = function(*args, **(kwargs or {}))
            forbid(function, outputs)
            return outputs

    return Mode()


@pytest.fixture
def float32_only(torch, monkeypatch):
    """Within, the CPU is a device without float64."""
    monkeypatch.setattr(device, "WITHOUT_FLOAT64", {"mps", "cpu"})

    def forbid(function, outputs):
        for x in outputs if isinstance(outputs, (tuple, list)) else (outputs,):
            if isinstance(x, torch.Tensor):
                assert x.dtype != torch.float64, f"{function} gives float64"

    with forbidding(torch, forbid):
        yield


@pytest.mark.parametrize("name", RUNS)
def test_a_run_has_no_float64_in_it(float32_only, name):
    options = {"rank": 4, "max_iter": 60, **RUNS[name]}
    A_ = A + np.float32(0.01) if "loss" in options else A
    found = nmf(A_, backend="torch", **options)
    wanted = nmf(A_, backend="numpy", **options)
    assert found.W.dtype == np.float32
    shorter = min(len(found.errors), len(wanted.errors))
    np.testing.assert_allclose(found.errors[:shorter], wanted.errors[:shorter], rtol=2e-3)


def test_tensors_sweeps_projections_and_the_estimator_have_none(torch, float32_only, tmp_path):
    x = torch.as_tensor(A)
    result = nmf(x, 4, max_iter=20)
    result.save(tmp_path / "f.npz")
    wanted = project(A, result.W.numpy(), backend="numpy")
    np.testing.assert_allclose(project(x, result).numpy(), wanted, atol=1e-3)
    swept = sweep(A, [2, 4], 3, max_iter=20, backend="torch", store=tmp_path / "runs", keep="best")
    assert len(swept.table) == 6
    model = NMF(4, random_state=0, max_iter=5, tol=0, dtype="float32")
    assert model.fit_transform(x.T).dtype == torch.float32
    assert sweep(A, [2], 3, max_iter=5, backend="torch", folds=3).table


def test_by_how_much_errors_are_less_exact(float32_only):
    """Sums in float32 cost the free formula some eps of ‖A‖² more: 4.5e-7 here, twice the usual."""
    B = np.random.default_rng(1).random((400, 300)).astype(np.float32)
    found = nmf(B, 8, max_iter=100, backend="torch").errors
    wanted = nmf(B, 8, max_iter=100, backend="numpy").errors
    np.testing.assert_allclose(found, wanted, rtol=2e-6)


@pytest.mark.parametrize(("x", "options"), [(A.astype(float), {}), (A, {"dtype": "float64"})])
def test_float64_is_refused_in_one_sentence(torch, float32_only, x, options):
    message = (
        "A is to be factorized in float64, but CPU has no more than float32; pass dtype='float"
    )
    with pytest.raises(BackendError, match=message):
        nmf(x, 2, backend="torch", **options)
    with pytest.raises(BackendError, match=message):
        nmf(torch.ones(3, 3, dtype=torch.int32), 2)
    assert nmf(x, 2, backend="torch", dtype="float32", max_iter=2).W.dtype == np.float32


def test_it_is_never_taken_unasked(float32_only, monkeypatch):
    torch_backend = backends.get("torch")
    gpu = backends.Probe(True, "", "a GPU", "2", accelerated=True)
    monkeypatch.setitem(torch_backend.__dict__, "_probed", gpu)
    monkeypatch.setattr(torch_backend, "can_accelerate", lambda: True)
    monkeypatch.setattr(backends.get("jax"), "can_accelerate", lambda: False)
    monkeypatch.setattr(backends.get("cupy"), "can_accelerate", lambda: False)
    assert backends.resolve().name == "numpy"
