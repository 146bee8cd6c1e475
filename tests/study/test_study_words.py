"""What a study says reads differently when its numbers do."""

import pytest

from nmf_accel.study import tables
from nmf_accel.study.report import subscripts
from nmf_accel.study.words import images, listed, number, percent, properties


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0, "0"),
        (28.2, "28.20"),
        (1234.56, "1235"),
        (2.5e-16, "2.5\u00a0·\u00a010⁻¹⁶"),
        (1e-9, "10⁻⁹"),
        (3e12, "3\u00a0·\u00a010¹²"),
    ],
)
def test_numbers(x, text):
    assert number(x) == text


def test_shares_and_lists():
    assert percent(0.12345) == "12.3 %"
    assert percent(2.5) == "250 %"
    assert listed([1]) == "1"
    assert listed([1, 2, 3]) == "1, 2 and 3"


def test_sentences_become_html():
    assert str(subscripts("‖A_noisy − A‖ < 3 at d = 16")) == (
        "‖A<sub>noisy</sub> − A‖ &lt; 3 at d&nbsp;=&nbsp;16"
    )


def test_tables_escape_what_is_in_them():
    html = tables.Table(["<a>"], [["x & y", "1\n2"]])._repr_html_()
    assert "&lt;a&gt;" in html
    assert "x &amp; y" in html
    assert "<td>1<br>2</td>" in html


def test_non_negativity():
    found = {"rank": 2, "iterates": 50, "smallest_entry": {"A1": 0.0, "A2": 0.2}}
    assert "none is negative" in properties.never_negative(found)
    found["smallest_entry"]["A2"] = -0.1
    assert "contradicts" in properties.never_negative(found)


def test_fixed_points():
    exact = {"error": 0.0, "quotient_off_one": 1e-16, "H_moves": 1e-10, "W_moves": 1e-10}
    inexact = {**exact, "error": 0.41}
    found = {"exact": exact, "inexact": inexact}
    assert "sufficient for a fixed point, not necessary" in properties.fixed(found, 1e-9)
    found["inexact"] = {**inexact, "quotient_off_one": 0.1}
    assert "not yet come to a fixed point" in properties.fixed(found, 1e-9)
    found["exact"] = {**exact, "H_moves": 0.1}
    assert "no fixed point, against the argument" in properties.fixed(found, 1e-9)


def test_zero_starts():
    found = {
        "without_delta_all_nan": True,
        "iterations": 10,
        "non_zeros_with_delta": 0,
        "refusal": "W0 is zero",
        "non_zeros_in_zero_component": 0,
        "error_with_zero_component": 2.0,
    }
    said = properties.zeros(found)
    for part in ("becomes NaN", "still zero after 10", "“W0 is zero”", "stays zero as well"):
        assert part in said
    said = properties.zeros(
        {
            **found,
            "without_delta_all_nan": False,
            "non_zeros_with_delta": 3,
            "refusal": "",
            "non_zeros_in_zero_component": 2,
        }
    )
    for part in ("against the argument", "3 entries", "accepted the start", "has 2 entries"):
        assert part in said


@pytest.mark.parametrize(
    ("differs", "part"),
    [
        ([], "the same W and H"),
        (["factors"], "up to the scale and the order"),
        (["factors", "scaled_factors"], "different non-negative factors have the same product"),
        (["factors", "scaled_factors", "product"], "the best fit itself is not unique"),
        (["factors", "scaled_factors", "product", "error"], "nothing is unique"),
    ],
)
def test_uniqueness(differs, part):
    names = ("error", "product", "factors", "scaled_factors")
    difference = {name: 0.5 if name in differs else 1e-12 for name in names}
    assert part in properties.uniqueness("A1", 1, difference, 1e-6)


