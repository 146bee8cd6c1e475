"""Factors are written as tables that other programs open equal, and what stands out is shown."""

import csv
import os
from dataclasses import replace

import numpy as np
import pytest
from conftest import run_python
from hypothesis import given
from hypothesis import strategies as st

from nmf_accel import Factorization, nmf
from nmf_accel.datasets.readers.tables.files import exactly
from nmf_accel.labels import make_unique
from nmf_accel.results import EXPORTS, Top

A = np.random.default_rng(0).random((5, 4))
RUN = {"max_iter": 5, "backend": "numpy"}
FEATURES = ["TP53", "", "ä 水,\t", 'say "x"', "a\nb"]
SAMPLES = ["1", "NA", "s s", "component"]
PLAIN = nmf(A, 2, **RUN)


def named(features=FEATURES, samples=SAMPLES, result=PLAIN):
    """A factorization with names."""
    names = {"features": np.array(features), "samples": np.array(samples)}
    return replace(result, **names)


def rows_of(path, delimiter=","):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


@pytest.mark.parametrize(("kind", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_text_holds_the_names_and_exactly_the_numbers(kind, delimiter, tmp_path):
    result = named()
    paths = result.export(tmp_path / "new" / "folder", kind)
    assert [path.name for path in paths] == [f"W.{kind}", f"H.{kind}"]
    W, H = (rows_of(path, delimiter) for path in paths)
    assert W[0] == ["feature", "c1", "c2"]
    assert [row[0] for row in W[1:]] == FEATURES
    assert H[0] == ["component", "1", "NA", "s s", "component.1"]
    assert [row[0] for row in H[1:]] == ["c1", "c2"]
    for rows, values in ((W, result.W), (H, result.H)):
        found = np.array([[float(x) for x in row[1:]] for row in rows[1:]])
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("kind", ["csv", "tsv"])
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
        | st.sampled_from(["NA", "\r", "a\r\n", '"', ",", "\t"]),
        min_size=5,
        max_size=5,
        unique=True,
    )
)
def test_pandas_opens_strange_names_equal(tmp_path_factory, kind, features):
    pandas = pytest.importorskip("pandas")
    result = named(features)
    path, _ = result.export(tmp_path_factory.mktemp("out"), kind)
    options = {"keep_default_na": False, "dtype": {"feature": str}, **exactly(pandas.__version__)}
    found = pandas.read_csv(path, index_col=0, sep=",\t"[kind == "tsv"], **options)
    assert list(found.index) == features
    np.testing.assert_array_equal(found.to_numpy(), result.W)


