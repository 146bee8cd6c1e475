"""Heat maps lose no peak, blend nothing, and show names as they are."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from matplotlib import cbook

from nmf_accel import nmf, plots
from nmf_accel.datasets import Dataset
from nmf_accel.plots import blocks, heatmaps


def drawn(features=None, samples=None, A=None, rank=2):
    """The axes of W and of H for a matrix with such names."""
    if A is None:
        A = np.random.default_rng(0).random((len(features), 5))
    data = Dataset("a.csv", A, None, {}, *(x and np.array(x) for x in (features, samples)))
    result = nmf(data, rank, max_iter=5, backend="numpy")
    figure = plots.components(result, data)
    figure.canvas.draw()
    return result, figure.axes[:2]


def of_ones(m, n, features=None, samples=None):
    """A factorization whose factors are ones, of rank 1."""
    result = nmf(np.ones((2, 2)), 1, max_iter=1, backend="numpy")
    names = {"features": features, "samples": samples}
    return replace(result, W=np.ones((m, 1)), H=np.ones((1, n)), **names)


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels() if label.get_text()]


@pytest.mark.parametrize("place", [(0, 0), (801, 1), (999, 2999), (500, 1601)])
@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array, scipy.sparse.coo_matrix])
def test_a_single_peak_of_a_large_matrix_is_drawn(place, kind):
    A = np.zeros((1000, 3000))
    A[place] = 7.0
    shown = blocks.largest(kind(A))
    assert shown.shape == (500, 750)
    assert shown[place[0] // 2, place[1] // 4] == shown.sum() == 7


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array])
def test_of_the_entries_that_share_a_pixel_the_largest_is_drawn(kind):
    A = np.random.default_rng(0).random((900, 1700))
    padded = np.zeros((900, 1701))
    padded[:, :1700] = A
    expected = padded.reshape(450, 2, 567, 3).max(axis=(1, 3))
    np.testing.assert_array_equal(blocks.largest(kind(A)), expected)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array])
def test_the_largest_difference_is_drawn_with_its_sign(sign, kind):
    A = np.ones((1000, 900))
    A[501, 333] += sign * 0.5
    found = blocks.compare(kind(A), np.ones((1000, 1)), np.ones((1, 900)))
    assert found.rest[250, 166] == sign * 0.5
    assert np.count_nonzero(found.rest) == 1
    assert (found.product == 1).all()
    assert (found.size, found.thinned) == ((2, 2), 1)


def test_blocks_are_blank_only_where_nothing_of_them_is_known():
    A = np.ones((1000, 10))
    A[0, 3] = A[500:502, 4] = np.nan
    assert np.argwhere(np.isnan(blocks.largest(A))).tolist() == [[250, 4]]
    rest = blocks.compare(A, np.zeros((1000, 1)), np.zeros((1, 10))).rest
    assert np.argwhere(np.isnan(rest)).tolist() == [[250, 4]]


def test_of_a_product_that_is_too_large_some_lines_are_looked_at_and_the_title_says_so(monkeypatch):
    monkeypatch.setattr(blocks, "LARGEST_PRODUCT", 100)
    A = np.random.default_rng(0).random((30, 30))
    figure = heatmaps.matrices(A, of_ones(30, 30))
    titles = [ax.get_title() for ax in figure.axes[:3]]
    assert titles == ["A", "W H, one row and column of 3", "A − W H, one row and column of 3"]
    assert figure.axes[1].images[0].get_array().shape == (10, 10)
    for ax in figure.axes[:3]:
        assert ax.images[0].get_extent() == [-0.5, 29.5, 29.5, -0.5]


def test_the_last_block_stands_where_its_lines_do():
    figure = heatmaps.matrices(np.ones((801, 5)), of_ones(801, 5))
    ax = figure.axes[0]
    assert ax.images[0].get_extent() == [-0.5, 4.5, 801.5, -0.5]
    assert ax.get_ylim() == (800.5, -0.5)


def test_a_matrix_beside_its_product_has_names_too():
    features, samples = np.array(list("wxyz")), np.array([f"{k / 2} s" for k in range(90)])
    figure = heatmaps.matrices(np.ones((4, 90)), of_ones(4, 90, features, samples))
    figure.canvas.draw()
    for ax in figure.axes[:3]:
        assert ticks(ax.yaxis) == ["w", "x", "y", "z"]
        assert 3 <= len(ticks(ax.xaxis)) <= 17
        assert set(ticks(ax.xaxis)) <= set(samples.tolist())


def test_heat_maps_share_the_scale_of_their_colour_bar_and_blend_nothing():
    result, axes = drawn([f"g{k}" for k in range(9)], rank=2)
    dead = heatmaps.factors(replace(result, H=0 * result.H))  # of which the largest is no 1
    for ax in [*axes, dead.axes[1]]:
        (image,) = ax.images
        assert image.get_clim() == (0, 1)
        assert image.get_interpolation() == "nearest"
    figure = heatmaps.matrices(np.ones((4, 5)), of_ones(4, 5))
    assert {ax.images[0].get_interpolation() for ax in figure.axes[:3]} == {"nearest"}


def test_dollars_in_names_are_no_formulas():
    names = ["$x$", r"$\frac{", "a$b", "c"]
    _, (left, right) = drawn(names, [*names, "d"], A=np.random.default_rng(0).random((4, 5)))
    for label in [*left.yaxis.get_ticklabels(), *right.xaxis.get_ticklabels()]:
        assert not cbook.is_math_text(label.get_text())
    assert [label.replace(r"\$", "$") for label in ticks(left.yaxis)] == names


def test_line_breaks_in_names_are_spaces():
    _, (left, _) = drawn(["a\nb", "c\td", "e"])
    assert ticks(left.yaxis) == ["a b", "c d", "e"]


def test_long_names_that_differ_at_their_ends_are_told_apart():
    long = "ENSG_of_a_very_long_path_"
    _, (left, _) = drawn([f"{long}{k}" for k in range(3)])
    shown = ticks(left.yaxis)
    assert len(set(shown)) == 3
    assert {len(name) for name in shown} == {24}
    assert shown[1].startswith("ENSG_of_a_v…")
    assert shown[1].endswith("path_1")


def test_features_that_are_zero_in_a_component_are_not_among_its_largest():
    A = np.zeros((200, 6))
    A[[150, 160], :3] = [[1, 2, 3], [2, 4, 6]]
    A[170, 3:] = 1
    result, (left, _) = drawn([f"g{k}" for k in range(200)], A=A)
    assert (result.W > 0).any(axis=1).sum() == 3
    assert set(ticks(left.yaxis)) == {"g150", "g160", "g170"}
    assert "the 3 largest of 200 features" in left.get_title()


def test_letters_that_the_font_has_not_are_one_warning(tmp_path):
    data = Dataset("a.csv", np.ones((3, 4)), None, {}, np.array(["𒀀x", "𒀁", "𒀂"]))
    figure = plots.components(nmf(data, 1, max_iter=2, backend="numpy"), data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        plots.save(figure, tmp_path / "a.png")
    (one,) = caught
    assert str(one.message).startswith(f"{tmp_path / 'a.png'}: the font has no 𒀀𒀁𒀂, drawn as boxes")
    assert (tmp_path / "a.png").exists()


def test_other_warnings_of_a_figure_are_not_kept_back(tmp_path, monkeypatch):
    figure = heatmaps.matrices(np.ones((4, 5)), of_ones(4, 5))
    monkeypatch.setattr(figure, "savefig", lambda *_, **__: warnings.warn("mind", stacklevel=1))
    with pytest.warns(UserWarning, match="mind"):
        plots.save(figure, tmp_path / "a.png")
