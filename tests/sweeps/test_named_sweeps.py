"""A sweep gives frames back, and its folder keeps the names."""

import json

import numpy as np
import pytest

from nmf_accel import StoreError, sweep
from nmf_accel.sweeps import SweepResult, merge

pd = pytest.importorskip("pandas")

A = np.random.default_rng(0).random((6, 5))
FRAME = pd.DataFrame(A, [f"g{k}" for k in range(6)], [f"s{k}" for k in range(5)])
RUN = {"max_iter": 5, "backend": "numpy"}


def test_factors_are_frames_with_the_same_bits():
    result, expected = sweep(FRAME, [1, 2], 2, **RUN), sweep(A, [1, 2], 2, **RUN)
    for rank in (1, 2):
        best = result.best(rank)
        np.testing.assert_array_equal(best.W.to_numpy(), expected.best(rank).W)
        assert list(best.W.index) == list(FRAME.index)
        assert list(best.H.columns) == list(FRAME.columns)
        assert list(best.W.columns) == [f"c{k}" for k in range(1, rank + 1)]
    for mine, theirs in zip(result.table, expected.table, strict=True):
        assert mine["error"] == theirs["error"]


def test_a_folder_keeps_the_names(tmp_path):
    result = sweep(FRAME, [1, 2], 2, store=tmp_path / "a", **RUN)
    W, H = result.best(2).to_frames()
    expected = sweep(FRAME, [2], 2, **RUN).best(2)
    pd.testing.assert_frame_equal(W, expected.W, check_exact=True)
    pd.testing.assert_frame_equal(H, expected.H, check_exact=True)
    again = sweep(FRAME, [1, 2], 2, store=tmp_path / "a", **RUN)
    assert again.skipped == 4
    assert again.best(1).features.tolist() == list(FRAME.index)
    merged = merge([tmp_path / "a"], tmp_path / "b")
    kept = SweepResult(merged.rows, store=merged).best(2)
    assert kept.features.tolist() == list(FRAME.index)
    assert kept.samples.tolist() == list(FRAME.columns)


def test_the_folder_of_an_array_goes_on_with_a_frame_of_the_same_numbers(tmp_path):
    sweep(A, [1], 1, store=tmp_path, **RUN)
    result = sweep(FRAME, [1, 2], 1, store=tmp_path, **RUN)
    assert result.skipped == 1
    assert result.best(1).features is None
    assert result.best(2).features.tolist() == list(FRAME.index)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_folder_refuses_the_same_numbers_with_other_names(tmp_path, axis):
    sweep(FRAME, [1], 1, store=tmp_path / "a", **RUN)
    other = FRAME.set_axis(FRAME.axes[axis][::-1], axis=axis)
    message = "a holds a sweep of the same numbers, but the rows or columns of A have other names"
    with pytest.raises(StoreError, match=message):
        sweep(other, [1, 2], 1, store=tmp_path / "a", **RUN)
    sweep(other, [2], 1, store=tmp_path / "b", **RUN)
    with pytest.raises(StoreError, match=message):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")


def test_a_folder_with_names_goes_on_with_an_array_and_that_of_an_array_names_none(tmp_path):
    sweep(FRAME, [1], 1, store=tmp_path / "a", **RUN)
    assert sweep(A, [1, 2], 1, store=tmp_path / "a", **RUN).skipped == 1
    sweep(A, [1], 1, store=tmp_path / "b", **RUN)
    assert "names" not in json.loads((tmp_path / "b" / "sweep.json").read_text())["settings"]
