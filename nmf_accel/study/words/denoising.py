"""What the numbers of Task 3 say."""

from __future__ import annotations

from . import Numbers, listed, number, percent


def about_noise(found: Numbers, norm: float) -> str:
    """3a: how much noise there is."""
    sigma, distance = found["sigma"], found["noise_norm"]
    if distance == 0:
        return f"With σ = {sigma:g} no noise is added: the noisy images are the clean ones."
    others = [
        f"at σ = {other} it is {number(value)}"
        for other, value in found["noise_norm_by_sigma"].items()
        if other != f"{sigma:g}"
    ]
    return (
        f"At σ = {sigma:g} the noise has the norm ‖A_noisy − A‖ = {number(distance)}, "
        f"{percent(distance / norm)} of ‖A‖; {listed(others)}."
    )


def about_components(found: Numbers) -> str:
    """3b: whether the components of the noisy images are those of the clean ones."""
    match = found["component_match"]
    text = (
        "The component of the clean images that is most like a component of the noisy ones makes "
        f"with it an angle whose cosine is {match:.2f} on average"
    )
    if found["noise_norm"] == 0:
        return f"{text}."
    if match > 0.8:
        return f"{text}: the components are much the same, with grain on them."
    return f"{text}: with noise the images are taken apart in another way."


def place_of_best(found: Numbers) -> str:
    """3c: where the error against the clean images is least, and what that means."""
    errors, best = found["clean_error_by_rank"], found["best_rank"]
    first, last = min(errors), max(errors)
    least = f"the error against the clean images is least at d = {best}, {number(errors[best])}"
    if first == last:
        return f"Only d = {best} was tried; its error against the clean images is " + (
            f"{number(errors[best])}."
        )
    if best == last:
        return (
            f"Of the ranks tried, {least}, the highest. It is still falling there: these ranks "
            "underfit, and no overfitting is seen."
        )
    rise = f"by {percent(errors[last] / errors[best] - 1)} to {number(errors[last])} at d = {last}"
    if not _fit_improves(found):
        return (
            f"Of the ranks tried, {least}. Beyond it the error grows {rise}, but so does that of "
            "the fit itself: the iteration has not come to rest, and no overfitting is seen."
        )
    if best == first:
        return (
            f"Of the ranks tried, {least}, the lowest. Beyond it the error grows {rise}: the "
            "higher ranks overfit, and a still lower one may be better."
        )
    return (
        f"Of the ranks tried, {least}. Below it the model is too poor for the images and "
        f"underfits ({number(errors[first])} at d = {first}); above it the components begin to "
        f"fit the noise, and the error grows {rise}: overfitting."
    )


def _fit_improves(found: Numbers) -> bool:
    """Whether the highest rank fits the noisy images more closely than the best one does."""
    fit = found["fit_error_by_rank"]
    return bool(fit[max(fit)] < fit[found["best_rank"]])


def does_it_help(found: Numbers) -> str:
    """3c: whether the best reconstruction is nearer to the clean images than the noisy ones."""
    noise, best = found["noise_norm"], found["best_rank"]
    error = found["clean_error_by_rank"][best]
    if noise == 0:
        return "There is no noise to remove, so every error here is one of the fit alone."
    better = [d for d, value in found["clean_error_by_rank"].items() if value < noise]
    if not better:
        return (
            f"No rank comes nearer to the clean images than the noisy images are already "
            f"({number(noise)}): judged by the norm, the factorization does not denoise."
        )
    return (
        f"The noisy images themselves are {number(noise)} away from the clean ones, so d = {best} "
        f"takes away {percent(1 - error / noise)} of that distance; d = {listed(better)} "
        f"{'comes' if len(better) == 1 else 'come'} nearer than the noisy images."
    )


