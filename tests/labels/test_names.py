"""Names are made, made unique and shown as messages and tables need them."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmf_accel.labels import Labels, component_names, make_unique, names_of

NAMES = st.lists(st.sampled_from(["a", "b", "a.1", "a.2", "", ".1"]), max_size=12)


@pytest.mark.parametrize(
    ("names", "expected"),
    [  # what R's make.unique gives
        (["a", "a", "a"], ["a", "a.1", "a.2"]),
        (["a", "b", "a", "a", "a.1"], ["a", "b", "a.2", "a.3", "a.1"]),
        (["a.1", "a", "a"], ["a.1", "a", "a.2"]),
        (["", ""], ["", ".1"]),
        ([], []),
    ],
)
def test_doubled_names_are_numbered_as_r_does(names, expected):
    assert make_unique(names) == expected


@given(NAMES)
def test_unique_names_are_unique_and_the_first_of_each_stays(names):
    unique = make_unique(names)
    assert len(set(unique)) == len(unique) == len(names)
    for name in set(names):
        assert unique[names.index(name)] == name


@given(NAMES)
def test_what_comes_first_does_not_depend_on_how_often_others_come(names):
    once = [name for name, count in Counter(names).items() if count == 1]
    unique = make_unique(names)
    assert all(name in unique for name in once)


def test_many_equal_names_take_no_time_squared():
    count = 30_000  # squared, that would be minutes
    assert make_unique(["x"] * count)[-1] == f"x.{count - 1}"


def test_components_are_called_by_what_is_known_and_else_by_their_number():
    assert component_names(3).tolist() == ["c1", "c2", "c3"]
    assert component_names(3, ["T", "c2"]).tolist() == ["T", "c2", "c3"]
    assert component_names(2, ["c2"]).tolist() == ["c2", "c2.1"]
    assert component_names(1, ["a", "b"]).tolist() == ["a"]


def test_names_are_text_whatever_they_were():
    names = names_of([1, 2.5, "ä", None, ("x", 1)])
    assert names.tolist() == ["1", "2.5", "ä", "None", "('x', 1)"]
    assert names_of([]).dtype.kind == "U"


def test_a_place_is_named_where_there_are_names():
    some = Labels(np.array(["g0", "g1"]), None)
    assert Labels().place(1, 2) == "(1, 2)"
    assert some.place(1, 2) == "(1, 2), row 'g1'"
    assert Labels(None, np.array(["s0"])).place(1, 0) == "(1, 0), column 's0'"
    assert some.line(0, 1) == "row 1 ('g1')"
    assert some.line(1, 7) == "column 7"
