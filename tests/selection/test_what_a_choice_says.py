"""A choice of rank claims no more than the standard errors allow."""

import numpy as np
import pytest

from nmf_accel import RankChoice, SweepResult

LOSS = {"loss": "frobenius"}


def choice_of(errors, spread=0.01, silhouettes=None):
    """That of means by rank: (mean, silhouette) of each, and folds that differ by `spread`."""
    folds = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    folds *= spread / (folds.std(ddof=1) / np.sqrt(5))
    rows = [
        {"rank": rank, "seed": seed, "error": 1.0, "held_out": mean + folds[seed], "in_sample": 0.1}
        for rank, mean in errors.items()
        for seed in range(5)
    ]
    choice = RankChoice.of(SweepResult(rows, options={"folds": 5, **LOSS}))
    for row in choice.table:
        if silhouettes is not None:
            row.update(silhouette=silhouettes[row["rank"]][0], cosine=0.5)
            row["repeating"] = silhouettes[row["rank"]][1]
    return choice


def test_a_clear_answer():
    errors = {1: 2.0, 2: 1.5, 3: 1.0, 4: 1.2}
    choice = choice_of(errors, silhouettes={k: (0.98, k) for k in errors})
    assert (choice.rank, choice.lowest, choice.within) == (3, 3, [3])
    assert str(choice) == (
        "Rank 3: held-out error 1.000 ± 0.010, the lowest, and no other rank is within one "
        "standard error of it. Over runs, 3 of 3 components of rank 3 repeat (least silhouette "
        "0.98), and 4 of 4 components of rank 4 repeat (least silhouette 0.98)."
    )
    assert repr(choice) == "<RankChoice: rank 3 of [1, 2, 3, 4]>"


@pytest.mark.parametrize(
    ("errors", "rank", "told"),
    [
        (
            {1: 2, 2: 1.5, 3: 1.005, 4: 1.0, 5: 1.1},
            3,
            "Rank 3: held-out error 1.005 ± 0.010; the lowest is 1.000 ± 0.010 at rank 4, within "
            "one standard error of which rank 3 is the smallest.",
        ),
        (
            {1: 2, 2: 1.5, 3: 1.005, 4: 1.0, 5: 1.005, 6: 2},
            3,
            "Rank 3: held-out error 1.005 ± 0.010; the lowest is 1.000 ± 0.010 at rank 4. Rank 5 "
            "is within one standard error of the lowest too.",
        ),
        (
            {1: 2, 2: 1.5, 3: 1.0, 4: 1.005, 5: 1.005, 6: 2},
            3,
            "Rank 3: held-out error 1.000 ± 0.010, the lowest. Ranks 4 and 5 are within one "
            "standard error of the lowest too.",
        ),
        (
            {1: 2, 2: 1.005, 3: 1.0, 4: 1.005, 5: 1.2},
            2,
            "Rank 2: held-out error 1.005 ± 0.010; the lowest is 1.000 ± 0.010 at rank 3. Rank 4 "
            "is within one standard error of the lowest too. The evidence is too weak to choose "
            "among ranks 2, 3 and 4: they are within one standard error of the lowest.",
        ),
        (
            {1: 1.001, 2: 1.0, 3: 1.1},
            1,
            "Rank 1: held-out error 1.001 ± 0.010; the lowest is 1.000 ± 0.010 at rank 2, within "
            "one standard error of which rank 1 is the smallest. The evidence is too weak to "
            "choose among ranks 1 and 2: they are within one standard error of the lowest.",
        ),
        (
            {1: 1.0, 2: 1.1, 3: 1.2},
            1,
            "Rank 1: held-out error 1.000 ± 0.010, the lowest, and no other rank is within one "
            "standard error of it. No larger rank predicts better what was left out: there is no "
            "structure beyond one component, or too little data to show it.",
        ),
        (
            {1: 3, 2: 2, 3: 1.0},
            3,
            "Rank 3: held-out error 1.000 ± 0.010, the lowest, and no other rank is within one "
            "standard error of it. Rank 3 is the largest that was tried, and the error may fall "
            "further: try larger ones.",
        ),
        (
            {1: 3, 5: 1.0, 6: 1.2},
            5,
            "Rank 5: held-out error 1.000 ± 0.010, the lowest, and no other rank is within one "
            "standard error of it. Rank 5 is the smallest that was tried beside 1: try smaller "
            "ones.",
        ),
        (
            {1: 3, 2: 2, 5: 1.0, 9: 1.2},
            5,
            "Rank 5: held-out error 1.000 ± 0.010, the lowest, and no other rank is within one "
            "standard error of it. Between ranks 2 and 9 no other was tried.",
        ),
        (
            {1: 3, 2: 2, 9: 1.0},
            9,
            "Rank 9: held-out error 1.000 ± 0.010, the lowest, and no other rank is within one "
            "standard error of it. Rank 9 is the largest that was tried, and the error may fall "
            "further: try larger ones. Between ranks 2 and 9 no other was tried.",
        ),
        (
            {3: 1.0, 4: 1.2, 5: 1.3},
            3,
            "Rank 3: held-out error 1.000 ± 0.010, the lowest, and no other rank is within one "
            "standard error of it. Rank 3 is the smallest that was tried, and smaller ones "
            "may predict better.",
        ),
        (
            {1: 1.0, 20: 1.2, 25: 1.3},
            1,
            "Rank 1: held-out error 1.000 ± 0.010, the lowest, and no other rank is within one "
            "standard error of it. Between ranks 1 and 20 no other was tried. No larger rank that "
            "was tried predicts better what was left out, but smaller ones than 20 may: try them.",
        ),
        *(
            (
                {rank: 1.0},
                rank,
                f"Rank {rank}: held-out error 1.000 ± 0.010. No other rank is there to "
                "compare it with.",
            )
            for rank in (1, 4)
        ),
    ],
)
def test_what_is_said(errors, rank, told):
    choice = choice_of(errors)
    assert choice.rank == rank
    assert str(choice) == told


