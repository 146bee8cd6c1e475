"""`device=`: of several the one that was asked for, or a sentence that says which there are."""

import inspect

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import run_python

from nmf_accel import BackendError, backends, nmf, project, sweep
from nmf_accel.backends import Probe, registry
from nmf_accel.cli import main
from nmf_accel.matrices import RawDense
from nmf_accel.sklearn import NMF
from nmf_accel.timing import compare

A = np.random.default_rng(0).random((6, 5))


@pytest.fixture
def pretend(monkeypatch):
    """``pretend(name, *devices)``: a backend that can run, and reaches these; of GPUs the first."""

    def pretend(name, *devices):
        backend = backends.get(name)
        accelerated = devices[0] != "cpu"
        monkeypatch.setitem(
            backend.__dict__, "_probed", Probe(True, devices[0], "1", "1", accelerated)
        )
        monkeypatch.setattr(type(backend), "devices", lambda self: list(devices))
        monkeypatch.setattr(type(backend), "can_accelerate", lambda self: accelerated)

    return pretend


class TestChoice:
    def test_auto_takes_the_first_backend_that_reaches_the_device(self, pretend):
        pretend("cupy", "cuda:0", "cuda:1")
        pretend("jax", "cuda:0", "cuda:1", "cuda:2", "cpu:0")
        for device, name in (("cuda:1", "cupy"), ("cuda:2", "jax"), ("cpu", "numpy")):
            assert registry._reaching(device, RawDense) == name

    def test_a_kind_of_device_means_its_first(self, pretend):
        pretend("jax", "cuda:3", "cuda:5", "cpu:0")
        jax = backends.get("jax")
        called = {"cuda": "cuda:3", "cuda:5": "cuda:5", "cpu": "cpu:0", "cuda:1": None, "cud": None}
        assert {name: jax.called(name) for name in called} == called

    def test_there_is_one_backend_for_each_name_and_device(self):
        numpy = backends.resolve("numpy", device="cpu")
        assert numpy.device == "cpu"
        assert numpy is backends.get("numpy", "cpu") is not backends.get("numpy")
        assert backends.get("numpy") is backends.get("numpy", None)
        assert backends.get("numpy").device is None

    def test_the_environment_says_it_too_and_the_argument_beats_it(self, monkeypatch):
        monkeypatch.setenv(backends.DEVICE_VARIABLE, "cuda:7")
        with pytest.raises(BackendError, match="'numpy' has no device 'cuda:7'; it has cpu"):
            nmf(A, 2, backend="numpy")
        assert nmf(A, 2, max_iter=1, backend="numpy", device="cpu").n_iter == 1
        monkeypatch.setenv(backends.DEVICE_VARIABLE, "")
        assert nmf(A, 2, max_iter=1, backend="numpy").n_iter == 1


