"""A call gets the backend that it should, and one that cannot run says why."""

import importlib.metadata
from importlib.metadata import EntryPoint

import array_api_strict
import numpy as np
import pytest
from conftest import require_or_skip, run_python
from scipy.sparse import csr_array
from strict_backend import DEVICE, StrictBackend

from nmf_accel import BackendError, backends, nmf
from nmf_accel.backends import Probe, registry

A = np.array([[1.0, 2.0], [3.0, 4.0]])
GPU = Probe(True, device="a GPU", version="1", accelerated=True)
NO_GPU = Probe(False, "no driver")


def on_device(name, x=A):
    backend = backends.get(name)
    with backend.scope():
        return backend.asarray(x, x.dtype)


@pytest.fixture
def pretend(monkeypatch):
    """``pretend(name, probe)``: what the probe of a backend finds."""

    def pretend(name, found):
        monkeypatch.setitem(backends.get(name).__dict__, "_probed", found)
        monkeypatch.setattr(backends.get(name), "can_accelerate", lambda: True)
        wide = property(lambda backend: np.dtype("float64"))
        monkeypatch.setattr(type(backends.get(name)), "widest", wide)

    return pretend


@pytest.fixture
def third_party(monkeypatch):
    """``third_party(name, value)``: register one more backend."""
    plain = importlib.metadata.entry_points

    def register(name, value):
        point = EntryPoint(name, value, backends.GROUP)
        monkeypatch.setattr(
            "importlib.metadata.entry_points", lambda group: [*plain(group=group), point]
        )
        registry._installed.cache_clear()

    yield register
    monkeypatch.undo()
    registry._installed.cache_clear()


def test_built_in_ones_come_first_then_those_of_others():
    assert backends.names() == ["numpy", "cupy", "jax", "torch", "strict"]
    assert isinstance(backends.get("strict"), StrictBackend)
    assert backends.get("strict") is backends.get("strict")


class TestChoice:
    """Argument, then the library of A, then the environment, then auto."""

    def test_the_argument_beats_the_environment(self, monkeypatch):
        monkeypatch.setenv(backends.VARIABLE, "strict")
        assert nmf(A, 1, max_iter=1, backend="numpy").settings["backend"] == "numpy"

    def test_the_library_of_a_beats_the_environment(self, monkeypatch):
        monkeypatch.setenv(backends.VARIABLE, "numpy")
        assert nmf(on_device("strict"), 1, max_iter=1).settings["backend"] == "strict"

    def test_the_environment_beats_auto(self, monkeypatch):
        monkeypatch.setenv(backends.VARIABLE, "strict")
        result = nmf(A, 1, max_iter=1)
        assert result.settings["backend"] == "strict"
        assert type(result.W) is np.ndarray

    @pytest.mark.parametrize(
        ("cupy", "jax", "torch", "picked"),
        [
            (GPU, GPU, GPU, "cupy"),
            (NO_GPU, GPU, GPU, "jax"),
            (NO_GPU, NO_GPU, GPU, "torch"),
            (NO_GPU, Probe(True, device="CPU"), Probe(True, device="CPU"), "numpy"),
            (NO_GPU, NO_GPU, NO_GPU, "numpy"),
        ],
    )
    def test_auto_is_a_usable_gpu_else_numpy(self, pretend, cupy, jax, torch, picked):
        for name, found in (("cupy", cupy), ("jax", jax), ("torch", torch)):
            pretend(name, found)
        assert backends.resolve().name == picked
        assert backends.resolve("auto").name == picked

    def test_a_library_that_cannot_reach_a_gpu_is_not_probed(self, monkeypatch):
        for name in ("jax", "cupy", "torch"):
            monkeypatch.setattr(backends.get(name), "can_accelerate", lambda: False)
        monkeypatch.setattr(registry, "probe", lambda name: pytest.fail("probed"))
        assert backends.resolve("auto").name == "numpy"

    @pytest.mark.parametrize("name", ["numpy", "strict"])
    def test_a_device_array_is_not_moved_behind_the_callers_back(self, name):
        other = {"numpy": "strict", "strict": "jax"}[name]
        require_or_skip("jax", backends.probe("jax").usable, backends.probe("jax").reason)
        with pytest.raises(ValueError, match=f"A is a {other} array, but backend='{name}'"):
            nmf(on_device(other), 1, backend=name)

    def test_a_gpu_without_float64_is_taken_where_it_is_asked_for_alone(self, pretend, monkeypatch):
        pretend("cupy", NO_GPU)
        pretend("jax", NO_GPU)
        pretend("torch", GPU)
        narrow = property(lambda backend: np.dtype("float32"))
        monkeypatch.setattr(type(backends.get("torch")), "widest", narrow)
        assert backends.resolve().name == "numpy"
        assert backends.resolve("torch").name == "torch"

    def test_auto_leaves_a_device_array_where_it_is(self, pretend):
        pretend("cupy", GPU)
        assert backends.resolve("auto", on_device("strict")).name == "strict"


