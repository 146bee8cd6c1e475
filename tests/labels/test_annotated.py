"""AnnData and DataArrays are taken as what they are; what is not in memory is refused at once."""

import numpy as np
import pytest

from nmf_accel import nmf, project
from nmf_accel.labels import labelled

RUN = {"max_iter": 5, "backend": "numpy"}
A = np.random.default_rng(0).random((5, 4))


class TestAnnData:
    """Cells × genes, transposed."""

    @pytest.fixture
    def anndata(self):
        return pytest.importorskip("anndata")

    @pytest.fixture
    def cells(self, anndata):
        """2,000 cells × 1,000 genes, sparse."""
        sparse = pytest.importorskip("scipy.sparse")
        pandas = pytest.importorskip("pandas")
        X = sparse.random_array((2000, 1000), density=0.05, rng=np.random.default_rng(0)).tocsr()
        obs = pandas.DataFrame(index=[f"cell {k}" for k in range(2000)])
        return anndata.AnnData(X, obs, pandas.DataFrame(index=[f"gene {k}" for k in range(1000)]))

    def test_a_sparse_one_stays_sparse_and_gives_frames_of_pandas(self, cells):
        result = nmf(cells, 8, **RUN)
        expected = nmf(cells.X.T, 8, **RUN)
        np.testing.assert_array_equal(result.W.to_numpy(), expected.W)
        np.testing.assert_array_equal(result.H.to_numpy(), expected.H)
        assert list(result.W.index) == list(cells.var_names)
        assert list(result.H.columns) == list(cells.obs_names)
        assert labelled(cells).sparse

    def test_a_view_is_taken_by_its_own_names(self, cells):
        view = cells[10:40, ::-2]
        result = nmf(view, 2, **RUN)
        assert result.features[:2].tolist() == ["gene 999", "gene 997"]
        assert result.samples[0] == "cell 10"
        np.testing.assert_array_equal(result.W.to_numpy(), nmf(view.X.T, 2, **RUN).W)

    def test_other_cells_are_projected_by_the_names_of_genes(self, cells):
        W = nmf(cells, 3, **RUN).W
        expected = project(cells[:50], W, backend="numpy")
        with pytest.warns(UserWarning, match="rows of W were put into the order of A"):
            found = project(cells[:50, ::-1], W, backend="numpy")
        np.testing.assert_allclose(found, expected, atol=1e-10)
        with pytest.raises(ValueError, match=r"missing in W: 'gene 0'.*pass A\[:, W.index\]"):
            project(cells, W.iloc[1:])

    def test_without_x_its_layers_are_listed(self, anndata):
        data = anndata.AnnData(shape=(4, 5), layers={"counts": A.T, "log": A.T})
        message = r"A.X is None; its layers are 'counts', 'log': set one, A.X = A.layers\['counts'"
        with pytest.raises(ValueError, match=message):
            nmf(data, 2, **RUN)
        with pytest.raises(ValueError, match=r"A.X is None, and there are no layers"):
            nmf(anndata.AnnData(shape=(4, 5)), 2, **RUN)

    @pytest.mark.parametrize("sparse", [False, True])
    def test_one_on_disk_is_refused(self, anndata, sparse, tmp_path):
        scipy_sparse = pytest.importorskip("scipy.sparse")
        X = scipy_sparse.csr_matrix(A.T) if sparse else A.T
        anndata.AnnData(X).write_h5ad(tmp_path / "a.h5ad")
        backed = anndata.read_h5ad(tmp_path / "a.h5ad", backed="r")
        try:
            with pytest.raises(TypeError, match=r"A.X is not in memory .*; pass A.to_memory\(\)"):
                nmf(backed, 2, **RUN)
            np.testing.assert_array_equal(
                nmf(backed.to_memory(), 2, **RUN).W.to_numpy(), nmf(X.T, 2, **RUN).W
            )
        finally:
            backed.file.close()

    def test_one_of_dask_is_refused_before_anything_is_computed(self, anndata):
        array = pytest.importorskip("dask.array")
        data = anndata.AnnData(array.map_blocks(never, chunks=((10,), (9,)), dtype=float))
        with pytest.raises(TypeError, match=r"A.X is not in memory \(dask's Array\)"):
            nmf(data, 2, **RUN)


