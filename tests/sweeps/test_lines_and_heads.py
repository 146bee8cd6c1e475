"""Each value of a line and of a head has its bounds, and what proves a line is not left out."""

import json
import sys

import pytest

from nmf_accel import StoreError
from nmf_accel.sweeps import Store
from nmf_accel.sweeps.store.head import LONGEST as LONGEST_SETTING
from nmf_accel.sweeps.store.head import Head
from nmf_accel.sweeps.store.kept import Seal
from nmf_accel.sweeps.store.lines import LONGEST, Line, digest
from nmf_accel.sweeps.store.rows import fault_of

ROW = {
    "rank": 2,
    "seed": 1,
    "error": 0.5,
    "relative_error": 0.1,
    "iterations": 5,
    "converged": False,
    "held_out": None,
    "in_sample": None,
    "reference_error": None,
    "stopped_because": "max_iter",
    "seconds": 0.25,
    "backend": "numpy",
    "device": "CPU",
}
HUGE = sys.float_info.max
LEAST = {
    "rank": 1,
    "seed": 0,
    "error": 0,
    "relative_error": 0,
    "iterations": 0,
    "held_out": 0,
    "in_sample": 0,
    "reference_error": 0,
    "seconds": 0,
}


@pytest.mark.parametrize("name", LEAST)
def test_the_least_value_is_taken_and_none_below(name):
    """An error of 0 is one, as of a matrix that is met; a rank of 0 is none."""
    assert fault_of({**ROW, name: LEAST[name]}) is None
    below = LEAST[name] - 1 if name in ("rank", "seed", "iterations") else -5e-324
    assert fault_of({**ROW, name: below}).startswith(f"{name} is {below}; it must be a ")


@pytest.mark.parametrize("name", LEAST)
def test_the_largest_value_is_taken_and_none_above(name):
    """Whole numbers go to 2^63, and other numbers as far as there are finite ones."""
    largest, above = 2**63, 2**63 + 1
    if name not in ("rank", "seed", "iterations"):
        largest, above = HUGE, float("inf")
    assert fault_of({**ROW, name: largest}) is None
    assert fault_of({**ROW, name: above}) is not None


@pytest.mark.parametrize("name", ROW)
def test_a_row_without_a_value_is_no_row_but_for_what_came_later(name):
    """Rows of before there were folds say nothing of them; what else is missing is told."""
    rest = {key: value for key, value in ROW.items() if key != name}
    assert fault_of(rest) == (None if name in ("held_out", "in_sample") else f"it has no {name}")


def test_a_sum_is_what_it_always_was():
    """Or the lines of former versions would all be damaged."""
    assert digest({"b": [1, 2.5], "a": "é"}) == digest({"a": "é", "b": [1, 2.5]})
    assert digest({"b": [1, 2.5], "a": "é"}) == "1d5aa48ef9cd2b6b"