class TestErrors:
    UNKNOWN = "unknown backend 'tensorly'; valid ones are auto, numpy, cupy, jax, torch, strict"

    def test_an_unknown_name_lists_the_valid_ones(self):
        with pytest.raises(ValueError, match=self.UNKNOWN):
            nmf(A, 1, backend="tensorly")

    def test_an_unknown_name_in_the_environment_too(self, monkeypatch):
        monkeypatch.setenv(backends.VARIABLE, "tensorly")
        with pytest.raises(ValueError, match=self.UNKNOWN):
            nmf(A, 1)

    def test_an_unknown_name_is_unknown_for_a_device_array_too(self):
        with pytest.raises(ValueError, match=self.UNKNOWN):
            nmf(on_device("strict"), 1, backend="tensorly")

    def test_an_unusable_one_says_why_and_is_not_replaced(self, pretend, monkeypatch):
        pretend("cupy", NO_GPU)
        message = "backend 'cupy' cannot run here: no driver"
        with pytest.raises(BackendError, match=message):
            nmf(A, 1, backend="cupy")
        monkeypatch.setenv(backends.VARIABLE, "cupy")
        with pytest.raises(BackendError, match=message):
            nmf(A, 1)

    def test_probe_raises_for_an_unknown_name_only(self):
        with pytest.raises(ValueError, match="unknown backend"):
            backends.probe("tensorly")

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (
                RuntimeError("libcuda is too old\nstack trace"),
                "unusable: libcuda is too old; run x",
            ),
            (ModuleNotFoundError("No module", name="thing"), "thing is not installed; run x"),
            (OSError(), "unusable: OSError; run x"),
        ],
    )
    def test_a_failing_probe_becomes_a_reason(self, error, reason):
        class Broken(StrictBackend):
            install = "run x"

            def _probe(self):
                raise error

        found = Broken().probe()
        assert not found.usable
        assert found.reason.endswith(reason)


class TestThirdParties:
    def test_a_broken_one_breaks_nothing_else(self, third_party):
        third_party("broken", "no_such_module:Backend")
        assert "broken" in backends.names()
        assert not backends.probe("broken").usable
        assert "No module named 'no_such_module'" in backends.probe("broken").reason
        with pytest.raises(BackendError, match="'broken' could not be loaded: No module"):
            nmf(A, 1, backend="broken")
        assert nmf(A, 1, max_iter=1).settings["backend"] == "numpy"

    def test_a_broken_line_of_the_table_breaks_nothing_else(self, monkeypatch):
        monkeypatch.setitem(backends.BACKENDS, "torn", "no_such_module:Backend")
        assert nmf(A, 1, max_iter=1).settings["backend"] == "numpy"
        assert nmf(csr_array(A), 1, max_iter=1).settings["backend"] == "numpy"
        with pytest.raises(BackendError, match="'strict' takes no sparse matrices; take numpy or"):
            nmf(csr_array(A), 1, backend="strict")
        with pytest.raises(BackendError, match="'torn' could not be loaded: No module"):
            nmf(A, 1, backend="torn")

    def test_an_entry_point_may_name_extras(self, third_party):
        third_party("extra", "strict_backend:StrictBackend [gpu]")
        assert isinstance(backends.get("extra"), StrictBackend)

    def test_a_built_in_one_cannot_be_replaced(self, third_party):
        third_party("numpy", "strict_backend:StrictBackend")
        assert backends.names().count("numpy") == 1
        assert backends.get("numpy").name == "numpy"

    def test_the_strict_device_is_closed_to_numpy(self):
        # Otherwise it would vouch for nothing.
        x = backends.get("strict").asarray(A, np.dtype("float64"))
        assert x.device == DEVICE
        with pytest.raises(Exception, match=r"[Dd]evice"):
            np.asarray(x)
        with pytest.raises(ValueError, match=r"[Dd]evice"):
            array_api_strict.matmul(x, array_api_strict.asarray(A))


def test_the_modules_of_absent_libraries_are_not_imported():
    done = run_python(
        "import sys, numpy, nmf_accel\n"
        "nmf_accel.nmf(numpy.eye(2), 1, max_iter=1, backend='numpy')\n"
        "print([m for m in ('jax', 'cupy', 'torch', 'matplotlib', 'PIL') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr
