"""Workers as other processes are, though threads: all that goes to them and back is pickled."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

rng = np.random.default_rng(0)
A = rng.gamma(0.5, 1, (30, 4)) @ rng.gamma(0.5, 1, (4, 24)) + 0.1 * rng.random((30, 24))
RUN = {"max_iter": 30, "backend": "numpy"}


class ByPost(ThreadPoolExecutor):
    """Threads to which all that is asked, and by which all that is answered, goes pickled."""

    def submit(self, function, *arguments):
        posted = pickle.dumps((function, arguments))
        return super().submit(self.work, posted, [type(x).__name__ for x in arguments])

    def work(self, posted, names):
        function, arguments = pickle.loads(posted)
        return pickle.loads(pickle.dumps(function(*arguments)))


def assert_same(found, expected, rtol=1e-10):
    """Two sweeps have the same rows, but for what time and place have a part in, and factors."""
    for row, other in zip(found.table, expected.table, strict=True):
        assert row.keys() == other.keys()
        for name in row.keys() - {"seconds"}:
            number = isinstance(other[name], float)
            assert row[name] == (pytest.approx(other[name], rel=rtol) if number else other[name])
    assert found.factorizations.keys() == expected.factorizations.keys()
    for key, factorization in expected.factorizations.items():
        for factor in "WH":
            x, y = getattr(found.factorizations[key], factor), getattr(factorization, factor)
            assert type(x) is type(y)
            np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=10 * rtol, atol=rtol)
        np.testing.assert_allclose(
            found.factorizations[key].errors, factorization.errors, rtol=rtol
        )
