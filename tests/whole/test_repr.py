"""Every object of the library shows itself in one short line, whatever it holds."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from nmf_accel import Interrupted, backends, datasets, nmf, sweep
from nmf_accel.core import Batch, Loop, Point
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import FROBENIUS, LOSSES
from nmf_accel.options import Options
from nmf_accel.solvers import SOLVERS, Quiet
from nmf_accel.starts import INITS
from nmf_accel.stopping import STOPS
from nmf_accel.study import Runs, StudySettings, study_denoising, study_images, study_properties
from nmf_accel.study.report import Results
from nmf_accel.study.tables import Table
from nmf_accel.sweeps import Here, Packing, Sweep, planned_runs
from nmf_accel.verify import Check


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """One of each kind that a user may come to see, of large data."""
    A = datasets.sprites(60).A.copy()
    given = Given(A)
    problem = prepare(given, backend="numpy")
    options = Options(rank=3, max_iter=2)
    starts = [x[None] for x in problem.draw(3, 0, "random")]
    rule = Quiet(SOLVERS["mu"].make(1))
    result = nmf(A, 3, max_iter=2, backend="numpy")
    runs = planned_runs([2, 3], 2, {"max_iter": 2})
    settings = StudySettings("sprites", n_images=9, ranks=(2, 3), max_iter=2, backend="numpy")
    kept = Runs(settings)
    properties, images = study_properties(kept), study_images(kept, settings.load())
    denoising = study_denoising(kept, images)
    store = tmp_path_factory.mktemp("sweep")
    swept = sweep(A, [2, 3], 2, max_iter=2, store=store, backend="numpy")
    return [
        *(backends.get(name) for name in backends.names()),
        backends.probe("numpy"),
        given,
        Given(csr_array(A)),
        problem,
        problem.A,
        problem.A.T,
        problem.frame,
        prepare(Given(csr_array(A)), backend="numpy").A,
        Point(problem, *starts, FROBENIUS),
        Loop(problem, rule, problem.start(FROBENIUS, *starts), loss=FROBENIUS),
        Batch(problem, options, *starts),
        result,
        Interrupted(result, "why"),
        swept,
        swept.store,
        swept.best(2),
        sweep(A, [2], 2, max_iter=2, backend="numpy"),
        Packing(problem),
        Sweep(given, runs, Here(Packing(problem)), "best"),
        datasets.load("sprites", 9),
        datasets.NAMED["sprites"],
        *LOSSES.values(),
        *STOPS.values(),
        kept,
        properties,
        images,
        denoising,
        Results(settings, properties, images, denoising, {}),
        Table(("a", "b"), [("1", "2")] * 99),
        Check("numpy", "float64", 4, 1e-15, 1e-15),
    ]


def test_one_short_line(objects):
    for x in objects:
        assert "\n" not in repr(x), repr(x)
        assert len(repr(x)) <= 150, repr(x)
        assert "array(" not in repr(x), repr(x)


def test_records_say_their_numbers_in_one_line():
    settings = StudySettings("sprites")
    for x in (Options(rank=3), settings, *SOLVERS.values(), *INITS.values()):
        assert "\n" not in repr(x)
    assert "rank=3" in repr(Options(rank=3))


def test_what_they_say():
    A = np.ones((4, 3))
    assert repr(nmf(A, 2, max_iter=5)).startswith("<Factorization 4 × 3, rank 2: relative error")
    assert repr(Given(A)) == "<A: dense, of numpy>"
    assert repr(prepare(Given(A), backend="numpy")) == "<Problem 4 × 3, float64 on numpy>"
