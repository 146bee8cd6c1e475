"""Every backend does what the loop asks of it: it sums, waits, and spares its input."""

import re
from pathlib import Path

import numpy as np
import pytest

import nmf_accel
from nmf_accel import backends
from nmf_accel.backends.base import Backend
from nmf_accel.losses import Penalty
from nmf_accel.solvers.multiplicative import multiply_divide


def test_numpy_is_always_usable():
    found = backends.probe("numpy")
    assert found.usable
    assert found.version == np.__version__
    assert not found.reason


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
        y = kernel(library, x, n, d, Penalty(0.5))
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


def test_the_kernels_of_a_backend_are_those_that_somebody_asks_for():
    package = Path(nmf_accel.__file__).parent
    asked = {
        name
        for room in ("matrices", "solvers", "losses", "core", "intake")
        for path in (package / room).glob("*.py")
        for name in re.findall(r"\.kernel\(\"(\w+)\"", path.read_text())
    }
    assert {"multiply_divide", "descend", "solve_passive", "free2"} <= asked
    for name in backends.names():
        assert set(backends.get(name).kernels) <= asked, name


def test_numpy_takes_the_other_values_where_a_condition_is_met_in_part_alone():
    numpy, x = backends.get("numpy"), np.array([1.0, 2.0])
    found = numpy.where(np.array([True, False]), x, lambda: -x)
    np.testing.assert_array_equal(found, [1, -2])
    everywhere = numpy.where(np.array([True, True]), x, lambda: pytest.fail("they are not needed"))
    np.testing.assert_array_equal(everywhere, x)
