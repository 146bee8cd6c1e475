"""Tables of a study, which draw themselves in a notebook and in the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from .words import indexed, number, percent

Numbers = dict[str, Any]


@dataclass(frozen=True, repr=False)
class Table:
    """A table as HTML.

    Attributes
    ----------
    header : sequence of str
    rows : sequence of sequences of str
        The first cell of each heads its row.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __repr__(self) -> str:
        return f"<Table of {len(self.rows)} rows: {', '.join(self.header)}>"

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in self.header)
        body = "".join(
            f'<tr><th scope="row">{escape(first)}</th>'
            + "".join(f"<td>{_lines(cell)}</td>" for cell in rest)
            + "</tr>"
            for first, *rest in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _lines(cell: str) -> str:
    return escape(cell).replace("\n", "<br>")


def matrix(rows: Sequence[Sequence[float]]) -> str:
    """A small matrix, a row a line."""
    return "\n".join("  ".join(f"{x:.4f}" for x in row) for row in rows)


def or_dash(x: float | None, digits: str = "#.4g") -> str:
    """A number, or a dash where there is none."""
    return "–" if x is None else format(x, digits)


def two_starts(found: Numbers, rank: int) -> Table:
    """1d, 1e: W, H, WH and the error on A1 and A2 from two starts."""
    rows = []
    for name, by_rank in found["two_starts"].items():
        for run in by_rank[rank]["runs"]:
            factors = [matrix(run[factor]) for factor in ("W", "H", "WH")]
            rows.append([f"{indexed(name)}, seed {run['seed']}", *factors, number(run["error"])])
    return Table(["start", "W", "H", "WH", "‖A − WH‖"], rows)


def small_ranks(found: Numbers) -> Table:
    """1f: singular values and ranks of A3 and A4."""
    rows = [
        [indexed(name), ", ".join(f"{s:.4f}" for s in one["singular_values"]), str(one["rank"])]
        for name, one in found["convergence"].items()
    ]
    return Table(["matrix", "singular values", "rank"], rows)


def convergence(found: Numbers) -> Table:
    """1g: the last error at each d beside the bound, and the largest increase."""
    rows = [
        [
            f"{indexed(name)}, d = {d}",
            number(errors[-1]),
            number(one["svd_errors"][d]),
            number(one["largest_increase"][d]),
        ]
        for name, one in found["convergence"].items()
        for d, errors in one["errors"].items()
    ]
    return Table(["run", "last error", "bound (9)", "largest increase"], rows)


def ratings(found: Numbers) -> Table:
    """Section 2.1: the ratings, and in brackets what WH makes of them."""
    films = found["films"]
    rows = [
        [film, *(f"{r:.0f} ({wh:.1f})" for r, wh in zip(given, fitted, strict=True))]
        for film, given, fitted in zip(films["films"], films["ratings"], films["WH"], strict=True)
    ]
    return Table(["film", *films["users"]], rows)


def film_genres(found: Numbers) -> Table:
    """Section 2.1: W, how much of each component is in a film, ours and as printed."""
    films = found["films"]
    both = zip(films["films"], films["W"], films["printed"]["W"], strict=True)
    rows = [[film, *(f"{x:.2f}" for x in ours + printed)] for film, ours, printed in both]
    components = ("component 1", "component 2")
    sides = [f"{component}, {whose}" for whose in ("ours", "printed") for component in components]
    return Table(["film (rows of W)", *sides], rows)


def user_tastes(found: Numbers) -> Table:
    """Section 2.1: H, how much a user likes each component, ours and as printed."""
    films = found["films"]
    rows = [
        [f"component {k + 1}, {whose}", *(f"{x:.2f}" for x in side["H"][k])]
        for whose, side in (("ours", films), ("printed", films["printed"]))
        for k in (0, 1)
    ]
    return Table(["rows of H", *films["users"]], rows)


def error_by_rank(found: Numbers) -> Table:
    """2f: error, bound and storage at each rank."""
    rows = [
        [
            str(d),
            number(error),
            percent(found["relative_error_by_rank"][d]),
            number(found["svd_error_by_rank"][d]),
            f"{found['storage_ratio_by_rank'][d]:.3f}",
            f"{found['seconds_by_rank'][d]:.1f} s",
        ]
        for d, error in found["error_by_rank"].items()
    ]
    header = ["d", "‖A − WH‖", "of ‖A‖", "truncated SVD", "d(m+n)/(mn)", "time"]
    return Table(header, rows)


def traits(found: Numbers, count: int = 8) -> Table:
    """2d: the traits whose images are reconstructed worst."""
    rows = [
        [
            f"{one['category']}: {one['trait']}",
            str(one["images"]),
            percent(one["mean_relative_error"]),
        ]
        for one in found["deviation"]["traits"][:count]
    ]
    return Table(["trait", "images", "mean relative error"], rows)


def denoising(found: Numbers) -> Table:
    """3c: errors and likeness at each rank, of NMF and truncated SVD."""
    svd, noisy = found["svd"], found["noisy_likeness"]
    rows = [
        [
            "noisy images",
            "",
            number(found["noise_norm"]),
            "",
            or_dash(noisy["psnr"]),
            "",
            or_dash(noisy["ssim"]),
            "",
        ]
    ]
    for d, error in found["clean_error_by_rank"].items():
        rows.append(
            [
                f"d = {d}",
                number(found["fit_error_by_rank"][d]),
                number(error),
                number(svd["clean_error_by_rank"][d]),
                or_dash(found["psnr_by_rank"][d]),
                or_dash(svd["psnr_by_rank"][d]),
                or_dash(found["ssim_by_rank"][d]),
                or_dash(svd["ssim_by_rank"][d]),
            ]
        )
    measures = ["to clean", "to clean, SVD", "PSNR", "PSNR, SVD", "SSIM", "SSIM, SVD"]
    return Table(["", "fit to noisy", *measures], rows)


def held_out(found: Numbers) -> Table:
    """3c: held-out error at each rank, beside the distance to the clean images, an entry."""
    folds, clean = found["cross_validation"], found["clean_error_per_entry_by_rank"]
    rows = [
        [f"d = {d}", number(error), number(folds["held_out_se_by_rank"][d]), number(clean[d])]
        for d, error in folds["held_out_by_rank"].items()
    ]
    return Table(["", "held-out error", "standard error", "to clean"], rows)
