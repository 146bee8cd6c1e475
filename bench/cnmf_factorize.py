"""`nmf_accel.cnmf.factorize` beside ``cNMF.factorize``: ``python bench/cnmf_factorize.py``.

800 cells and 800 genes, ranks 4, 6 and 8; the runs of both in turns, each with the threads that a
user has. The seconds of each turn, their medians and the ratios go into ``results/``. It takes the
package ``cnmf``, and minutes. cNMF takes long with Kullback and Leibler's, of which there
are fewer runs.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import cnmf

from nmf_accel.cnmf import factorize
from nmf_accel.files import make_folder

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from cnmf_objects import prepared, simulated, their_words

CELLS = GENES = 800
PROGRAMS, RANKS, DEPTH = 6, [4, 6, 8], 2000
SEEDS, TURNS = {"frobenius": 20, "kullback-leibler": 4}, 3
PACKAGES = ("cnmf", "nmf-accel", "numpy", "scipy", "scikit-learn", "numba", "anndata")


def theirs(obj):
    """What is typed with cNMF alone."""
    with their_words():
        obj.factorize()


WAYS = {
    "cNMF": theirs,
    "float64": factorize,
    "float32": lambda obj: factorize(obj, dtype="float32"),
}


def measured(loss, seeds, turns):
    """Seconds of each way, in turns, of the clock and of processors, and how often ours is faster.

    On a machine that others use too, those of processors say more, with one thread each.
    """
    counts, _ = simulated(CELLS, GENES, PROGRAMS, DEPTH)
    found = {way: [] for way in WAYS}
    with TemporaryDirectory() as folder:
        obj = prepared(cnmf, make_folder(folder), counts, RANKS, seeds, beta_loss=loss)
        for dtype in ("float64", "float32"):  # what numba compiles is kept from here on
            factorize(obj, total_workers=len(RANKS) * seeds, dtype=dtype)
        for _ in range(turns):
            for way, call in WAYS.items():
                before = time.perf_counter(), time.process_time()
                call(obj)
                after = time.perf_counter(), time.process_time()
                found[way].append([x - y for x, y in zip(after, before, strict=True)])
                print(f"{loss}, {way}: {found[way][-1]}", flush=True)
    rows = {"runs": seeds * len(RANKS)}
    for k, name in enumerate(("seconds", "processor_seconds")):
        turns = {way: [pair[k] for pair in pairs] for way, pairs in found.items()}
        median = {way: statistics.median(x) for way, x in turns.items()}
        faster = {way: median["cNMF"] / median[way] for way in WAYS if way != "cNMF"}
        rows[name] = {"turns": turns, "median": median, "faster": faster}
    return rows


def main(path):
    """Measure both losses, and write it down."""
    warnings.simplefilter("ignore")  # of runs that do not converge
    rows = {loss: measured(loss, seeds, TURNS) for loss, seeds in SEEDS.items()}
    about = {
        "cells": CELLS,
        "genes": GENES,
        "ranks": RANKS,
        "cores": os.cpu_count(),
        "threads": {x: os.environ.get(x) for x in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")},
        "load": os.getloadavg(),
        "versions": {name: version(name) for name in PACKAGES},
    }
    path.write_text(json.dumps({**rows, "about": about}, indent=1) + "\n")


if __name__ == "__main__":
    here = Path(__file__).parent / "results" / time.strftime("cnmf-%Y-%m-%d.json")
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else here)
