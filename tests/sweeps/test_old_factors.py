"""Factors of format 1, of which no sum was written, are held against what their line says."""

import json
from dataclasses import replace

import numpy as np
import pytest

from nmf_accel import Factorization, StoreError, sweep
from nmf_accel.sweeps import Store, merge
from nmf_accel.sweeps.store import readable
from nmf_accel.sweeps.store.lines import Line

A = np.random.default_rng(0).random((6, 5))
RUN = {"max_iter": 5, "backend": "numpy"}


@pytest.fixture
def old(tmp_path):
    """A folder of format 1 that kept the factors of two ranks and seeds."""
    folder = tmp_path / "s"
    store = sweep(A, [2, 3], 2, store=folder, keep="all", **RUN).store
    store.log.write(Line(row) for row in store.rows)
    head = json.loads((folder / "sweep.json").read_text())
    del head["format"]
    (folder / "sweep.json").write_text(json.dumps(head))
    return folder


def one(x, value):
    """The matrix with its last number changed."""
    return np.concatenate((x.ravel()[:-1], [value])).reshape(x.shape)


def of(x, **settings):
    """The same result with other settings."""
    return replace(x, settings={**x.settings, **settings})


DAMAGES = {
    "a NaN in W": lambda x: replace(x, W=one(x.W, np.nan)),
    "a NaN in H": lambda x: replace(x, H=one(x.H, np.nan)),
    "an infinity in H": lambda x: replace(x, H=one(x.H, np.inf)),
    "fewer rows": lambda x: replace(x, W=x.W[:-1]),
    "fewer columns": lambda x: replace(x, H=x.H[:, :-1]),
    "another seed": lambda x: of(x, seed=5),
    "another rank": lambda x: replace(x, W=x.W[:, :1], H=x.H[:1]),
    "another error": lambda x: replace(x, errors=x.errors * 1.0001),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_factors_of_another_run_are_not_taken(old, tmp_path, name):
    """A single number that is none is enough; `look` finds it, and nobody copies it."""
    store = Store.read(old)
    store.look()
    assert store.lost == set()
    path = store.factors(2, 1)
    DAMAGES[name](Factorization.load(path)).save(path)
    assert store.fault((2, 1)) == "holds the factors of another run"
    store.look()
    assert store.lost == {(2, 1)}
    with pytest.raises(StoreError, match=r"rank-2-seed-1\.npz holds the factors of another run; "):
        store.load(2, 1)
    with pytest.raises(StoreError, match="holds the factors of another run; the same sweep into"):
        merge([old], tmp_path / "m")
    assert store.load(2, 0).settings["seed"] == 0


def test_what_holds_no_factors_is_told(old):
    """Nothing, what was cut, and a file without the settings of a run."""
    store = Store.read(old)
    path = store.factors(2, 1)
    assert readable(path)
    path.write_bytes(path.read_bytes()[:-100])
    assert not readable(path)
    assert store.fault((2, 1)) == "is damaged"
    path.unlink()
    assert not readable(path)
    assert store.fault((2, 1)) == "is not there"
    bare = Factorization.load(store.factors(2, 0))
    for without in ("seed", "shape"):
        settings = {name: x for name, x in bare.settings.items() if name != without}
        replace(bare, settings=settings).save(path)
        assert store.fault((2, 1)) is not None
