"""Matrices of HDF5 files and zarr folders come back as they are, or say which there are."""

import shutil
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmf_accel.datasets import DatasetError, read

h5py = pytest.importorskip("h5py")
zarr = pytest.importorskip("zarr")

A = np.arange(1.0, 13).reshape(3, 4)
B = A[:2, :3] * 10
DTYPES = ["float64", "float32", "float16", "int32", "uint8", "int64", "bool", ">f4"]
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 5))


def matrix(shape, dtype):
    return np.asarray(np.arange(3, 3 + np.prod(shape)).reshape(shape), dtype)


def save_h5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[name.replace("__", "/")] = value


def save_zarr(path, zarr_format=3, **arrays):
    shutil.rmtree(path, ignore_errors=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = zarr.open_group(path, mode="w", zarr_format=zarr_format)
        for name, value in arrays.items():
            root.create_array(name.replace("__", "/"), data=np.asarray(value))


def refused(path, match, **options):
    with pytest.raises(DatasetError, match=match) as caught:
        read(str(path), **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(params=["a.h5", "a.zarr"])
def store(request, tmp_path):
    """A path, and what writes arrays there; two underscores make a group."""
    save = {"a.h5": save_h5, "a.zarr": save_zarr}[request.param]
    return tmp_path / request.param, save


@given(SHAPES, st.sampled_from(DTYPES), st.sampled_from([None, "gzip"]))
def test_an_array_of_hdf5_comes_back_with_its_dtype(folder, shape, dtype, compression):
    expected = matrix(shape, dtype)
    with h5py.File(folder / "a.hdf5", "w") as file:
        file.create_dataset("group/x", data=expected, compression=compression)
    data = read(str(folder / "a.hdf5"))
    np.testing.assert_array_equal(data.A, expected)
    assert data.A.dtype == expected.dtype.newbyteorder("=")
    assert data.said == ()


@given(SHAPES, st.sampled_from(DTYPES[:-1]), st.sampled_from([2, 3]), st.booleans())
def test_an_array_of_zarr_comes_back_with_its_dtype(folder, shape, dtype, version, grouped):
    expected = matrix(shape, dtype)
    path = folder / "a.zarr"
    shutil.rmtree(path, ignore_errors=True)
    if grouped:
        save_zarr(path, version, group__x=expected)
    else:
        zarr.create_array(path, data=expected, zarr_format=version, chunks=(2, 2))
    data = read(str(path))
    np.testing.assert_array_equal(data.A, expected)
    assert data.A.dtype == expected.dtype
    assert data.said == ()


def test_several_arrays_are_named_and_one_is_chosen(store):
    path, save = store
    save(path, x=A, group__y=B, z=A[0])
    refused(path, r"several arrays: .*group/y \(2 × 3\).*; choose one by --array NAME")
    for name in ("group/y", "/group/y"):
        np.testing.assert_array_equal(read(str(path), array=name).A, B)
    refused(path, "no array 'y'; it holds", array="y")
    refused(path, r"array z of shape \(4,\)", array="z")


def test_the_only_matrix_and_one_called_A_are_taken_and_that_is_said(store):
    path, save = store
    save(path, group__x=B, n=np.arange(4), t=np.array([b"a", b"b"]))
    data = read(str(path))
    np.testing.assert_array_equal(data.A, B)
    assert data.said == ("array group/x, of 3",)
    save(path, x=B, A=A)
    np.testing.assert_array_equal(read(str(path)).A, A)


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({}, "it holds no array$"),
        ({"x": np.zeros((9, 4, 4))}, r"A.reshape\(9, -1\).T$"),
        ({"x": A + 1j}, "complex numbers"),
        ({"x": np.zeros(3), "y": np.zeros(4)}, r"no matrix .*, but x \(3\), y \(4\)$"),
    ],
)
def test_what_is_no_matrix_is_refused_with_a_cure(store, arrays, match):
    path, save = store
    save(path, **arrays)
    refused(path, match)


def test_an_option_of_other_files_says_nothing(store):
    path, save = store
    save(path, x=A)
    refused(path, "of which the option layer says nothing", layer="counts")


def test_text_is_no_matrix(tmp_path):
    save_h5(tmp_path / "a.h5", x=[["a", "b"]])
    refused(tmp_path / "a.h5", "array .*of dtype object")


def test_chunks_of_zarr_that_are_not_there_are_said(tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", data=A, chunks=(3, 2))
    assert array.nchunks == 2
    (tmp_path / "a.zarr" / "c" / "0" / "1").unlink()
    data = read(str(tmp_path / "a.zarr"))
    assert data.A[:, 2:].tolist() == [[0, 0]] * 3
    assert data.said == ("1 of 2 chunks not there: 0.0",)


def test_a_zip_file_of_zarr_is_read(tmp_path):
    with zarr.storage.ZipStore(tmp_path / "a.zarr.zip", mode="w") as where:
        zarr.open_group(where, mode="w").create_array("x", data=A)
    np.testing.assert_array_equal(read(str(tmp_path / "a.zarr.zip")).A, A)


def test_one_array_of_zarr_has_no_name_to_choose_it_by(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=A)
    refused(tmp_path / "a.zarr", "one array, which has no name", array="x")


def test_what_lies_in_a_zarr_folder_beside_its_arrays_does_not_warn(tmp_path):
    save_zarr(tmp_path / "a.zarr", x=A)
    (tmp_path / "a.zarr" / "stray").mkdir()
    (tmp_path / "a.zarr" / "stray" / "notes.txt").write_text("no part of it")
    assert read(str(tmp_path / "a.zarr")).said == ()


def test_arrays_that_claim_far_more_than_the_file_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (2**30, 2**10), "f8", chunks=(16, 16))
    refused(tmp_path / "a.h5", "claim to hold")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        chunks = {"chunks": (2**15, 2**14), "maxshape": (None, None)}
        file.create_dataset("x", (2, 2), "u1", compression="gzip", **chunks)
    refused(tmp_path / "b.h5", "claim to hold")
    zarr.create_array(tmp_path / "a.zarr", shape=(2**30, 2**10), dtype="f8", chunks=(16, 16))
    refused(tmp_path / "a.zarr", "claim to hold")


def test_empty_and_foreign_files_say_what_they_are(tmp_path):
    for name in ("a.h5", "a.hdf5", "a.h5ad", "a.loom"):
        (tmp_path / name).touch()
        refused(tmp_path / name, "it is empty$")
    (tmp_path / "a.h5").write_bytes(b"nothing of the kind")
    refused(tmp_path / "a.h5", "a.h5 cannot be read: .*signature")
    save_h5(tmp_path / "b.h5", x=A)
    for name, words in (("b.h5ad", "an AnnData file"), ("b.loom", "a loom file")):
        shutil.copy(tmp_path / "b.h5", tmp_path / name)
        refused(tmp_path / name, f"it is not {words}$")


def test_text_that_the_library_would_read_without_end_is_refused(tmp_path):
    save_h5(tmp_path / "a.h5", x=A, names=["a", "b"])
    content = bytearray((tmp_path / "a.h5").read_bytes())
    heap = content.find(b"GCOL")
    content[heap + 16 : heap + 32] = bytes(16)  # free space of no size
    (tmp_path / "a.h5").write_bytes(content)
    refused(tmp_path / "a.h5", f"the text in it is damaged, at byte {heap + 16:,}$")
