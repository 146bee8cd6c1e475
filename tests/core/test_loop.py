"""The loop does exactly the iterations asked for, whatever its chunks, and compiles once."""

import functools

import numpy as np
import pytest
from conftest import low_rank

from nmf_accel import backends, nmf
from nmf_accel.core import Iteration, iteration_of
from nmf_accel.losses import LOSSES
from nmf_accel.solvers import SOLVERS, Quiet
from nmf_accel.stopping import STOPS


@pytest.mark.parametrize("rank", [2, 3])
def test_results_do_not_depend_on_where_chunks_end(backend, rank):
    # At rank 3 the fit becomes exact, and the switch to the residual lies inside a chunk.
    A, _, _ = low_rank()
    run = functools.partial(nmf, A, rank, max_iter=400, backend=backend)
    expected = run()
    for every in (1, 7, 10, 300):
        result = run(check_every=every, callback=lambda iteration, error: None)
        for name in ("errors", "W", "H"):
            np.testing.assert_array_equal(
                getattr(result, name), getattr(expected, name), err_msg=f"{name}, {every}"
            )


@pytest.mark.parametrize("max_iter", [1, 2, 7, 255, 256, 257, 600])
@pytest.mark.parametrize("every", [None, 1, 7, 300])
def test_exactly_the_iterations_asked_for(backend, max_iter, every):
    A = low_rank(5, 4)[0]
    seen = []
    options = {} if every is None else {"check_every": every}
    if every is not None:
        options["callback"] = lambda iteration, error: seen.append((iteration, error))
    result = nmf(A, 2, max_iter=max_iter, backend=backend, **options)
    assert result.errors.shape == (max_iter,)
    assert result.errors.dtype == np.float64
    assert result.n_iter == max_iter
    assert np.isfinite(result.errors).all()
    if every is not None:
        checks = [*range(every, max_iter, every), max_iter]
        assert seen == [(k, result.errors[k - 1]) for k in checks]


def test_a_longer_run_begins_like_a_shorter_one(backend):
    A = low_rank(12, 9)[0]
    errors = [nmf(A, 2, max_iter=k, backend=backend).errors for k in (1, 3, 300)]
    np.testing.assert_array_equal(errors[0], errors[1][:1])
    np.testing.assert_array_equal(errors[1], errors[2][:3])


def test_one_compilation_per_shape_and_dtype():
    compiled = backends.get("jax").compiled
    compiled.clear_cache()  # or it may be cleared when it is full, and nothing counted
    shapes = iter([(11, 7), (11, 8)])

    def compilations(dtype, A, *runs):
        before = compiled._cache_size()
        for options in runs:
            nmf(A, 2, dtype=dtype, backend="jax", **options)
        return compiled._cache_size() - before

    runs = (
        {"max_iter": 3},
        {"max_iter": 300},
        {"max_iter": 7, "delta": 1e-6, "seed": 8},
        {"max_iter": 20, "check_every": 3, "callback": lambda k, error: None},
        {"max_iter": 20, "tol": 1e-4},
    )
    for shape in shapes:
        A = np.random.default_rng(0).uniform(size=shape)
        assert compilations("float64", A, *runs) == 1
        assert compilations("float64", A * 1.5, *runs) == 0
        assert compilations("float32", A, *runs) == 1
    # Where the residual is needed, it is compiled in.
    A, W, H = low_rank(11, 9, 2)
    exact = {"W0": W * 1.001, "H0": H}
    assert compilations("float64", A, *({**run, **exact} for run in runs)) == 2


def test_steps_are_compared_without_calling_python():
    assert Iteration.__eq__ is object.__eq__
    assert Iteration.__hash__ is object.__hash__
    backend = backends.get("jax")
    make, loss = SOLVERS["hals"].make, LOSSES["frobenius"]

    def step(inner, loss=loss):
        return iteration_of(backend, Quiet(make(inner)), loss, STOPS["kkt"], False)

    assert step(5) is step(5)
    assert step(4) is not step(5)
    assert step(5, loss.direct()) is not step(5)
