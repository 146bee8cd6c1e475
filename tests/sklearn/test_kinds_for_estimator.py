"""What the estimator takes for X: samples are its rows, whatever library it comes from."""

import numpy as np
import pytest

from nmf_accel.datasets import Dataset
from nmf_accel.sklearn import NMF

X = np.random.default_rng(0).random((30, 12))
GENES = [f"g{k}" for k in range(12)]
OPTIONS = {"tol": 0.1, "random_state": 0, "backend": "numpy"}


def fitted(X):
    model = NMF(3, **OPTIONS)
    return model, model.fit_transform(X)


def test_names_of_samples_in_a_frame_of_polars_are_no_feature():
    polars = pytest.importorskip("polars")
    numbers = polars.DataFrame(X, schema=GENES)
    cells = polars.Series("cell", [f"cell {k}" for k in range(30)])
    model, W = fitted(numbers.clone().insert_column(0, cells))
    np.testing.assert_array_equal(W, fitted(numbers)[1])
    assert list(model.feature_names_in_) == GENES
    np.testing.assert_allclose(model.transform(numbers), W, rtol=1e-6, atol=1e-12)


def test_the_samples_of_a_dataset_are_its_columns():
    model, W = fitted(Dataset("a.csv", X.T, features=np.array(GENES)))
    np.testing.assert_array_equal(W, fitted(X)[1])
    assert model.components_.shape == (3, 12)


@pytest.mark.parametrize("kind", ["lazy", "array", "frame"])
def test_what_is_not_computed_yet_is_refused_as_nmf_does(kind):
    given = {
        "lazy": lambda: pytest.importorskip("polars").DataFrame(X).lazy(),
        "array": lambda: pytest.importorskip("dask.array").from_array(X),
        "frame": lambda: pytest.importorskip("dask.dataframe").from_dict(
            {name: X[:, k] for k, name in enumerate(GENES)}, npartitions=1
        ),
    }[kind]()
    with pytest.raises(TypeError, match=r"not computed yet; pass X\.(collect|compute)\(\)"):
        fitted(given)


@pytest.mark.parametrize("sparse", [False, True])
def test_genes_of_an_anndata_may_have_one_name(sparse):
    anndata, pd = pytest.importorskip("anndata"), pytest.importorskip("pandas")
    scipy_sparse = pytest.importorskip("scipy.sparse")
    values = scipy_sparse.csr_matrix(X) if sparse else X
    with pytest.warns(UserWarning, match="not unique"):
        cells = anndata.AnnData(values, var=pd.DataFrame(index=["g0", *GENES[:-1]]))
    model, W = fitted(cells)
    np.testing.assert_allclose(W, fitted(values)[1], rtol=1e-6)
    assert list(model.feature_names_in_) == ["g0", "g0.1", *GENES[1:-1]]


def test_a_table_of_pyarrow_is_taken():
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({name: X[:, k] for k, name in enumerate(GENES)})
    np.testing.assert_array_equal(fitted(table)[1], fitted(X)[1])
