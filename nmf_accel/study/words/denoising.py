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


def less_noisy(found: Numbers, shown: int) -> str:
    """3b: whether the reconstructions are nearer to the clean images than the noisy ones are."""
    noise, error = found["noise_norm"], found["clean_error_by_rank"][shown]
    without = found["noiseless_error_by_rank"][shown]
    text = (
        f"At d = {shown} the reconstructions of the noisy images are {number(error)} away from the "
        "clean images"
    )
    if noise == 0:
        return f"{text}: no noise was added."
    nearer = "nearer than" if error < noise else "no nearer than"
    missing = min(without / error, 1.0) ** 2
    return (
        f"{text}, {nearer} the noisy images themselves ({number(noise)}). The reconstructions of "
        f"the clean images are {number(without)} away, so that {percent(missing)} of the square of "
        "that distance is what so few components leave out in any case, and "
        f"{percent(1 - missing)} is noise."
    )


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
    if not fit_improves(found):
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


def fit_improves(found: Numbers) -> bool:
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


def without_clean_images(found: Numbers) -> str:
    """3c: how near to the clean images the rank comes that cross-validation chooses."""
    errors, best = found["clean_error_by_rank"], found["best_rank"]
    if (folds := found["cross_validation"]) is None:
        return "Here that is not possible: the entries are so few that a part of them is empty."
    said, chosen = folds["said"], folds["rank"]
    if len(errors) == 1:
        return str(said)
    if chosen == best:
        return f"{said} It is the rank that comes nearest to the clean images, too."
    more = percent(errors[chosen] / errors[best] - 1)
    return (
        f"{said} The clean images would choose d = {best}: at d = {chosen} the "
        f"reconstruction is {number(errors[chosen])} away from them, {more} more."
    )


def why_they_may_differ(found: Numbers) -> str:
    """3c: why cross-validation may choose another rank than the clean images do."""
    if len(found["clean_error_by_rank"]) == 1:
        return "With a single rank neither has a choice."
    text = (
        "The two need not agree. Denoising an entry may use the noisy entry itself, and all the "
        "others; cross-validation has only four fifths of the others. It asks how many components "
        "predict best what was not seen, which may be fewer than denoise best what was."
    )
    if found["noise_norm"] == 0:
        return text
    return (
        f"{text} It counts against noisy entries, so that the noise is in its error at every rank; "
        "and this noise is no plain sum: clipping moves the mean of bright and of dark colours, so "
        "that what predicts the noisy images best is not quite the clean ones, and entries where A "
        "is zero carry no noise at all."
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
