"""Matrix Market files are read as sparse as they are, with the names that lie beside them."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmf_accel.datasets import DatasetError, read

sparse = pytest.importorskip("scipy.sparse")
mmwrite = pytest.importorskip("scipy.io").mmwrite

A = np.array([[0, 5, 0], [2, 0, 0], [0, 0, 7], [1, 3, 4]], np.int64)
"""Features × samples."""
FEATURES = [f"ENSG{k}\tSYMBOL{k}\tGene Expression" for k in range(4)]
SYMBOLS = [f"SYMBOL{k}" for k in range(4)]
BARCODES = ["AAA-1", "CCC-1", "GGG-1"]
SQUARE = np.arange(9.0).reshape(3, 3)
UNNAMED = "no names beside it"


def write_lines(path, lines):
    text = "\n".join(lines) + "\n"
    packed = path.suffix == ".gz"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())


def write_matrix(path, matrix):
    with (gzip.open if path.suffix == ".gz" else open)(path, "wb") as file:
        mmwrite(file, sparse.coo_array(matrix))


def refused(path, match):
    with pytest.raises(DatasetError, match=match) as caught:
        read(str(path))
    assert "\n" not in str(caught.value)


def assert_named(path, expected, features, samples):
    data = read(str(path))
    np.testing.assert_array_equal(data.A.toarray(), expected)
    assert (data.features is None) == (features is None)
    assert features is None or data.features.tolist() == features
    assert (data.samples is None) == (samples is None)
    assert samples is None or data.samples.tolist() == samples
    return data.said


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("market")


class TestMatrix:
    @given(
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        st.sampled_from(["int64", "float64"]),
        st.booleans(),
        st.sampled_from(["a.mtx", "a.MTX", "a.mtx.gz"]),
    )
    def test_it_comes_back_dense_or_sparse_as_it_is(self, folder, shape, dtype, dense, name):
        matrix = np.arange(4, 4 + np.prod(shape)).reshape(shape) / 4
        matrix = matrix.astype(dtype)
        with (gzip.open if name.endswith("gz") else open)(folder / name, "wb") as file:
            mmwrite(file, matrix if dense else sparse.coo_array(matrix), symmetry="general")
        data = read(str(folder / name))
        assert hasattr(data.A, "tocsr") != dense
        np.testing.assert_array_equal(data.A if dense else data.A.toarray(), matrix)
        assert data.A.dtype == dtype
        assert dense or data.A.format == "csr"
        assert data.said == (UNNAMED,)

    def test_a_symmetric_one_is_made_whole_and_that_is_said(self, tmp_path):
        whole = SQUARE + SQUARE.T
        for name, matrix in (("s.mtx", sparse.coo_array(whole)), ("d.mtx", whole)):
            mmwrite(tmp_path / name, matrix, symmetry="symmetric")
            data = read(str(tmp_path / name))
            found = data.A.toarray() if hasattr(data.A, "toarray") else data.A
            np.testing.assert_array_equal(found, whole)
            assert data.said == ("symmetric: made whole", UNNAMED)

    def test_entries_without_values_are_ones_and_that_is_said(self, tmp_path):
        mmwrite(tmp_path / "a.mtx", sparse.coo_array(A), field="pattern")
        data = read(str(tmp_path / "a.mtx"))
        np.testing.assert_array_equal(data.A.toarray(), A > 0)
        assert data.said == ("entries without values: each is 1", UNNAMED)

    def test_doubled_entries_are_added_and_that_is_said(self, tmp_path):
        write_lines(
            tmp_path / "a.mtx",
            [
                "%%MatrixMarket matrix coordinate integer general",
                "2 2 3",
                "1 1 5",
                "1 1 2",
                "2 2 1",
            ],
        )
        data = read(str(tmp_path / "a.mtx"))
        assert data.A.toarray().tolist() == [[7, 0], [0, 1]]
        assert data.said == ("1 entries added to others in their place", UNNAMED)

    @pytest.mark.parametrize(
        ("header", "match"),
        [
            ("coordinate complex general\n1 1 1\n1 1 1 1", "complex numbers"),
            ("array complex general\n1 1\n1 1", "complex numbers"),
            ("coordinate real general\n3 3 5000\n1 1 1", "claims 5,000 entries, .* no room"),
            ("array real general\n5000 3\n1", "claims 15,000 entries, .* no room"),
            ("coordinate real general\n999999999999 3 1\n1 1 1", "claim to hold"),
            ("coordinate real general\n3 3 1\n4 1 1", "4|out of bounds|index"),
            ("coordinate real general\n0 3 0", "empty"),
            ("coordinate real general\n3 3 2\n1 1 1", "cannot be read"),
            ("coordinate real", "cannot be read"),
        ],
    )
    def test_what_cannot_be_is_refused(self, tmp_path, header, match):
        (tmp_path / "a.mtx").write_text(f"%%MatrixMarket matrix {header}\n")
        refused(tmp_path / "a.mtx", match)

    @pytest.mark.parametrize("entry", ["1.5D2", "1,5", "1_5", "0x1"])
    def test_numbers_of_another_kind_are_refused_though_scipy_reads_their_begin(
        self, tmp_path, entry
    ):
        (tmp_path / "a.mtx").write_text(
            f"%%MatrixMarket matrix coordinate real general\n% D, x_y\n%\n\n1 1 1\n1 1 {entry}\n"
        )
        refused(tmp_path / "a.mtx", f"has {entry[-2] if entry == '1.5D2' else entry[1]!r} among")

    @pytest.mark.parametrize(("entry", "value"), [("3E2", 300), ("nan", np.nan), ("2", 2)])
    def test_a_last_line_without_an_end_is_read_and_that_is_said(self, tmp_path, entry, value):
        (tmp_path / "a.mtx").write_text(
            f"%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 {entry}"
        )
        data = read(str(tmp_path / "a.mtx"))
        np.testing.assert_array_equal(data.A.toarray(), [[value]])
        assert data.said == ("its last line has no end, and may be cut off", UNNAMED)

    def test_an_empty_one_says_so(self, tmp_path):
        (tmp_path / "a.mtx").touch()
        refused(tmp_path / "a.mtx", "it is empty$")

    def test_a_packed_one_that_claims_far_more_than_its_size_is_refused(self, tmp_path):
        header = "%%MatrixMarket matrix coordinate real general"
        write_lines(tmp_path / "a.mtx.gz", [header, "9000 9000 50000000", "1 1 1"])
        refused(tmp_path / "a.mtx.gz", "claim to hold 1,200,000,000")

    def test_comments_without_end_are_refused(self, tmp_path):
        with gzip.open(tmp_path / "a.mtx.gz", "wb") as file:
            file.write(b"%%MatrixMarket matrix coordinate real general\n%")
            for _ in range(260):
                file.write(b" " * 2**20)
        refused(tmp_path / "a.mtx.gz", "claim to hold")

    def test_a_checksum_that_is_wrong_is_seen(self, tmp_path):
        write_matrix(tmp_path / "a.mtx.gz", A)
        content = bytearray((tmp_path / "a.mtx.gz").read_bytes())
        content[-6] ^= 1
        (tmp_path / "a.mtx.gz").write_bytes(content)
        refused(tmp_path / "a.mtx.gz", "CRC check failed")


class TestNames:
    @pytest.mark.parametrize(
        ("matrix", "features", "barcodes"),
        [
            ("matrix.mtx", "features.tsv", "barcodes.tsv"),
            ("matrix.mtx.gz", "features.tsv.gz", "barcodes.tsv.gz"),
            ("matrix.mtx", "genes.tsv", "barcodes.tsv.gz"),
            ("s1_matrix.mtx.gz", "s1_features.tsv.gz", "s1_barcodes.tsv.gz"),
            ("cells_x_genes.mtx", "cells_x_genes.genes.txt", "cells_x_genes.barcodes.txt"),
        ],
    )
    def test_those_of_10x_and_which_way_round(self, tmp_path, matrix, features, barcodes):
        write_lines(tmp_path / features, FEATURES)
        write_lines(tmp_path / barcodes, BARCODES)
        write_lines(tmp_path / "s2_features.tsv", FEATURES[:1])
        write_matrix(tmp_path / matrix, A)
        for source in (tmp_path, tmp_path / matrix):
            said = assert_named(source, A, SYMBOLS, BARCODES)
            assert said == (f"names by {features}, {barcodes}",)
        write_matrix(tmp_path / matrix, A.T)
        said = assert_named(tmp_path / matrix, A, SYMBOLS, BARCODES)
        assert "transposed: by its names the file has cells × genes" in said

    def test_of_a_square_matrix_features_are_the_rows_and_that_is_said(self, tmp_path):
        write_lines(tmp_path / "features.tsv", FEATURES[:3])
        write_lines(tmp_path / "barcodes.tsv", BARCODES)
        write_matrix(tmp_path / "matrix.mtx", SQUARE)
        said = assert_named(tmp_path / "matrix.mtx", SQUARE, SYMBOLS[:3], BARCODES)
        assert "square: features taken for the rows" in said

    @pytest.mark.parametrize("packed", ["", ".gz"])
    @pytest.mark.parametrize("endings", [(".mtx_rows", ".mtx_cols"), (".rows", ".cols")])
    def test_those_of_rows_and_columns(self, tmp_path, endings, packed):
        for ending, names in zip(endings, (FEATURES, BARCODES), strict=True):
            write_lines(tmp_path / f"x{ending}{packed}", names)
        write_matrix(tmp_path / "x.mtx", A)
        assert_named(tmp_path / "x.mtx", A, [f"ENSG{k}" for k in range(4)], BARCODES)
        write_matrix(tmp_path / "x.mtx", A.T)
        refused(tmp_path / "x.mtx", r"matrix is 3 × 4, but x.*rows.* has 4 lines, .* has 3 lines")

    def test_those_of_geo_beside_counts(self, tmp_path):
        write_lines(tmp_path / "GSE1_genes.tsv", FEATURES)
        write_lines(tmp_path / "GSE1_barcodes.tsv.gz", BARCODES)
        write_matrix(tmp_path / "GSE1_counts.mtx", A.T)
        said = assert_named(tmp_path / "GSE1_counts.mtx", A, SYMBOLS, BARCODES)
        assert said[-1] == "names by GSE1_genes.tsv, GSE1_barcodes.tsv.gz"

    def test_one_side_alone_and_none(self, tmp_path):
        write_matrix(tmp_path / "matrix.mtx", A.T)
        assert_named(tmp_path / "matrix.mtx", A.T, None, None)
        write_lines(tmp_path / "barcodes.tsv", BARCODES)
        assert_named(tmp_path / "matrix.mtx", A, None, BARCODES)
        (tmp_path / "barcodes.tsv").unlink()
        write_lines(tmp_path / "genes.tsv", FEATURES)
        assert_named(tmp_path / "matrix.mtx", A, SYMBOLS, None)

    def test_those_that_fit_no_side_are_refused_with_the_counts(self, tmp_path):
        write_matrix(tmp_path / "matrix.mtx", A)
        write_lines(tmp_path / "features.tsv", FEATURES * 2)
        refused(tmp_path / "matrix.mtx", r"is 4 × 3, but features.tsv has 8 lines; move away")
        write_lines(tmp_path / "features.tsv", ["id\tname", *FEATURES])
        refused(tmp_path / "matrix.mtx", r"features.tsv has 5 lines; take out a header")

    def test_two_files_for_the_same_names_are_refused(self, tmp_path):
        write_matrix(tmp_path / "matrix.mtx", A)
        for name in ("features.tsv", "features.tsv.gz"):
            write_lines(tmp_path / name, FEATURES)
        refused(tmp_path / "matrix.mtx", "features.tsv and features.tsv.gz are beside it")
        (tmp_path / "features.tsv.gz").unlink()
        write_lines(tmp_path / "matrix.cols", BARCODES)
        refused(tmp_path / "matrix.mtx", "are in matrix.cols, features.tsv; move away")

    def test_symbols_that_occur_twice_give_way_to_ids_and_types_are_said(self, tmp_path):
        write_matrix(tmp_path / "matrix.mtx", A)
        lines = ["e1\tS\tGene Expression", "e2\tS\tGene Expression", "e3\tT\tGene Expression"]
        write_lines(tmp_path / "features.tsv", [*lines, "ab\tCD3\tAntibody Capture"])
        said = assert_named(tmp_path / "matrix.mtx", A, ["e1", "e2", "T", "CD3"], None)
        assert said == (
            "2 features by their ids, for their symbols occur more than once or are empty",
            "types of features: 3 Gene Expression, 1 Antibody Capture",
            "names by features.tsv",
        )

    def test_names_of_one_column_are_taken_and_doubled_ones_said(self, tmp_path):
        write_matrix(tmp_path / "matrix.mtx", A)
        write_lines(tmp_path / "genes.tsv", ["a", "b", "a", "c"])
        said = assert_named(tmp_path / "matrix.mtx", A, ["a", "b", "a", "c"], None)
        assert "1 name of features occurs more than once" in said

    @pytest.mark.parametrize(
        "content", [b"\xff\xfe\xfa\n", gzip.compress(b"a\n" * 9, mtime=0)[:-9], b"text"]
    )
    def test_damaged_names_are_refused_by_their_file(self, tmp_path, content):
        write_matrix(tmp_path / "matrix.mtx", A)
        (tmp_path / "barcodes.tsv.gz").write_bytes(content)
        refused(tmp_path / "matrix.mtx", "barcodes.tsv.gz beside it cannot be read")

    def test_several_matrices_in_a_folder_are_named(self, tmp_path):
        for name in ("s1_matrix.mtx", "s2_matrix.mtx"):
            write_matrix(tmp_path / name, A)
        refused(tmp_path, "several matrices: s1_matrix.mtx, s2_matrix.mtx; read one of these")

    def test_a_damaged_matrix_in_a_folder_is_named(self, tmp_path):
        (tmp_path / "matrix.mtx").write_text("nonsense")
        refused(tmp_path, "cannot be read: matrix.mtx: ")
