"""What a study says reads differently when its numbers do."""

import pytest

from nmf_accel.study import tables
from nmf_accel.study.report import subscripts
from nmf_accel.study.words import denoising, images, listed, number, percent, properties


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


def test_genres():
    found = {
        "films": ["a", "b"],
        "viewers": ["x", "y"],
        "genre_of_film": [0, 1],
        "genre_of_viewer": [0, 0],
        "relative_error": 0.1,
    }
    said = properties.genres(found)
    assert "component 1 is the stronger one in a and is what x and y mostly like" in said
    assert "component 2 is the stronger one in b and is what nobody mostly likes" in said


IMAGES = {
    "shape": [1728, 500],
    "image_shape": [24, 24],
    "norm": 100.0,
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
        (images.what_columns_show, {}, "turn from whole, ghostly figures into parts"),
        (images.what_columns_show, {"used_share_by_rank": {4: 0.2, 8: 0.2}}, "not become more"),
        (images.what_columns_show, {"used_share_by_rank": {4: 0.2}}, "At d = 4 a column"),
        (images.how_it_converges, {}, "The higher the rank, the longer"),
        (images.how_it_converges, {"errors_by_iteration": {4: [1.0], 8: [1.0]}}, "No rank takes"),
        (images.how_error_falls, {}, "costs more as the rank grows"),
        (images.how_error_falls, {"svd_error_by_rank": {4: 19.0, 8: 9.5}}, "costs much the same"),
        (images.how_error_falls, {}, "so at all the ranks here"),
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


def noisy(errors, svd=(3.0, 2.0, 4.0), noise=5.0, fit=(6.0, 5.0, 4.0), **measures):
    """Numbers of Task 3 at the ranks 2, 4, 8."""
    ssim = measures.get("ssim", (0.5, 0.9, 0.7))
    psnr = measures.get("psnr", (20.0, 30.0, 25.0))
    clean, by_svd, similar, ratio = (
        dict(zip((2, 4, 8), values, strict=True)) for values in (errors, svd, ssim, psnr)
    )
    return {
        "sigma": 0.1,
        "noise_norm": noise,
        "noise_norm_by_sigma": {"0.05": 2.5, "0.1": noise, "0.2": 9.0},
        "noisy_likeness": {"psnr": 22.0, "ssim": 0.6},
        "component_match": 0.9,
        "fit_error_by_rank": dict(zip((2, 4, 8), fit, strict=True)),
        "clean_error_by_rank": clean,
        "psnr_by_rank": ratio,
        "ssim_by_rank": similar,
        "best_rank": min(clean, key=clean.get),
        "best_rank_by_psnr": max(ratio, key=ratio.get),
        "best_rank_by_ssim": max(similar, key=similar.get),
        "svd_best_rank": min(by_svd, key=by_svd.get),
        "svd": {"clean_error_by_rank": by_svd, "psnr_by_rank": {2: 20.0, 4: 28.0, 8: 24.0}},
    }


FALLS, TURNS, RISES = (4.0, 3.0, 2.0), (4.0, 1.0, 2.0), (1.0, 2.0, 4.0)
SLOW = (5.0, 4.0, 6.0)


@pytest.mark.parametrize(
    ("errors", "parts"),
    [
        (FALLS, ("least at d = 8", "the highest", "no overfitting is seen")),
        (TURNS, ("least at d = 4", "underfits (4.000 at d = 2)", "by 100 % to 2.000 at d = 8")),
        (RISES, ("least at d = 2", "the lowest", "the higher ranks overfit")),
    ],
)
def test_place_of_the_best_rank(errors, parts):
    said = denoising.place_of_best(noisy(errors))
    for part in parts:
        assert part in said


def test_an_iteration_that_has_not_come_to_rest_is_no_overfitting():
    for errors in (TURNS, RISES):
        assert "no overfitting" in denoising.place_of_best(noisy(errors, fit=SLOW))


def test_a_single_rank_has_no_place():
    found = {**noisy(TURNS), "clean_error_by_rank": {4: 2.0}}
    assert "Only d = 4 was tried" in denoising.place_of_best(found)
    assert "the only rank tried" in denoising.other_measures(found)
    assert "nothing is seen of under- or overfitting" in denoising.conclusion(found)


@pytest.mark.parametrize(
    ("function", "found", "part"),
    [
        (denoising.does_it_help, noisy(TURNS), "takes away 80 % of that distance"),
        (denoising.does_it_help, noisy(TURNS, noise=1.5), "d = 4 comes nearer"),
        (denoising.does_it_help, noisy(TURNS, noise=0.5), "does not denoise"),
        (denoising.does_it_help, noisy(TURNS, noise=0.0), "no noise to remove"),
        (denoising.about_components, noisy(TURNS), "much the same"),
        (denoising.about_components, noisy(TURNS, noise=0.0), "0.90 on average."),
        (
            denoising.about_components,
            {**noisy(TURNS), "component_match": 0.3},
            "taken apart in another way",
        ),
        (denoising.other_measures, noisy(TURNS), "all measures choose the same rank"),
        (denoising.other_measures, noisy(TURNS, ssim=(0.9, 0.5, 0.1)), ": SSIM would choose"),
        (denoising.other_measures, noisy(RISES), ": PSNR and SSIM would choose another"),
        (denoising.beside_svd, noisy(TURNS), "non-negativity helps against overfitting"),
        (denoising.beside_svd, noisy(TURNS, svd=(0.5, 0.6, 4.0)), "the best of SVD is better"),
        (denoising.beside_svd, noisy(TURNS, svd=(0.5, 0.6, 0.7)), "is no help against"),
        (denoising.beside_svd, noisy(TURNS), "NMF is ahead"),
        (denoising.beside_svd, noisy(TURNS, psnr=(20, 28.05, 25)), "they are equal"),
        (denoising.beside_svd, noisy(TURNS, psnr=(20, 21, 22)), "SVD is ahead"),
        (denoising.conclusion, noisy(TURNS), "NMF of rank 4 removes 80 % of the noise"),
        (denoising.conclusion, noisy(TURNS), "A higher rank is not better"),
        (denoising.conclusion, noisy(TURNS, fit=SLOW), "more iterations are needed"),
        (denoising.conclusion, noisy(FALLS), "The highest rank tried is the best"),
        (denoising.conclusion, noisy(TURNS, noise=0.5), "no rank tried removes noise"),
        (denoising.conclusion, noisy(TURNS, noise=0.0), "there is nothing to overfit"),
        (denoising.conclusion, noisy(TURNS), "the images gain (from 0.6 to 0.9"),
        (denoising.conclusion, noisy(TURNS, ssim=(0.1, 0.2, 0.3)), "the images do not gain"),
        (denoising.conclusion, noisy(TURNS), "The constraint pays"),
        (denoising.conclusion, noisy(TURNS, svd=(0.5, 0.6, 0.7)), "without the constraint, comes"),
    ],
)
def test_denoising(function, found, part):
    assert part in function(found)


def test_noise():
    found = noisy(TURNS)
    said = denoising.about_noise(found, 10.0)
    assert "= 5.000, 50 % of ‖A‖; at σ = 0.05 it is 2.500 and at σ = 0.2 it is 9.000." in said
    assert "no noise is added" in denoising.about_noise(noisy(TURNS, noise=0.0), 10.0)


def test_measures_that_are_not_defined_are_not_spoken_of():
    none = {"best_rank_by_psnr": None, "best_rank_by_ssim": None}
    found = {**noisy(TURNS), **none, "psnr_by_rank": {2: None}}
    assert "not defined" in denoising.other_measures(found)
    assert "SSIM" not in denoising.conclusion(found)
    assert "PSNR" not in denoising.beside_svd(found)