def test_a_number_that_is_none_is_never_written():
    """No reader would take such a line again."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        _ = Line({**ROW, "error": float("nan")}, "x").encoded


WHOLE = Line(ROW, "0123456789abcdef", Seal(5, "00"))


@pytest.mark.parametrize(
    "without",
    [
        ["sum"],
        ["settings"],
        ["factors"],
        ["sum", "settings"],
        ["sum", "factors"],
        ["settings", "factors"],
    ],
    ids="-".join,
)
def test_a_line_of_which_a_part_of_the_proof_is_lost_proves_nothing(without):
    """Only one without any of the three is of format 1."""
    held = json.loads(WHOLE.encoded)
    for name in without:
        del held[name]
    with pytest.raises(ValueError, match="its sum is not that of what it says"):
        Line.decoded(json.dumps(held).encode())
    assert Line.decoded(WHOLE.encoded) == WHOLE
    assert Line.decoded(Line(ROW).encoded) == Line(ROW)


@pytest.mark.parametrize(
    "seal",
    [
        5,
        [],
        {},
        {"size": 5},
        {"size": 5, "sha256": "00", "more": 1},
        {"size": 5.0, "sha256": "00"},
        {"size": True, "sha256": "00"},
        {"size": 5, "sha256": 0},
        {"size": "5", "sha256": 0},
    ],
    ids=str,
)
def test_factors_are_a_size_and_a_sum_and_nothing_else(seal):
    """Whoever signed it: what is no seal is told, and not followed."""
    held = {**ROW, "settings": "x", "factors": seal}
    line = json.dumps({**held, "sum": digest(held)}).encode()
    with pytest.raises(ValueError, match=r"^its factors are no size and sha256$"):
        Line.decoded(line)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"settings": 5}, "it does not say of which settings it is"),
        ({"seed": -1}, "seed is -1; it must be a whole number of at least 0"),
        ({"seed": -1, "settings": 5}, "seed is -1; it must be a whole number of at least 0"),
    ],
)
def test_what_is_signed_is_looked_at_all_the_same(values, fault):
    """A sum says that nothing was changed, not that it is a run."""
    held = {**ROW, "settings": "x", **values}
    with pytest.raises(ValueError, match=f"^{fault}$"):
        Line.decoded(json.dumps({**held, "sum": digest(held)}).encode())


def test_another_sweep_is_told_by_what_differs_and_names_only_where_both_have_them():
    """So that numbers with and without names are the same sweep."""
    plain, named = {"keep": "none"}, {"keep": "none", "names": "x"}
    for mine, theirs in ((plain, named), (named, plain), (named, named), (plain, plain)):
        Head(mine).must_match("here", theirs, "there")
    with pytest.raises(StoreError, match=r"^here holds a sweep of the same numbers, but the rows"):
        Head(named).must_match("here", {**named, "names": "y"}, "there")
    for mine, theirs in (({}, {"W_fixed": "z"}), ({"W_fixed": "z"}, {})):
        told = "^here holds another sweep: W_fixed is .* there and .* in there$"
        with pytest.raises(StoreError, match=told):
            Head({**plain, **mine}).must_match("here", {**named, **theirs}, "there")


@pytest.fixture
def folder(tmp_path):
    """A folder that says which sweep it is, and has no lines."""
    Head({"keep": "none"}).write(tmp_path / "sweep.json")
    return tmp_path


def long(size, rank):
    """A line of so many bytes."""
    empty = len(Line({**ROW, "rank": rank, "stopped_because": ""}).encoded)
    return Line({**ROW, "rank": rank, "stopped_because": "x" * (size - empty)}).encoded


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
def test_a_line_may_be_so_long_and_the_lines_behind_it_are_read(folder, before):
    """Whatever pieces a file is read in, nothing of a line is lost; also not of the first."""
    lines = [long(LONGEST - k % 4, rank) for k, rank in enumerate(range(1, 9))]
    (folder / "runs.jsonl").write_bytes(before + b"".join(lines))
    store = Store.read(folder)
    assert [line.encoded for line in store.lines.values()] == lines


@pytest.mark.parametrize("more", [1, 2, 3, 4, LONGEST, 2 * LONGEST + 1])
def test_a_line_that_is_longer_is_damaged_and_it_alone(folder, more):
    """What is behind it keeps its number."""
    path = folder / "runs.jsonl"
    path.write_bytes(long(300, 1) + long(LONGEST + more, 2) + long(300, 3) + b"5\n")
    found = Store(folder, Head({"keep": "none"})).log.read()
    assert found.damaged == {2: "it is longer than 65,536 bytes", 4: "it is no JSON object"}
    assert found.numbers == {(1, 1): 1, (3, 1): 3}
    with pytest.raises(StoreError, match=r"runs\.jsonl, line 2 is damaged"):
        Store.read(folder)


def heads(folder, **held):
    """Read a head that says this."""
    (folder / "sweep.json").write_text(json.dumps({"about": {}, **held}))
    return Head.read(folder / "sweep.json")


def test_a_head_without_a_format_is_of_format_1(folder):
    """So it is brought to today's when the sweep goes on; one that says 1 is the same."""
    settings = {"keep": "none"}
    assert heads(folder, settings=settings).format == 1
    assert heads(folder, settings=settings, format=1).format == 1
    assert heads(folder, settings=settings, format=2).format == 2
    for wrong in (0, -1, True, 1.0):
        with pytest.raises(StoreError, match="its format is "):
            heads(folder, settings=settings, format=wrong)
    with pytest.raises(StoreError, match="has format 3, newer than 2; upgrade"):
        heads(folder, settings=settings, format=3)


def test_a_setting_may_be_so_long(folder):
    """What is longer is none of ours, and fills no screen."""
    kept = {"keep": "none", "W_fixed": "x" * LONGEST_SETTING}
    assert heads(folder, settings=kept).settings["W_fixed"] == kept["W_fixed"]
    with pytest.raises(StoreError, match=r"W_fixed is '.{,40}'; it must be a name or a number"):
        heads(folder, settings={**kept, "W_fixed": "x" * (LONGEST_SETTING + 1)})
    for value in ([], {}):
        with pytest.raises(StoreError, match=r"W_fixed is .*; it must be a name or a number"):
            heads(folder, settings={**kept, "W_fixed": value})


@pytest.mark.parametrize("name", ["taken", "errors_are"])
def test_what_is_told_of_a_sweep_is_a_text_or_nothing(folder, name):
    """It is printed as it is."""
    for value in (None, "as grey values"):
        assert heads(folder, settings={"keep": "none"}, about={name: value}).about[name] == value
    with pytest.raises(StoreError, match=rf"{name} is \['x'\]; it must be a text"):
        heads(folder, settings={"keep": "none"}, about={name: ["x"]})


def test_a_folder_of_format_1_that_has_no_lines_yet_has_no_runs(folder):
    """Former versions wrote the head first; today's never leaves one alone."""
    (folder / "sweep.json").write_text('{"settings": {"keep": "none"}, "about": {}}')
    assert Store.read(folder).rows == []
    Head({"keep": "none"}).write(folder / "sweep.json")
    with pytest.raises(StoreError, match=r"runs\.jsonl is not there; the same sweep into"):
        Store.read(folder)
