"""Draw the pictures of ``docs/which-rank.md`` and print what it quotes: a minute or two.

The data come with scikit-learn: 1,797 handwritten digits of 8 × 8 pixels.
"""

from __future__ import annotations

from pathlib import Path

from sklearn.datasets import load_digits

from nmf_accel import choose_rank
from nmf_accel.plots import save
from nmf_accel.selection import agreement, bi_cross_validation, stability

HERE = Path(__file__).parent
HOW = {"solver": "hals", "max_iter": 100, "backend": "numpy"}


def main() -> None:
    """Choose a rank for digits, and ask the other criteria."""
    A = load_digits().data.T
    choice = choose_rank(A, range(1, 17), **HOW)
    print(choice)
    save(choice.plot(), HERE / "which-rank-digits.png", dpi=100)
    print(bi_cross_validation(A, range(1, 17), **HOW))
    for rank in (2, 4, 8, choice.rank):
        print(
            agreement(choice.sweep, rank),
            f"silhouette {stability(choice.sweep, rank).silhouette:.2f}",
        )
    at_rank = agreement(choice.sweep, choice.rank, slice(None, None, 3))  # each third digit
    save(at_rank.plot(), HERE / "which-rank-consensus.png", dpi=80)


if __name__ == "__main__":
    main()
