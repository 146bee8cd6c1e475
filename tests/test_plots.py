"""A figure says what it shows: heat maps have the names of components, features and samples."""

import numpy as np
import pytest

from nmf_accel import nmf, plots
from nmf_accel.datasets import Dataset, images, sprites


def heatmap(rank, n=40):
    """A factorization of a plain matrix, and the axes that show its components."""
    A = np.random.default_rng(rank).random((30, n)) * np.geomspace(1, 100, 30)[:, None]
    result = nmf(A, rank, max_iter=5, backend="numpy")
    figure = plots.components(result, Dataset("a.npy", A))
    figure.canvas.draw()
    return result, figure.axes[0]


def labels(ax):
    """The names below the heat map, by where they stand, of those inside it."""
    low, high = ax.get_xlim()
    ticks = zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
    return {float(x): label.get_text() for x, label in ticks if low <= x <= high}


@pytest.mark.parametrize("rank", [1, 4, 15, 40])
def test_a_name_below_the_heat_map_is_that_of_the_column_of_W_above_it(rank):
    result, ax = heatmap(rank)
    (image,) = ax.images
    drawn, (left, right, _, _) = image.get_array(), image.get_extent()
    assert drawn.shape[1] == rank
    numbered = labels(ax)
    assert 1 <= len(numbered) <= 17
    for x, label in numbered.items():
        shown = drawn[:, int((x - left) / (right - left) * rank)]
        column = result.W[:, result.component_names.index(label)]
        np.testing.assert_allclose(shown, column / column.max(), rtol=1e-15)
    assert "column of W" in ax.get_xlabel()


def test_few_columns_are_all_named():
    _, ax = heatmap(6)
    assert list(labels(ax).values()) == ["c1", "c2", "c3", "c4", "c5", "c6"]


def named(m, n, rank):
    """A factorization with names, and the axes of its heat maps of W and H."""
    rng = np.random.default_rng(0)
    names = [[f"{side}{k}" for k in range(count)] for side, count in (("g", m), ("s", n))]
    data = Dataset("a.csv", rng.gamma(0.3, 1, (m, n)), None, {}, *map(np.array, names))
    result = nmf(data, rank, max_iter=9, backend="numpy")
    figure = plots.components(result, data)
    figure.canvas.draw()
    return result, figure.axes[:2]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels() if label.get_text()]


def test_few_features_and_samples_are_all_named_in_their_order():
    result, (left, right) = named(12, 9, 3)
    assert ticks(left.yaxis) == result.features.tolist()
    assert ticks(right.xaxis) == result.samples.tolist()
    assert ticks(right.yaxis) == ticks(left.xaxis) == ["c1", "c2", "c3"]
    np.testing.assert_allclose(left.images[0].get_array(), result.W / result.W.max(axis=0))
    H = result.H / result.H.max(axis=1, keepdims=True)
    np.testing.assert_allclose(right.images[0].get_array(), H)


def test_of_many_features_those_are_drawn_that_are_largest_component_by_component():
    result, (left, _) = named(500, 9, 3)
    W = result.W / result.W.max(axis=0)
    rows = [int(name[1:]) for name in ticks(left.yaxis)]
    assert len(rows) == len(set(rows)) <= 60
    np.testing.assert_allclose(left.images[0].get_array(), W[rows])
    assert rows[:20] == np.argsort(-W[:, 0])[:20].tolist()
    tops = [int(np.argmax(W[:, k])) for k in range(3)]
    assert sorted(tops, key=rows.index) == tops
    assert f"the {len(rows)} largest of 500 features" in left.get_title()


def test_features_along_a_scale_are_all_drawn_in_their_order():
    names = np.array([f"{k / 2} Hz" for k in range(300)])
    data = Dataset("a.wav", np.random.default_rng(0).random((300, 9)), None, {}, names)
    result = nmf(data, 2, max_iter=2, backend="numpy")
    figure = plots.components(result, data)
    figure.canvas.draw()
    left = figure.axes[0]
    np.testing.assert_allclose(left.images[0].get_array(), result.W / result.W.max(axis=0))
    shown = ticks(left.yaxis)
    assert 3 <= len(shown) <= 17
    assert set(shown) <= set(names.tolist())


