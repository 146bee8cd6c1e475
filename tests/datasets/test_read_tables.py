"""What pandas and R write as tables is read back equal, with its names; what is doubtful is asked.

The files are written by other programs' rules, none of which the readers know.
"""

import bz2
import gzip
import io
import lzma
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nmf_accel.datasets import DatasetError, read

SIZES = st.tuples(st.integers(1, 6), st.integers(2, 6))
COUNTS = SIZES.flatmap(lambda s: arrays(np.int64, s, elements=st.integers(0, 10**6)))
FLOATS = SIZES.flatmap(
    lambda s: arrays(np.float64, s, elements=st.floats(0, 1e9).map(lambda x: x + 1 / 3))
)
WORDS = st.text(st.characters(categories=["L"], include_characters=" \",;._-'µ"), min_size=1)
NAMES = WORDS.map(str.strip).filter(lambda s: s and s[0].isalpha() and s.lower() not in FORBIDDEN)
FORBIDDEN = {"na", "nan", "null", "none", "inf", "infinity", "true", "false", "n/a"}
"""Words that pandas, too, takes for something else in a header or a body."""


def names(count):
    return st.lists(NAMES, min_size=count, max_size=count, unique=True)


@st.composite
def frames(draw, values):
    A = draw(values)
    m, n = A.shape
    return pd.DataFrame(A, draw(names(m)), draw(names(n)))


def write(text, name="x.csv", folder=None):
    path = Path(folder or FOLDER, name)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@pytest.fixture(autouse=True, scope="module")
def _folder(tmp_path_factory):
    global FOLDER
    FOLDER = tmp_path_factory.mktemp("tables")


def assert_is(data, frame):
    """The entries, their dtype, and both kinds of names."""
    np.testing.assert_array_equal(data.A, frame.to_numpy())
    assert data.A.dtype == frame.to_numpy().dtype
    assert data.features.tolist() == frame.index.tolist()
    assert data.samples.tolist() == frame.columns.tolist()


@given(
    frames(COUNTS) | frames(FLOATS), st.sampled_from([(",", ".csv"), ("\t", ".tsv"), (";", ".csv")])
)
@settings(deadline=None)
def test_what_pandas_writes_is_read_back_equal(frame, how):
    sep, ending = how
    data = read(write(frame.to_csv(sep=sep), f"x{ending}"))
    assert_is(data, frame)
    assert "index column" in data.taken
    assert "header row" in data.taken
    assert "warning" not in data.taken


@given(frames(FLOATS))
@settings(deadline=None)
def test_a_decimal_comma_is_read(frame):
    data = read(write(frame.to_csv(sep=";", decimal=",")))
    assert_is(data, frame)
    assert "decimal comma" in data.taken


def as_R(frame, sep, quote, corner):
    """What ``write.table`` writes; ``write.csv`` has an empty `corner`."""
    quoted = (lambda s: '"' + s.replace('"', '""') + '"') if quote else str
    head = ([quoted("")] if corner else []) + list(map(quoted, frame.columns))
    lines = [sep.join(head)]
    for name, row in zip(frame.index, frame.to_numpy().tolist(), strict=True):
        lines.append(sep.join([quoted(name), *map(repr, row)]))
    return "\n".join(lines) + "\n"


@given(frames(COUNTS) | frames(FLOATS), st.sampled_from(",\t ;"), st.booleans())
@settings(deadline=None)
def test_what_R_writes_is_read_back_equal(frame, sep, corner):
    data = read(write(as_R(frame, sep, True, corner), "x.txt"))
    assert_is(data, frame)


def test_R_without_quotes_and_with_row_numbers():
    frame = pd.DataFrame([[0.5, 2.0], [1.0, 4.5], [2.0, 1.0]], ["1", "2", "3"], ["V1", "V2"])
    for sep in (",", "\t", " "):
        assert_is(read(write(as_R(frame, sep, False, False), "x.txt")), frame)


@given(COUNTS | FLOATS)
@settings(deadline=None)
def test_the_default_index_and_header_of_pandas_are_names(A):
    assume(len(A) >= 3 and A.shape[1] >= 3)
    frame = pd.DataFrame(A)
    data = read(write(frame.to_csv()))
    np.testing.assert_array_equal(data.A, A)
    assert data.features.tolist() == list(map(str, frame.index))
    assert data.samples.tolist() == list(map(str, frame.columns))