def test_no_rank_is_told_among_others_that_is_not_within_a_standard_error():
    near, far = 1.005, 1.5
    errors = {1: far, 2: near, 3: near, 4: near, 5: 1.0, 6: near, 7: far, 8: near, 9: near, 10: far}
    told = str(choice_of(errors))
    assert "Ranks 3 to 6, 8 and 9 are within one standard error of the lowest too." in told
    assert "too weak to choose among ranks 2 to 6, 8 and 9: they are within" in told
    told = str(choice_of({**dict.fromkeys(range(1, 8), near), 8: 1.0, 9: 2}))
    assert "Ranks 2 to 7 are within one" in told


def test_a_lowest_error_at_the_end_is_said_where_a_smaller_rank_is_chosen():
    choice = choice_of({1: 2, 2: 1.005, 3: 1.0})
    assert choice.rank == 2
    assert choice.remarks[0].startswith("Rank 3 is the largest that was tried")


def test_errors_of_any_size_have_as_many_digits_as_their_standard_errors():
    for size, told in (
        (1e6, "1.015e+06 ± 1e+04"),
        (1e-9, "1.015e-09 ± 1e-11"),
        (10, "10.15 ± 0.10"),
    ):
        choice = choice_of({1: 3 * size, 2: 1.015 * size, 3: 2 * size}, 0.01 * size)
        assert f"held-out error {told}, the lowest" in str(choice)
    assert "1.015 ± 0," in str(choice_of({1: 3, 2: 1.015, 3: 2}, 0))


def test_a_fold_without_an_error_leaves_its_rank_out():
    rows = choice_of({1: 2.0, 2: 1.5, 3: 1.0, 4: 1.2}).sweep.table
    next(row for row in rows if (row["rank"], row["seed"]) == (3, 2))["held_out"] = None
    choice = RankChoice.of(SweepResult(rows, options={"folds": 5, **LOSS}))
    assert (choice.rank, choice.ranks, choice.unfinished) == (4, [1, 2, 4], [3])
    assert "Of rank 3 not every fold has an error yet." in str(choice)


def test_runs_of_before_there_was_an_error_in_sample_have_none():
    rows = choice_of({1: 2.0, 2: 1.0, 3: 1.2}).sweep.table
    for row in rows[:6]:
        del row["in_sample"]
    choice = RankChoice.of(SweepResult(rows, options={"folds": 5, **LOSS}))
    assert [row["in_sample"] for row in choice.table] == [None, None, pytest.approx(0.1)]
    assert [row["in_sample_se"] for row in choice.table[:2]] == [None, None]
    drawn = {line.get_label(): line for line in choice.plot().axes[0].get_lines()}
    assert choice.rank == 2
    assert any(line.get_xdata().tolist() == [3] for line in drawn.values())


def test_its_picture_marks_the_rank():
    choice = choice_of({k: 1 + abs(k - 6) / 10 for k in (*range(1, 12), 50)})
    ax, *_ = choice.plot().axes
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert lines["rank 6"].get_xydata().tolist() == [[6, pytest.approx(1)]]
    assert lines["lowest + one standard error"].get_ydata()[0] == pytest.approx(1.01)
    assert ax.get_xscale() == "log"
