"""Which backends there are, which one a call gets, and what an unusable one says."""

import importlib
from importlib.metadata import EntryPoint

import array_api_strict
import numpy as np
import pytest
from conftest import require_or_skip, run_python
from strict_backend import DEVICE, StrictBackend

from nmf_accel import BackendError, backends, nmf
from nmf_accel.backends import registry
from nmf_accel.backends.base import Backend, Probe
from nmf_accel.backends.cupy_backend import backend as cupy_backend
from nmf_accel.backends.cupy_backend import kernels as cupy_kernels
from nmf_accel.backends.jax_backend import JaxBackend
from nmf_accel.matrices import Sparse
from nmf_accel.solvers.multiplicative import multiply_divide

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

    return pretend


@pytest.fixture
def third_party(monkeypatch):
    """``third_party(name, value)``: register one more backend."""
    plain = registry.entry_points

    def register(name, value):
        point = EntryPoint(name, value, backends.GROUP)
        monkeypatch.setattr(registry, "entry_points", lambda group: [*plain(group=group), point])
        registry._registered.cache_clear()

    yield register
    monkeypatch.undo()
    registry._registered.cache_clear()


def test_built_in_ones_come_first_then_those_of_others():
    assert backends.names() == ["numpy", "cupy", "jax", "strict"]
    assert isinstance(backends.get("strict"), StrictBackend)
    assert backends.get("strict") is backends.get("strict")


def test_numpy_is_always_usable():
    found = backends.probe("numpy")
    assert found.usable
    assert found.version == np.__version__
    assert not found.reason


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
        ("cupy", "jax", "picked"),
        [
            (GPU, GPU, "cupy"),
            (NO_GPU, GPU, "jax"),
            (NO_GPU, Probe(True, device="CPU"), "numpy"),
            (NO_GPU, NO_GPU, "numpy"),
        ],
    )
    def test_auto_is_a_usable_gpu_else_numpy(self, pretend, cupy, jax, picked):
        pretend("cupy", cupy)
        pretend("jax", jax)
        assert backends.resolve().name == picked
        assert backends.resolve("auto").name == picked

    def test_a_library_that_cannot_reach_a_gpu_is_not_probed(self, monkeypatch):
        monkeypatch.setattr(backends.get("jax"), "can_accelerate", lambda: False)
        monkeypatch.setattr(backends.get("cupy"), "can_accelerate", lambda: False)
        monkeypatch.setattr(registry, "probe", lambda name: pytest.fail("probed"))
        assert backends.resolve("auto").name == "numpy"

    @pytest.mark.parametrize("name", ["numpy", "strict"])
    def test_a_device_array_is_not_moved_behind_the_callers_back(self, name):
        other = {"numpy": "strict", "strict": "jax"}[name]
        require_or_skip("jax", backends.probe("jax").usable, backends.probe("jax").reason)
        with pytest.raises(ValueError, match=f"A is a {other} array, but backend='{name}'"):
            nmf(on_device(other), 1, backend=name)

    def test_auto_leaves_a_device_array_where_it_is(self, pretend):
        pretend("cupy", GPU)
        assert backends.resolve("auto", on_device("strict")).name == "strict"


class TestErrors:
    UNKNOWN = "unknown backend 'tensorly'; valid ones are auto, numpy, cupy, jax, strict"

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


class TestCupyWithoutADevice:
    INSTALL = "pip install 'nmf-accel[cuda12]' or 'nmf-accel[cuda13]'"

    SCRIPT = """
import sys
if {hidden}:
    sys.modules["cupy"] = None
import numpy, nmf_accel
from nmf_accel import backends
print(backends.probe("cupy"))
try:
    nmf_accel.nmf(numpy.eye(2), 1, backend="cupy")
except nmf_accel.BackendError as error:
    print(error)
print(nmf_accel.nmf(numpy.eye(2), 1, max_iter=1).settings["backend"])
from nmf_accel.cli import main
main(["backends"])
"""

    def lines(self, hidden):
        done = run_python(self.SCRIPT.format(hidden=hidden), CUDA_VISIBLE_DEVICES="-1")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def check(self, hidden, reason):
        found, error, picked, *table = self.lines(hidden)
        assert "usable=False" in found
        assert error.startswith("backend 'cupy' cannot run here: ")
        (row,) = [line for line in table if line.startswith("cupy")]
        for line in (found, error, row):
            assert reason in line
            assert self.INSTALL in line
        assert picked == "numpy"

    def test_not_installed(self):
        self.check(True, "cupy is not installed")

    @pytest.mark.filterwarnings("ignore:CUDA path could not be detected")
    def test_installed_but_no_device(self):
        try:
            importlib.import_module("cupy")
        except ImportError as error:
            require_or_skip("cupy", False, str(error))
        self.check(False, "installed, but unusable: cudaError")

    def test_the_kernel_is_the_update_rule(self):
        cupy = pytest.importorskip("cupy")
        kernel = cupy_kernels.multiply_divide_kernel()
        assert isinstance(kernel, cupy.ElementwiseKernel)
        x, n, d, delta = 3.0, 5.0, 7.0, 0.5
        values = {"x": x, "n": n, "d": d, "delta": delta}
        assert {p.name for p in kernel.in_params} == set(values)
        exec(kernel.operation, {}, values)  # C and Python agree on it
        expected = multiply_divide(None, *(np.array([v]) for v in (x, n, d)), delta)
        assert values["y"] == expected[0]


