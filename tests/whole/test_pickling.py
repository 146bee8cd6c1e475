"""What goes from one process to another, as pools send it, is the same there."""

import importlib
import inspect
import pickle
import pkgutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import nmf_accel
from nmf_accel import Interrupted, datasets, nmf, sweep
from nmf_accel.options import Options

A = np.random.default_rng(0).random((6, 5))


def modules():
    """All modules of the package that no missing library keeps away."""
    yield nmf_accel
    for found in pkgutil.walk_packages(nmf_accel.__path__, "nmf_accel."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def own_errors():
    """All exceptions of the package."""
    found = {x for module in modules() for x in vars(module).values() if isinstance(x, type)}
    mine = {x for x in found if issubclass(x, BaseException) and "nmf_accel" in x.__module__}
    return sorted(mine - {Interrupted}, key=lambda x: x.__name__)


def there_and_back(x):
    return pickle.loads(pickle.dumps(x))


def interrupted(matrix=A, **options):
    """Raise `Interrupted` after ten iterations."""

    def stop(iteration, error):
        raise KeyboardInterrupt

    return nmf(matrix, 2, max_iter=30, callback=stop, **options)


def test_every_error_of_the_package():
    errors = own_errors()
    assert {"BackendError", "DatasetError", "MissingExtra", "StoreError"} <= {
        x.__name__ for x in errors
    }
    for kind in errors:
        of_its_own = inspect.isfunction(kind.__init__)
        error = kind(*inspect.signature(kind).parameters if of_its_own else ["what is wrong"])
        back = there_and_back(error)
        assert (type(back), back.args, str(back)) == (kind, error.args, str(error))
        assert vars(back) == vars(error)


def frame():
    import pandas as pd

    return pd.DataFrame(A, index=list("abcdef"), columns=list("vwxyz"))


@pytest.mark.parametrize("matrix", [lambda: A, frame])
def test_an_interrupted_factorization(matrix, backend):
    with pytest.raises(Interrupted) as caught:
        interrupted(matrix(), backend=backend)
    caught.value.add_note("the third job")
    back, error = there_and_back(caught.value), caught.value
    assert type(back) is Interrupted
    assert back.args == error.args == ("interrupted after 10 of 30 iterations",)
    assert back.__notes__ == ["the third job"]
    assert type(back.result.W) is type(error.result.W)
    for x, y in zip(back.result.to_arrays(), error.result.to_arrays(), strict=True):
        np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(back.result.errors, error.result.errors)
    assert np.array_equal(back.result.features, error.result.features)
    assert back.result.settings == error.result.settings


def test_a_pool_of_processes_gives_what_was_interrupted():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        job = pool.submit(interrupted, backend="numpy")
        with pytest.raises(Interrupted) as caught:
            job.result()
    assert caught.value.result.n_iter == 10


def test_results_data_and_options(tmp_path):
    swept = sweep(A, [2, 3], 2, max_iter=5, backend="numpy", store=tmp_path / "runs")
    back = there_and_back(swept)
    assert back.table == swept.table
    np.testing.assert_array_equal(back.best(2).W, swept.best(2).W)
    data = datasets.load("sprites")
    found = there_and_back(data)
    assert (found.name, found.taken) == (data.name, data.taken)
    np.testing.assert_array_equal(found.A, data.A)
    run = Options(rank=3, solver="hals", loss="frobenius")
    assert there_and_back(run) == run
