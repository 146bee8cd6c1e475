"""What files may grow to, and what of them is read: as much as is needed, no more."""

import h5py
import numpy as np
import pytest
from scipy import sparse

from nmf_accel.datasets import DatasetError, images, read
from nmf_accel.datasets.readers import limits
from nmf_accel.datasets.readers.stores import heaps


def test_parts_of_a_sparse_matrix_are_judged_by_the_whole_file(tmp_path, monkeypatch):
    monkeypatch.setattr(limits.check_growth, "__defaults__", (None, 1000))
    rng = np.random.default_rng(0)
    A = sparse.csr_array((rng.random((300, 400)) < 0.3).astype(float))
    sparse.save_npz(tmp_path / "a.npz", A)
    packed = (tmp_path / "a.npz").stat().st_size
    assert packed < A.data.nbytes  # ones take next to nothing
    np.testing.assert_array_equal(read(str(tmp_path / "a.npz")).A.toarray(), A.toarray())
    np.savez_compressed(tmp_path / "b.npz", X=np.ones((300, 4000)))
    with pytest.raises(DatasetError, match="claim to hold"):
        read(str(tmp_path / "b.npz"))


@pytest.mark.parametrize("kind", ["csr", "csc"])
def test_indices_stay_as_narrow_as_the_file_has_them(tmp_path, kind):
    A = sparse.random_array((40, 30), density=0.2, format=kind, rng=0)
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        group = file.create_group("X")
        group.attrs.update({"encoding-type": f"{kind}_matrix", "shape": A.shape})
        group.update({"data": A.data, "indices": A.indices.astype("i4")})
        group["indptr"] = A.indptr.astype("i8")
        for name, count in (("obs", 40), ("var", 30)):
            file[f"{name}/_index"] = [f"{name}{k}" for k in range(count)]
            file[name].attrs["_index"] = "_index"
    found = read(str(tmp_path / "a.h5ad")).A
    np.testing.assert_array_equal(found.toarray(), A.toarray().T)
    assert found.indices.dtype == found.indptr.dtype == np.int32


def test_text_of_a_large_file_is_checked_only_where_text_is_read(tmp_path, monkeypatch):
    checked = []
    monkeypatch.setattr(heaps, "check_heaps", checked.append)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.ones((3, 4))
        file["named/x"] = np.ones((3, 4))
        file["named/genes"] = ["a", "b", "c"]
    read(str(tmp_path / "a.h5"), array="x")
    assert len(checked) == 1
    monkeypatch.setattr(heaps, "SMALL", 0)
    read(str(tmp_path / "a.h5"), array="x")
    assert len(checked) == 1
    assert read(str(tmp_path / "a.h5"), array="named/x").features.tolist() == ["a", "b", "c"]
    assert len(checked) == 2


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["u1", "f4", "?", ">u2"])
def test_a_matrix_is_the_same_in_blocks_of_any_size(monkeypatch, channels, dtype):
    pixels = np.random.default_rng(0).integers(0, 255, (3, 7, 4, channels)).astype(dtype)
    colours = images.colours_of(channels)
    white = {"u1": 255.0, ">u2": 65535.0}.get(dtype, 1.0)
    expected = pixels[..., :colours].reshape(3, -1).T / np.asarray(white, "f4")
    for block in (1, 30, 2**20):
        monkeypatch.setattr(images, "BLOCK", block)
        A = images.to_matrix(pixels)
        np.testing.assert_allclose(A, expected)
        assert A.dtype == (np.float32 if dtype == "f4" else np.float64)
