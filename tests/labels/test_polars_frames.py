"""Of a polars frame the first column names the features if it holds strings."""

from decimal import Decimal

import numpy as np
import pytest

from nmf_accel import nmf
from nmf_accel.labels import labelled

pl = pytest.importorskip("polars")

A = np.random.default_rng(0).random((5, 4))
RUN = {"max_iter": 5, "backend": "numpy"}


def matrix(frame):
    return labelled(frame).matrix("A")


@pytest.mark.parametrize("dtype", ["String", "Categorical", "Enum"])
def test_a_first_column_of_strings_names_the_features(dtype):
    names = ["v", "", "ä,", "NA", "z"]
    made = pl.Enum(names) if dtype == "Enum" else getattr(pl, dtype)
    frame = pl.DataFrame(A, schema=["a", "b", "c", "d"]).insert_column(
        0, pl.Series("gene", names, dtype=made)
    )
    result = nmf(frame, 2, **RUN)
    assert result.features.tolist() == names
    assert result.W.columns == ["gene", "c1", "c2"]
    assert result.W["gene"].dtype == made
    assert result.H.columns == ["component", "a", "b", "c", "d"]
    assert result.H["component"].to_list() == ["c1", "c2"]


def test_without_such_a_column_there_is_none_in_what_comes_back():
    result = nmf(pl.DataFrame(A, schema=["a", "b", "c", "d"]), 2, **RUN)
    assert result.features is None
    assert result.samples.tolist() == ["a", "b", "c", "d"]
    assert result.W.columns == ["c1", "c2"]
    assert result.H.columns == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(result.to_arrays()[0], nmf(A, 2, **RUN).W)


def test_names_that_polars_gives_by_itself_are_none():
    result = nmf(pl.DataFrame(A), 2, **RUN)
    assert result.samples is None
    assert result.H.columns == [f"column_{k}" for k in range(4)]


def test_a_name_that_a_frame_has_already_is_made_another():
    frame = pl.DataFrame({"c1": list("vwxyz"), "component": A[:, 0], "b": A[:, 1]})
    result = nmf(frame, 2, **RUN)
    assert result.W.columns == ["c1.1", "c1", "c2"]
    assert result.H.columns == ["component.1", "component", "b"]
    assert result.H["component.1"].to_list() == ["c1", "c2"]
    assert result.samples.tolist() == ["component", "b"]


@pytest.mark.parametrize(
    ("column", "dtype", "expected"),
    [
        (pl.Series([1, None], dtype=pl.Int8), "float64", [1, np.nan]),
        (pl.Series([1, 2], dtype=pl.UInt8), "uint8", [1, 2]),
        (pl.Series([0.5, None], dtype=pl.Float32), "float32", [0.5, np.nan]),
        (pl.Series([True, False]), "bool", [1, 0]),
        (pl.Series([True, None]), "float64", [1, np.nan]),
        (pl.Series([None, None]), "float64", [np.nan, np.nan]),
        (pl.Series([Decimal("0.5"), Decimal("2")]), "float64", [0.5, 2]),
    ],
    ids=str,
)
def test_numbers_of_every_kind_are_taken_and_null_is_nan(column, dtype, expected):
    found = matrix(pl.DataFrame({"a": column}))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[:, 0], expected)


def test_text_elsewhere_than_in_the_first_column_is_refused_with_the_cure():
    frame = pl.DataFrame({"gene": ["x", "y"], "a": [1, 2], "chr": ["1", "2"]})
    with pytest.raises(TypeError, match=r"no numbers: 'chr' \(String\).*pass A.drop\(\['chr'\]\)"):
        nmf(frame, 1, **RUN)
    with pytest.raises(TypeError, match="no numbers: 'when'"):
        nmf(pl.DataFrame({"when": [1, 2]}).cast(pl.Date), 1, **RUN)


def test_a_frame_of_names_alone_is_empty():
    with pytest.raises(ValueError, match=r"A is empty: its shape is \(2, 0\)"):
        nmf(pl.DataFrame({"gene": ["x", "y"]}), 1, **RUN)
