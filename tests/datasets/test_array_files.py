"""Matrices of NumPy's, scipy's and MATLAB's files come back as they are, or say why not."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nmf_accel import nmf
from nmf_accel.datasets import DatasetError, read

A = np.arange(1.0, 13).reshape(3, 4)
B = A[:2, :3] * 10
DTYPES = ["float64", "float32", "float16", "int32", "uint8", "int64", "bool", ">f4", ">i2"]


def dense(A):
    return A.toarray() if hasattr(A, "toarray") else A


def native(dtype):
    return np.dtype(dtype).newbyteorder("=")


def matrices(dtypes=DTYPES):
    """Matrices of unequal sides too, whose entries differ."""
    sides = st.tuples(st.integers(1, 4), st.integers(1, 4))
    return st.builds(
        lambda shape, dtype, order: np.asarray(
            np.arange(3, 3 + np.prod(shape)).reshape(shape), dtype, order=order
        ),
        sides,
        st.sampled_from(dtypes),
        st.sampled_from("CF"),
    ) | sides.flatmap(
        lambda shape: arrays("float64", shape, elements=st.floats(0, 1e300), fill=st.nothing())
    )


def assert_read(path, expected, **options):
    data = read(str(path), **options)
    np.testing.assert_array_equal(data.A, expected)
    assert data.A.dtype == native(expected.dtype)
    return data


def refused(path, match, **options):
    with pytest.raises(DatasetError, match=match) as caught:
        read(str(path), **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


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


@pytest.fixture(scope="module")
def savemat():
    return pytest.importorskip("scipy.io").savemat


class TestMatlab:
    @given(matrices(["float64", "float32", "int32", "uint8", "int64", "bool"]), st.booleans())
    def test_a_matrix_comes_back_with_its_dtype(self, folder, savemat, matrix, small):
        savemat(folder / "a.mat", {"x": matrix}, do_compression=small)
        assert assert_read(folder / "a.mat", matrix).said == ()

    @given(matrices(["float64"]))
    def test_one_of_version_4(self, folder, savemat, matrix):
        savemat(folder / "a.mat", {"x": matrix}, format="4")
        assert_read(folder / "a.mat", matrix)

    def test_a_double_that_is_stored_as_small_integers_is_a_double(self, tmp_path, savemat):
        savemat(tmp_path / "a.mat", {"x": np.array([[1, 2, 3, 4, 5, 6, 7, 8]], np.uint8)})
        content = bytearray((tmp_path / "a.mat").read_bytes())
        assert content[144] == 9  # the class of uint8, where MATLAB would write that of a double
        content[144] = 6
        (tmp_path / "a.mat").write_bytes(content)
        assert_read(tmp_path / "a.mat", np.arange(1.0, 9)[None])

    def test_a_sparse_one_stays_sparse(self, tmp_path, savemat):
        sparse = pytest.importorskip("scipy.sparse")
        savemat(tmp_path / "a.mat", {"x": sparse.csc_matrix(A), "label": "text"})
        data = read(str(tmp_path / "a.mat"))
        np.testing.assert_array_equal(data.A.toarray(), A)

    def test_the_only_matrix_among_text_structs_and_cells_is_taken(self, tmp_path, savemat):
        cell = np.array([[1.0], "x"], dtype=object)
        savemat(tmp_path / "a.mat", {"t": "text", "s": {"a": 1}, "c": cell, "x": A})
        assert assert_read(tmp_path / "a.mat", A).said == ()
        refused(tmp_path / "a.mat", "holds t as char, which is no array of numbers", array="t")
        savemat(tmp_path / "a.mat", {"t": "text", "s": {"a": 1}, "c": cell})
        refused(tmp_path / "a.mat", r"no array of numbers, but t \(char\), s \(struct\), c")

    def test_several_are_named_and_one_is_chosen(self, tmp_path, savemat):
        savemat(tmp_path / "a.mat", {"x": A, "y": B})
        refused(tmp_path / "a.mat", r"x \(3 × 4\), y \(2 × 3\); choose one by --array NAME")
        assert_read(tmp_path / "a.mat", B, array="y")

    def test_what_is_no_real_matrix_is_refused(self, tmp_path, savemat):
        savemat(tmp_path / "a.mat", {"x": A + 1j})
        refused(tmp_path / "a.mat", "complex numbers")
        savemat(tmp_path / "a.mat", {"x": np.zeros((2, 3, 4))})
        refused(tmp_path / "a.mat", r"shape \(2, 3, 4\); NMF takes 2-D")

    def test_a_compressed_one_without_its_checksum_is_refused(self, tmp_path, savemat):
        savemat(tmp_path / "a.mat", {"x": A}, do_compression=True)
        content = bytearray((tmp_path / "a.mat").read_bytes())[:-4]
        content[132:136] = (len(content) - 136).to_bytes(4, "little")
        (tmp_path / "a.mat").write_bytes(content)
        refused(tmp_path / "a.mat", "compressed variable is cut off or damaged")

    def test_files_of_matlabs_own_are_what_scipy_reads(self):
        scipy_io = pytest.importorskip("scipy.io")
        folder = Path(scipy_io.__file__).parent / "matlab" / "tests" / "data"
        files = [x for x in folder.glob("test[dms]*GLNX86.mat") if "hdf5" not in x.name]
        files += folder.glob("test[dms]*SOL2.mat")
        files += folder.glob("logical_sparse.mat")
        kinds = "double", "sparse", "logical"
        same = 0
        for path in files:
            for name, shape, kind in scipy_io.whosmat(path):
                expected = scipy_io.loadmat(path)[name]
                if kind not in kinds or len(shape) > 2 or expected.dtype.kind == "c":
                    continue
                A = read(str(path), array=name).A
                assert A.dtype == (bool if expected.dtype == bool else np.float64)
                np.testing.assert_array_equal(dense(A), dense(expected))
                same += 1
        assert same == (28 if files else 0)

    def test_a_file_that_unpacks_to_far_more_than_its_size_is_refused(self, tmp_path, savemat):
        savemat(tmp_path / "a.mat", {"x": np.zeros((2**12, 2**13))}, do_compression=True)
        refused(tmp_path / "a.mat", "claim to hold 268,435,504")


def save_73(path, **variables):
    """What MATLAB writes as version 7.3: axes reversed, classes as attributes."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_group("#refs#")
        for name, (value, kind) in variables.items():
            if hasattr(value, "tocsc"):
                node = file.create_group(name)
                node.attrs["MATLAB_sparse"] = np.uint64(value.shape[0])
                for part, content in zip(
                    ("data", "ir", "jc"), (value.data, value.indices, value.indptr), strict=True
                ):
                    as_stored = content if part == "data" else content.astype(np.uint64)
                    node.create_dataset(part, data=as_stored)
            else:
                node = file.create_dataset(name, data=np.asarray(value).T)
            node.attrs["MATLAB_class"] = np.bytes_(kind)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