class TestXarray:
    """Arrays of two dimensions."""

    @pytest.fixture
    def xarray(self):
        return pytest.importorskip("xarray")

    def test_coordinates_along_its_dimensions_are_kept(self, xarray):
        coords = {"gene": list("vwxyz"), "length": ("gene", range(5)), "batch": ("cell", range(4))}
        result = nmf(xarray.DataArray(A, dims=("gene", "cell"), coords=coords), 2, **RUN)
        assert result.W.dims == ("gene", "component")
        assert result.H.dims == ("component", "cell")
        assert set(result.W.coords) == {"gene", "length", "component"}
        assert set(result.H.coords) == {"batch", "component"}
        assert result.features.tolist() == list("vwxyz")
        assert result.samples is None

    def test_without_coordinates_there_are_no_names(self, xarray):
        result = nmf(xarray.DataArray(A), 2, **RUN)
        assert result.features is result.samples is None
        assert result.W.dims == ("dim_0", "component")
        assert set(result.W.coords) == {"component"}

    def test_a_coordinate_of_several_levels_comes_back(self, xarray):
        stacked = xarray.DataArray(
            A.reshape(5, 2, 2), dims=("gene", "y", "x"), coords={"y": [0, 1], "x": [5, 6]}
        ).stack(pixel=["y", "x"])
        result = nmf(stacked, 2, **RUN)
        assert result.samples.tolist() == ["0|5", "0|6", "1|5", "1|6"]
        assert result.H.unstack("pixel").dims == ("component", "y", "x")

    def test_a_dimension_that_is_called_component_already_gets_another_name(self, xarray):
        H = nmf(xarray.DataArray(A, dims=("gene", "component")), 2, **RUN).H
        assert H.dims == ("component.1", "component")

    def test_other_than_two_dimensions_are_refused_with_what_to_type(self, xarray):
        frames = xarray.DataArray(np.random.default_rng(0).random((6, 2, 3)), dims=("t", "y", "x"))
        with pytest.raises(
            ValueError, match=r"A must be a matrix \(2-D\).*shape is \(6, 2, 3\)"
        ) as e:
            nmf(frames, 2, **RUN)
        code = str(e.value).partition("pass ")[2]
        typed = eval(code, {"A": frames})
        assert typed.dims == ("feature", "t")
        assert nmf(typed, 2, **RUN).H.dims == ("component", "t")
        with pytest.raises(ValueError, match=r"pass A.expand_dims\('sample', -1\)"):
            nmf(frames[:, 0, 0], 2, **RUN)
        assert frames[:, 0, 0].expand_dims("sample", -1).shape == (6, 1)

    def test_one_of_dask_is_refused_before_anything_is_computed(self, xarray):
        array = pytest.importorskip("dask.array")
        data = xarray.DataArray(array.zeros((10**6, 10**6), chunks=10**4))
        with pytest.raises(TypeError, match=r"dask would read 8e\+03 GB; pass A.compute\(\)"):
            nmf(data, 2, **RUN)


def never(*arguments, **options):
    """What a lazy array would compute."""
    raise AssertionError("this was not to be computed")


def test_an_array_of_dask_is_refused_before_anything_is_computed():
    array = pytest.importorskip("dask.array")
    huge = array.zeros((10**6, 10**6), chunks=10**4)
    with pytest.raises(TypeError, match=r"A is a dask array of 8e\+03 GB.*; pass A.compute\(\)"):
        nmf(huge, 2)
    with pytest.raises(TypeError, match="W0 is a dask array of 8e-08 GB"):
        nmf(A, 2, W0=array.ones((5, 2)))
    unknown = array.map_blocks(never, chunks=((np.nan,), (9,)), dtype=float)
    with pytest.raises(TypeError, match="W is a dask array of unknown size"):
        project(A, unknown)


def test_a_frame_of_dask_is_refused_before_anything_is_computed():
    frames = pytest.importorskip("dask.dataframe")
    frame = frames.from_map(never, [0, 1], meta={"a": float})
    with pytest.raises(TypeError, match=r"a dask frame in 2 partitions.*; pass A.compute\(\)"):
        nmf(frame, 2)


def test_a_query_of_polars_is_refused():
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match=r"a LazyFrame of polars.*; pass A.collect\(\)"):
        nmf(polars.LazyFrame({"a": [1.0]}), 1)