@pytest.mark.parametrize(
    ("relative", "part"),
    [(1e-9, "zero but for δ and rounding: WH is the matrix"), (0.1, "not zero though the rank")],
)
def test_exactness(relative, part):
    runs = [{"error": 2 * x, "relative_error": x} for x in (1e-10, relative)]
    assert part in properties.exactness("A1", {"runs": runs}, 1e-6)


def convergence(**change):
    return {
        "norm": 5.0,
        "rank": 2,
        "errors": {1: [2.0, 1.0], 2: [2.0, 0.0]},
        "svd_errors": {1: 1.0, 2: 0.0},
        "largest_increase": {1: 0.0, 2: 0.0},
        **change,
    }


@pytest.mark.parametrize(
    ("increase", "part"),
    [(0.0, "never increased"), (1e-12, "Equation (17) holds"), (0.1, "does not hold here")],
)
def test_monotone(increase, part):
    found = {"A3": convergence(largest_increase={1: 0.0, 2: increase})}
    assert part in properties.monotone(found, 1e-9)


@pytest.mark.parametrize(
    ("last", "bound", "part"),
    [
        (1e-9, 0.0, "the factorization is exact"),
        (0.1, 0.0, "still on its way"),
        (1.0, 1.0, "the bound of the truncated SVD"),
        (1.5, 1.0, "50 % above the bound"),
    ],
)
def test_dependence_on_the_rank(last, bound, part):
    found = convergence(errors={1: [2.0, last]}, svd_errors={1: bound})
    assert part in properties.depends_on_rank("A3", found)


def films(**change):
    printed = {"genre_of_film": [0, 1], "genre_of_user": [0, 0], "error": 1.01}
    return {
        "films": ["a", "b"],
        "users": ["x", "y"],
        "W": [[1.0, 0.0], [0.0, 1.0]],
        "H": [[1.0, 2.0], [0.0, 0.0]],
        "genre_of_film": [0, 1],
        "genre_of_user": [0, 0],
        "difference": {"W": 0.2, "H": 0.9, "WH": 0.02},
        "rounding": 0.03,
        "error": 1.0,
        "svd_error": 1.0,
        "relative_error": 0.1,
        "printed": printed,
        **change,
    }


def test_genres():
    said = properties.genres(films())
    assert "component 1 is the stronger one in a and is what x and y mostly like" in said
    assert "component 2 is the stronger one in b and is what nobody mostly likes" in said
    assert "Its 8 numbers take the place of 4 ratings, from which WH differs by 10 %" in said


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({}, "differ by at most 0.02000, and rounding these to two decimals explains 0.03000"),
        ({}, "both have the same groups of films and of users"),
        ({}, "It is that of the truncated SVD"),
        ({}, "differ by up to 0.2000 in W and 0.9000 in H, and have the same product"),
        ({"svd_error": 0.8}, "Ours is 25 % above that of the truncated SVD"),
        ({"svd_error": 1 / 1.000003}, "Ours is 0.0003 % above that of"),  # both are told as 1.0000
        ({"genre_of_user": [0, 1]}, "not the same groups"),
        ({"rounding": 0.01}, "this is another factorization than the printed one"),
    ],
)
def test_beside_what_is_printed(change, part):
    assert part in properties.beside_printed(films(**change))


IMAGES = {
    "shape": [1728, 500],
    "image_shape": [24, 24],
    "norm": 100.0,
    "mean_image_error": 60.0,
    "always_opaque_pixels": 144,
    "shown_rank": 4,
    "relative_error_by_rank": {4: 0.2, 8: 0.1},
    "always_transparent_pixels": 166,
    "zero_rows": 498,
    "rank_bound": 500,
    "matrix_rank": 336,
    "used_share_by_rank": {4: 0.5, 8: 0.2},
    "errors_by_iteration": {4: [4.0] * 10 + [1.0] * 90, 8: [8.0] * 10 + [1.0] * 90},
    "error_by_rank": {4: 20.0, 8: 10.0},
    "svd_error_by_rank": {4: 19.0, 8: 5.0},
    "smallest_entry": 0.0,
    "largest_increase": 0.0,
    "deviation": {
        "relative_error_by_image": [0.1, 0.5],
        "best": [0],
        "worst": [1],
        "rare_pixel_share": 0.1,
        "rare_squared_error_share": 0.5,
        "rarity_error_correlation": 0.8,
    },
}


