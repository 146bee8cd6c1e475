"""A figure says what it shows: the axis of a heat map numbers the columns of W."""

import numpy as np
import pytest

from nmf_accel import nmf, plots
from nmf_accel.datasets import Dataset, sprites


def heatmap(rank, n=40):
    """A factorization of a plain matrix, and the axes that show its components."""
    A = np.random.default_rng(rank).random((30, n)) * np.geomspace(1, 100, 30)[:, None]
    result = nmf(A, rank, max_iter=5, backend="numpy")
    figure = plots.components(result, Dataset("a.npy", A))
    figure.canvas.draw()
    return result, figure.axes[0]


def labels(ax):
    """The numbers below the heat map, by where they stand, of those inside it."""
    low, high = ax.get_xlim()
    ticks = zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
    return {float(x): label.get_text() for x, label in ticks if low <= x <= high}


@pytest.mark.parametrize("rank", [1, 4, 15, 40])
def test_a_number_below_the_heat_map_is_that_of_the_column_of_W_above_it(rank):
    result, ax = heatmap(rank)
    (image,) = ax.images
    drawn, (left, right, _, _) = image.get_array(), image.get_extent()
    assert drawn.shape[1] == rank
    numbered = labels(ax)
    assert 1 <= len(numbered) <= 17
    for x, label in numbered.items():
        shown = drawn[:, int((x - left) / (right - left) * rank)]
        column = result.W[:, int(label)]
        np.testing.assert_allclose(shown, column / column.max(), rtol=1e-15)
    assert "column of W" in ax.get_xlabel()


def test_few_columns_are_all_numbered():
    _, ax = heatmap(6)
    assert list(labels(ax).values()) == ["0", "1", "2", "3", "4", "5"]


def test_the_example_is_not_in_order_of_weight():
    # Else the tests above could not tell W's order from that of what the columns carry.
    result, _ = heatmap(15)
    assert not np.array_equal(plots.by_weight(result), result.W / result.W.max(axis=0))


def test_images_stand_in_order_of_what_they_carry():
    data = sprites(30)
    result = nmf(data.A, 5, max_iter=20, backend="numpy")
    weights = np.linalg.norm(result.W, axis=0) * np.linalg.norm(result.H, axis=1)
    W = (result.W / result.W.max(axis=0))[:, np.argsort(-weights)]
    assert not np.array_equal(np.argsort(-weights), np.arange(5))
    np.testing.assert_array_equal(plots.by_weight(result), W)
    first = W[:, 0].reshape(24, 24, 3)
    (shown,) = plots.components(result, data).axes[0].images
    np.testing.assert_array_equal(shown.get_array()[: 4 * 24 : 4, : 4 * 24 : 4], first)
