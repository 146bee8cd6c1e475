"""Arrays of libraries that no backend stands for go in and come out through DLPack."""

import sys
import types

import numpy as np
import pytest

from nmf_accel import nmf, project, sweep
from nmf_accel.intake import Given

GOOD = np.random.default_rng(0).random((6, 5))


class Tensor:
    """An array of a library that offers nothing but DLPack."""

    __module__ = "otherlibrary"

    def __init__(self, values, kind=1):
        self.values, self.kind = values, kind
        self.device = "here" if kind == 1 else "there"

    def __dlpack_device__(self):
        return self.kind, 0

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)


@pytest.fixture(autouse=True)
def library(monkeypatch):
    module = types.ModuleType("otherlibrary")
    module.from_dlpack = lambda x: Tensor(np.from_dlpack(x))
    monkeypatch.setitem(sys.modules, "otherlibrary", module)
    return module


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_same_kind_comes_out(backend, dtype):
    A = GOOD.astype(dtype)
    expected = nmf(A, 2, max_iter=5, backend=backend)
    result = nmf(Tensor(A), 2, max_iter=5, backend=backend)
    for mine, theirs in ((result.W, expected.W), (result.H, expected.H)):
        assert isinstance(mine, Tensor)
        assert mine.values.dtype == dtype
        np.testing.assert_array_equal(mine.values, theirs)
    H = project(Tensor(A), Tensor(expected.W), backend=backend)
    np.testing.assert_array_equal(H.values, project(A, expected.W, backend=backend))


def test_starts_and_sweeps(backend):
    W0, H0 = np.ones((6, 2)), np.random.default_rng(1).random((2, 5))
    options = {"max_iter": 5, "backend": backend}
    expected = nmf(GOOD, 2, W0=W0, H0=H0, **options)
    result = nmf(Tensor(GOOD), 2, W0=Tensor(W0), H0=H0, **options)
    np.testing.assert_array_equal(result.W.values, expected.W)
    best = sweep(Tensor(GOOD), [2], 2, **options).best(2)
    assert isinstance(best.H, Tensor)


def test_it_is_not_copied_and_not_written_to():
    A = GOOD.copy()
    assert np.shares_memory(Given(Tensor(A)).raw().stored, A)
    nmf(Tensor(A), 2, max_iter=5, backend="numpy")
    np.testing.assert_array_equal(A, GOOD)


def test_what_cannot_be_shared_is_refused_with_the_reason(monkeypatch):
    with pytest.raises(TypeError, match=r"A is a otherlibrary.Tensor on a device that no usable"):
        nmf(Tensor(GOOD, kind=7), 2)

    def refuse(self, **options):
        raise BufferError("it requires a gradient")

    monkeypatch.setattr(Tensor, "__dlpack__", refuse)
    with pytest.raises(TypeError, match="cannot be shared through DLPack: it requires a gradient"):
        nmf(Tensor(GOOD), 2)


def test_a_library_that_takes_nothing_back_gets_numpy(library):
    del library.from_dlpack
    assert isinstance(nmf(Tensor(GOOD), 2, max_iter=2, backend="numpy").W, np.ndarray)