class TestMatlab73:
    def test_a_matrix_is_what_matlab_shows(self, tmp_path):
        save_73(tmp_path / "a.mat", x=(A.astype("f4"), "single"), t=(np.uint16([[65]]), "char"))
        data = assert_read(tmp_path / "a.mat", A.astype("f4"))
        assert data.said == ("axes turned round, as MATLAB 7.3 stores them",)

    def test_a_square_one_is_not_turned(self, tmp_path):
        square = np.arange(9.0).reshape(3, 3)
        save_73(tmp_path / "a.mat", x=(square, "double"))
        assert_read(tmp_path / "a.mat", square)

    def test_shapes_are_those_that_matlab_shows(self, tmp_path):
        save_73(tmp_path / "a.mat", x=(A, "double"), y=(B, "double"))
        refused(tmp_path / "a.mat", r"x \(3 × 4\), y \(2 × 3\); choose one")
        assert_read(tmp_path / "a.mat", B, array="y")

    def test_one_of_matlabs_own(self):
        scipy_io = pytest.importorskip("scipy.io")
        path = Path(scipy_io.__file__).parent / "matlab/tests/data/testhdf5_7.4_GLNX86.mat"
        if not path.exists():
            pytest.skip("this scipy came without its tests")
        assert_read(path, np.arange(9)[None] * np.pi / 4)

    def test_truths_and_sparse_ones(self, tmp_path):
        sparse = pytest.importorskip("scipy.sparse")
        save_73(tmp_path / "a.mat", x=((A > 3).astype("u1"), "logical"))
        assert_read(tmp_path / "a.mat", A > 3)
        save_73(tmp_path / "a.mat", x=(sparse.csc_array(np.where(A > 3, A, 0)), "double"))
        np.testing.assert_array_equal(read(str(tmp_path / "a.mat")).A.toarray(), A * (A > 3))
