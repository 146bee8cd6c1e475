"""JAX keeps its configuration, gives its arrays back, and is refused where it is too old."""

import numpy as np
import pytest
from conftest import require_or_skip

from nmf_accel import backends, nmf
from nmf_accel.backends.jax_backend import JaxBackend

A = np.array([[1.0, 2.0], [3.0, 4.0]])


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
