"""3d: what to take from it all."""

from __future__ import annotations

from . import Numbers, number, percent
from .denoising import fit_improves


def of_small_matrices(found: Numbers, alike: float) -> str:
    """Task 1: what was unique."""
    cases = [
        one["difference"] for by_rank in found["two_starts"].values() for one in by_rank.values()
    ]
    error, product, factors = (
        sum(case[what] <= alike for case in cases) for what in ("error", "product", "factors")
    )
    return (
        f"In {len(cases)} cases of small matrices, two starts came to the same error in {error}, "
        f"to the same WH in {product}, and to the same W and H in {factors}."
    )


def of_images(found: Numbers) -> str:
    """Task 2: what a factorization of the images is good for, and what it loses."""
    d, one = found["shown_rank"], found["deviation"]
    stored, error = found["storage_ratio_by_rank"][d], found["relative_error_by_rank"][d]
    text = (
        f"With d = {d}, W and H hold {stored:.2f} times the numbers of the images and give them "
        f"back up to {percent(error)} of ‖A‖, where the truncated SVD comes up to "
        f"{percent(found['svd_error_by_rank'][d] / found['norm'])}."
    )
    times = (
        one["rare_squared_error_share"] / one["rare_pixel_share"] if one["rare_pixel_share"] else 0
    )
    if times > 1.5:
        text += f" Rare features carry {times:.1f} times their share of the squared error."
    return text


def conclusion(found: Numbers) -> str:
    """3d: what became of the noise, and at which rank."""
    errors, best, noise = found["clean_error_by_rank"], found["best_rank"], found["noise_norm"]
    if noise == 0:
        return (
            "Without noise the best rank is simply the one with the least error, "
            f"d = {best}: there is nothing to overfit."
        )
    if errors[best] < noise:
        first = (
            f"NMF of rank {best} removes {percent(1 - errors[best] / noise)} of the noise at "
            f"σ = {found['sigma']:g}, measured by the Frobenius norm."
        )
    else:
        first = (
            f"At σ = {found['sigma']:g} no rank tried removes noise: the error of the "
            f"reconstruction, {number(errors[best])} at best, exceeds the noise of {number(noise)}."
        )
    said = [
        first,
        _higher_rank(found),
        *_to_the_eye(found),
        _constraint(found),
        *_unsupervised(found),
    ]
    return " ".join(said)


def _higher_rank(found: Numbers) -> str:
    """Whether a higher rank than the best one would be better."""
    ranks, best = list(found["clean_error_by_rank"]), found["best_rank"]
    if len(ranks) == 1:
        return "With no other rank beside it, nothing is seen of under- or overfitting."
    if best == max(ranks):
        return "The highest rank tried is the best, so that higher ones are worth a trial."
    if not fit_improves(found):
        return (
            f"Up to d = {max(ranks)} not even the fit to the noisy images improves: more "
            "iterations are needed before it can be said what a higher rank is good for."
        )
    return (
        "A higher rank is not better: the fit to the noisy images is closer at "
        f"d = {max(ranks)}, while the distance to the clean ones has grown."
    )


def _to_the_eye(found: Numbers) -> list[str]:
    """Whether SSIM says that the images gain; nothing where there is no SSIM."""
    chosen, noisy = found["best_rank_by_ssim"], found["noisy_likeness"]["ssim"]
    if chosen is None or noisy is None:
        return []
    best = found["ssim_by_rank"][chosen]
    verb = "gain" if best > noisy else "do not gain"
    return [
        f"To the eye, as far as SSIM speaks for it, the images {verb} "
        f"(from {noisy:.3g} to {best:.3g} at d = {chosen})."
    ]


def _constraint(found: Numbers) -> str:
    """Whether the best of NMF is nearer than the best of truncated SVD."""
    ours = found["clean_error_by_rank"][found["best_rank"]]
    svd = found["svd"]["clean_error_by_rank"][found["svd_best_rank"]]
    if ours < svd:
        return f"The constraint pays: unconstrained, the best distance is {number(svd)}."
    return f"Truncated SVD, without the constraint, comes nearer ({number(svd)})."


def _unsupervised(found: Numbers) -> list[str]:
    """What is left of that where the rank has to be chosen without the clean images."""
    errors, folds = found["clean_error_by_rank"], found["cross_validation"]
    if len(errors) == 1 or folds is None:
        return []
    at = f"At d = {folds['rank']}, which cross-validation chooses without the clean images,"
    removed = 1 - errors[folds["rank"]] / found["noise_norm"]
    return [f"{at} {percent(removed)} is removed." if removed > 0 else f"{at} nothing is gained."]
