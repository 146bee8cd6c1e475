"""Factorizations of a matrix that four devices share, beside the same on one device.

``python tests/backends/jax_backend/sharded.py`` goes through all cases and layouts and prints what
each was off by, in eight minutes; `test_shards` goes through a sample.
"""

import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["NPROC"] = "16"  # or devices that wait take all threads of a small machine

import json
import re
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from nmf_accel import backends, nmf, project, sweep
from nmf_accel.backends.jax_backend.grid import lying
from nmf_accel.core import bytes_needed
from nmf_accel.intake import Given, prepare
from nmf_accel.options import Options
from nmf_accel.sweeps.memory import kept_bytes

M, N, D = 6, 200, 2
CHANCE = np.random.default_rng(0)
A = CHANCE.gamma(0.5, 1, (M, 3)) @ CHANCE.gamma(0.5, 1, (3, N))
A[:, [3, 70, 71, 199]] = A[4] = 0  # a row and some columns of zeros
POSITIVE = A + 0.1
WEIGHTS = CHANCE.random((M, N)) * (CHANCE.random((M, N)) < 0.9)
WEIGHTS[:, 17] = 0
HOLED = np.where(CHANCE.random((M, N)) < 0.1, np.nan, A)
# So that walks go in many blocks, here too.
type(backends.get("jax")).block_entries = 100
UNKNOWN = {"unknown": "zero"}

# By default a mesh has axes of the explicit type.
LINE, SQUARE = jax.make_mesh((4,), ("x",)), jax.make_mesh((2, 2), ("a", "b"))
LEFT = jax.make_mesh((4,), ("x",), axis_types=(AxisType.Auto,))
LAYOUTS = {
    "columns": NamedSharding(LINE, P(None, "x")),
    "columns, automatic": NamedSharding(LEFT, P(None, "x")),
    "grid": NamedSharding(SQUARE, P("a", "b")),
    "grid, turned": NamedSharding(SQUARE, P("b", "a")),
    "two halves, twice": NamedSharding(SQUARE, P(None, "b")),
    "columns over both axes": NamedSharding(SQUARE, P(None, ("a", "b"))),
}
FIXED_W, FIXED_H = CHANCE.random((M, 1)), CHANCE.random((1, N))
CASES = {
    "mu": {"solver": "mu"},
    "hals": {"solver": "hals"},
    "bpp": {"solver": "bpp"},
    "apg": {"solver": "apg"},
    "mu, repeated": {"solver": "mu", "inner": 3},
    "hals, repeated": {"solver": "hals", "inner": 3},
    "extrapolated": {"solver": "hals", "extrapolate": True},
    "stop kkt": {"solver": "hals", "stop": "kkt", "tol": 1e-3, "check_every": 5},
    "stop descent": {"solver": "hals", "stop": "descent", "tol": 1e-2, "check_every": 5},
    "stop error": {"solver": "mu", "tol": 1e-3, "check_every": 5},
    "kullback-leibler": {"loss": "kullback-leibler", "solver": "mu"},
    "itakura-saito": {"A": POSITIVE, "loss": "itakura-saito", "solver": "mu"},
    "beta": {"A": POSITIVE, "loss": 0.5, "solver": "mu", "stop": "kkt", "tol": 1e-3},
    "weights": {"weights": WEIGHTS, "solver": "hals", **UNKNOWN},
    "weights, bpp": {"weights": WEIGHTS, "solver": "bpp", **UNKNOWN},
    "weights, kullback-leibler": {"weights": WEIGHTS, "loss": 1.0, "solver": "mu", **UNKNOWN},
    "missing": {"A": HOLED, "missing": np.nan, "solver": "mu"},
    "folds": {"folds": 3, "solver": "hals"},
    "folds, kullback-leibler": {"folds": 3, "loss": 1.0, "solver": "mu"},
    "held W": {"W_fixed": FIXED_W, "solver": "hals"},
    "held H": {"H_fixed": FIXED_H, "solver": "bpp"},
    "held, extrapolated": {"W_fixed": FIXED_W, "solver": "hals", "extrapolate": True},
    "penalties": {"l1_H": 0.1, "l2_W": 0.1, "solver": "hals"},
    "start from singular vectors": {"init": "nndsvda"},
    "start given": {"W0": CHANCE.random((M, D)), "H0": CHANCE.random((D, N))},
    "small numbers": {"A": A * 1e-250},
    "exact fit": {"A": A[:, :1] * np.ones(N), "solver": "hals"},
    "float32": {"A": A.astype("float32"), "solver": "mu"},
}
ITERATIONS = 50


def shared(matrix, layout):
    with jax.enable_x64(True):
        return jax.device_put(matrix, LAYOUTS[layout])


def off(found, expected):
    """The largest difference, relative to the largest number."""
    found, expected = (np.asarray(x, dtype=float) for x in (found, expected))
    return float(np.abs(found - expected).max() / np.abs(expected).max())