@given(FLOATS, st.integers(3, 6), st.integers(1900, 2020), st.booleans())
@settings(deadline=None)
def test_a_header_of_years_is_one_and_said(A, n, year, corner):
    A = np.resize(A, (4, n))
    A[:, 1] = A[:, 0] / 2  # so that no row grows evenly
    frame = pd.DataFrame(A, list("abcd"), [str(year + k) for k in range(n)])
    frame.index.name = "site" if corner else None
    data = read(write(frame.to_csv()))
    assert_is(data, frame)
    assert f"header row of numbers ({year}, …)" in data.taken


@given(COUNTS | FLOATS, st.booleans(), st.booleans(), st.data())
@settings(deadline=None, max_examples=200)
def test_what_is_said_is_never_doubted(A, header, index, data):
    m, n = A.shape
    rows = data.draw(st.sampled_from([[str(k) for k in range(m)], [f"g{k}" for k in range(m)]]))
    columns = data.draw(
        st.sampled_from([[str(k * k) for k in range(n)], [f"s{k}" for k in range(n)]])
    )
    frame = pd.DataFrame(A, rows, columns)
    path = write(frame.to_csv(header=header, index=index))
    found = read(path, header=header, index=index, long=False)
    np.testing.assert_array_equal(found.A, A)
    assert (found.samples is not None) == header
    assert (found.features is not None) == index


def whole_or_asked_for(path):
    """What a file without names is read as; asked for, the answer is given."""
    try:
        return read(path)
    except DatasetError as error:
        if "--header" not in str(error) and "--index" not in str(error):
            raise
        return read(path, header=False, index=False)


@given(FLOATS)
@settings(deadline=None, max_examples=200)
def test_a_table_without_names_is_read_whole_or_asked_for(A):
    buffer = io.StringIO()
    np.savetxt(buffer, A, delimiter=",", fmt="%.17g")
    path = write(buffer.getvalue())
    data = whole_or_asked_for(path)
    np.testing.assert_array_equal(data.A, A)
    assert data.features is data.samples is None


MISSING_CELLS = ["", "NA", "NaN", "nan", "NULL", "N/A", "#N/A", "<NA>", "null", "None"]


@pytest.mark.parametrize("cell", MISSING_CELLS)
def test_what_is_missing_is_counted(cell):
    data = read(write(f"gene,s1,s2\nA,1,{cell}\nB,3,4\nC,{cell},6\n"))
    np.testing.assert_array_equal(data.A, [[1, np.nan], [3, 4], [np.nan, 6]])
    assert data.taken.endswith("float64 · 2 missing")


@pytest.mark.parametrize("name", [*MISSING_CELLS[1:], "TRUE", "1e5", "007"])
def test_a_name_that_looks_like_something_else_stays_a_name(name):
    data = read(write(f"gene,s1,s2\n{name},1,2\nB,3,4\nC,5,6\n"))
    assert data.features.tolist() == [name, "B", "C"]


@pytest.mark.parametrize("pack", [(gzip, ".gz"), (lzma, ".xz"), (bz2, ".bz2")], ids=lambda x: x[1])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt"])
def test_packed_text_is_unpacked(pack, ending):
    module, packed = pack
    text = b"gene\ts1\ts2\nA\t1\t2\nB\t3\t4\n"
    data = read(write(module.compress(text), f"x{ending}{packed}"))
    np.testing.assert_array_equal(data.A, [[1, 2], [3, 4]])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_name(encoding):
    data = read(write("µ,s2\n1,2\n4,3\n".encode(encoding)))
    assert data.samples.tolist() == ["µ", "s2"]


def test_comments_and_a_header_behind_one():
    text = "# Constructed from biom file\n#OTU ID\ts1\ts2\nA\t1\t2\nB\t3\t4\n"
    data = read(write(text, "otu.tsv"))
    assert data.features.tolist() == ["A", "B"]
    assert data.samples.tolist() == ["s1", "s2"]
    assert "header row behind a #" in data.taken
    data = read(write("# one\n# two\n\ngene,s1,s2\nA,1,2\nB,3,4\n"))
    assert data.A.tolist() == [[1, 2], [3, 4]]
    assert "2 comment lines" in data.taken


