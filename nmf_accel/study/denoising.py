"""Task 3: noise, and what a factorization of low rank takes of it away."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import images
from .comparing import svd_error
from .held_out import cross_validation, seen
from .image_tasks import Fits, Images
from .likeness import psnr, ssim
from .runs import Runs

Floats = NDArray[np.floating[Any]]
Numbers = dict[str, Any]


@dataclass(frozen=True, repr=False)
class Denoising:
    """What Task 3 found.

    Attributes
    ----------
    images : Images
        Task 2, of the same images without noise.
    noisy : (m, n) array
    fits : dict of Factorization
        Of the noisy matrix, by rank.
    numbers : dict
        As in ``study.json`` under ``task3``.
    """

    images: Images
    noisy: Floats
    fits: Fits
    numbers: Numbers

    def __repr__(self) -> str:
        return f"<Task 3 of a study of {self.images.settings.dataset}, ranks {list(self.fits)}>"


def study_denoising(runs: Runs, clean: Images) -> Denoising:
    """Task 3: noise, fits to the noisy images, how near they come to the clean ones; which rank."""
    settings, A = runs.settings, clean.data.A
    noisy = images.add_noise(A, settings.sigma, settings.noise_seed)
    fits = runs.factorize_ranks(noisy, settings.ranks, "3-noisy")
    U, values, Vt = np.linalg.svd(noisy, full_matrices=False)
    by_nmf = against_clean(clean, settings.ranks, lambda d: fits[d].reconstruct())
    by_svd = against_clean(clean, settings.ranks, lambda d: (U[:, :d] * values[:d]) @ Vt[:d])
    noise, root = float(np.linalg.norm(noisy - A)), math.sqrt(seen(noisy).size)
    sigmas = [settings.sigma / 2, settings.sigma, 2 * settings.sigma]
    numbers = {
        "sigma": settings.sigma,
        "noise_seed": settings.noise_seed,
        "noise_norm": noise,
        "noise_norm_by_sigma": {
            f"{sigma:g}": noise_norm(A, sigma, settings.noise_seed) for sigma in sigmas
        },
        "noisy_likeness": likeness(clean, noisy),
        "component_match": component_match(
            clean.fits[settings.shown_rank].W, fits[settings.shown_rank].W
        ),
        "fit_error_by_rank": {d: fit.error for d, fit in fits.items()},
        "noiseless_error_by_rank": clean.numbers["error_by_rank"],
        **by_nmf,
        "svd": {"fit_error_by_rank": {d: svd_error(values, d) for d in fits}, **by_svd},
        **best_ranks(by_nmf, by_svd),
        "cross_validation": cross_validation(runs, noisy),
        "clean_error_per_entry_by_rank": {
            d: error / root for d, error in by_nmf["clean_error_by_rank"].items()
        },
        "noise_per_entry": noise / root,
    }
    return Denoising(clean, noisy, fits, numbers)


def noise_norm(A: Floats, sigma: float, seed: int) -> float:
    """‖A_noisy − A‖_F."""
    return float(np.linalg.norm(images.add_noise(A, sigma, seed) - A))


def component_match(W: Floats, noisy_W: Floats) -> float:
    """Mean over the noisy components of the largest cosine with a clean one."""
    cosines = _unit(W).T @ _unit(noisy_W)
    return float(cosines.max(axis=0).mean())


def _unit(W: Floats) -> Floats:
    """The columns that are not zero, of length 1."""
    length = np.linalg.norm(W, axis=0)
    unit: Floats = W[:, length > 0] / length[length > 0]
    return unit


def likeness(clean: Images, A: Floats) -> Numbers:
    """PSNR and SSIM of a matrix against the clean images, both as seen on grey."""
    truth, seen = clean.as_seen(clean.data.A), clean.as_seen(np.asarray(A, dtype=np.float64))
    return {"psnr": psnr(truth, seen), "ssim": ssim(truth, seen)}


def against_clean(
    clean: Images, ranks: tuple[int, ...], reconstruct: Callable[[int], Floats]
) -> Numbers:
    """Error, PSNR and SSIM against the clean images at each rank."""
    numbers: Numbers = {"clean_error_by_rank": {}, "psnr_by_rank": {}, "ssim_by_rank": {}}
    for d in ranks:
        B = reconstruct(d)
        numbers["clean_error_by_rank"][d] = float(np.linalg.norm(clean.data.A - B))
        for measure, value in likeness(clean, B).items():
            numbers[f"{measure}_by_rank"][d] = value
    return numbers


def best_ranks(by_nmf: Numbers, by_svd: Numbers) -> Numbers:
    """The ranks that come nearest to the clean images, by the norm and to the eye."""
    return {
        "best_rank": lowest(by_nmf["clean_error_by_rank"]),
        "svd_best_rank": lowest(by_svd["clean_error_by_rank"]),
        "best_rank_by_psnr": highest(by_nmf["psnr_by_rank"]),
        "best_rank_by_ssim": highest(by_nmf["ssim_by_rank"]),
    }


def lowest(by_rank: dict[int, float]) -> int:
    """The rank of the least value; of equal ones the lowest rank."""
    return min(by_rank, key=lambda d: (by_rank[d], d))


def highest(by_rank: dict[int, float | None]) -> int | None:
    """The rank of the greatest value, None being no value; of equal ones the lowest rank."""
    known = {d: value for d, value in by_rank.items() if value is not None}
    return lowest({d: -value for d, value in known.items()}) if known else None