class Programs:
    """Within, the programs that loops are compiled to, as text; and the largest block in memory."""

    def __enter__(self):
        backend = backends.get("jax")
        self.texts, self.largest, iterate = [], 0, type(backend).iterate
        self.there = {id(x): x for x in jax.live_arrays()}  # before, as of another run

        def noted(backend, step, state, constants, count, every=None):
            if not self.texts:
                lowered = backend.compiled.lower(step, lying(state), state, constants, count, every)
                self.texts.append(lowered.compile().as_text())
            made = (x for x in jax.live_arrays() if id(x) not in self.there)
            blocks = [s.data.nbytes for x in made for s in x.addressable_shards]
            self.largest = max(self.largest, *blocks)
            return iterate(backend, step, state, constants, count, every)

        type(backend).iterate, self.before = noted, iterate
        return self

    def __exit__(self, *_):
        type(backends.get("jax")).iterate = self.before

    @property
    def exchanges(self):
        """What devices send each other: the kind, and how many numbers (bits: 0)."""
        kinds = "all-reduce|all-gather|reduce-scatter|all-to-all|collective-[a-z]+|ragged[a-z-]+"
        found = re.findall(rf"= (.*?) ({kinds})(?:-start)?\(", self.texts[0])
        return [
            (kind, sum(np.prod([*map(int, re.findall(r"\d+", s))], dtype=int) for s in sizes))
            for shape, kind in found
            for sizes in [re.findall(r"[fs]\d+\[([\d,]*)\]", shape)]
        ]


def case(name, layout):
    """What a case gives on four devices, beside what it gives on one."""
    options = {"max_iter": ITERATIONS, **CASES[name]}
    matrix = options.pop("A", A)
    one = nmf(matrix, D, backend="jax", **options)
    S = shared(matrix, layout)
    with Programs() as programs:
        found = nmf(S, D, **options)
    sides = [x.sharding.spec for x in (found.W, found.H)]
    W, H = found.to_arrays()
    return {
        "case": name,
        "layout": layout,
        "W": off(W, one.W),
        "H": off(H, one.H),
        "errors": off(found.errors, one.errors),
        "kkt": abs(found.kkt - one.kkt),
        "held out": abs((found.held_out or 0) - (one.held_out or 0)),
        "iterations": [found.n_iter, one.n_iter],
        "zeros stay": bool((H[:, ~np.asarray(one.H).any(axis=0)] == 0).all()),
        "specs": [[*spec] + [None] * (2 - len(spec)) for spec in sides],
        "meshes": all(x.sharding.mesh == S.sharding.mesh for x in (found.W, found.H)),
        "largest": programs.largest,
        "exchanges": [[kind, int(count)] for kind, count in programs.exchanges],
        "device": found.settings["device"],
    }


def others():
    """What else there is: sweeps, projections, spread matrices, memory, messages."""
    S = shared(A, "columns")
    many = {"ranks": [1, 2], "seeds": 2, "max_iter": 20, "reference": A, "check_every": 5}
    pairs = list(zip(*(sweep(X, backend="jax", **many).table for X in (A, S)), strict=True))
    W = CHANCE.random((M, D))
    exact, updates = {}, {"loss": 1.0, "max_iter": 30, "tol": 0}
    told = {}
    for what, call in {
        "columns": lambda: backends.spread(A[:, :199], 4),
        "devices": lambda: backends.spread(A, 5),
        "threads": lambda: [os.environ.update(NPROC="2"), backends.spread(A, 4)],
        "backend": lambda: backends.spread(A, 4, backend="numpy"),
        "entry": lambda: nmf(shared(np.where(np.arange(N) == 60, -1, A), "grid"), 2),
        "unknown": lambda: nmf(shared(np.where(np.arange(N) == 60, np.nan, A), "grid"), 2),
        "unknown in W": lambda: project(shared(A, "grid"), np.where(W.max() / 2 < W, W, np.nan)),
        "workers": lambda: sweep(S, [2], 1, executor=ThreadPoolExecutor(1)),
        "mask": lambda: backends.spread(np.ma.masked_less(A, 0.1), 4),
        "vector": lambda: backends.spread(A[0], 4),
        "weight": lambda: nmf(S, 2, weights=shared(np.where(np.arange(N) == 6, -1, A), "columns")),
    }.items():
        try:
            call()
        except (TypeError, ValueError) as error:
            told[what] = str(error)
    os.environ["NPROC"] = "16"
    W0, H0 = CHANCE.random((M, 2)), CHANCE.random((2, N))
    with jax.enable_x64(True):
        last = jax.device_put(W0, jax.devices()[3])
    start = {"H0": shared(H0, "columns"), "W0": last, "max_iter": 5}
    here, *elsewhere = (nmf(X, 2, **start, backend="jax").to_arrays() for X in (A, S))
    one, four = (prepare(Given(X), backend="jax") for X in (A, S))
    run = Options(rank=D, solver="mu")
    return {
        "sweep": max(off(x[k], y[k]) for x, y in pairs for k in ("error", "reference_error")),
        "project": [
            off(project(S, W, **how), project(A, W, backend="jax", **how))
            for how in (exact, updates)
        ],
        "spread": [str(backends.spread(A).sharding.spec), str(backends.spread(A > 1).dtype)],
        "starts": [off(x, y) for X in elsewhere for x, y in zip(X, here, strict=True)],
        "nbytes": [four.A.nbytes, one.A.nbytes],
        "kept": kept_bytes(four, [run]),
        "needed": [bytes_needed(four, run), bytes_needed(one, run)],
        "told": told,
    }


def main(sample):
    warnings.simplefilter("ignore")
    chosen = sample or [[name, layout] for name in CASES for layout in LAYOUTS]
    found = []
    for name, layout in chosen:
        found.append(case(name, layout))
        if not sample:
            print(json.dumps(found[-1]), flush=True)
    print(json.dumps({"cases": found, "others": others()}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]) if sys.argv[1:] else [])