def test_pandas_opens_a_table_as_the_frame_that_was_given_back(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(A, index=list("vwxyz"), columns=list("abcd"))
    result = nmf(frame, 2, **RUN)
    for path, expected in zip(result.export(tmp_path), (result.W, result.H), strict=True):
        found = pandas.read_csv(path, index_col=0, **exactly(pandas.__version__))
        pandas.testing.assert_frame_equal(found, expected, check_names=False, check_exact=True)
    pytest.importorskip("pyarrow")
    for path, expected in zip(
        result.export(tmp_path, "parquet"), (result.W, result.H), strict=True
    ):
        found = pandas.read_parquet(path)
        pandas.testing.assert_frame_equal(found, expected, check_names=False, check_exact=True)
        assert found.index.name in ("feature", "component")


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_without_names_rows_and_columns_are_counted_from_0(kind, tmp_path):
    pandas = pytest.importorskip("pandas")
    W, H = PLAIN.export(tmp_path, kind)
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        W, H = pandas.read_parquet(W), pandas.read_parquet(H)
    else:
        W, H = (pandas.read_csv(x, index_col=0, sep=",\t"[kind == "tsv"]) for x in (W, H))
    assert list(W.index) == [0, 1, 2, 3, 4]
    assert list(W.columns) == list(H.index) == ["c1", "c2"]
    assert list(H.columns) == ["0", "1", "2", "3"]


def test_doubled_names_become_unique_as_r_makes_them(tmp_path):
    features, samples = ["g", "g", "g.1", "h", "g"], ["s", "s", "s", "t"]
    W, H = map(rows_of, named(features, samples).export(tmp_path))
    assert [row[0] for row in W[1:]] == make_unique(features) == ["g", "g.2", "g.1", "h", "g.3"]
    assert H[0][1:] == ["s", "s.1", "s.2", "t"]


def test_float32_is_written_so_that_it_is_the_same_number(tmp_path):
    result = nmf(A.astype("float32"), 2, **RUN)
    W, _ = map(rows_of, result.export(tmp_path))
    found = np.array([[float(x) for x in row[1:]] for row in W[1:]])
    np.testing.assert_array_equal(found, result.W.astype("float64"))


def test_an_npz_is_what_save_writes(tmp_path):
    [path] = named().export(tmp_path, "npz")
    assert path == tmp_path / "factorization.npz"
    loaded = Factorization.load(path)
    np.testing.assert_array_equal(loaded.W, PLAIN.W)
    assert loaded.features.tolist() == FEATURES
    assert loaded.samples.tolist() == SAMPLES


def test_a_kind_that_there_is_not_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(
        ValueError, match="kind is 'xlsx'; it must be one of csv, tsv, parquet, npz"
    ):
        PLAIN.export(tmp_path / "out", "xlsx")
    assert not (tmp_path / "out").exists()


def test_a_line_in_the_table_adds_a_kind(tmp_path, monkeypatch):
    monkeypatch.setitem(EXPORTS, "none", lambda result, folder: [folder / str(result.rank)])
    assert PLAIN.export(tmp_path, "none") == [tmp_path / "2"]


def test_a_file_that_could_not_be_written_whole_leaves_the_old_one(tmp_path, monkeypatch):
    named().export(tmp_path)
    before = (tmp_path / "W.csv").read_bytes()
    broken = named(["\ud800", *FEATURES[1:]])  # no text: half of a pair
    with pytest.raises(UnicodeEncodeError):
        broken.export(tmp_path)
    assert (tmp_path / "W.csv").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["H.csv", "W.csv"]


WITHOUT_PANDAS = """
import sys
sys.modules["pandas"] = None
import numpy as np
from nmf_accel import nmf
result = nmf(np.eye(3), 2, max_iter=3, backend="numpy")
print([path.name for path in result.export({folder!r}) + result.export({folder!r}, "tsv")])
print(result.top(1))
parquet = lambda: result.export({folder!r}, "parquet")
for call in (result.to_frames, result.top(2).to_frame, parquet):
    try:
        call()
    except ImportError as error:
        print(error)
"""


def test_text_needs_no_pandas_and_what_needs_it_says_how_to_get_it(tmp_path):
    done = run_python(WITHOUT_PANDAS.format(folder=str(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert "['W.csv', 'H.csv', 'W.tsv', 'H.tsv']" in done.stdout
    for what in ("to_frames() takes pandas", "to_frame() takes pandas", "parquet takes pandas"):
        assert f"{what}: pip install 'nmf-accel[files]'" in done.stdout


def test_frames_of_a_result_without_names_are_counted():
    pytest.importorskip("pandas")
    W, H = PLAIN.to_frames()
    assert list(W.index) == [0, 1, 2, 3, 4]
    assert list(W.columns) == list(H.index) == ["c1", "c2"]
    np.testing.assert_array_equal(W.to_numpy(), PLAIN.W)
    np.testing.assert_array_equal(H.to_numpy(), PLAIN.H)


class TestTop:
    """The features with the largest entries of each column of W."""

    W = np.array([[0.5, 0, 0], [2, 1, 0], [1, 0, 0], [2, 4, 0]])

    @pytest.fixture
    def result(self):
        return replace(PLAIN, W=self.W, H=np.ones((3, 2)), features=np.array(["a", "b", "c", "d"]))

    def test_they_stand_in_the_order_of_components_the_largest_first(self, result):
        assert [tuple(row) for row in result.top(2)] == [
            ("c1", 1, "b", 2.0, 1.0),
            ("c1", 2, "d", 2.0, 1.0),
            ("c2", 1, "d", 4.0, 1.0),
            ("c2", 2, "b", 1.0, 0.25),
        ]

    def test_entries_that_are_zero_are_left_out(self, result):
        assert [row.feature for row in result.top(10) if row.component == "c2"] == ["d", "b"]
        assert len(result.top(10)) == 6

    def test_without_names_they_are_the_numbers_of_rows(self):
        [first, *_] = nmf(A, 1, **RUN).top(1)
        assert first.feature == int(np.argmax(nmf(A, 1, **RUN).W[:, 0]))

    def test_it_prints_as_a_table(self, result):
        assert str(result.top(2)).splitlines() == [
            "c1      c2      c3",
            "b 1.00  d 1.00  (zero)",
            "d 1.00  b 0.25",
        ]
        assert repr(result.top(2)) == "<Top 4 features of 3 components>"

    def test_a_wide_one_goes_on_below(self):
        W = np.random.default_rng(0).random((9, 40))
        lines = str(Top(*_parts(W))).splitlines()
        assert max(map(len, lines)) <= 100
        assert sum(line.count("c") for line in lines) == 40
        assert "" in lines

    def test_it_becomes_a_frame(self, result):
        pytest.importorskip("pandas")
        frame = result.top(2).to_frame()
        assert list(frame.columns) == ["component", "place", "feature", "weight", "share"]
        assert frame["share"].tolist() == [1, 1, 1, 0.25]

    def test_less_than_one_is_refused(self, result):
        with pytest.raises(ValueError, match="count is 0; it must be at least 1"):
            result.top(0)


def _parts(W):
    """What `Top` consists of, for such a W."""
    top = replace(PLAIN, W=W, H=np.ones((W.shape[1], 2))).top(3)
    return top.components, top.rows
