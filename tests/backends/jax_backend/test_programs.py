"""JAX's programs do not grow in number for ever, and nothing keeps A when a call is over."""

import gc
import weakref

import numpy as np
import pytest
from conftest import require_or_skip

from nmf_accel import backends, nmf
from nmf_accel.backends.jax_backend import backend as jax_backend
from nmf_accel.core.iteration import iteration_of

A = np.random.default_rng(0).random((9, 7))


@pytest.fixture
def live(monkeypatch):
    """How many programs of XLA there are; of the loop no more than three are kept."""
    found = backends.probe("jax")
    require_or_skip("jax", found.usable, found.reason)
    import jax

    monkeypatch.setattr(jax_backend, "MOST_PROGRAMS", 3)
    jax.clear_caches()
    return lambda: len(jax.devices()[0].client.live_executables())


def test_those_of_many_repeats_are_dropped(live):
    found, steps = [], []
    for inner in range(1, 7):
        result = nmf(A, 2, max_iter=3, solver="hals", inner=inner, backend="jax")
        expected = nmf(A, 2, max_iter=3, solver="hals", inner=inner, backend="numpy")
        np.testing.assert_allclose(result.errors, expected.errors, rtol=1e-10)
        gc.collect()
        found.append(live())
        steps.append(backends.get("jax").compiled._cache_size())
    assert steps == [1, 2, 3, 4, 1, 2]
    assert found[4] == found[0]


def test_what_is_used_again_and_again_is_kept(live):
    import jax

    def both():
        for solver in ("mu", "hals"):
            nmf(A, 2, max_iter=3, solver=solver, backend="jax")

    both()
    with jax.log_compiles(), pytest.MonkeyPatch.context() as patch:
        compiled = []
        patch.setattr("jax._src.interpreters.pxla.logger.log", lambda *args: compiled.append(args))
        both()
    assert not compiled


def test_steps_are_not_kept_for_ever():
    assert iteration_of.cache_info().maxsize <= 128


@pytest.mark.parametrize("solver", ["mu", "bpp"])
def test_nothing_keeps_the_data(backend, solver):
    data = np.random.default_rng(1).random((31, 17))
    found = nmf(data, 2, max_iter=40, solver=solver, backend=backend)
    alive = weakref.ref(found.given), weakref.ref(data)
    found.complete()
    del found, data
    gc.collect()
    assert [x() is None for x in alive] == [True, True]
