"""Iterations that are captured and replayed are the iterations, on a stand-in for CUDA's graphs."""

import numpy as np
import pytest

from nmf_accel import nmf, sweep
from nmf_accel.backends import replaying
from nmf_accel.backends.torch_backend import device, graphs

A = np.random.default_rng(0).random((30, 20))
A[3], A[:, 5] = 0, 0
RUNS = {
    "mu": {},
    "hals": {"solver": "hals"},
    "apg": {"solver": "apg"},
    "float32": {"dtype": "float32"},
    "inner": {"solver": "hals", "inner": 5},
    "extrapolated": {"solver": "hals", "extrapolate": True},
    "kkt": {"stop": "kkt", "tol": 1e-12},
    "descent": {"solver": "hals", "stop": "descent", "tol": 1e-12},
    "penalties": {"solver": "hals", "l1_H": 0.1, "l2_W": 0.1},
    "direct residual": {"rank": 20, "solver": "hals"},
    "kullback-leibler": {"loss": "kullback-leibler"},
    "beta": {"loss": 0.5, "A": A + 0.1},
    "weights": {"A": A + 0.1, "weights": A < 0.9, "solver": "hals"},
    "weights, other loss": {"A": A + 0.1, "weights": A < 0.9, "loss": 1},
    "held": {"W_fixed": A[:, :2].copy(), "solver": "hals"},
}


@pytest.fixture
def machine(torch, monkeypatch):
    """A CPU that captures."""
    from cuda_graphs import Machine

    monkeypatch.setattr(device, "CAPTURING", {"cpu"})
    monkeypatch.setattr(device, "RUNNING_AHEAD", {"cpu"})
    return Machine(monkeypatch)


def both(machine, monkeypatch, **options):
    """A run by graphs, and launch by launch."""
    options = {"A": A, "rank": 4, "max_iter": 90, "backend": "torch", **options}
    found = nmf(**options)
    with monkeypatch.context() as patch:
        patch.setattr(replaying, "WARM_UP", np.inf)
        return found, nmf(**options)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_by_graphs_is_the_same_bits(machine, monkeypatch, name):
    found, wanted = both(machine, monkeypatch, **RUNS[name])
    assert machine.events.count("replay") > 1
    for part in ("W", "H", "errors"):
        np.testing.assert_array_equal(getattr(found, part), getattr(wanted, part))


def test_it_is_warmed_up_on_the_stream_that_captures_as_pytorch_asks(machine):
    nmf(A, 4, max_iter=90, backend="torch")
    first = machine.events.index("replay")
    each = ["side waits for main", "work on side", "main waits for side", "capture on side"]
    assert machine.events[:first] == each * (first // 4)
    assert first // 4 in (1, 2)  # of so many records, and of one


def test_a_sweep_by_graphs_is_its_single_runs(machine, monkeypatch):
    options = {"max_iter": 90, "backend": "torch", "solver": "hals"}
    swept = sweep(A, [4], 3, keep="all", **options)
    assert "replay" in machine.events
    for (rank, seed), one in swept.factorizations.items():
        alone = nmf(A, rank, seed=seed, max_iter=90, backend="numpy", solver="hals")
        np.testing.assert_allclose(one.W, alone.W, rtol=1e-9, atol=1e-11)


def test_what_must_ask_the_host_goes_launch_by_launch_without_a_word(machine):
    assert nmf(A, 4, max_iter=90, solver="bpp", backend="torch").n_iter == 90
    assert "replay" not in machine.events


def test_a_capture_that_fails_is_said_once_and_not_tried_again(machine, monkeypatch):
    def fail(self, records):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(graphs.Captured, "_advance", fail)
    with pytest.warns(UserWarning, match="no CUDA graph, but launch by launch: operation not") as w:
        result = nmf(A, 4, max_iter=90, backend="torch")
    assert len(w) == 1
    assert result.n_iter == 90


def test_the_stand_in_refuses_what_cuda_refuses(torch, machine):
    for ask in (
        lambda x: float(x.sum()),
        lambda x: x[x > 0],
        lambda x: torch.maximum(x, torch.asarray(1.0)),
        lambda x: torch.where(x > 0, x, 1.0),
        lambda x: bool(torch.any(x > 0)),
    ):
        x = torch.ones(3)
        with (
            pytest.raises(RuntimeError, match="not permitted when a stream is capturing"),
            machine.capture(torch.cuda.CUDAGraph(), stream=torch.cuda.Stream("cpu")),
        ):
            ask(x)


def test_the_stand_in_carries_nothing_out_before_a_replay(torch, machine):
    x, graph = torch.ones(3), torch.cuda.CUDAGraph()
    with machine.capture(graph, stream=torch.cuda.Stream("cpu")):
        y = (x + 1).view(3)
        x += y
    assert x.tolist() == [1, 1, 1]
    assert y.isnan().all()
    graph.replay()
    assert (x.tolist(), y.tolist()) == ([3, 3, 3], [2, 2, 2])
