"""MATLAB's files of every version are read as MATLAB shows them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import A, B, assert_read, dense, matrices, refused

from nmf_accel.datasets import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("arrays")


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
