"""JAX computes where the data lies, takes no more memory than it needs, and says if it has none."""

import os

import pytest
from conftest import run_python

from nmf_accel import backends
from nmf_accel.backends.jax_backend import JaxBackend
from nmf_accel.backends.jax_backend.device import MEMORY_VARIABLES, PREALLOCATE

jax = pytest.importorskip("jax")


@pytest.fixture
def seen(monkeypatch):
    """The environment in which JAX was asked for its devices, each time."""
    for name in MEMORY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    environments, plain = [], jax.devices
    monkeypatch.setattr(jax, "devices", lambda: environments.append(dict(os.environ)) or plain())
    return environments


def test_a_look_at_jax_takes_no_memory(seen):
    before = dict(os.environ)
    assert JaxBackend().probe().usable
    (environment,) = seen
    assert environment[PREALLOCATE] == "false"
    assert dict(os.environ) == before


def test_the_environment_comes_back_where_jax_fails(monkeypatch, seen):
    monkeypatch.setattr(jax, "devices", lambda: 1 / 0)
    before = dict(os.environ)
    assert not JaxBackend().probe().usable
    assert dict(os.environ) == before


@pytest.mark.parametrize("name", MEMORY_VARIABLES)
def test_what_the_user_says_of_memory_counts(name, monkeypatch, seen):
    monkeypatch.setenv(name, "0.5")
    JaxBackend().probe()
    (environment,) = seen
    assert {n: environment[n] for n in MEMORY_VARIABLES if n in environment} == {name: "0.5"}


TWO_DEVICES = """
import jax, numpy as np
from nmf_accel import backends, nmf, sweep
A = np.random.default_rng(0).random((30, 20), dtype=np.float32)
first, second = jax.devices()
expected = nmf(A, 3, max_iter=20, backend="jax")
computed, plain = set(), type(backends.get("jax")).iterate
def watched(self, *args):
    state, measured = plain(self, *args)
    assert self.xp.zeros(3).devices() == {second}
    for x in jax.tree.leaves((args, state, measured)):
        if isinstance(x, jax.Array):
            computed.update(x.devices())
    return state, measured
type(backends.get("jax")).iterate = watched
with jax.default_device(second):
    elsewhere = jax.numpy.asarray(A)
for there in (jax.device_put(A, second), elsewhere):
    W0, H0 = expected.W * 0 + 1, jax.device_put(expected.H * 0 + 1, first)
    for options in ({}, {"W0": W0, "H0": H0}):
        computed.clear()
        result = nmf(there, 3, max_iter=20, **options)
        assert computed == {second}, computed
        assert result.W.devices() == result.H.devices() == {second}
        if not options:
            np.testing.assert_array_equal(np.asarray(result.W), expected.W)
    best = sweep(there, [3], seeds=2, max_iter=20).best(3)
    assert best.W.devices() == {second}
assert jax.config.jax_default_device is None
"""


def test_it_computes_on_the_device_of_the_data():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = run_python(TWO_DEVICES, **flags)
    assert done.returncode == 0, done.stderr


def test_in_a_scope_it_speaks_of_the_device_of_the_data(monkeypatch):
    backend = JaxBackend()
    assert not backend.probe().accelerated

    class Gpu:
        platform, device_kind = "gpu", "another"

        def memory_stats(self):
            return {"bytes_limit": 2**33, "bytes_in_use": 2**32}

    monkeypatch.setattr("nmf_accel.backends.jax_backend.device.chosen", Gpu)
    monkeypatch.setattr("nmf_accel.backends.jax_backend.backend.chosen", Gpu)
    assert backend.probe().device == "another"
    assert backend.probe().accelerated
    assert backend.free_memory() == 2**32
    assert backend.block_entries == 2**24
    assert not backend.skips_unneeded


@pytest.mark.parametrize(
    ("error", "exhausted"),
    [
        (MemoryError(), True),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes"), True),
        (jax.errors.JaxRuntimeError("INTERNAL: no kernel"), False),
        (RuntimeError("RESOURCE_EXHAUSTED"), False),
    ],
)
def test_it_knows_when_memory_was_not_enough(error, exhausted):
    assert JaxBackend().out_of_memory(error) == exhausted


def test_xla_says_so_itself():
    with pytest.raises(jax.errors.JaxRuntimeError, match="RESOURCE_EXHAUSTED") as caught:
        jax.numpy.zeros((2**25, 2**25)).block_until_ready()
    assert backends.get("jax").out_of_memory(caught.value)


def test_other_backends_know_a_memory_error():
    numpy = backends.get("numpy")
    assert numpy.out_of_memory(MemoryError())
    assert not numpy.out_of_memory(ValueError())
    numpy.release_memory()
