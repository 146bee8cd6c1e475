"""What cannot be read is told by its kind, with what to do."""

import numpy as np
import pytest
from PIL import Image

from nmf_accel.datasets import Dataset, DatasetError, images, load, read

h5py = pytest.importorskip("h5py")
zarr = pytest.importorskip("zarr")
sparse = pytest.importorskip("scipy.sparse")
A = np.arange(1.0, 13).reshape(3, 4)


def refused(path, match, **options):
    with pytest.raises(DatasetError, match=match) as caught:
        read(str(path), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("lost", "said"), [(False, ()), (True, ("1 of 4 shards not there: 0.0",))])
def test_shards_beyond_the_edge_are_not_missed(tmp_path, lost, said):
    values = np.ones((7, 5), "f4")
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(7, 5), dtype="f4", chunks=(2, 2), shards=(4, 4)
    )
    array[:] = values
    if lost:
        (tmp_path / "a.zarr" / "c" / "1" / "1").unlink()
        values[4:, 4:] = 0
    found = read(str(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(found.A, values)
    assert found.said == said


def test_a_filter_that_is_not_there_is_named(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((3, 4))
        plist.set_filter(32_999, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((3, 4))
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_DOUBLE, space, plist)
    refused(tmp_path / "a.h5", "it is compressed by filter 32999; pip install hdf5plugin$")


def test_a_sparse_matrix_that_was_saved_as_an_object(tmp_path):
    np.save(tmp_path / "a.npy", sparse.csr_matrix(A), allow_pickle=True)
    refused(tmp_path / "a.npy", "a sparse matrix is saved by scipy.sparse.save_npz$")


def test_channels_that_cancel_each_other(tmp_path):
    wavfile = pytest.importorskip("scipy.io.wavfile")
    sound = (np.sin(np.arange(4000) / 5) * 30_000).astype("i2")
    wavfile.write(tmp_path / "a.wav", 8000, np.stack([sound, -sound], axis=1))
    refused(tmp_path / "a.wav", "its 2 channels cancel each other .*; save one of them$")
    wavfile.write(tmp_path / "b.wav", 8000, np.stack([sound, 0 * sound], axis=1))
    assert "2 channels averaged" in read(str(tmp_path / "b.wav")).said
    wavfile.write(tmp_path / "c.wav", 8000, np.zeros((4000, 2), "i2"))
    assert not read(str(tmp_path / "c.wav")).A.any()


def test_hdf5_that_matlab_did_not_write(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["X"] = A
    refused(tmp_path / "a.mat", r"MATLAB did not write \(no MATLAB_class\).*; rename it to .h5$")


def test_a_file_of_10x_that_is_called_h5ad(tmp_path):
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        for part in ("data", "indices", "indptr", "shape", "barcodes", "features/id"):
            file[f"matrix/{part}"] = [1]
    refused(
        tmp_path / "a.h5ad",
        "it is not an AnnData file; it is a 10x Genomics file: rename it to .h5$",
    )


@pytest.mark.parametrize("name", ["a.npy", "a.png", "a.h5ad", "folder/a.png"])
@pytest.mark.parametrize(
    ("begin", "match"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "git lfs pull$"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it is a HEIC picture, .* as PNG or JPEG$"),
    ],
)
def test_what_only_has_the_name_of_a_file_that_is_read(tmp_path, name, begin, match):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(begin + b"0" * 100)
    refused(path.parent if "/" in name else path, match)


@pytest.mark.parametrize(("brightest", "white"), [(30, 30 / 255), (63, 63 / 255), (64, 1.0)])
def test_dark_bytes_are_drawn_by_their_largest(tmp_path, brightest, white):
    Image.fromarray(np.array([[0, brightest]], np.uint8)).save(tmp_path / "a.png")
    data = load(str(tmp_path / "a.png"))
    assert images.peak(data.A, data.pixels) == pytest.approx(white)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_what_is_missing_is_counted_once(form, monkeypatch):
    values = np.ones((50, 40))
    values[[3, 7, 49], [1, 2, 39]] = np.nan
    data = Dataset("a", form(values))
    assert data.missing == 3
    monkeypatch.setattr(np, "isnan", None)
    assert data.taken.endswith("3 missing")
