"""Names in, names out: every kind goes in, and comes out with its names and the same numbers."""

import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from labelled_kinds import (
    FEATURES,
    GIVEN_BACK,
    KINDS,
    SAMPLES,
    A,
    as_kind,
    library_of,
    names_of_sides,
    numbers_of,
)

from nmf_accel import Factorization, nmf, project
from nmf_accel.labels import LABELLED, labelled
from nmf_accel.labels.base import Plain
from nmf_accel.labels.pandas_frame import PandasFrame

RUN = {"max_iter": 30, "backend": "numpy"}


def assert_bits(x, expected):
    """The same dtype and the same bits."""
    x, expected = numbers_of(x), np.asarray(expected)
    assert x.dtype == expected.dtype
    np.testing.assert_array_equal(x, expected)


def assert_near(x, expected):
    """Equal to rounding: BLAS rounds otherwise where memory is in another order."""
    np.testing.assert_allclose(numbers_of(x), expected, rtol=1e-14, atol=1e-15)


def bare(kind, A=A):
    """The array that a kind holds, in its order in memory."""
    return np.ascontiguousarray(A.T).T if kind == "anndata" else A


@pytest.mark.parametrize("kind", KINDS)
def test_w_and_h_come_back_as_what_went_in_with_its_names_and_the_same_bits(kind):
    result, expected = nmf(as_kind(kind), 3, **RUN), nmf(bare(kind), 3, **RUN)
    assert library_of(result.W) == library_of(result.H) == GIVEN_BACK[kind]
    assert_bits(result.W, expected.W)
    assert_bits(result.H, expected.H)
    np.testing.assert_array_equal(result.errors, expected.errors)
    if kind != "dataset":
        assert names_of_sides(result.W) == (FEATURES, ["c1", "c2", "c3"])
        assert names_of_sides(result.H) == (["c1", "c2", "c3"], SAMPLES)
    assert result.features.tolist() == FEATURES
    assert result.samples.tolist() == SAMPLES
    assert expected.features is None
    assert expected.samples is None


@pytest.mark.parametrize("kind", KINDS)
def test_projected_weights_are_of_the_kind_of_the_new_samples(kind):
    W = nmf(as_kind(kind), 3, **RUN).W
    H = project(as_kind(kind), W, backend="numpy")
    assert library_of(H) == GIVEN_BACK[kind]
    assert_bits(H, project(bare(kind), numbers_of(W), backend="numpy"))
    if kind != "dataset":
        assert names_of_sides(H) == (["c1", "c2", "c3"], SAMPLES)


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_a_result_does_it_does_with_frames(kind, tmp_path):
    result, expected = nmf(as_kind(kind), 3, **RUN), nmf(bare(kind), 3, **RUN)
    assert repr(result) == repr(expected)
    assert (result.rank, result.dead) == (expected.rank, expected.dead)
    for some in (slice(None), [4, 0], slice(2), np.array(SAMPLES) == "s3"):
        found = result.reconstruct(some)
        assert_near(found, expected.reconstruct(some))
        if kind != "dataset":
            assert names_of_sides(found) == (FEATURES, np.array(SAMPLES)[some].tolist())
    assert_near(result.reconstruct(3), expected.reconstruct(3))
    assert_near(result.complete(), expected.complete())
    assert library_of(result.complete()) == GIVEN_BACK[kind]
    for mine, theirs in zip(result.to_arrays(), expected.to_arrays(), strict=True):
        assert_bits(mine, theirs)
    copied = pickle.loads(pickle.dumps(result))
    assert library_of(copied.W) == GIVEN_BACK[kind]
    assert_bits(copied.W, expected.W)
    assert copied.given is None
    result.save(tmp_path / "f.npz")
    loaded = Factorization.load(tmp_path / "f.npz")
    assert_bits(loaded.W, expected.W)
    assert_bits(loaded.H, expected.H)
    assert loaded.features.tolist() == FEATURES
    assert loaded.samples.tolist() == SAMPLES
    assert loaded.settings == result.settings


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_of_a_file_gives_frames_with_the_names_that_went_in(kind, tmp_path):
    pytest.importorskip("pandas")
    result = nmf(as_kind(kind), 2, **RUN)
    result.save(tmp_path / "f.npz")
    for one in (result, Factorization.load(tmp_path / "f.npz")):
        W, H = one.to_frames()
        assert names_of_sides(W) == (FEATURES, ["c1", "c2"])
        assert names_of_sides(H) == (["c1", "c2"], SAMPLES)
        assert_bits(W, result.to_arrays()[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_computed_in_the_precision_of_the_numbers(kind, dtype):
    result = nmf(as_kind(kind, A.astype(dtype)), 2, **RUN)
    assert result.settings["dtype"] == dtype
    assert all(x.dtype == dtype for x in result.to_arrays())
    assert_bits(result.W, nmf(bare(kind, A.astype(dtype)), 2, **RUN).W)


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_in_is_not_written_to(kind):
    given = as_kind(kind)
    before = pickle.dumps(given)
    nmf(given, 2, **RUN).complete()
    assert pickle.dumps(given) == before


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_is_filled_in(kind):
    holes = A.copy()
    holes[0, 1] = holes[5, 5] = np.nan
    result = nmf(as_kind(kind, holes), 2, missing=np.nan, **RUN)
    completed = numbers_of(result.complete())
    assert np.isfinite(completed).all()
    np.testing.assert_array_equal(completed[~np.isnan(holes)], holes[~np.isnan(holes)])
    product = numbers_of(result.reconstruct())
    assert completed[0, 1] == pytest.approx(product[0, 1], rel=1e-14)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pandas", "a pandas frame: rows are features, columns are samples"),
        ("polars", "a polars frame: .* the column 'gene' names the features"),
        ("anndata", "an AnnData, cells × genes: transposed, so features are genes"),
        ("xarray", "an xarray DataArray: 'gene' are features, 'cell' are samples"),
    ],
)
def test_it_says_what_it_was_taken_for(kind, words):
    assert re.match(words, nmf(as_kind(kind), 2, **RUN).settings["taken"])


