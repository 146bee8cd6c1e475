"""What is no file, or is called oddly, or is an archive or a sparse matrix that is odd."""

import os
import socket
import zipfile
from pathlib import Path

import numpy as np

KINDS = [
    "npy",
    "npz",
    "csv",
    "csv.gz",
    "png",
    "gif",
    "tif",
    "mtx",
    "mat",
    "h5",
    "wav",
    "parquet",
    "feather",
    "zarr.zip",
]


def odd(folder):
    """What is no file, or not where it seems; what is called oddly; archives that are odd."""
    for kind in KINDS:
        os.mkfifo(folder / f"pipe.{kind}")
        for device in ("zero", "null", "stdin"):
            (folder / f"{device}.{kind}").symlink_to(f"/dev/{device}")
        (folder / f"loop.{kind}").symlink_to(f"loop.{kind}")
        (folder / f"dangling.{kind}").symlink_to("nowhere")
        (folder / f"folder.{kind}").mkdir()
        (folder / f"empty.{kind}").touch()
        here = os.open(folder, os.O_RDONLY)  # the path of a socket may have 108 bytes only
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(f"/proc/self/fd/{here}/socket.{kind}")
        os.close(here)
    for name in (b"new\nline.npy", b"\x1b[31mred.csv", b"\xff\xfe.png", b"a\tb\r.mtx"):
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(b"\x00\x01")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "a\nb.png").write_bytes(b"no picture")
    _odd_archives(folder)
    _odd_sparse(folder)
    return sorted(folder.iterdir())


def _odd_archives(folder):
    entry = b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8'}"
    members = {
        "absolute": ["/etc/A.npy"],
        "above": ["../../A.npy"],
        "twice": ["A.npy", "B.npy"],
        "nothing": [],
        "of folders": ["x/"],
        "of text": ["A.txt"],
        "called oddly": ["A\n\x1b[31m.npy"],
    }
    for name, inside in members.items():
        for kind in ("npz", "zarr.zip"):
            with zipfile.ZipFile(folder / f"{name}.{kind}", "w") as file:
                for one in inside:
                    file.writestr(zipfile.ZipInfo(one), entry)
    whole = (folder / "twice.npz").read_bytes().replace(b"B.npy", b"A.npy")
    (folder / "twice.npz").write_bytes(whole)
    for name, place, value in (("encrypted", 8, 1), ("of another method", 10, 99)):
        content, end = bytearray(whole), whole.index(b"PK\x01\x02")
        content[end + place] = content[place - 2] = value
        (folder / f"{name}.npz").write_bytes(content)


def _odd_sparse(folder):
    import scipy.sparse as sp

    S = sp.random(30, 20, 0.3, format="csr", random_state=1)
    parts = {"format": np.array(b"csr"), "shape": np.array(S.shape)}
    parts |= {"data": S.data, "indices": S.indices, "indptr": S.indptr}
    far, fewer, falling = S.indices + 10**6, S.indptr[:5], S.indptr.copy()
    falling[5] = -(10**8)
    others = {
        "indices": [far, -far, S.indices[:9], S.indices[:, None]],
        "indptr": [fewer, falling, S.indptr * 3, S.indptr.astype("i8") * 2**33, S.indptr[:, None]],
        "data": [S.data[:3], S.data * np.nan, -S.data, S.data + 1j, S.data.astype("U9")],
        "format": [np.array(x) for x in (b"xyz", b"coo", b"bsr", b"dia", 5)],
        "shape": [np.array(x) for x in ([10**9, 10**9], [2**62, 2**62], [-1, 20], [3, 4, 5], [3])],
    }
    for part, values in others.items():
        for k, value in enumerate(values):
            np.savez(folder / f"sparse-{part}-{k}.npz", **{**parts, part: value})
