"""What the numbers of Task 1 say."""

from __future__ import annotations

from . import Numbers, indexed, listed, number, percent


def never_negative(found: Numbers) -> str:
    """1a: what the check of the iterates says."""
    smallest = min(found["smallest_entry"].values())
    checked = (
        f"In the first {found['iterates']} iterations at d = {found['rank']} on "
        f"{listed([indexed(name) for name in found['smallest_entry']])} the smallest entry of "
        f"any Wₖ or Hₖ is {number(smallest)}"
    )
    if smallest < 0:
        return f"{checked}: a negative entry, which contradicts the argument."
    return f"{checked}: none is negative, as the argument says."


def fixed(found: Numbers, delta: float) -> str:
    """1b: what the check of the fixed points says."""
    exact, inexact = found["exact"], found["inexact"]
    first = (
        f"Where WH = A, the quotient differs from one by at most "
        f"{number(exact['quotient_off_one'])}, and one iteration changes no entry of H by more "
        f"than {number(exact['H_moves'])} of its size, which is the work of δ = {number(delta)} "
        "and of rounding."
    )
    if exact["H_moves"] > 1e-3:
        first = (
            f"Where WH = A, one iteration still changes H by {number(exact['H_moves'])} of its "
            "size: it is no fixed point, against the argument."
        )
    distance = f"‖A − WH‖ = {number(inexact['error'])}"
    if inexact["quotient_off_one"] < 1e-3:
        return (
            f"{first} The condition on the quotient holds elsewhere too: where the run on A₂ with "
            f"d = 1 ends, the quotient differs from one by only "
            f"{number(inexact['quotient_off_one'])} although {distance}. WH = A is sufficient for "
            "a fixed point, not necessary."
        )
    return (
        f"{first} Where the run on A₂ with d = 1 ends, at {distance}, the quotient still differs "
        f"from one by {number(inexact['quotient_off_one'])}: it has not yet come to a fixed point."
    )


def zeros(found: Numbers) -> str:
    """1c: what the check of the start of zeros says."""
    without = (
        "Without δ the first update is 0/0, and every entry becomes NaN."
        if found["without_delta_all_nan"]
        else "Without δ the first update was a number, against the argument."
    )
    left = found["non_zeros_with_delta"]
    with_delta = (
        f"With δ all entries are still zero after {found['iterations']} updates."
        if left == 0
        else f"With δ {left} entries are not zero after {found['iterations']} updates."
    )
    refusal = (
        f"The library refuses the start: “{found['refusal']}”."
        if found["refusal"]
        else "The library accepted the start, which it should not."
    )
    alive = found["non_zeros_in_zero_component"]
    part = (
        "stays zero as well, and the run is one of d = 1 only, with "
        f"‖A − WH‖ = {number(found['error_with_zero_component'])} on A₄"
        if alive == 0
        else f"has {alive} entries that are not zero at the end"
    )
    return (
        f"{without} {with_delta} {refusal} A single component that starts at zero, beside one "
        f"that does not, {part}."
    )


def uniqueness(name: str, rank: int, difference: Numbers, alike: float) -> str:
    """1d, 1e: what the two starts share, from the relative differences between them."""
    same = {what: value <= alike for what, value in difference.items()}
    opening = f"{indexed(name)}, d = {rank}:"
    if not same["error"]:
        return (
            f"{opening} the two starts end at different errors (they differ by "
            f"{percent(difference['error'])} of ‖A‖), so nothing is unique: each has come to a "
            "place of its own, or needs more iterations."
        )
    if not same["product"]:
        return (
            f"{opening} both starts reach the same error, but not the same WH (relative "
            f"difference {number(difference['product'])}): the best fit itself is not unique."
        )
    if same["factors"]:
        return f"{opening} both starts give the same W and H, and so the same WH and error."
    if same["scaled_factors"]:
        return (
            f"{opening} WH and the error are unique; W and H are so only up to the scale and the "
            "order of the components. Once the columns of W are made to sum to one and put in the "
            f"same order, they differ by {number(difference['scaled_factors'])}."
        )
    return (
        f"{opening} WH and the error are unique, W and H are not, even when scale and order are "
        f"made the same (relative difference {number(difference['scaled_factors'])}): different "
        "non-negative factors have the same product."
    )