@pytest.mark.parametrize("top", ["a,b,c,\n", "a,b,c\n"])
def test_separators_at_the_ends_of_rows_are_no_column(top):
    data = read(write(top + "1,2,3,\n4,5,6,\n"), index=False)
    np.testing.assert_array_equal(data.A, [[1, 2, 3], [4, 5, 6]])
    assert data.samples.tolist() == ["a", "b", "c"]
    assert "separators at the ends of rows" in data.taken
    lines = "1,2,\n" * 40 + "1,2,3\n"
    with pytest.raises(DatasetError, match="others with a cell more"):
        read(write("a,b,\n" + lines))


def test_a_line_of_excel_says_what_separates():
    data = read(write("sep=;\ngene;s1;s2\nA;1,5;2\nB;3;4\n"))
    np.testing.assert_array_equal(data.A, [[1.5, 2], [3, 4]])


@pytest.mark.parametrize(
    "name", ["Unnamed: 0", "year", "wavelength", "gene_id", "Sample", "userId"]
)
def test_a_header_may_say_that_numbers_are_names(name):
    data = read(write(f"{name},s1,s2\n400,3,4\n350,1,7\n17,9,9\n"))
    assert data.features.tolist() == ["400", "350", "17"]
    assert f'index column "{name}"' in data.taken


def test_truth_is_zero_and_one():
    data = read(write("a,b\nTRUE,1\nFALSE,0\n"))
    assert data.A.tolist() == [[1, 1], [0, 0]]


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@given(frame=frames(COUNTS) | frames(FLOATS))
@settings(deadline=None, max_examples=30)
def test_binary_tables_come_back_equal(ending, frame):
    path = FOLDER / f"x.{ending}"
    for stored in (frame, frame.reset_index(names="gene")):
        if ending == "feather":  # which has no index
            stored = frame.reset_index(names="gene")
        getattr(stored, f"to_{ending}")(path)
        assert_is(read(str(path)), frame)


def test_a_binary_table_with_what_is_missing():
    frame = pd.DataFrame({"s1": pd.array([1, None, 3], "Int64"), "s2": [0.5, np.nan, 2.0]})
    frame.to_parquet(FOLDER / "x.parquet")
    data = read(str(FOLDER / "x.parquet"))
    np.testing.assert_array_equal(data.A, [[1, 0.5], [np.nan, np.nan], [3, 2]])
    assert data.features is None


SHIPPED = Path(sklearn.datasets.__file__).parent / "data"


def test_the_tables_that_scikit_learn_ships():
    iris, digits = sklearn.datasets.load_iris(), sklearn.datasets.load_digits()
    data = read(str(SHIPPED / "iris.csv"), transpose=True)
    np.testing.assert_array_equal(data.A, np.column_stack([iris.data, iris.target]).T)
    data = read(str(SHIPPED / "digits.csv.gz"))
    np.testing.assert_array_equal(data.A[:, :-1], digits.data)
    assert data.features is data.samples is None
    exercise = sklearn.datasets.load_linnerud()
    data = read(str(SHIPPED / "linnerud_exercise.csv"))  # has spaces between its cells
    np.testing.assert_array_equal(data.A, exercise.data)
    assert data.samples.tolist() == exercise.feature_names
    data = read(str(SHIPPED / "linnerud_physiological.csv"))
    np.testing.assert_array_equal(data.A, exercise.target)


@pytest.mark.parametrize("name", ["wine_data", "breast_cancer"])
def test_a_first_row_of_another_length_is_refused(name):
    with pytest.raises(DatasetError, match=r"row 1 has \d cells, but row 2 has \d\d"):
        read(str(SHIPPED / f"{name}.csv"))


def test_a_packed_table_that_scikit_learn_ships():
    raw = sklearn.datasets.load_diabetes(scaled=False)
    data = read(str(SHIPPED / "diabetes_data_raw.csv.gz"))
    np.testing.assert_array_equal(data.A, raw.data)
    assert data.features is data.samples is None
