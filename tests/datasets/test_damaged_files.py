"""A damaged file is read, or refused in one line: no other error, and no memory beyond its size."""

import gzip
import resource
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from damage import damaged

from nmf_accel.datasets import Dataset, DatasetError, read

sparse = pytest.importorskip("scipy.sparse")
scipy_io = pytest.importorskip("scipy.io")
h5py = pytest.importorskip("h5py")
zarr = pytest.importorskip("zarr")

A = np.arange(1.0, 61).reshape(12, 5)
SPARSE = sparse.csr_array(np.where(A % 3 == 0, A, 0))
SEEDS = 100


def npy(path):
    np.save(path, A)


def npz(path):
    np.savez(path, x=A.astype("f4"), y=np.arange(3))


def npz_packed(path):
    np.savez_compressed(path, A=A, y=np.arange(3))


def npz_sparse(path):
    sparse.save_npz(path, SPARSE)


def mat(path):
    scipy_io.savemat(path, {"x": A, "t": "text"})


def mat_packed(path):
    scipy_io.savemat(path, {"A": A, "s": SPARSE.tocsc()}, do_compression=True)


def mat_4(path):
    scipy_io.savemat(path, {"x": A}, format="4")


def mtx(path):
    with path.open("wb") as file:
        scipy_io.mmwrite(file, SPARSE.tocoo())


def mtx_dense(path):
    with path.open("wb") as file:
        scipy_io.mmwrite(file, A)


def mtx_gz(path):
    with gzip.open(path, "wb") as file:
        scipy_io.mmwrite(file, SPARSE.tocoo())


def h5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("group/x", data=A, chunks=(4, 5), compression="gzip")
        file["names"] = ["a", "b"]


def h5_plain(path):
    with h5py.File(path, "w") as file:
        file["x"] = A


def h5_tenx(path):
    with h5py.File(path, "w") as file:
        home = file.create_group("matrix")
        csc = SPARSE.tocsc()
        for part in ("data", "indices", "indptr"):
            home[part] = getattr(csc, part)
        home["shape"] = np.int32(csc.shape)
        home["barcodes"] = np.array([f"c{k}" for k in range(5)], "S")
        for name in ("id", "name"):
            home[f"features/{name}"] = np.array([f"g{k}" for k in range(12)], "S")


def h5ad(path):
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "anndata"
        file["X"] = A
        for frame, count in (("obs", 12), ("var", 5)):
            file.create_group(frame).attrs["_index"] = "_index"
            file[frame]["_index"] = [f"{frame}{k}" for k in range(count)]


def zarr_zip(path):
    with zarr.storage.ZipStore(path, mode="w") as store:
        zarr.open_group(store, mode="w").create_array("x", data=A, chunks=(5, 5))


def wav(path):
    scipy_io.wavfile.write(path, 8000, np.arange(6000, dtype=np.int16).reshape(3000, 2))


KINDS = {
    npy: ".npy",
    npz: ".npz",
    npz_packed: ".npz",
    npz_sparse: ".npz",
    mat: ".mat",
    mat_packed: ".mat",
    mat_4: ".mat",
    mtx: ".mtx",
    mtx_dense: ".mtx",
    mtx_gz: ".mtx.gz",
    h5: ".h5",
    h5_plain: ".h5",
    h5_tenx: ".h5",
    h5ad: ".h5ad",
    zarr_zip: ".zarr.zip",
    wav: ".wav",
}


def outcome(path):
    """Whether a file was read; else it was refused in one line."""
    refused = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = read(str(path))
    except DatasetError as error:
        refused = str(error)
    if refused is not None:
        assert "\n" not in refused
        assert str(path) in refused
        assert len(refused) < 600
        return False
    assert isinstance(data, Dataset)
    assert len(data.A.shape) == 2
    assert data.A.dtype.kind in "biuf"
    for names, count in zip((data.features, data.samples), data.A.shape, strict=True):
        assert names is None or names.shape == (count,)
    return True


@pytest.mark.parametrize("write", KINDS, ids=lambda write: write.__name__)
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path, write):
    path = tmp_path / f"a{KINDS[write]}"
    write(path)
    whole = path.read_bytes()
    assert outcome(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read_all_the_same = 0
    for seed in range(SEEDS):
        path.write_bytes(damaged(whole, seed))
        read_all_the_same += outcome(path)
    assert read_all_the_same < 0.9 * SEEDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kB


def test_a_damaged_zarr_folder_is_read_or_refused_in_one_line(tmp_path):
    whole, path = tmp_path / "whole.zarr", tmp_path / "a.zarr"
    zarr.open_group(whole, mode="w").create_array("x", data=A, chunks=(5, 5))
    files = sorted(x.relative_to(whole) for x in whole.rglob("*") if x.is_file())
    assert Path("zarr.json") in files
    for seed in range(SEEDS):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, path)
        file = path / files[seed % len(files)]
        file.write_bytes(damaged(file.read_bytes(), seed))
        outcome(path)
