"""An iteration on 1, 2 and 4 devices of JAX: what it costs that they share a matrix.

``XLA_FLAGS=--xla_force_host_platform_device_count=4 NPROC=8 pytest bench/test_devices.py`` takes 2
minutes on 2 cores, whose virtual devices share these cores: it shows what is lost, not what is won.
"""

import jax
import numpy as np
import pytest
from conftest import machine

from nmf_accel import backends, nmf

SHAPE, RANKS, ITERATIONS, ROUNDS = (1728, 4000), (16, 64), 40, 5
BRIEF = {"SHAPE": (60, 40), "ITERATIONS": 3, "ROUNDS": 1}


@pytest.mark.parametrize("solver", ["mu", "hals"])
@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("devices", [1, 2, 4])
def test_an_iteration_on_devices(benchmark, devices, rank, solver):
    if len(jax.local_devices()) < devices:
        flag = f"XLA_FLAGS=--xla_force_host_platform_device_count={devices}"
        pytest.skip(f"there are {len(jax.local_devices())} devices; on a CPU, set {flag}")
    A = backends.spread(np.random.default_rng(0).random(SHAPE), devices)

    def run():
        return nmf(A, rank, solver=solver, max_iter=ITERATIONS).seconds_per_iteration

    run()  # compiles
    seconds = [benchmark.pedantic(run, rounds=1)] + [run() for _ in range(ROUNDS - 1)]
    about = {"devices": devices, "rank": rank, "solver": solver, "shape": SHAPE}
    about |= {"ms": 1e3 * min(seconds), **machine(backends.get("jax"))}
    benchmark.extra_info.update(about)
    assert min(seconds) > 0
