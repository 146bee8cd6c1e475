"""Which devices PyTorch's backend finds, and what it does on each; none but the CPU is here."""

import os
import sys
import types

import numpy as np
import pytest
from conftest import run_python

from nmf_accel import backends, nmf
from nmf_accel.backends.torch_backend import TorchBackend, device

A = np.random.default_rng(0).random((12, 10))


@pytest.fixture
def machine(torch, monkeypatch):
    """``machine(cuda=2, xpu=1, mps=True)``: what PyTorch says that there is."""

    def pretend(cuda=0, xpu=0, mps=False, current=0):
        for library, count in ((torch.cuda, cuda), (torch.xpu, xpu)):
            monkeypatch.setattr(library, "is_available", lambda count=count: count > 0)
            monkeypatch.setattr(library, "device_count", lambda count=count: count)
            monkeypatch.setattr(library, "current_device", lambda: current)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("there", "names", "taken"),
    [
        ({}, ["cpu"], "cpu"),
        ({"cuda": 2}, ["cuda:0", "cuda:1", "cpu"], "cuda:0"),
        ({"cuda": 2, "current": 1}, ["cuda:0", "cuda:1", "cpu"], "cuda:1"),
        ({"xpu": 1}, ["xpu:0", "cpu"], "xpu:0"),
        ({"mps": True}, ["mps", "cpu"], "mps"),
        ({"cuda": 1, "xpu": 1, "mps": True}, ["cuda:0", "xpu:0", "mps", "cpu"], "cuda:0"),
    ],
)
def test_devices_and_which_one_is_taken_unasked(machine, there, names, taken):
    machine(**there)
    assert TorchBackend().devices() == names
    assert device.name_of(device.default()) == taken


def test_names_are_those_of_devices(torch, machine):
    machine(cuda=2, mps=True)
    backend = TorchBackend()
    lies = {x: torch.empty(0, device=x) for x in ("cpu",)}
    assert backend.device_of(lies["cpu"]) == "cpu"
    named = {"cuda:1": "cuda:1", "cuda": "cuda:0", "mps:0": "mps", "cpu": "cpu"}
    for asked, name in named.items():
        assert device.name_of(torch.device(asked)) == name
    assert backend.called("cuda") == "cuda:0"
    assert backend.called("tpu") is None


def test_new_tensors_lie_where_a_tensor_is_and_not_where_others_would(torch, monkeypatch):
    backend = backends.get("torch")
    monkeypatch.setattr(device, "default", lambda: torch.device("meta"))
    monkeypatch.setattr("nmf_accel.backends.torch_backend.namespace.default", device.default)
    with backend.scope(torch.as_tensor(A)):
        assert backend.xp.zeros(3).device.type == "cpu"
        with backend.scope():  # of what is on the host, as within a call
            assert backend.xp.asarray(A).device.type == "cpu"
    assert backend.xp.zeros(3).device.type == "meta"
    result = nmf(torch.as_tensor(A), 2, max_iter=3)
    assert result.W.device.type == "cpu"
    # And a device that was asked for is taken in any case.
    result = nmf(A, 2, max_iter=3, backend="torch", device="cpu")
    np.testing.assert_allclose(result.W, nmf(A, 2, max_iter=3, backend="numpy").W, rtol=1e-10)


def test_it_is_a_device_of_others_that_is_refused(torch):
    with pytest.raises(backends.BackendError, match="backend 'torch' has no device 'cuda:7'; it h"):
        nmf(A, 2, backend="torch", device="cuda:7")


BUILDS = [
    ("cuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n", "cuda", True),
    ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4'\n", "hip", True),
    ("cuda: Optional[str] = None\nxpu: Optional[str] = '20250302'\n", "xpu", True),
    ("cuda: Optional[str] = '12.8'\n", None, False),
    ("__version__ = '2.9.0+cpu'\ncuda: Optional[str] = None\nhip = None\n", "cuda", False),
]


