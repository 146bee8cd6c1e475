"""Of a pandas frame the numbers are taken exactly, or refused, and its index is kept as it is."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from nmf_accel import nmf, project
from nmf_accel.labels import labelled

pd = pytest.importorskip("pandas")
hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

A = np.random.default_rng(0).random((5, 4))
RUN = {"max_iter": 5, "backend": "numpy"}
STRANGE = ["", "NA", "ä 水", "a,b", 'say "x"', "1", "1.0", " a ", "a\nb", "a\rb", "nan", "None"]


def matrix(frame):
    return labelled(frame).matrix("A")


def test_a_default_index_is_no_names_and_comes_back():
    result = nmf(pd.DataFrame(A), 2, **RUN)
    assert result.features is result.samples is None
    pd.testing.assert_index_equal(result.W.index, pd.RangeIndex(5))
    pd.testing.assert_index_equal(result.H.columns, pd.RangeIndex(4))
    assert list(result.W.columns) == ["c1", "c2"]


@pytest.mark.parametrize(
    ("index", "names"),
    [
        (pd.RangeIndex(1, 6), ["1", "2", "3", "4", "5"]),
        (pd.RangeIndex(0, 10, 2), ["0", "2", "4", "6", "8"]),
        (pd.RangeIndex(5, name="pixel"), ["0", "1", "2", "3", "4"]),
        (pd.Index([5, 3, 1, 2, 4]), ["5", "3", "1", "2", "4"]),
        (pd.Index(list("aabbc"), name="gene"), list("aabbc")),
        (
            pd.MultiIndex.from_product([["x", "y"], [1, 2, 3]], names=["chr", "at"])[:5],
            ["x|1", "x|2", "x|3", "y|1", "y|2"],
        ),
        (pd.date_range("2026-01-01", periods=5), [f"2026-01-0{k} 00:00:00" for k in range(1, 6)]),
        (pd.CategoricalIndex(list("abcde")), list("abcde")),
    ],
    ids=repr,
)
def test_any_other_index_is_kept_as_it_is_and_as_text(index, names):
    frame = pd.DataFrame(A, index=index)
    result = nmf(frame, 2, **RUN)
    assert result.features.tolist() == names
    pd.testing.assert_index_equal(result.W.index, index)
    W, _ = result.to_frames()
    pd.testing.assert_index_equal(W.index, index)
    other = nmf(frame.set_axis([f"s{k}" for k in range(4)], axis=1).T, 2, **RUN)
    pd.testing.assert_index_equal(other.H.columns, index)
    pd.testing.assert_index_equal(project(frame.T, other.W, backend="numpy").columns, index)


@hypothesis.given(st.lists(st.sampled_from(STRANGE) | st.text(max_size=4), min_size=5, max_size=5))
def test_strange_names_go_in_and_come_out(names):
    result = nmf(pd.DataFrame(A, index=names), 1, **RUN)
    assert list(result.W.index) == names
    assert [x.rstrip("\0") for x in names] == result.features.tolist()


NUMBERS = [
    ([1, 2, 3], "int64", [1, 2, 3]),
    ([1, 2**53 + 1], "int64", [1, 2**53 + 1]),
    ([1, 2.5, 3], "float64", [1, 2.5, 3]),
    ([True, False], "bool", [True, False]),
    ([1, None], "float64", [1, np.nan]),
    ([None, np.nan], "float64", [np.nan, np.nan]),
    ([Decimal("0.5"), Fraction(1, 4)], "float64", [0.5, 0.25]),
    ([np.float32(0.1), 1], "float64", [float(np.float32(0.1)), 1]),
]


@pytest.mark.parametrize(("values", "dtype", "expected"), NUMBERS, ids=repr)
def test_objects_that_are_numbers_become_exactly_these(values, dtype, expected):
    found = matrix(pd.DataFrame({"a": pd.Series(values, dtype=object)}))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[:, 0], expected)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x", r"'b' \(object, such as 'x'\)"),
        ("1.5", r"'b' \(object, such as '1.5'\)"),
        (Decimal("0.1"), r"'b' \(object, such as Decimal\('0.1'\)\)"),
        (2**70 + 1, r"'b' \(object, such as 1180591620717411303425\)"),
        (1j, r"'b' \(object, such as 1j\)"),
    ],
)
def test_objects_that_would_become_other_numbers_are_refused(value, shown):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": pd.Series([value, value], dtype=object)})
    message = rf"A has 1 column that is no numbers: {shown}; pass A.set_index\('b'\) if"
    with pytest.raises(TypeError, match=message):
        nmf(frame, 1, **RUN)


@pytest.mark.parametrize(
    "column",
    [
        pd.Categorical(["x", "y"]),
        pd.to_datetime(["2026-01-01", "2026-01-02"]),
        pd.array(["x", "y"], dtype="string"),
        pd.to_timedelta([1, 2]),
    ],
    ids=lambda x: str(x.dtype),
)
def test_columns_that_are_no_numbers_are_named_with_the_cure(column):
    frame = pd.DataFrame({"a": [1.0, 2.0], "kind": column})
    cure = r"A.set_index\('kind'\) if it names the rows, A.select_dtypes\('number'\)"
    with pytest.raises(TypeError, match=rf"no numbers: 'kind' \(.*\); pass {cure}"):
        nmf(frame, 1, **RUN)


def test_of_many_columns_that_are_no_numbers_the_first_are_named():
    frame = pd.DataFrame({f"t{k}": ["x", "y"] for k in range(6)} | {"a": [1, 2]})
    with pytest.raises(
        TypeError, match=r"A has 6 columns that are no numbers: 't0' .* and 3 more;"
    ):
        nmf(frame, 1, **RUN)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("Int64", [1, pd.NA], "float64"),
        ("Int64", [1, 2], "int64"),
        ("Int8", [1, 2], "int8"),
        ("Float32", [1.5, pd.NA], "float32"),
        ("boolean", [True, pd.NA], "float64"),
        ("Float64", [1.5, 2], "float64"),
    ],
)
def test_nullable_numbers_become_floats_with_nan(dtype, values, expected):
    found = matrix(pd.DataFrame({"a": pd.array(values, dtype=dtype)}))
    assert found.dtype == expected
    assert np.isnan(found.astype(float)[:, 0]).tolist() == [x is pd.NA for x in values]
    assert found[0, 0] == values[0]


@pytest.mark.parametrize("kind", ["int64", "float", "bool", "decimal"])
def test_columns_of_arrow_become_those_of_numpy(kind):
    arrow = pytest.importorskip("pyarrow")
    dtypes = {"int64": arrow.int64(), "float": arrow.float32(), "bool": arrow.bool_()}
    dtype = pd.ArrowDtype(dtypes.get(kind) or arrow.decimal128(5, 2))
    column = pd.array([1, None, 0], dtype=dtype)
    found = matrix(pd.DataFrame({"a": column, "b": [1.0, 2.0, 3.0]}))
    np.testing.assert_array_equal(found, [[1, 1], [np.nan, 2], [0, 3]])


def test_columns_of_several_dtypes_take_the_one_that_holds_them():
    frame = pd.DataFrame({"a": [True, False], "b": [3, 4]})
    assert matrix(frame).dtype == "int64"  # of NumPy's own, pandas would make objects
    frame["c"] = np.array([0.5, 1], np.float32)
    assert matrix(frame).dtype == "float64"
    np.testing.assert_array_equal(matrix(frame), [[1, 3, 0.5], [0, 4, 1]])
    assert matrix(pd.DataFrame(A.astype("float32"))).dtype == "float32"


def test_numbers_of_one_dtype_are_not_copied():
    values = np.random.default_rng(0).random((3, 2))
    assert np.shares_memory(matrix(pd.DataFrame(values, copy=False)), values)


def test_a_sparse_frame_stays_sparse():
    sparse = pytest.importorskip("scipy.sparse")
    S = sparse.random_array((30, 20), density=0.2, rng=np.random.default_rng(0)).tocsr()
    frame = pd.DataFrame.sparse.from_spmatrix(S, index=[f"g{k}" for k in range(30)])
    assert sparse.issparse(matrix(frame))
    result = nmf(frame, 3, **RUN)
    np.testing.assert_array_equal(result.W.to_numpy(), nmf(S, 3, **RUN).W)
    assert result.features[:2].tolist() == ["g0", "g1"]


def test_a_sparse_frame_that_leaves_out_other_than_zeros_is_refused():
    frame = pd.DataFrame({"a": pd.arrays.SparseArray([1.0, np.nan])})
    with pytest.raises(ValueError, match=r"leaves out nan; pass A.sparse.to_dense\(\)"):
        nmf(frame, 1, **RUN)
    mixed = frame.assign(b=[1.0, 2.0])
    np.testing.assert_array_equal(matrix(mixed), [[1, 1], [np.nan, 2]])


def test_a_frame_without_rows_or_columns_is_empty():
    for frame in (pd.DataFrame(), pd.DataFrame(index=list("ab")), pd.DataFrame(columns=list("ab"))):
        with pytest.raises((ValueError, TypeError), match="A is empty: its shape is"):
            nmf(frame, 1, **RUN)


def test_columns_with_one_name_are_columns_of_their_own():
    frame = pd.DataFrame({"a": [1, 2], "b": pd.array([3, pd.NA], "Int64")})
    frame.columns = ["x", "x"]
    np.testing.assert_array_equal(matrix(frame), [[1, 3], [2, np.nan]])


def test_complex_numbers_are_refused_as_those_of_an_array_are():
    with pytest.raises(TypeError, match="A is complex128; NMF needs real numbers"):
        nmf(pd.DataFrame(A + 1j), 1, **RUN)
