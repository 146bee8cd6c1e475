"""What the numbers of Task 2 say."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from . import Numbers, listed, number, percent

ROWS = {1: "one row", 3: "three rows"}
COLOURS = {1: ["grey"], 3: ["red", "green", "blue"]}


def how_columns_are_made(found: Numbers) -> str:
    """2a: what a pixel consists of, and what becomes of it in A."""
    h, w = found["image_shape"]
    (m, n), colours = found["shape"], found["shape"][0] // (h * w)
    parts, opacity = COLOURS.get(colours, [f"{colours} channels"]), found["channels"] > colours
    scale = f" ({'; '.join(found['said'])})" if found["said"] else ", divided by 255,"
    text = (
        f"Each of the {n} images has {h} × {w} pixels with {listed(parts + opacity * ['opacity'])}."
        f" The {'colours' if colours == 3 else 'values'}{scale} become one column of A, which is "
        f"{m} × {n}"
    )
    if opacity:
        text += "; the opacity is not factorized but kept, and put back before an image is shown"
    return f"{text}." + ("" if colours in COLOURS else " Pictures show the mean of the channels.")


def what_the_mean_shows(found: Numbers) -> str:
    """2b: how much all images have in common."""
    places, share = math.prod(found["image_shape"]), 1 - _off_by_mean(found) ** 2
    text = (
        f"{found['always_opaque_pixels']} of the {places} pixels are opaque in every image. Put in "
        f"the place of each image, the mean accounts for {percent(share)} of ‖A‖²"
    )
    if share > 0.5:
        return f"{text}: the images have more in common than sets them apart."
    return f"{text}: the images have less in common than sets them apart."


def _off_by_mean(found: Numbers) -> float:
    """How far A is from the mean image in each column, of ‖A‖."""
    return float(found["mean_image_error"] / found["norm"])


def rank_and_bound(found: Numbers) -> str:
    """2b: the rank, the bound from transparency, and how they compare."""
    (m, n), transparent = found["shape"], found["always_transparent_pixels"]
    rank, bound = found["matrix_rank"], found["rank_bound"]
    places = found["image_shape"][0] * found["image_shape"][1]
    rows = m // places  # of a pixel: its colours
    each = ROWS.get(rows, f"{rows} rows")
    opening = (
        f"{transparent} of the {places} pixels are transparent in every image. Each is {each} of "
        f"zeros, so the rank is at most min(m − {rows} · {transparent}, n) = "
        f"min({m - rows * transparent}, {n}) = {bound}."
    )
    if found["zero_rows"] > rows * transparent:
        opening += (
            f" Counting colours that are zero in every image as well, {found['zero_rows']} rows "
            "are zero."
        )
    if rank == bound:
        return f"{opening} The rank is {rank}: the bound is attained."
    return (
        f"{opening} The rank is {rank}, {bound - rank} less: the images are put together from "
        "parts in few colours, and some images are sums and differences of others."
    )


def what_columns_show(found: Numbers) -> str:
    """2c: how much of an image a component covers, by rank."""
    shares = found["used_share_by_rank"]
    first, last = min(shares), max(shares)
    if first == last:
        return (
            f"At d = {first} a column of W uses {percent(shares[first])} of the rows, on average."
        )
    said = (
        f"A column of W uses {percent(shares[first])} of the rows on average at d = {first}, and "
        f"{percent(shares[last])} at d = {last}"
    )
    if shares[last] < 0.9 * shares[first]:
        return (
            f"{said}: with more components the columns turn from whole, ghostly figures into "
            "parts of figures that are added up."
        )
    return f"{said}: the columns do not become more local as their number grows."


def how_good(found: Numbers) -> str:
    """2d: how far the reconstructions are from the images, over all."""
    errors, d = found["deviation"]["relative_error_by_image"], found["shown_rank"]
    half, most = (percent(float(share)) for share in np.quantile(errors, (0.5, 0.9)))
    return (
        f"At d = {d} WH differs from A by {percent(found['relative_error_by_rank'][d])} of ‖A‖, "
        f"where the mean image differs by {percent(_off_by_mean(found))}. Half of "
        f"the images are off by less than {half} each, nine in ten by less than {most}."
    )


def where_it_deviates(found: Numbers) -> str:
    """2d: which images are reconstructed badly, and whether rarity has to do with it."""
    one = found["deviation"]
    errors, rare, carried = (
        one["relative_error_by_image"],
        one["rare_pixel_share"],
        one["rare_squared_error_share"],
    )
    worst, best = one["worst"][0], one["best"][0]
    text = (
        f"The relative error of a single image lies between {percent(errors[best])} (image "
        f"{best}) and {percent(errors[worst])} (image {worst}). Pixels with a colour that fewer "
        f"than 5 % of the images have at that place are {percent(rare)} of all pixels and carry "
        f"{percent(carried)} of the squared error"
    )
    if carried > 1.5 * rare:
        text += f", {carried / rare:.1f} times their share: rare features are lost first."
    else:
        text += ": the error does not gather at rare features."
    r = one["rarity_error_correlation"]
    if r is not None:
        strength = "strongly" if r > 0.6 else "somewhat" if r > 0.25 else "hardly"
        text += f" How many such pixels an image has is {strength} correlated with its "
        text += f"relative error (r = {r:.2f})."
    return text


def how_it_converges(found: Numbers) -> str:
    """2e: how far the error is after a tenth of the iterations, and whether it still falls."""
    parts, still, last = [], [], []
    for d, errors in found["errors_by_iteration"].items():
        tenth = max(len(errors) // 10, 1)
        above = errors[tenth - 1] / errors[-1] - 1
        parts.append(f"{percent(above)} above its end at d = {d}")
        still.append(above)
        last.append(1 - errors[-1] / errors[max(len(errors) - tenth, 1) - 1])
    text = f"After a tenth of the iterations the error is {listed(parts)}."
    if len(still) > 1 and still[-1] > 1.2 * still[0]:
        text += " The higher the rank, the longer the iteration takes to settle."
    else:
        text += " No rank takes much longer than another to settle."
    fall = f"In the last tenth it falls by {listed([percent(share) for share in last])}"
    if max(last) > SETTLED:
        return f"{text} {fall}: it has not converged, and more iterations would lower it further."
    return f"{text} {fall}: to the eye it has converged, though it is never quite at rest."


SETTLED = 0.003
"""A fall of the error in the last tenth of the iterations that no plot shows."""


def how_error_falls(found: Numbers) -> str:
    """2f: the error by rank, beside the truncated SVD and what is stored."""
    errors, bounds = found["error_by_rank"], found["svd_error_by_rank"]
    (m, n), first, last = found["shape"], min(errors), max(errors)
    even = m * n / (m + n)
    text = (
        f"From d = {first} to d = {last} the error goes from {number(errors[first])} to "
        f"{number(errors[last])}, {percent(errors[last] / found['norm'])} of ‖A‖."
    )
    if len(errors) > 1:
        text += " " + _whether_it_falls(errors)
    if bounds[first] > 0 and bounds[last] > 0:
        ratio, end = errors[first] / bounds[first], errors[last] / bounds[last]
        text += (
            f" It is {ratio:.2f} times the bound at d = {first} and {end:.2f} times at d = {last}: "
        )
        text += (
            "non-negativity costs more as the rank grows."
            if end > 1.1 * ratio
            else "non-negativity costs much the same at all ranks."
        )
    over = [d for d in errors if d > even]
    text += f" W and H hold fewer numbers than A below d = mn/(m + n) = {number(even)}"
    text += f"; at d = {listed(over)} they hold more." if over else ", so at all the ranks here."
    return text


def _whether_it_falls(errors: dict[int, float]) -> str:
    """2f: whether each rank has a lower error than the one before."""
    rises = [d for before, d in pairwise(sorted(errors)) if errors[d] > errors[before]]
    if not rises:
        return "It falls from each rank to the next, as that of the best factorization must."
    return (
        f"At d = {listed(rises)} it is higher than at the rank before, as that of the best "
        "factorization cannot be: these runs have not come as far."
    )


def checked_on_runs(found: Numbers) -> str:
    """1a and 1g again, on the runs of Task 2."""
    smallest, increase = found["smallest_entry"], found["largest_increase"]
    sign = "no entry of W or H is negative" if smallest >= 0 else f"W or H falls to {smallest:.3g}"
    if increase == 0:
        return f"In all these runs {sign}, and the error never increased."
    small = increase <= 1e-9 * found["norm"]
    size = "no more than rounding" if small else "more than rounding explains"
    return (
        f"In all these runs {sign}, and the error increased by at most {number(increase)} from one "
        f"iteration to the next, {size}."
    )
