"""Matrices of NumPy's, scipy's and MATLAB's files come back as they are, or say why not."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import A, B, assert_read, matrices, refused

from nmf_accel import nmf
from nmf_accel.datasets import read


def save_sparse(path, matrix, **options):
    pytest.importorskip("scipy.sparse").save_npz(path, matrix, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("arrays")


class TestNumPy:
    @given(matrices())
    def test_an_array_comes_back_with_its_dtype(self, folder, matrix):
        np.save(folder / "a.npy", matrix)
        assert assert_read(folder / "a.npy", matrix).said == ()

    @given(matrices(), matrices(), st.booleans())
    def test_one_of_several_is_chosen_by_its_name(self, folder, x, y, small):
        (np.savez_compressed if small else np.savez)(folder / "a.npz", x=x, y=y)
        assert_read(folder / "a.npz", x, array="x")
        assert_read(folder / "a.npz", y, array="y")

    def test_several_arrays_are_named_with_their_shapes(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=A, y=B, z=A[0])
        refused(
            tmp_path / "a.npz",
            r"it holds several arrays: x \(3 × 4\), y \(2 × 3\), z \(4\); choose one by "
            r"--array NAME \(array='x'\)$",
        )
        refused(tmp_path / "a.npz", r"no array 'w'; it holds x .*, z \(4\)$", array="w")

    def test_many_arrays_are_named_as_far_as_a_line_goes(self, tmp_path):
        np.savez(tmp_path / "a.npz", **{f"array_{k}": A for k in range(200)})
        refused(tmp_path / "a.npz", r"array_0 \(3 × 4\), .* more; choose one by --array")

    def test_one_called_A_is_taken_by_itself_and_that_is_said(self, tmp_path):
        np.savez(tmp_path / "a.npz", B=B, A=A)
        assert assert_read(tmp_path / "a.npz", A).said == ("array A, of 2",)

    def test_the_only_matrix_is_taken_and_that_is_said(self, tmp_path):
        np.savez(tmp_path / "a.npz", names=np.array(["a"]), x=B, labels=np.arange(3))
        assert assert_read(tmp_path / "a.npz", B).said == ("array x, of 3",)

    def test_the_file_of_a_factorization_says_what_it_is(self, tmp_path):
        result = nmf(A, 2, max_iter=2)
        result.save(tmp_path / "r.npz")
        refused(tmp_path / "r.npz", r"Factorization.load reads it; .* --array W \(array='W'\)$")
        assert_read(tmp_path / "r.npz", result.W, array="W")

    @pytest.mark.parametrize(
        ("array", "cure"),
        [
            (np.zeros((100, 24, 24)), r"save A.reshape\(100, -1\).T$"),
            (np.zeros(5), r"shape \(5,\); NMF takes 2-D: if it is one sample, save A.reshape"),
            (np.array(3.0), r"shape \(\); NMF takes 2-D$"),
            (np.zeros((0, 3)), r"shape \(0, 3\), which is empty"),
            (A + 1j, r"dtype complex128: complex numbers, .* save their magnitudes, numpy.abs"),
            (np.array([["a"]]), "dtype <U1: no numbers"),
            (np.zeros((2, 2), [("x", "f8")]), "records, not a matrix"),
            (np.zeros((2, 2), "M8[s]"), r"dtype datetime64\[s\]: no numbers"),
        ],
    )
    def test_what_is_no_matrix_is_refused_with_a_cure(self, tmp_path, array, cure):
        np.save(tmp_path / "a.npy", array)
        refused(tmp_path / "a.npy", cure)
        np.savez(tmp_path / "a.npz", x=array)
        refused(tmp_path / "a.npz", cure)
        np.savez(tmp_path / "a.npz", x=array, y=array)
        refused(tmp_path / "a.npz", r"array x of .*" + cure, array="x")

    def test_objects_are_not_opened(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([[{}]]), allow_pickle=True)
        refused(tmp_path / "a.npy", r"objects, which are not opened: .* A.astype\(float\)$")

    def test_an_array_without_a_name_is_not_asked_for_by_one(self, tmp_path):
        np.save(tmp_path / "a.npy", A)
        refused(tmp_path / "a.npy", "which has no name; leave out the array .x.", array="x")

    def test_a_second_array_behind_the_first_is_not_passed_over_in_silence(self, tmp_path):
        with (tmp_path / "a.npy").open("wb") as file:
            np.save(file, A)
            np.save(file, B)
        data = assert_read(tmp_path / "a.npy", A)
        assert data.said == (f"{128 + B.nbytes} bytes after the array not read",)

    @pytest.mark.parametrize("shape", [(2**20, 2**30), (3, 5), (-3, -4)])
    def test_a_header_that_claims_more_is_refused_before_that_is_allocated(self, tmp_path, shape):
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            head, {"descr": "<f8", "fortran_order": False, "shape": shape}
        )
        content = head.getvalue() + A.tobytes()
        (tmp_path / "a.npy").write_bytes(content)
        refused(tmp_path / "a.npy", "header claims an array of shape|which is empty")
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as packed:
            packed.writestr("A.npy", content)
        refused(tmp_path / "a.npz", "header claims an array of shape|which is empty")

    def test_a_file_that_unpacks_to_far_more_than_its_size_is_refused(self, tmp_path):
        np.savez_compressed(tmp_path / "a.npz", A=np.zeros((2**14, 2**11)))
        refused(tmp_path / "a.npz", r"bytes claim to hold 268,435,584")

    def test_an_empty_file_says_so(self, tmp_path):
        (tmp_path / "a.npy").touch()
        refused(tmp_path / "a.npy", "it is empty$")


class TestSparse:
    @given(matrices(["float64", "float32", "int32"]), st.sampled_from(["csr", "csc", "coo", "bsr"]))
    def test_a_sparse_matrix_comes_back_sparse(self, folder, matrix, form):
        sparse = pytest.importorskip("scipy.sparse")
        matrix = np.where(matrix % 2, matrix, 0).astype(matrix.dtype)
        save_sparse(folder / "a.npz", sparse.csr_array(matrix).asformat(form))
        data = read(str(folder / "a.npz"))
        assert data.A.format in ("csr", "csc")
        np.testing.assert_array_equal(data.A.toarray(), matrix)
        assert data.A.dtype == matrix.dtype

    def test_zeros_that_are_stored_stay(self, tmp_path):
        sparse = pytest.importorskip("scipy.sparse")
        save_sparse(tmp_path / "a.npz", sparse.csr_array(([0.0, 2.0], [0, 1], [0, 2]), (1, 2)))
        assert read(str(tmp_path / "a.npz")).A.data.tolist() == [0, 2]

    @pytest.mark.parametrize(
        ("indices", "shape", "match"),
        [
            ([0, 9], [2, 3], "indices"),
            ([0, 1], [2, 2**50], "claim to hold"),
        ],
    )
    def test_indices_and_shapes_that_cannot_be_are_refused(self, tmp_path, indices, shape, match):
        parts = {"data": [1.0, 2.0], "indices": indices, "indptr": [0, 1, 2]}
        np.savez(tmp_path / "a.npz", format=b"csr", shape=shape, **parts)
        refused(tmp_path / "a.npz", match)

    def test_complex_ones_and_names_are_refused(self, tmp_path):
        sparse = pytest.importorskip("scipy.sparse")
        save_sparse(tmp_path / "a.npz", sparse.csr_array(A + 1j))
        refused(tmp_path / "a.npz", "complex numbers")
        refused(tmp_path / "a.npz", "one sparse matrix, which has no name", array="data")