class TestRefusals:
    def test_a_device_that_no_backend_reaches(self, pretend):
        pretend("jax", "cpu:0", "cpu:1")
        message = r"no backend reaches device 'cuda:9': numpy has cpu; jax has cpu:0, cpu:1"
        with pytest.raises(BackendError, match=message):
            nmf(A, 2, device="cuda:9")

    def test_a_backend_whose_library_leaves_no_choice(self):
        with pytest.raises(BackendError, match="'strict' has no device 'cpu'; it has no choice"):
            nmf(A, 2, backend="strict", device="cpu")

    def test_what_is_no_name(self):
        with pytest.raises(TypeError, match=r"device is 1; it must be a name, such as 'cpu'"):
            nmf(A, 2, device=1)

    @pytest.mark.parametrize(
        "call",
        [
            lambda **where: sweep(A, [2], 1, **where),
            lambda **where: project(A, A[:, :2], **where),
            lambda **where: NMF(2, **where).fit(A),
            lambda **where: NMF(2, **where).fit(A * 0),
            lambda **where: compare(A, 2, backends=[where["backend"]], device=where["device"]),
        ],
    )
    def test_every_door_takes_it(self, call):
        with pytest.raises(BackendError, match="'numpy' has no device 'cuda'; it has cpu"):
            call(backend="numpy", device="cuda")

    @pytest.mark.parametrize("command", [("fit", "a.npy"), ("sweep", "a.npy"), ("study", "sprites"),
                                         ("bench", "a.npy"), ("verify",)])  # fmt: skip
    def test_every_command_takes_it(self, command, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        np.save("a.npy", A)
        rank = {"fit": ["--rank", "2"], "bench": ["--rank", "2"], "sweep": ["--ranks", "2"]}
        args = [*command, *rank.get(command[0], []), "--backend", "numpy", "--device", "cuda"]
        done = CliRunner().invoke(main, args)
        assert done.exit_code in (1, 2)
        assert "backend 'numpy' has no device 'cuda'; it has cpu" in done.stderr

    def test_verify_asks_whose_device_it_is(self):
        done = CliRunner().invoke(main, ["verify", "--device", "cpu"])
        assert done.exit_code == 2
        assert "say by --backend of which" in done.stderr


def test_it_stands_beside_backend_wherever_that_is():
    for function in (nmf, sweep, project, NMF.__init__):
        names = list(inspect.signature(function).parameters)
        assert names[names.index("backend") + 1] == "device"


THREE_DEVICES = """
import jax, numpy as np
from nmf_accel import nmf, sweep, project
A = np.random.default_rng(0).random((12, 9))
one, used = nmf(A, 3, max_iter=5, backend="jax"), set()
from nmf_accel.backends.jax_backend import JaxBackend
plain = JaxBackend.iterate
def watched(self, step, state, *others):
    used.update(device for x in state for device in x.devices())
    return plain(self, step, state, *others)
JaxBackend.iterate = watched
last = jax.devices()[2]
where = {"backend": "jax", "device": "cpu:2"}
np.testing.assert_array_equal(nmf(A, 3, max_iter=5, **where).W, one.W)
sweep(A, [3], 1, reference=A, max_iter=5, **where)
project(A, one.W, **where)
assert used == {last}, used
used.clear()
nmf(A, 3, max_iter=5, device="cpu:2")
assert used == {last}, used
there = jax.device_put(A.astype("f4"), jax.devices()[1])
assert nmf(there, 2, max_iter=2, device="cpu:1").W.devices() == there.devices()
try:
    nmf(there, 2, device="cpu:2")
except ValueError as error:
    assert str(error).startswith("A lies on cpu:1, but device='cpu:2' was asked for; move"), error
else:
    raise AssertionError("moved behind the caller's back")
assert jax.config.jax_default_device is None
"""


def test_jax_computes_where_it_is_told():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=3", "JAX_PLATFORMS": "cpu"}
    done = run_python(THREE_DEVICES, **flags)
    assert done.returncode == 0, done.stderr


@pytest.mark.standin
def test_cupy_computes_where_it_is_told(ledger, monkeypatch, cupy):
    monkeypatch.setattr(ledger.machine, "devices", 2)
    backend, used = backends.get("cupy"), set()
    assert backend.devices() == ["cuda:0", "cuda:1"]
    plain = type(backend).iterate

    def watched(self, *args):
        used.add(cupy.cuda.runtime.getDevice())
        return plain(self, *args)

    monkeypatch.setattr(type(backend), "iterate", watched)
    result = nmf(A, 2, max_iter=3, backend="cupy", device="cuda:1")
    assert used == {1}
    np.testing.assert_array_equal(result.W, nmf(A, 2, max_iter=3, backend="cupy").W)
    assert used == {0, 1}
    with pytest.raises(BackendError, match="'cupy' has no device 'cuda:2'; it has cuda:0, cuda:1"):
        nmf(A, 2, backend="cupy", device="cuda:2")
    with pytest.raises(ValueError, match="A lies on cuda:0, but device='cuda:1' was asked for"):
        nmf(cupy.asarray(A), 2, device="cuda:1")
    with cupy.cuda.Device(1):
        there = cupy.asarray(A)
    assert nmf(there, 2, max_iter=3, device="cuda:1").W.device.id == 1
