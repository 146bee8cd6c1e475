"""What is no matrix is refused with what to pass, and so is what would be a wrong one."""

from pathlib import Path

import numpy as np
import pytest

from nmf_accel import nmf
from nmf_accel.labels import names, names_of
from nmf_accel.sklearn import NMF

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

A = np.random.default_rng(0).random((5, 4))
FRAME = pd.DataFrame(A, [f"g{k}" for k in range(5)], list("abcd"))
FOUND = {
    "A is the text 'a.csv'; if that is a file, pass nmf_accel.read('a.csv')": "a.csv",
    "A is the text 'b/c.h5'; if that is a file, pass nmf_accel.read('b/c.h5')": Path("b/c.h5"),
    "A is a dict, which is no matrix; pass one of its values, or pandas.DataFrame(A) if these are "
    "columns": {"{A}": A},
    "A is a Series, which is one column; pass A.to_frame()": FRAME["a"],
}


@pytest.mark.parametrize("message", FOUND)
def test_what_is_no_matrix_is_refused_with_what_to_pass(message):
    with pytest.raises(TypeError) as error:
        nmf(FOUND[message], 2)
    assert str(error.value) == message
    with pytest.raises(TypeError) as error:
        NMF(2).fit(FOUND[message])
    assert str(error.value) == message.replace("A is", "X is", 1).replace("DataFrame(A)", "DataFrame(X)").replace("A.to", "X.to")  # fmt: skip # noqa: E501


def test_a_series_of_polars_and_the_raw_part_of_an_anndata_are_refused_too():
    anndata = pytest.importorskip("anndata")
    with pytest.raises(TypeError, match=r"pass A\.to_frame\(\)"):
        nmf(pl.Series("x", [1.0, 2.0]), 1)
    cells = anndata.AnnData(A)
    cells.raw = cells
    with pytest.raises(TypeError, match=r"raw part of an AnnData; pass A\.to_adata\(\)"):
        nmf(cells.raw, 1)
    assert nmf(cells.raw.to_adata(), 1, max_iter=1, backend="numpy").W.shape == (4, 1)


def test_x_of_a_backed_anndata_is_not_looked_at(monkeypatch, tmp_path):
    anndata = pytest.importorskip("anndata")
    anndata.AnnData(A).write_h5ad(tmp_path / "a.h5ad")
    cells = anndata.read_h5ad(tmp_path / "a.h5ad", backed="r")
    try:
        monkeypatch.setattr(type(cells), "X", property(lambda self: 1 / 0))
        with pytest.raises(TypeError, match=r"A\.X is not in memory \(it is in .*a\.h5ad\); pass"):
            nmf(cells, 1)
    finally:
        cells.file.close()


@pytest.mark.parametrize("title", ["Unnamed: 0", "", "__index_level_0__"])
@pytest.mark.parametrize("names", [range(5), FRAME.index])
def test_a_first_column_that_was_an_index_is_refused_and_the_cure_works(title, names):
    frame = FRAME.reset_index(drop=True)
    frame.insert(0, title, list(names))
    with pytest.raises(TypeError, match=r"has a first column '.*', which is an index") as error:
        nmf(frame, 2)
    code = str(error.value).partition("pass ")[2]
    found = nmf(eval(code, {"A": frame}), 2, max_iter=2, backend="numpy")
    assert found.features.tolist() == [str(name) for name in names]
    assert found.samples.tolist() == list("abcd")


@pytest.mark.parametrize(("title", "place"), [("Unnamed: 0", 0), ("", 0), ("__index_level_0__", 4)])
def test_of_polars_too(title, place):
    frame = pl.DataFrame(FRAME.reset_index(drop=True).to_dict("list"))
    frame.insert_column(place, pl.Series(title, range(5)))
    with pytest.raises(TypeError, match=r"has a column '.*', which is an index") as error:
        nmf(frame, 2)
    drop, _, rest = str(error.value).partition("pass ")[2].partition(", or ")
    found = nmf(eval(drop, {"A": frame}), 2, max_iter=2, backend="numpy")
    assert (found.features, found.samples.tolist()) == (None, list("abcd"))
    picked = eval(rest.removesuffix(" if it names the rows"), {"A": frame, "polars": pl})
    found = nmf(picked, 2, max_iter=2, backend="numpy")
    assert found.features.tolist() == [*"01234"]


def test_such_a_title_elsewhere_and_names_below_it_are_taken():
    frame = pl.DataFrame({"": [f"g{k}" for k in range(5)], **FRAME.to_dict("list")})
    assert nmf(frame, 2, max_iter=2, backend="numpy").features.tolist() == frame[""].to_list()
    later = FRAME.rename(columns={"c": "Unnamed: 0"})
    assert nmf(later, 2, max_iter=2, backend="numpy").H.shape == (2, 4)


def test_a_name_that_would_make_an_array_huge_is_refused(monkeypatch):
    monkeypatch.setattr(names, "MOST_BYTES", 1_000_000)
    message = "name 1 of 20, 'xxxxxxxxxxxxxxxxxxxx'…, has 50,000 letters, and all would take as"
    with pytest.raises(ValueError, match=message):
        names_of(["a", "x" * 50_000, *"b" * 18])
    assert len(names_of(["a", "x" * 9_000, *"b" * 98])) == 100
    assert len(names_of(["a", "x" * 50_000])) == 2


def test_frames_are_copies_that_may_be_written_to():
    for given in (A, FRAME):
        result = nmf(given, 2, max_iter=2, backend="numpy")
        before = [x.copy() for x in result.to_arrays()]
        for frame in result.to_frames():
            frame.iloc[:] = -1
        for x, y in zip(result.to_arrays(), before, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("kind", ["dok_matrix", "dok_array"])
def test_a_sparse_matrix_that_is_a_dictionary_too_is_taken(kind):
    sparse = getattr(pytest.importorskip("scipy.sparse"), kind)(A)
    found = nmf(sparse, 2, max_iter=3, backend="numpy")
    np.testing.assert_allclose(found.W, nmf(A, 2, max_iter=3, backend="numpy").W)