def exactness(name: str, found: Numbers, alike: float) -> str:
    """1e: whether the error at d = 2 is zero, which the rank allows."""
    errors = [run["error"] for run in found["runs"]]
    relative = max(run["relative_error"] for run in found["runs"])
    text = (
        f"{indexed(name)}, d = 2: the errors end at {listed([number(error) for error in errors])}"
    )
    if relative <= alike:
        return f"{text}, zero but for δ and rounding: WH is the matrix, as its rank allows."
    return (
        f"{text}, not zero though the rank allows it: the iteration is still on its way, or at "
        "rest at a local minimum."
    )


def monotone(found: Numbers, delta: float) -> str:
    """1g: whether equation (17) held."""
    increase = max(max(one["largest_increase"].values()) for one in found.values())
    norm = max(one["norm"] for one in found.values())
    if increase == 0:
        return "The error never increased, in any iteration of any run: equation (17) holds."
    if increase <= norm * max(delta, 1e-12):
        return (
            f"The largest increase from one iteration to the next, over all runs, is "
            f"{number(increase)}: rounding and δ. Equation (17) holds."
        )
    return (
        f"The error increased by up to {number(increase)} in one iteration, more than rounding "
        "explains: equation (17) does not hold here."
    )


def depends_on_rank(name: str, found: Numbers) -> str:
    """1g: where each d ends, beside the truncated SVD."""
    norm, parts = found["norm"], []
    for d, errors in found["errors"].items():
        last, bound = errors[-1], found["svd_errors"][d]
        end = f"at d = {d} the error ends at {number(last)}"
        if bound == 0 and last < 1e-6 * norm:
            parts.append(f"{end}, nothing but δ and rounding: the factorization is exact")
        elif bound == 0:
            parts.append(f"{end} and the bound is 0, so it is still on its way to an exact one")
        elif last <= bound * (1 + 1e-3):
            parts.append(f"{end}, the bound of the truncated SVD ({number(bound)})")
        else:
            parts.append(f"{end}, {percent(last / bound - 1)} above the bound {number(bound)}")
    return f"{indexed(name)}, of rank {found['rank']}: {'; '.join(parts)}."


def genres(found: Numbers) -> str:
    """Section 2.1: who and what the two components stand for."""
    parts = []
    for k in (0, 1):
        films = [f for f, g in zip(found["films"], found["genre_of_film"], strict=True) if g == k]
        fans = [u for u, g in zip(found["users"], found["genre_of_user"], strict=True) if g == k]
        who = listed(fans) if fans else "nobody"
        parts.append(
            f"component {k + 1} is the stronger one in {listed(films) if films else 'no film'} "
            f"and is what {who} mostly like{'s' * (len(fans) < 2)}"
        )
    numbers = sum(len(found[factor]) * len(found[factor][0]) for factor in ("W", "H"))
    ratings = len(found["films"]) * len(found["users"])
    return (
        f"In the factorization {parts[0]}; {parts[1]}. Its {numbers} numbers take the place of "
        f"{ratings} ratings, from which WH differs by {percent(found['relative_error'])}."
    )


def beside_printed(found: Numbers) -> str:
    """Section 2.1: whether ours is the factorization that the text prints."""
    apart, printed = found["difference"], found["printed"]
    product = f"Our WH and that of the printed factors differ by at most {number(apart['WH'])}"
    if apart["WH"] > found["rounding"]:
        return (
            f"{product}, and rounding to two decimals explains {number(found['rounding'])}: this "
            "is another factorization than the printed one."
        )
    same = all(found[group] == printed[group] for group in ("genre_of_film", "genre_of_user"))
    groups = "the same groups" if same else "not the same groups"
    text = (
        f"{product}, and rounding these to two decimals explains {number(found['rounding'])}; both "
        f"have {groups} of films and of users. Our error is {found['error']:.4f}, that of the "
        f"printed factors {printed['error']:.4f}."
    )
    if found["error"] > found["svd_error"] * (1 + 1e-6):
        above = percent(found["error"] / found["svd_error"] - 1)
        return f"{text} Ours is {above} above that of the truncated SVD, the least of rank 2."
    return (
        f"{text} It is that of the truncated SVD: no matrix of rank 2 comes nearer, and WH is the "
        "only one that comes so near. W and H are not unique: scaled alike, ours and the printed "
        f"ones differ by up to {number(apart['W'])} in W and {number(apart['H'])} in H, and have "
        "the same product."
    )
