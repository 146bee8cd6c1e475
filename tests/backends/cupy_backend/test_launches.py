"""How much the host does for an iteration on CuPy: launches, waits, and graphs instead of them."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from nmf_accel import backends, nmf
from nmf_accel.backends import replaying
from nmf_accel.backends.cupy_backend import cublas, graphs
from nmf_accel.core import Loop, extrapolated_of
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import FROBENIUS, Penalty
from nmf_accel.solvers import SOLVERS, Quiet
from nmf_accel.starts import random_start
from nmf_accel.stopping import STOPS

pytestmark = pytest.mark.standin
PENALTIES = {"penalties": (Penalty(0.1, 0.2), Penalty(0.3, 0.1))}
LEAST = {("mu", None): 9, ("hals", None): 7, ("mu", "kkt"): 14, ("hals", "kkt"): 12}
"""Products with A 2, Gram matrices 2, and 2 more of mu; updates 2, the error 1.

KKT: 2 for each half-step, and their sum.
"""
CAPTURED = [("mu", 1), ("hals", 1), ("mu", 5), ("hals", 5), ("apg", 10)]


@pytest.fixture
def launch_by_launch(monkeypatch):
    monkeypatch.setattr(replaying, "WARM_UP", 10**9)


def loop_of(solver, inner=1, stop=None, runs=1, A=None, dtype="float64", **options):
    A = np.random.default_rng(0).random((13, 10)) if A is None else A
    problem = prepare(Given(A), dtype, "cupy")
    starts = [random_start(A.shape, 3, seed, problem.mean) for seed in range(runs)]
    W0, H0 = (np.stack(x) for x in zip(*starts, strict=True))
    watch = STOPS[stop] if stop else None
    rule = watch.rule(SOLVERS[solver], inner) if watch else Quiet(SOLVERS[solver].make(inner))
    delta = 1e-9 if solver == "mu" else 0.0
    start = problem.start(FROBENIUS, W0, H0)
    return Loop(problem, rule, start, delta, loss=FROBENIUS, watch=watch, **options)


def an_iteration(ledger, loop):
    """Events of an iteration, without those of the chunk that it is in."""
    loop.advance(1)
    counts = []
    for iterations in (5, 10):
        with ledger.counted() as count:
            loop.advance(iterations)
        counts.append(count)
    return {kind: (counts[1][kind] - counts[0][kind]) / 5 for kind in counts[1]}


@pytest.mark.usefixtures("launch_by_launch")
class TestLaunchByLaunch:
    @pytest.mark.parametrize("penalties", [{}, PENALTIES], ids=["plain", "penalized"])
    @pytest.mark.parametrize("runs", [1, 3])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(("solver", "stop"), LEAST)
    def test_an_iteration_takes_few(self, ledger, solver, stop, runs, dtype, penalties):
        loop = loop_of(solver, stop=stop, runs=runs, dtype=dtype, **penalties)
        found = an_iteration(ledger, loop)
        assert found["launch"] == LEAST[solver, stop]
        assert found.get("sync", 0) == found.get("h2d", 0) == found.get("d2h", 0) == 0

    @pytest.mark.parametrize(("solver", "inner"), CAPTURED)
    def test_no_solver_but_bpp_waits_for_the_device(self, ledger, solver, inner):
        found = an_iteration(ledger, loop_of(solver, inner))
        assert found.get("sync", 0) == found.get("h2d", 0) == found.get("d2h", 0) == 0

    def test_a_repeat_takes_three_or_four(self, ledger):
        for solver, each in (("mu", 4), ("hals", 3)):
            found = [an_iteration(ledger, loop_of(solver, inner))["launch"] for inner in (5, 6)]
            assert found[1] - found[0] == 2 * each

    def test_what_scikit_learn_holds_its_tol_against(self, ledger):
        assert an_iteration(ledger, loop_of("hals", stop="descent"))["launch"] == 16

    @pytest.mark.parametrize("penalties", [{}, PENALTIES], ids=["plain", "penalized"])
    @pytest.mark.parametrize("runs", [1, 3])
    @pytest.mark.parametrize("stop", [None, "kkt"])
    def test_an_extrapolated_iteration_waits_for_nothing(self, ledger, stop, runs, penalties):
        loop = loop_of("hals", stop=stop, runs=runs, step_of=extrapolated_of, **penalties)
        found = an_iteration(ledger, loop)
        # Most of the 35 are of numbers (R,): the rounding, and the sums of the penalties.
        assert found["launch"] == 35 + 5 * (stop is not None) + 6 * bool(penalties)
        assert found.get("sync", 0) == found.get("h2d", 0) == found.get("d2h", 0) == 0


class TestGraphs:
    @pytest.mark.parametrize("stop", [None, "kkt"])
    @pytest.mark.parametrize("every", [1, 10])
    @pytest.mark.parametrize(("solver", "inner"), CAPTURED)
    def test_they_give_what_single_launches_give(self, solver, inner, every, stop, monkeypatch):
        options = {"solver": solver, "inner": inner, "stop": stop, "runs": 3}
        chunks = [40, 20 * every, 7 * every]
        found, expected = (loop_of(record_every=every, **options) for _ in range(2))
        recorded = [found.advance(count) for count in chunks]
        assert found.program.captured is not None
        monkeypatch.setattr(replaying, "WARM_UP", 10**9)
        for mine, count in zip(recorded, chunks, strict=True):
            np.testing.assert_array_equal(mine, expected.advance(count))
        assert expected.program.captured is None
        for x, y in zip(found.state, expected.state, strict=True):
            np.testing.assert_array_equal(x.get(), y.get())

    @pytest.mark.parametrize("every", [1, 10])
    def test_extrapolated_they_give_what_single_launches_give(self, every, monkeypatch):
        options = {"solver": "hals", "runs": 3, "step_of": extrapolated_of, "stop": "kkt"}
        found, expected = (loop_of(record_every=every, **options) for _ in range(2))
        recorded = [found.advance(count * every) for count in (40, 20)]
        assert found.program.captured is not None
        monkeypatch.setattr(replaying, "WARM_UP", 10**9)
        for mine, count in zip(recorded, (40, 20), strict=True):
            np.testing.assert_array_equal(mine, expected.advance(count * every))
        for x, y in zip(found.state, expected.state, strict=True):
            np.testing.assert_array_equal(x.get(), y.get())

    @pytest.mark.parametrize(("solver", "inner"), CAPTURED)
    def test_a_chunk_takes_twelve_calls_of_the_host_at_most(self, ledger, solver, inner):
        loop = loop_of(solver, inner, "kkt", runs=3)
        for count in (48, 17):  # captures a graph of 16, and one of a single iteration
            loop.advance(count)
        for count, replays in ((160, 10), (37, 7), (5, 5)):
            with ledger.counted() as count_of:
                loop.advance(count)
            assert count_of["graph"] == replays
            assert count_of["launch"] <= 12
            assert count_of["captured"] == 0
            assert count_of["sync"] == count_of["d2h"] == 1  # what was recorded

    def test_a_batch_captures_once_and_again_when_runs_are_left_out(self, ledger):
        loop = loop_of("mu", runs=3)
        loop.advance(48)
        with ledger.counted() as count:
            loop.advance(48)
        assert count["captured"] == 0
        loop.keep([0, 2])
        with ledger.counted() as count:
            after = loop.advance(48)
        assert count["captured"] == 16 * 10 + 3
        alone = loop_of("mu", runs=3)
        for _ in range(3):
            expected = alone.advance(48)
        np.testing.assert_allclose(after, expected[:, :, [0, 2]], rtol=1e-12)

    def test_nothing_is_written_beyond_the_history(self, cupy, monkeypatch):
        loop, places, raw = loop_of("mu"), [], graphs.raw

        def noted(name, dtype):
            def launch(grid, block, arguments):
                if not cupy.cuda.get_current_stream().is_capturing():
                    places.append(int(arguments[5][0]))
                raw(name, dtype)(grid, block, arguments)

            return launch

        monkeypatch.setattr(graphs, "raw", noted)
        for count in (48, graphs.LONGEST_CHUNK, 5):  # the last one captures another graph
            loop.advance(count)
        assert len(places) == 16 + 1
        assert max(places) < graphs.LONGEST_CHUNK

    @pytest.mark.parametrize("case", ["bpp", "bpp of a small rank", "sparse", "short"])
    def test_some_runs_go_launch_by_launch(self, ledger, case):
        from scipy.sparse import csr_array

        A = np.eye(8) + 0.1
        options = {"solver": "bpp" if "bpp" in case else "mu", "backend": "cupy"}
        rank = 6 if case == "bpp" else 2  # of which 20 exchanges may be all that there are
        with ledger.counted() as count:
            max_iter = {"short": replaying.WARM_UP, "sparse": 200}.get(case, 40)
            nmf(csr_array(A) if case == "sparse" else A, rank, max_iter=max_iter, **options)
        assert count["graph"] == count["captured"] == 0

    def test_what_cannot_be_captured_is_said_and_not_tried_again(self, monkeypatch):
        tried = []

        def fail(*args):
            tried.append(args)
            raise RuntimeError("no graphs today")

        monkeypatch.setattr(graphs.Captured, "_graph", fail)
        loop, expected = loop_of("hals"), loop_of("hals")
        with pytest.warns(UserWarning, match="launch by launch: no graphs today"):
            found = [loop.advance(40)]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found.append(loop.advance(40))
        assert len(tried) == 1
        monkeypatch.setattr(replaying, "WARM_UP", 10**9)
        for recorded in found:
            np.testing.assert_array_equal(recorded, expected.advance(40))

    def test_an_error_in_a_capture_leaves_the_device_usable(self, cupy, monkeypatch):
        loop = loop_of("mu")
        loop.advance(8)
        record = graphs.Captured._record

        def asks_the_host(self, found):
            record(self, found)
            if cupy.cuda.get_current_stream().is_capturing():
                float(found[0][0])

        monkeypatch.setattr(graphs.Captured, "_record", asks_the_host)
        with pytest.warns(UserWarning, match="no CUDA graph"):
            loop.advance(40)
        assert np.isfinite(loop.advance(40)).all()
        assert not cupy.cuda.get_current_stream().is_capturing()

    def test_interrupted_it_leaves_the_state_of_before_the_chunk(self, monkeypatch):
        loop, expected = loop_of("hals"), loop_of("hals")
        loop.advance(48)
        before = [x.get() for x in loop.state]
        replay = Interrupts(3)
        captured = loop.program.captured
        graph, *kept = captured.graphs[16]
        captured.graphs[16] = (replay.of(graph), *kept)
        with pytest.raises(KeyboardInterrupt):
            loop.advance(160)
        for x, y in zip(loop.state, before, strict=True):
            np.testing.assert_array_equal(x.get(), y)
        expected.advance(48)
        np.testing.assert_array_equal(loop.advance(160), expected.advance(160))

    def test_a_handle_is_destroyed_when_no_stream_captures(self, cupy, ledger):
        backend = backends.get("cupy")
        with cupy.cuda.Stream(non_blocking=True):
            workspace = backend.workspaces.here
        handle = workspace.blas.handle
        backend.workspaces._of = {
            key: x for key, x in backend.workspaces._of.items() if x is not workspace
        }
        del workspace
        assert handle in cublas._retired
        with cupy.cuda.Stream(non_blocking=True):
            assert backend.workspaces.here
        assert handle not in cublas._retired

    def test_other_streams_and_threads_have_workspaces_of_their_own(self, cupy):
        backend = backends.get("cupy")
        here = backend.workspaces.here
        with cupy.cuda.Stream(non_blocking=True):
            assert backend.workspaces.here is not here
        assert backend.workspaces.here is here


@dataclass
class Interrupts:
    """A graph whose launch is interrupted, once."""

    at: int
    graph: Any = None
    launched: int = 0

    def of(self, graph):
        self.graph = graph
        return self

    def launch(self):
        self.launched += 1
        if self.launched == self.at:
            raise KeyboardInterrupt
        self.graph.launch()
