"""A command that is sent a signal while it works, for tests."""

import signal
import time

import numpy as np
import pytest

FIT = ["fit", "a.npy", "--rank", "2", "--max-iter", "20", "--backend", "numpy"]
SWEEP = ["sweep", "a.npy", "--ranks", "2", "--seeds", "2", "--max-iter", "9", "--backend", "numpy"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.random.default_rng(0).random((6, 9)))


def raises(number):
    """In place of what a command does: it is sent a signal."""

    def instead(*args, **options):
        signal.raise_signal(number)
        time.sleep(30)

    return instead


WORK = {
    "fit": ("fit.nmf", FIT, "terminated"),
    "sweep": ("sweep.sweep", SWEEP, "terminated"),
    "bench": ("bench.compare", ["bench", "a.npy", "--rank", "2"], "nothing was measured"),
    "merge": ("folder.merge", ["merge", "x", "--out", "y"], "terminated"),
    "backends": ("machine.resolve", ["backends"], "terminated"),
}