class TestJax:
    @pytest.fixture(autouse=True)
    def _usable(self):
        found = backends.probe("jax")
        require_or_skip("jax", found.usable, found.reason)

    def test_its_configuration_is_left_alone(self):
        import jax
        import jax.numpy as jnp

        before = dict(jax.config.values)
        result = nmf(A, 1, max_iter=3, backend="jax")
        assert result.W.dtype == np.float64
        assert dict(jax.config.values) == before
        assert jnp.ones(1).dtype == jnp.float32

    def test_its_arrays_come_back_as_its_arrays(self):
        import jax
        import jax.numpy as jnp

        result = nmf(jnp.asarray(A), 1, max_iter=3)
        assert isinstance(result.W, jax.Array)
        assert result.W.dtype == result.H.dtype == jnp.float32
        with jax.enable_x64(True):
            A64 = jnp.asarray(A)
        result = nmf(A64, 1, max_iter=3)
        assert isinstance(result.H, jax.Array)
        assert result.W.dtype == result.H.dtype == np.float64

    def test_float64_can_be_asked_of_float32_data(self):
        import jax.numpy as jnp

        result = nmf(jnp.asarray(A), 1, max_iter=3, dtype="float64")
        assert result.W.dtype == np.float64

    def test_an_old_one_is_refused_with_the_version_it_needs(self, monkeypatch):
        import jax

        monkeypatch.delattr(jax, "enable_x64")
        found = JaxBackend().probe()
        assert not found.usable
        assert f"needs jax >= 0.8, found {jax.__version__}; pip install" in found.reason


def test_synchronize_waits_for_results(backend, monkeypatch):
    library = backends.get(backend)
    with library.scope():
        A = library.asarray(np.ones((1500, 1500)), np.dtype("float64"))
        library.synchronize(A)
        product = library.matmul(library.matmul(A, A), A)
        library.synchronize([product])
        assert getattr(product, "is_ready", lambda: True)()  # JAX knows


def test_multiply_divide_writes_to_its_third_argument_at_most(backend):
    library: Backend = backends.get(backend)
    kernel = library.kernel("multiply_divide", multiply_divide)
    values = [np.full((1, 2, 3), v) for v in (3.0, 5.0, 7.0)]
    with library.scope():
        x, n, d = (library.asarray(v.copy(), v.dtype) for v in values)
        y = kernel(library, x, n, d, 0.5)
        np.testing.assert_array_equal(library.to_numpy(y), 3.0 * (5.0 / 7.5))
        np.testing.assert_array_equal(library.to_numpy(x), values[0])
        np.testing.assert_array_equal(library.to_numpy(n), values[1])


def test_inner_is_summed_in_float64(backend):
    library = backends.get(backend)
    with library.scope():
        x = library.asarray(np.full((1, 400, 500), 0.1, dtype=np.float32), np.dtype("float32"))
        total = library.to_numpy(library.inner(x, x))
    assert total.dtype == np.float64
    assert total == pytest.approx([200_000 * float(np.float32(0.1)) ** 2], rel=1e-6)


def test_the_modules_of_absent_libraries_are_not_imported():
    done = run_python(
        "import sys, numpy, nmf_accel\n"
        "nmf_accel.nmf(numpy.eye(2), 1, max_iter=1, backend='numpy')\n"
        "print([m for m in ('jax', 'cupy', 'matplotlib', 'PIL') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


class TestCupyScope:
    """Where cupyx's sparse matrices live, seen without a GPU: they have no device themselves."""

    def test_it_is_that_of_the_entries(self, monkeypatch):
        pytest.importorskip("cupyx.scipy.sparse")
        from cupyx.scipy.sparse import csr_matrix

        entries = type("Entries", (), {"device": "the second GPU"})()
        matrix = object.__new__(csr_matrix)
        matrix.data = entries
        monkeypatch.setattr(cupy_backend, "is_cupy_array", lambda x: x is entries)
        backend = cupy_backend.CupyBackend()
        assert backend.owns(matrix)
        assert backend.scope(matrix) == "the second GPU"
        assert backend.scope(Sparse(matrix, matrix, backend, 0.0)) == "the second GPU"
