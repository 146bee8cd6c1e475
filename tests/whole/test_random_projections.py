"""A sample of projections drawn at random: `random_projections` goes through thousands."""

import numpy as np
import pytest
from random_projections import complaint, excess


def wrong(seeds, backend):
    found = {seed: complaint(seed, backend) for seed in seeds}
    return {k: words for k, words in found.items() if words and not words.startswith("told")}


def test_none_is_worse_than_that_of_nnls_without_a_word():
    assert not wrong(range(1000), "numpy")


def test_few_of_them_are_refused_or_warned_of():
    told = [seed for seed in range(200) if complaint(seed, "numpy").startswith("told")]
    assert len(told) < 5


def test_a_worse_one_is_seen(monkeypatch):
    monkeypatch.setattr(
        "random_projections.project", lambda A, W, **_: np.zeros((W.shape[1], A.shape[1]))
    )
    found = [complaint(seed, "numpy") for seed in range(40)]
    assert sum(words.startswith("worse by") for words in found) > 30
    assert excess(np.eye(3), np.eye(3), np.eye(3)) == 0
    assert excess(np.eye(3), np.eye(3), 2 * np.eye(3)) == pytest.approx(1)
