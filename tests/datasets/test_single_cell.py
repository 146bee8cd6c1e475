"""Single-cell files give genes as features and cells as samples, with the names of both."""

import shutil
import warnings

import numpy as np
import pytest

from nmf_accel.datasets import DatasetError, read

sparse = pytest.importorskip("scipy.sparse")
h5py = pytest.importorskip("h5py")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    anndata = pytest.importorskip("anndata")
pd = pytest.importorskip("pandas")

CELLS, GENES = ["c1", "c2", "c3"], ["g1", "g2", "g3", "g4"]
X = np.array([[0, 5, 0, 1], [2, 0, 0, 3], [0, 0, 7, 4]], np.float32)
"""Cells × genes."""
SQUARE = np.arange(9.0).reshape(3, 3)


def make(values=X, genes=GENES, cells=CELLS, **more):
    return anndata.AnnData(
        values, obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=genes), **more
    )


def write(data, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (data.write_zarr if path.suffix == ".zarr" else data.write_h5ad)(path)


def dense(A):
    return A.toarray() if hasattr(A, "toarray") else A


def assert_read(path, cells_by_genes, genes=GENES, cells=CELLS, **options):
    data = read(str(path), **options)
    np.testing.assert_array_equal(dense(data.A), np.transpose(cells_by_genes))
    assert data.features.tolist() == genes
    assert data.samples.tolist() == cells
    assert data.A.dtype == cells_by_genes.dtype
    return data


def refused(path, match, **options):
    with pytest.raises(DatasetError, match=match) as caught:
        read(str(path), **options)
    assert "\n" not in str(caught.value)


@pytest.fixture(params=["a.h5ad", "a.h5", "a.zarr"])
def path(request, tmp_path):
    """Where AnnData may lie."""
    return tmp_path / request.param


class TestAnnData:
    @pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
    @pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
    def test_it_is_turned_to_genes_by_cells(self, path, form, dtype):
        write(make(form(X.astype(dtype))), path)
        data = assert_read(path, X.astype(dtype))
        assert hasattr(data.A, "tocsr") == (form is not np.asarray)
        assert data.said == ("transposed: AnnData has cells × genes",)

    def test_a_square_one_is_turned_too(self, path):
        write(make(SQUARE, GENES[:3]), path)
        assert_read(path, SQUARE, GENES[:3])

    def test_it_is_what_anndata_reads(self, tmp_path):
        write(make(sparse.csr_matrix(X), layers={"counts": X * 2}), tmp_path / "a.h5ad")
        expected = anndata.read_h5ad(tmp_path / "a.h5ad")
        data = assert_read(tmp_path / "a.h5ad", expected.X.toarray())
        assert data.features.tolist() == expected.var_names.tolist()
        assert_read(tmp_path / "a.h5ad", expected.layers["counts"], layer="counts")

    def test_a_layer_and_raw_are_chosen_and_others_are_said(self, path):
        data = make(X, layers={"counts": sparse.csr_matrix(X * 2), "scaled": X * 3})
        data.raw = make(np.hstack([X, X]), [*GENES, "h1", "h2", "h3", "h4"])
        write(data, path)
        assert "not taken: layers counts, scaled, .raw" in read(str(path)).said
        assert_read(path, X * 2, layer="counts")
        assert_read(path, X * 3, layer="scaled")
        assert_read(path, np.hstack([X, X]), [*GENES, "h1", "h2", "h3", "h4"], layer="raw")
        refused(path, "no layer 'logs'; it has: counts, scaled, .raw$", layer="logs")

    def test_a_layer_called_raw_and_raw_itself_are_told_apart(self, path):
        data = make(X, layers={"raw": X * 5})
        data.raw = make(X * 2)
        write(data, path)
        refused(path, r"could be its layers\['raw'\] or its .raw; choose by", layer="raw")
        assert "not taken: layers raw, .raw" in read(str(path)).said
        assert_read(path, X * 5, layer="layers/raw")
        assert_read(path, X * 2, layer=".raw")

    def test_raw_alone_is_no_layer(self, path):
        data = make(X)
        data.raw = make(X * 2)
        write(data, path)
        assert "not taken: .raw" in read(str(path)).said

    def test_without_X_it_names_the_layers(self, path):
        write(make(None, layers={"counts": X}), path)
        refused(path, "it has no X; choose a layer by --layer NAME: counts$")
        assert_read(path, X, layer="counts")

    def test_without_layers_it_says_so(self, path):
        write(make(), path)
        refused(path, "no layer 'raw'; it has: nothing$", layer="raw")

    @pytest.mark.filterwarnings("ignore:.*names are not unique")
    def test_doubled_names_are_said(self, path):
        write(make(genes=["g", "g", "h", "i"], cells=["c", "c", "d"]), path)
        said = read(str(path)).said
        assert "1 name of features occurs more than once" in said
        assert "1 name of samples occurs more than once" in said

    def test_names_by_code_are_read(self, tmp_path):
        write(make(), tmp_path / "a.h5ad")
        with h5py.File(tmp_path / "a.h5ad", "a") as file:
            del file["var/_index"]
            index = file.create_group("var/_index")
            index.attrs["encoding-type"] = "categorical"
            index["codes"] = np.int8([1, 0, -1, 1])
            index["categories"] = ["a", "b"]
        assert read(str(tmp_path / "a.h5ad")).features.tolist() == ["b", "a", "", "b"]
        with h5py.File(tmp_path / "a.h5ad", "a") as file:
            file["var/_index/codes"][0] = -2
        refused(tmp_path / "a.h5ad", "names of genes have codes of none")

    def test_one_from_before_version_0_7_is_read(self, tmp_path):
        csr = sparse.csr_matrix(X)
        with h5py.File(tmp_path / "a.h5ad", "w") as file:
            group = file.create_group("X")
            group.attrs["h5sparse_format"] = "csr"
            group.attrs["h5sparse_shape"] = X.shape
            for part in ("data", "indices", "indptr"):
                group[part] = getattr(csr, part)
            file["raw.X"] = X * 2
            for name, index in (("obs", CELLS), ("var", GENES), ("raw.var", GENES)):
                file[name] = np.array(
                    [(x.encode(), 1) for x in index], [("index", "S2"), ("n", int)]
                )
        assert_read(tmp_path / "a.h5ad", X)
        assert_read(tmp_path / "a.h5ad", X * 2, layer="raw")

    @pytest.mark.parametrize(
        ("part", "value", "match"),
        [
            ("X/indptr", [0, 2], "has parts of"),
            ("X/indices", [1, 3, 0, 3, 2, 99], "indices"),
            ("X/indptr", [0, 9, 2, 6], "ind"),
            ("obs/_index", ["a", "b"], r"names of cells are of shape \(2,\), but there are 3"),
        ],
    )
    def test_parts_that_do_not_fit_are_refused(self, tmp_path, part, value, match):
        write(make(sparse.csr_matrix(X)), tmp_path / "a.h5ad")
        with h5py.File(tmp_path / "a.h5ad", "a") as file:
            del file[part]
            file[part] = value
        refused(tmp_path / "a.h5ad", match)

    def test_a_name_without_end_is_refused(self, tmp_path):
        write(
            make(np.ones((2000, 2), "f4"), GENES[:2], list(map(str, range(2000)))),
            tmp_path / "a.h5ad",
        )
        with h5py.File(tmp_path / "a.h5ad", "a") as file:
            file["obs/_index"][7] = "x" * 10**5
        refused(tmp_path / "a.h5ad", "claim to hold 800,000,000")


def write_tenx(path, group="matrix", A=X.T, symbols=("S1", "S2", "S3", "S2"), types=None):
    """What Cell Ranger writes: of version 3 in the group ``matrix``, before in one a genome."""
    csc = sparse.csc_matrix(A)
    with h5py.File(path, "a") as file:
        home = file.create_group(group)
        for part in ("data", "indices", "indptr"):
            home[part] = getattr(csc, part)
        home["shape"] = np.int32(A.shape)
        home["barcodes"] = np.array(CELLS, "S")
        ids = np.array(GENES[: len(symbols)], "S")
        if group == "matrix":
            home["features/id"], home["features/name"] = ids, np.array(symbols, "S")
            home["features/feature_type"] = np.array(types or ["Gene Expression"] * len(ids), "S")
        else:
            home["genes"], home["gene_names"] = ids, np.array(symbols, "S")


NAMES = ["S1", "g2", "S3", "g4"]
"""Symbols, but ids where a symbol occurs twice."""


class TestTenX:
    def test_features_by_barcodes_with_ids_for_doubled_symbols(self, tmp_path):
        write_tenx(tmp_path / "a.h5")
        data = assert_read(tmp_path / "a.h5", X, NAMES)
        assert data.A.format == "csc"
        assert data.said == (
            "2 features by their ids, for their symbols occur more than once or are empty",
        )

    def test_a_square_one_is_not_turned(self, tmp_path):
        write_tenx(tmp_path / "a.h5", A=SQUARE, symbols=("S1", "S2", "S3"))
        assert_read(tmp_path / "a.h5", SQUARE.T, ["S1", "S2", "S3"])

    def test_types_of_features_are_said_with_their_counts(self, tmp_path):
        write_tenx(tmp_path / "a.h5", types=["Gene Expression"] * 3 + ["Antibody Capture"])
        said = read(str(tmp_path / "a.h5")).said
        assert "types of features: 3 Gene Expression, 1 Antibody Capture" in said

    def test_before_version_3_a_genome_is_chosen(self, tmp_path):
        write_tenx(tmp_path / "a.h5", "hg19")
        assert_read(tmp_path / "a.h5", X, NAMES)
        write_tenx(tmp_path / "a.h5", "mm10", A=X.T * 2)
        refused(tmp_path / "a.h5", r"hg19 \(4 × 3\), mm10 \(4 × 3\); choose one by --array")
        assert_read(tmp_path / "a.h5", X * 2, NAMES, array="mm10")

    def test_an_option_of_other_files_says_nothing(self, tmp_path):
        write_tenx(tmp_path / "a.h5")
        refused(tmp_path / "a.h5", "10x Genomics file, of which the option layer", layer="raw")

    def test_a_shape_that_cannot_be_is_refused(self, tmp_path):
        write_tenx(tmp_path / "a.h5")
        with h5py.File(tmp_path / "a.h5", "a") as file:
            file["matrix/shape"][...] = 2**30, 3
        refused(tmp_path / "a.h5", "claim to hold")


def write_loom(path, A, rows, columns):
    with h5py.File(path, "w") as file:
        file["matrix"] = A
        file["layers/spliced"] = A * 2
        file.create_group("row_attrs")
        file.create_group("col_attrs")
        for name, values in rows.items():
            file["row_attrs"][name] = np.array(values, "S")
        for name, values in columns.items():
            file["col_attrs"][name] = np.array(values, "S")


class TestLoom:
    def test_genes_by_cells_and_a_layer(self, tmp_path):
        rows = {"Gene": ["S1", "S2", "S3", "S2"], "Accession": GENES}
        write_loom(tmp_path / "a.loom", X.T, rows, {"CellID": CELLS})
        shutil.copy(tmp_path / "a.loom", tmp_path / "a.h5")
        for name in ("a.loom", "a.h5"):
            assert_read(tmp_path / name, X, NAMES)
            assert_read(tmp_path / name, X * 2, NAMES, layer="spliced")
            refused(tmp_path / name, "no layer 'x'; it has: spliced$", layer="x")

    def test_one_of_two_columns_of_names_or_none(self, tmp_path):
        write_loom(tmp_path / "a.loom", X.T, {"Accession": GENES}, {"CellID": CELLS})
        assert_read(tmp_path / "a.loom", X)
        write_loom(tmp_path / "a.loom", X.T, {}, {})
        data = read(str(tmp_path / "a.loom"))
        assert data.features is None
        assert data.samples is None
