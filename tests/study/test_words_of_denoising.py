"""What a study says of noise reads differently when its numbers do."""

import pytest

from nmf_accel.study.words import conclusion, denoising


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
        "noiseless_error_by_rank": {2: 3.0, 4: 0.5, 8: 0.1},
        "cross_validation": {"rank": measures.get("chosen", 2), "said": "Rank 2."},
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
    assert "nothing is seen of under- or overfitting" in conclusion.conclusion(found)


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
        (conclusion.conclusion, noisy(TURNS), "NMF of rank 4 removes 80 % of the noise"),
        (conclusion.conclusion, noisy(TURNS), "A higher rank is not better"),
        (conclusion.conclusion, noisy(TURNS, fit=SLOW), "more iterations are needed"),
        (conclusion.conclusion, noisy(FALLS), "The highest rank tried is the best"),
        (conclusion.conclusion, noisy(TURNS, noise=0.5), "no rank tried removes noise"),
        (conclusion.conclusion, noisy(TURNS, noise=0.0), "there is nothing to overfit"),
        (conclusion.conclusion, noisy(TURNS), "the images gain (from 0.6 to 0.9"),
        (conclusion.conclusion, noisy(TURNS, ssim=(0.1, 0.2, 0.3)), "the images do not gain"),
        (conclusion.conclusion, noisy(TURNS), "At d = 2, which cross-validation"),
        (conclusion.conclusion, noisy(TURNS), "without the clean images, 20 % is removed."),
        (conclusion.conclusion, noisy(TURNS, noise=3.0), "clean images, nothing is gained."),
        (conclusion.conclusion, noisy(TURNS), "The constraint pays"),
        (conclusion.conclusion, noisy(TURNS, svd=(0.5, 0.6, 0.7)), "without the constraint, comes"),
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
    assert "SSIM" not in conclusion.conclusion(found)
    assert "PSNR" not in denoising.beside_svd(found)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({}, "At d = 4 the reconstructions of the noisy images are 1.000 away from the clean"),
        ({}, "nearer than the noisy images themselves (5.000)"),
        ({}, "0.5000 away, so that 25 % of the square of that distance is what so few components"),
        ({}, "in any case, and 75 % is noise."),
        ({"noise": 0.5}, "no nearer than the noisy images themselves (0.5000)"),
        ({"noise": 0.0}, "no noise was added."),
    ],
)
def test_whether_the_reconstructions_are_less_noisy(change, part):
    assert part in denoising.less_noisy(noisy(TURNS, **change), 4)


def test_what_is_lost_without_the_clean_images():
    said = denoising.without_clean_images(noisy(TURNS))
    assert said == (
        "Rank 2. The clean images would choose d = 4: at d = 2 the reconstruction is 4.000 away "
        "from them, 300 % more."
    )
    said = denoising.without_clean_images(noisy(TURNS, chosen=4))
    assert said == "Rank 2. It is the rank that comes nearest to the clean images, too."
    single = {**noisy(TURNS), "clean_error_by_rank": {4: 1.0}}
    assert denoising.without_clean_images(single) == "Rank 2."


def test_why_cross_validation_may_choose_another_rank_hangs_on_ranks_and_noise():
    said = denoising.why_they_may_differ(noisy(TURNS))
    assert said.startswith("The two need not agree")
    assert "so that the noise is in its error" in said
    without = denoising.why_they_may_differ(noisy(TURNS, noise=0))
    assert without == said[: len(without)]
    assert "the noise" not in without
    one = {**noisy(TURNS), "clean_error_by_rank": {4: 1.0}}
    assert denoising.why_they_may_differ(one) == "With a single rank neither has a choice."


def test_where_nothing_could_be_held_out_that_is_said():
    found = {**noisy(TURNS), "cross_validation": None}
    assert "so few that a part of them is empty" in denoising.without_clean_images(found)
    assert "cross-validation" not in conclusion.conclusion(found)


def test_the_conclusion_counts_what_was_unique():
    far = {"error": 1e-12, "product": 0.5, "factors": 0.5}
    two_starts = {
        "A1": {1: {"difference": far}, 2: {"difference": {**far, "product": 1e-12}}},
        "A2": {1: {"difference": {**far, "product": 1e-12, "factors": 1e-12}}},
    }
    said = conclusion.of_small_matrices({"two_starts": two_starts}, 1e-6)
    assert said == (
        "In 3 cases of small matrices, two starts came to the same error in 3, to the same WH in "
        "2, and to the same W and H in 1."
    )


def test_the_conclusion_says_what_the_images_lose():
    found = {
        "shown_rank": 64,
        "norm": 100.0,
        "storage_ratio_by_rank": {64: 0.165},
        "relative_error_by_rank": {64: 0.137},
        "svd_error_by_rank": {64: 9.0},
        "deviation": {"rare_pixel_share": 0.1, "rare_squared_error_share": 0.4},
    }
    said = conclusion.of_images(found)
    assert "hold 0.17 times the numbers of the images" in said
    assert "up to 13.7 % of ‖A‖, where the truncated SVD comes up to 9 %" in said
    assert "Rare features carry 4.0 times their share" in said
    for share in (0.0, 0.4):  # no rare pixel, or no more than their share
        found["deviation"]["rare_pixel_share"] = share
        assert "Rare" not in conclusion.of_images(found)