def test_a_long_name_is_cut_and_many_samples_are_named_here_and_there():
    data = Dataset("a.csv", np.ones((2, 90)), None, {}, np.array(["x" * 99, "y"]))
    result = nmf(data, 1, max_iter=2, backend="numpy")
    figure = plots.components(result, data)
    figure.canvas.draw()
    left, right = figure.axes[:2]
    assert ticks(left.yaxis) == ["x" * 11 + "…" + "x" * 12, "y"]
    shown = [int(label) for label in ticks(right.xaxis)]
    assert 3 <= len(shown) <= 17
    assert shown == sorted(shown)


def test_what_is_missing_is_left_blank():
    A = np.ones((6, 5))
    A[2, 3] = np.nan
    result = nmf(A, 1, max_iter=3, missing=np.nan, backend="numpy")
    figure = plots.reconstructions(result, Dataset("a.csv", A))
    shown = figure.axes[0].images[0].get_array()
    assert np.isnan(np.ma.filled(shown, np.nan)).sum() == 1


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


def of_pixels(pixels, colours):
    return Dataset("x", images.to_matrix(pixels, colours), pixels)


def drawn(data):
    """The sheets of originals and of components, one number a pixel, and their titles."""
    result = nmf(data.A, 2, max_iter=5, backend="numpy")
    original = plots.reconstructions(result, data).axes[0]
    parts = plots.components(result, data).axes[0]
    sheets = [np.asarray(ax.images[0].get_array())[::4, ::4] for ax in (original, parts)]
    return *sheets, original.get_title(), parts.get_title()


def test_one_channel_is_drawn_as_grey():
    pixels = np.random.default_rng(0).integers(0, 256, (1, 5, 4, 1), dtype=np.uint8)
    original, parts, title, _ = drawn(of_pixels(pixels, 1))
    np.testing.assert_array_equal(original, np.repeat(pixels[0] / 255.0, 3, axis=2))
    assert (parts[..., 0] == parts[..., 1]).all()
    assert title == "Original"


@pytest.mark.parametrize("channels", [2, 5])
def test_channels_that_are_no_colours_are_drawn_as_their_mean(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (1, 5, 4, channels), dtype=np.uint8)
    original, _, title, of_parts = drawn(of_pixels(pixels, channels))
    expected = (pixels[0] / 255.0).mean(axis=2)
    np.testing.assert_allclose(original[..., 1], expected, rtol=1e-12)
    assert title == f"Original, mean of {channels} channels"
    assert of_parts.endswith(f"each scaled to its maximum, mean of {channels} channels")


@pytest.mark.parametrize(("dtype", "most"), [("f4", 300), ("f8", 0.02), ("u2", 500)])
def test_what_is_no_byte_is_drawn_up_to_the_largest_value(dtype, most):
    pixels = (np.random.default_rng(0).random((1, 5, 4, 1)) * most).astype(dtype)
    data = of_pixels(pixels, 1)
    original, _, title, _ = drawn(data)
    np.testing.assert_allclose(original[..., 0], pixels[0, ..., 0] / pixels.max(), rtol=1e-6)
    assert title == f"Original, white = {data.A.max():.3g}"


def test_bytes_are_drawn_as_they_are():
    pixels = np.full((2, 3, 3, 3), 51, np.uint8)
    pixels[1, 0] = 255
    original, _, title, _ = drawn(of_pixels(pixels, 3))
    assert original[0, 0].tolist() == [0.2, 0.2, 0.2]
    assert title == "Original"


def test_dark_bytes_are_drawn_by_their_largest_which_is_said():
    original, _, title, _ = drawn(of_pixels(np.full((2, 3, 3, 3), 51, np.uint8), 3))
    assert original[0, 0].tolist() == [1.0, 1.0, 1.0]
    assert title == "Original, white = 0.2"


def test_grey_is_seen_through_what_is_transparent_and_where_a_value_is_missing():
    colours = np.array([[[[0.5], [0.5], [np.nan]]]])
    alpha = np.array([[[1.0, 0.0, 1.0]]])
    assert images.over(colours, alpha, 0.25).ravel().tolist() == [0.5, 0.25, 0.25]


def test_a_large_sheet_is_not_enlarged():
    pixels = np.zeros((2, 1500, 2100, 1), np.uint8)
    pixels[0] = 255
    figure = plots.reconstructions(nmf(images.to_matrix(pixels), 1, max_iter=1, backend="numpy"),
                                   of_pixels(pixels, 1))  # fmt: skip
    assert figure.axes[0].images[0].get_array().shape == (1500, 4201, 3)
