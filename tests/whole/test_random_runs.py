"""A sample of runs drawn at random: `random_runs` goes through thousands by one command."""

import numpy as np
import pytest
from random_runs import Run, complaints, drawn, objective

from nmf_accel import nmf


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_nothing_is_wrong_with_a_run(first):
    for seed in range(first, first + 20):
        run = drawn(seed, "numpy")
        wrong = [words for words in complaints(run) if not words.startswith("refused")]
        assert not wrong, f"{seed}: {run}"


def test_most_runs_are_not_refused():
    refused = [complaints(drawn(seed, "numpy"))[:1] for seed in range(40)]
    assert sum(bool(words) for words in refused) < 8


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x.errors.__setitem__(slice(3, 4), 9 * x.errors[0]), "rises"),
        (
            lambda x: x.errors.__setitem__(-1, 0.9 * x.errors[-1]),
            "error is not that of the factors",
        ),
        (lambda x: x.H.__setitem__((0, 0), np.nan), "not finite"),
        (lambda x: x.H.__setitem__((0, 0), -1e-9), "negative"),
        (lambda x: x.H.__imul__(1.1), "error is not that of the factors"),
    ],
)
def test_what_is_wrong_is_seen(monkeypatch, spoil, message):
    def spoilt(*arguments, **options):
        result = nmf(*arguments, **options)
        spoil(result)
        return result

    monkeypatch.setattr("random_runs.nmf", spoilt)
    A = np.random.default_rng(0).random((9, 7))
    run = Run("plain", A, {"rank": 2, "max_iter": 9, "solver": "mu", "backend": "numpy"}, 1.0)
    assert any(words.startswith(message) for words in complaints(run))


def test_the_objective_is_that_of_the_definition():
    A = np.random.default_rng(0).random((9, 7))
    options = {"rank": 2, "max_iter": 5, "solver": "hals", "l1_W": 0.1, "l2_H": 0.2}
    result = nmf(A, backend="numpy", **options)
    value, _ = objective(Run("plain", A, options, 1.0), result)
    expected = 0.5 * result.error**2 + 0.1 * result.W.sum() + 0.1 * (result.H**2).sum()
    assert value == pytest.approx(expected)