def test_nothing_is_said_of_a_plain_array():
    assert "taken" not in nmf(A, 2, **RUN).settings


def test_what_the_reader_of_a_data_set_said_is_kept():
    data = replace(as_kind("dataset"), said=("header row", "transposed"))
    assert nmf(data, 2, **RUN).settings["taken"] == "header row; transposed"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("value", "cure"), [(np.nan, "; missing=np.nan .--missing nan. leaves them out"), (-1.0, "$")]
)
def test_a_wrong_entry_is_called_by_its_names(kind, value, cure):
    bad = A.copy()
    bad[3, 4] = value
    message = rf"first at \(3, 4\), row 'g3', column 's4': {value}; NMF needs finite A >= 0{cure}"
    with pytest.raises(ValueError, match=message):
        nmf(as_kind(kind, bad), 2, **RUN)


def test_only_of_a_dense_a_it_is_said_that_what_is_missing_may_be_left_out():
    sparse = pytest.importorskip("scipy.sparse")
    bad = A.copy()
    bad[3, 4] = np.nan
    for call in (
        lambda: nmf(sparse.csr_array(bad), 2, **RUN),
        lambda: nmf(A, 2, W0=np.full((8, 2), np.nan), **RUN),
    ):
        with pytest.raises(ValueError, match=r"NMF needs finite \w+ >= 0$"):
            call()


def test_rows_of_which_nothing_is_known_and_zeros_are_called_by_their_names():
    bad = A.copy()
    bad[3] = np.nan
    with pytest.raises(ValueError, match=r"the first being row 3 \('g3'\); leave them out"):
        nmf(as_kind("pandas", bad), 2, missing=np.nan, **RUN)
    with pytest.raises(ValueError, match=r"6 zero entries, first at \(2, 0\), row 'g2', column 's"):
        nmf(as_kind("pandas"), 2, loss="itakura-saito", **RUN)
    with pytest.raises(ValueError, match=r"weights are -1.0 at \(1, 2\), row 'g1', column 's2'"):
        nmf(as_kind("pandas"), 2, weights=np.where(A[1, 2] == A, -1, 1), **RUN)


def test_an_object_with_names_of_another_size_is_refused():
    data = as_kind("dataset", features=FEATURES[:5])
    with pytest.raises(ValueError, match="5 names of features, but the matrix has 8 features"):
        nmf(data, 2, **RUN)


def test_anything_with_a_matrix_and_names_is_taken():
    class Mine:
        A = A
        features = None
        samples = SAMPLES

    result = nmf(Mine(), 2, **RUN)
    assert result.features is None
    assert result.samples.tolist() == SAMPLES
    assert_bits(result.W, nmf(A, 2, **RUN).W)


def test_a_line_in_the_table_adds_a_kind(monkeypatch):
    class Sheet:
        def __init__(self, rows):
            self.rows = rows

    class OfSheets(Plain):
        def matrix(self, name):
            return np.array(self.passed.rows)

        @property
        def like(self):
            return None

        def build(self, x, rows, columns):
            return Sheet(x.tolist())

    key = f"{__name__.partition('.')[0]}.{Sheet.__qualname__}"
    monkeypatch.setitem(LABELLED, key, OfSheets)
    result = nmf(Sheet(A.tolist()), 2, **RUN)
    assert result.W.rows == nmf(A, 2, **RUN).W.tolist()
    assert result.dead == 0


def test_a_subclass_of_a_frame_is_a_frame():
    pandas = pytest.importorskip("pandas")

    class Frame(pandas.DataFrame):
        pass

    assert isinstance(labelled(Frame(A)), PandasFrame)


@pytest.mark.parametrize("kind", KINDS)
def test_figures_are_those_of_the_bare_numbers(kind):
    plots = pytest.importorskip("nmf_accel.plots")
    data = as_kind("dataset")
    results = [nmf(x, 3, **RUN) for x in (as_kind(kind), bare(kind))]
    np.testing.assert_array_equal(*map(plots.by_weight, results))
    for draw in (plots.components, plots.reconstructions):
        drawn = [
            [image.get_array() for ax in draw(result, data).axes for image in ax.images]
            for result in results
        ]
        assert len(drawn[0]) == len(drawn[1]) > 0
        for mine, theirs in zip(*drawn, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-14, atol=1e-15)