@pytest.mark.parametrize(("build", "driver", "worth"), BUILDS)
def test_a_gpu_is_looked_for_without_importing_it(tmp_path, monkeypatch, build, driver, worth):
    (tmp_path / "version.py").write_text(build)
    spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: spec)
    for name in device.DRIVERS:
        monkeypatch.setitem(device.DRIVERS, name, lambda name=name: name == driver)
    assert device.may_accelerate.__wrapped__() is worth
    assert "torch" not in sys.modules


def test_what_is_installed_here_is_looked_at_without_importing_it(torch):
    done = run_python(
        "import sys\n"
        "from nmf_accel import nmf, backends\n"
        "found = backends.get('torch').can_accelerate()\n"
        "nmf([[1.0, 2.0], [3.0, 4.0]], 1, max_iter=1)\n"
        "assert found or 'torch' not in sys.modules\n"
    )
    assert done.returncode == 0, done.stderr


def test_an_old_one_is_refused_with_the_version_it_needs(torch, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.3.1+cu121")
    found = TorchBackend().probe()
    assert not found.usable
    assert found.reason.startswith("needs torch >= 2.4, found 2.3.1+cu121; pip install")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_one_thread_within_and_the_same_numbers(torch):
    done = run_python(
        """
import os, warnings
warnings.simplefilter("ignore")
import numpy as np, torch
from nmf_accel import nmf
A = torch.as_tensor(np.random.default_rng(0).random((700, 900)))
torch.set_num_threads(2)
def run():
    seen = set()
    nmf(A, 8, max_iter=3, callback=lambda *_: seen.add(torch.get_num_threads()), check_every=1)
    return seen, nmf(A, 8, max_iter=3).error
seen, error = run()
assert seen == {2}, seen
out, into = os.pipe()
if not (child := os.fork()):
    seen, found = run()
    again = torch.get_num_threads()
    os.write(into, f"{seen == {1}} {again} {abs(found / error - 1) < 1e-12}".encode())
    os._exit(0)
import select
ready, _, _ = select.select([out], [], [], 60)
print(os.read(out, 100).decode() if ready else "it hangs")
os.kill(child, 9)
os.waitpid(child, 0)
""",
        OMP_NUM_THREADS="2",
    )
    assert done.stdout.strip() == "True 2 True", done.stderr


def test_a_gpu_does_not_live_through_a_fork(torch, monkeypatch):
    backend, gpu = TorchBackend(), backends.Probe(True, "", "a GPU", "2", accelerated=True)
    assert backend.lives_through_fork
    monkeypatch.setattr(TorchBackend, "_probe", lambda self: gpu)
    backend = TorchBackend()
    assert backend.probe().usable
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert "torch was started before this process was forked" in backend.probe().reason


def test_cuda_that_a_fork_has_lost_is_not_taken_for_a_cpu(torch, monkeypatch):
    def lost():
        raise RuntimeError("Cannot re-initialize CUDA in forked subprocess. Use 'spawn'")

    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lost)
    found = TorchBackend().probe()
    assert not found.usable
    assert "Cannot re-initialize CUDA in forked subprocess" in found.reason


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (lambda torch: torch.cuda.OutOfMemoryError("CUDA out of memory."), True),
        (lambda torch: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate"), True),
        (lambda torch: RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (lambda torch: MemoryError(), True),
        (lambda torch: RuntimeError("shapes cannot be multiplied"), False),
        (lambda torch: KeyError("DefaultCPUAllocator"), False),
    ],
)
def test_what_says_that_there_is_no_more_memory(torch, error, told):
    assert backends.get("torch").out_of_memory(error(torch)) is told


def test_pytorch_says_that_in_these_very_words(torch):
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58)
    assert backends.get("torch").out_of_memory(caught.value)


@pytest.mark.parametrize("kind", ["cuda", "xpu"])
def test_memory_that_is_kept_for_new_tensors_can_be_had(torch, machine, monkeypatch, kind):
    machine(**{kind: 1})
    backend, library = TorchBackend(), getattr(torch, kind)
    numbers = {"mem_get_info": (100, 1000), "memory_reserved": 30, "memory_allocated": 10}
    for name, value in numbers.items():
        monkeypatch.setattr(library, name, lambda there, value=value: value, raising=False)
    assert backend.free_memory() == 120