@pytest.mark.parametrize(
    ("function", "change", "part"),
    [
        (images.rank_and_bound, {}, "The rank is 336, 164 less"),
        (images.rank_and_bound, {"matrix_rank": 500}, "the bound is attained"),
        (images.rank_and_bound, {"zero_rows": 679}, "679 rows are zero"),
        (images.what_the_mean_shows, {}, "144 of the 576 pixels are opaque in every image"),
        (images.what_the_mean_shows, {}, "64 % of ‖A‖²: the images have more in common than"),
        (images.what_the_mean_shows, {"mean_image_error": 80.0}, "36 % of ‖A‖²: the images have l"),
        (images.how_good, {}, "At d = 4 WH differs from A by 20 % of ‖A‖, where the mean image "),
        (images.how_good, {}, "differs by 60 %. Half of the images are off by less than 30 % each"),
        (images.how_good, {}, "nine in ten by less than 46 %."),
        (images.what_columns_show, {}, "turn from whole, ghostly figures into parts"),
        (images.what_columns_show, {"used_share_by_rank": {4: 0.2, 8: 0.2}}, "not become more"),
        (images.what_columns_show, {"used_share_by_rank": {4: 0.2}}, "At d = 4 a column"),
        (images.how_it_converges, {}, "The higher the rank, the longer"),
        (images.how_it_converges, {}, "it falls by 0 % and 0 %: to the eye it has"),
        (images.how_it_converges, {"errors_by_iteration": {4: [1.0] * 90 + [0.99] * 10}},
         "it falls by 1 %: it has not converged"),
        (images.how_it_converges, {"errors_by_iteration": {4: [1.0], 8: [1.0]}}, "No rank takes"),
        (images.how_error_falls, {}, "costs more as the rank grows"),
        (images.how_error_falls, {"svd_error_by_rank": {4: 19.0, 8: 9.5}}, "costs much the same"),
        (images.how_error_falls, {}, "so at all the ranks here"),
        (images.how_error_falls, {}, "It falls from each rank to the next, as that of the best"),
        (images.how_error_falls, {"error_by_rank": {4: 20.0, 8: 21.0}}, "At d = 8 it is higher"),
        (images.how_error_falls, {"error_by_rank": {4: 9.0, 999: 1.0},
                                  "svd_error_by_rank": {4: 8.0, 999: 0.0}}, "at d = 999 they hold"),
        (images.checked_on_runs, {}, "no entry of W or H is negative, and the error never"),
        (images.checked_on_runs, {"largest_increase": 1e-12}, "no more than rounding"),
        (images.checked_on_runs, {"largest_increase": 1.0}, "more than rounding explains"),
        (images.checked_on_runs, {"smallest_entry": -0.5}, "W or H falls to -0.5"),
    ],
)  # fmt: skip
def test_images(function, change, part):
    assert part in function({**IMAGES, **change})


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({}, "5.0 times their share: rare features are lost first"),
        ({"rare_squared_error_share": 0.1}, "does not gather at rare features"),
        ({}, "strongly correlated"),
        ({"rarity_error_correlation": 0.4}, "somewhat correlated"),
        ({"rarity_error_correlation": -0.1}, "hardly correlated"),
    ],
)
def test_where_it_deviates(change, part):
    found = {"deviation": {**IMAGES["deviation"], **change}}
    assert part in images.where_it_deviates(found)


def test_no_correlation_is_not_spoken_of():
    found = {"deviation": {**IMAGES["deviation"], "rarity_error_correlation": None}}
    assert "correlated" not in images.where_it_deviates(found)