def other_measures(found: Numbers) -> str:
    """3c: whether PSNR and SSIM choose the rank that the norm chooses."""
    parts, others = [], []
    for name, unit in (("PSNR", " dB"), ("SSIM", "")):
        measure = name.lower()
        chosen, noisy = found[f"best_rank_by_{measure}"], found["noisy_likeness"][measure]
        if chosen is None:
            continue
        most = f"{found[f'{measure}_by_rank'][chosen]:.3g}{unit}"
        beside = "" if noisy is None else f", against {noisy:.3g}{unit} of the noisy images"
        parts.append(f"{name} is highest at d = {chosen} ({most}{beside})")
        if chosen != found["best_rank"]:
            others.append(name)
    if not parts:
        return "PSNR and SSIM are not defined for these images."
    if len(found["clean_error_by_rank"]) == 1:
        return f"{listed(parts)}, the only rank tried."
    if not others:
        return f"{listed(parts)}: all measures choose the same rank."
    return (
        f"{listed(parts)}: {listed(others)} would choose another rank than the Frobenius norm, "
        "which counts all deviations alike wherever they are seen."
    )


def beside_svd(found: Numbers) -> str:
    """3c: whether non-negativity helps against overfitting."""
    ours, svd = found["clean_error_by_rank"], found["svd"]["clean_error_by_rank"]
    best, svd_best = found["best_rank"], found["svd_best_rank"]
    text = (
        f"Truncated SVD fits the noisy data more closely at every d. Against the clean images it "
        f"is best at d = {svd_best} with {number(svd[svd_best])}; NMF is best at d = {best} with "
        f"{number(ours[best])}."
    )
    last = max(ours)
    growth, svd_growth = ours[last] / ours[best] - 1, svd[last] / svd[svd_best] - 1
    if len(ours) > 1:
        text += (
            f" From its best rank to d = {last} its error grows by {percent(svd_growth)}, that of "
            f"NMF by {percent(growth)}."
        )
    return f"{text} {_verdict(found)}{_best_as_seen(found)}"


def _verdict(found: Numbers) -> str:
    """Whether non-negativity helps, by the norm."""
    ours, svd = found["clean_error_by_rank"], found["svd"]["clean_error_by_rank"]
    best, svd_best = found["best_rank"], found["svd_best_rank"]
    nearer = [d for d in ours if d >= svd_best and ours[d] < svd[d]]
    if nearer and ours[best] < svd[svd_best]:
        return (
            f"At d = {listed(nearer)} NMF is the nearer of the two, and its best beats "
            "the best of SVD: non-negativity helps against overfitting, as section 2.3 says."
        )
    if nearer:
        return (
            f"At d = {listed(nearer)} NMF is the nearer of the two, so non-negativity "
            "holds overfitting back, but the best of SVD is better than the best of NMF."
        )
    return (
        "Nowhere from there on is NMF nearer than SVD: in this run non-negativity is no "
        "help against overfitting."
    )


def _best_as_seen(found: Numbers) -> str:
    """The best PSNR of both: clipping and opacity spare SVD what the norm counts."""
    ours = [x for x in found["psnr_by_rank"].values() if x is not None]
    svd = [x for x in found["svd"]["psnr_by_rank"].values() if x is not None]
    if not ours or not svd:
        return ""
    gain = max(ours) - max(svd)
    verdict = "NMF is ahead" if gain > 0.1 else "SVD is ahead" if gain < -0.1 else "they are equal"
    return (
        f" As pictures, clipped and with their opacity, {verdict}: the best PSNR is "
        f"{max(ours):.1f} dB with NMF and {max(svd):.1f} dB with SVD."
    )


def conclusion(found: Numbers) -> str:
    """3d: what to take from it all."""
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
    return " ".join([first, _higher_rank(found), *_to_the_eye(found), _constraint(found)])


def _higher_rank(found: Numbers) -> str:
    """Whether a higher rank than the best one would be better."""
    ranks, best = list(found["clean_error_by_rank"]), found["best_rank"]
    if len(ranks) == 1:
        return "With no other rank beside it, nothing is seen of under- or overfitting."
    if best == max(ranks):
        return "The highest rank tried is the best, so that higher ones are worth a trial."
    if not _fit_improves(found):
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
