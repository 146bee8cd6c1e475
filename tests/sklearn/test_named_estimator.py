"""The estimator holds names of features against those of the fit, also of an AnnData."""

import numpy as np
import pytest

from nmf_accel.sklearn import NMF, non_negative_factorization

pd = pytest.importorskip("pandas")

X = np.random.default_rng(0).random((30, 12))
GENES = [f"g{k}" for k in range(12)]
FRAME = pd.DataFrame(X, columns=GENES)
OPTIONS = {"tol": 0.1, "random_state": 0, "backend": "numpy"}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (GENES[::-1], "Feature names must be in the same order as they were in fit"),
        (GENES[1:], "Feature names seen at fit time, yet now missing:\n- g0"),
        ([*GENES[1:], "x"], "Feature names unseen at fit time:\n- x"),
    ],
)
def test_other_names_than_those_of_the_fit_are_refused(columns, message):
    model = NMF(3, **OPTIONS).fit(FRAME)
    with pytest.raises(ValueError, match=message):
        model.transform(FRAME.reindex(columns=columns, fill_value=0.5))


@pytest.fixture(params=["dense", "sparse"])
def cells(request):
    """30 cells × 12 genes."""
    anndata, sparse = pytest.importorskip("anndata"), pytest.importorskip("scipy.sparse")
    values = X if request.param == "dense" else sparse.csr_matrix(np.where(X > 0.5, X, 0))
    obs = pd.DataFrame(index=[f"cell {k}" for k in range(30)])
    return anndata.AnnData(values, obs, pd.DataFrame(index=GENES))


def test_the_cells_of_an_anndata_are_its_samples(cells):
    model, expected = NMF(3, **OPTIONS), NMF(3, **OPTIONS)
    np.testing.assert_array_equal(model.fit_transform(cells), expected.fit_transform(cells.X))
    np.testing.assert_array_equal(model.components_, expected.components_)
    assert list(model.feature_names_in_) == GENES
    np.testing.assert_array_equal(model.transform(cells), expected.transform(cells.X))
    W, *_ = non_negative_factorization(cells, n_components=3, **OPTIONS)
    np.testing.assert_array_equal(W, expected.fit_transform(cells.X))


def test_an_anndata_with_its_genes_in_another_order_is_refused(cells):
    model = NMF(3, **OPTIONS).fit(cells)
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        model.transform(cells[:, ::-1])
