"""The advice follows from the figures, and says so where they are no ground for one."""

import json

import pytest

from nmf_accel.timing import Timing, advice


def timing(backend, solver, seconds, reached, first=0.0, spread=0.01):
    return Timing(
        backend=backend,
        solver=solver,
        seconds=seconds,
        quartiles=(seconds * (1 - spread), seconds * (1 + spread)),
        first_seconds=first,
        bytes=100.0,
        operations=10.0,
        bytes_per_second=50.0,
        operations_per_second=2.0,
        target=35.5,
        seconds_to_target=reached,
    )


ABSENT = Timing(backend="cupy", not_measured="no driver")


def test_the_first_to_the_error():
    found = advice(
        [
            timing("numpy", "mu", 1, 20),
            ABSENT,
            timing("jax", "hals", 2, 3),
            timing("jax", "mu", 1, 9),
        ]
    )
    assert found == (
        "take --backend jax --solver hals: error 35.5 after 3 s, jax mu after 9 s, "
        "numpy mu after 20 s"
    )


def test_of_those_that_are_alike_the_one_that_starts_sooner():
    numpy, jax = timing("numpy", "hals", 1, 3.1), timing("jax", "hals", 1.001, 3, first=5)
    assert advice([numpy, jax]) == (
        "take --backend numpy --solver hals: error 35.5 after 3.1 s, jax hals after 3 s; "
        "jax is alike within the quartiles, but starts later"
    )
    assert advice([numpy, timing("jax", "hals", 0.9, 2, first=5)]).startswith("take --backend jax")


def test_times_that_vary_much():
    found = [timing("numpy", "mu", 1, 3, spread=0.3), timing("numpy", "hals", 1, 1)]
    assert advice(found).endswith(
        "; but the times vary much: measure again when the machine is quiet"
    )


def test_nothing_to_choose_from():
    assert advice([ABSENT]) == "no backend could be measured"
    assert advice([timing("numpy", "mu", 1, 3), ABSENT]) == (
        "take --backend numpy --solver mu: nothing else was measured"
    )


def test_the_floor():
    one = timing("numpy", "mu", 10.0, 1)
    assert one.floor == 5.0  # 10 operations at 2 a second; the bytes take 2 s
    assert one.share == 0.5


@pytest.mark.parametrize("one", [timing("numpy", "mu", 10.0, 1), ABSENT])
def test_a_row_is_json(one):
    row = json.loads(json.dumps(one.row(), allow_nan=False))
    assert row["backend"] == one.backend
    assert row["not_measured"] == one.not_measured
    assert row["share"] == (0.5 if one.solver else None)
