"""Two hundred damaged files: each is refused in one line, at once, and in little memory.

All go through the command in one process, whose memory is limited. What a damage leaves readable
may be factorized; what is refused has status 2.
"""

import gzip
import json
import lzma
import struct
import zipfile
import zlib

import numpy as np
import pytest
from conftest import run_python

COUNT = 200
BOMBS = 2**30
"""Bytes that each bomb claims to hold, or holds once it is unpacked."""


def valid(folder):
    """A small file of every kind."""
    import anndata
    import h5py
    import pandas as pd
    import scipy.io
    import scipy.sparse as sp
    import tifffile
    from PIL import Image

    rng = np.random.default_rng(0)
    A = rng.poisson(3, (12, 9))
    frame = pd.DataFrame(A, [f"g{k}" for k in range(12)], [f"s{k}" for k in range(9)])
    S = sp.csr_array(A * (A > 3))
    np.save(folder / "a.npy", A)
    np.savez(folder / "b.npz", A=A)
    np.savez_compressed(folder / "c.npz", A=A)
    sp.save_npz(folder / "d.npz", S)
    frame.to_csv(folder / "e.csv")
    frame.to_csv(folder / "f.tsv.gz", sep="\t")
    frame.to_csv(folder / "g.txt.xz", sep=" ")
    frame.to_parquet(folder / "h.parquet")
    frame.reset_index().to_feather(folder / "i.feather")
    scipy.io.savemat(folder / "j.mat", {"A": A}, do_compression=True)
    scipy.io.mmwrite(folder / "k.mtx", S.tocoo())
    (folder / "l.mtx.gz").write_bytes(gzip.compress((folder / "k.mtx").read_bytes()))
    with h5py.File(folder / "m.h5", "w") as file:
        file.create_dataset("A", data=A, compression="gzip")
    anndata.AnnData(sp.csr_matrix(A.T.astype("f4"))).write_h5ad(folder / "n.h5ad")
    scipy.io.wavfile.write(folder / "o.wav", 8000, rng.integers(-9000, 9000, 5000, dtype="i2"))
    pictures = [rng.integers(0, 255, (10, 8, 3), dtype="u1") for _ in range(3)]
    for name in ("p.png", "q.jpg", "r.bmp", "s.ppm", "t.webp"):
        Image.fromarray(pictures[0]).save(folder / name)
    frames = [Image.fromarray(x) for x in pictures]
    frames[0].save(folder / "u.gif", save_all=True, append_images=frames[1:])
    tifffile.imwrite(folder / "v.tif", np.stack(pictures), compression="zlib")
    tifffile.imwrite(folder / "w.tif", A.astype("u2"))
    return sorted(folder.iterdir())


def cut(content, rng):
    return content[: rng.integers(len(content))]


def flipped(content, rng):
    content = np.frombuffer(content, "u1").copy()
    places = rng.integers(len(content), size=8)
    content[places] ^= rng.integers(1, 256, 8, dtype="u1")
    return content.tobytes()


def flipped_at_the_start(content, rng):
    return flipped(content[:64], rng) + content[64:]


def numbers_grown(content, rng):
    """Digits become nines, bytes of a header 0x7f."""
    content = bytearray(content)
    start = int(rng.integers(min(len(content), 100)))
    for k in range(start, min(start + 4, len(content))):
        content[k] = ord("9") if chr(content[k]).isdigit() else 0x7F
    return bytes(content)


def noise(content, rng):
    return rng.bytes(len(content))


DAMAGES = (cut, flipped, flipped_at_the_start, numbers_grown, noise)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bombs(folder):
    """Small files that would be huge."""
    import h5py

    zeros = gzip.compress(bytes(BOMBS), 1)
    (folder / "bomb1.csv.gz").write_bytes(gzip.compress(b"1,2,3\n" * (BOMBS // 60), 1))
    (folder / "bomb2.mtx.gz").write_bytes(zeros)
    (folder / "bomb3.tsv.xz").write_bytes(lzma.compress(b"0\t" * (BOMBS // 16), preset=0))
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }"
    claimed = header % (2**20, 2**10)
    claimed += b" " * (127 - len(claimed)) + b"\n"
    (folder / "bomb4.npy").write_bytes(claimed)
    with (
        zipfile.ZipFile(folder / "bomb5.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("A.npy", "w", force_zip64=True) as entry,
    ):
        entry.write(header % (2**17, 2**10) + b" " * (127 - len(header % (2**17, 2**10))) + b"\n")
        for _ in range(2**7):
            entry.write(bytes(2**23))
    (folder / "bomb6.mtx").write_text(
        "%%MatrixMarket matrix array real general\n1000000 1000000\n1\n"
    )
    (folder / "bomb7.mtx").write_text(
        "%%MatrixMarket matrix coordinate real general\n1000000 1000000 999999999999\n1 1 1\n"
    )
    with h5py.File(folder / "bomb8.h5", "w") as file:
        file.create_dataset("A", (10**6, 10**6), "f8", chunks=(100, 100), fillvalue=1)
    side = 2**15
    rows = zlib.compress(bytes((side + 1) * side), 1)
    ihdr = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    (folder / "bomb9.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", ihdr)
        + png_chunk(b"IDAT", rows)
        + png_chunk(b"IEND", b"")
    )
    (folder / "bomb10.pgm").write_bytes(b"P5 100000 100000 255\n" + bytes(100))
    (folder / "bomb11.gif").write_bytes(
        b"GIF89a"
        + struct.pack("<HH", 65535, 65535)
        + b"\xf0\0\0"
        + bytes(6)
        + b"".join(
            b"," + struct.pack("<HHHH", 0, 0, 1, 1) + b"\0\x02\x02D\x01\0" for _ in range(99)
        )
        + b";"
    )
    (folder / "bomb12.wav").write_bytes(
        b"RIFF"
        + struct.pack("<I", 2**31)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
        + b"data"
        + struct.pack("<I", 2**31 - 100)
        + bytes(1000)
    )
    return sorted(folder.glob("bomb*"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """All of the bombs, and damages of the valid files in turn, up to `COUNT`."""
    folder, rng = tmp_path_factory.mktemp("damaged"), np.random.default_rng(1)
    paths = valid(tmp_path_factory.mktemp("valid"))
    found = bombs(folder)
    for k in range(COUNT - len(found)):
        path, damage = paths[k % len(paths)], DAMAGES[k % len(DAMAGES)]
        found.append(folder / f"{k}-{damage.__name__}-{path.name}")
        found[-1].write_bytes(damage(path.read_bytes(), rng))
    assert len(found) == COUNT
    return found


SCRIPT = """
import json, os, resource, signal, sys, time, warnings
from click.testing import CliRunner
import anndata, h5py, imagecodecs, pandas, pyarrow.feather, pyarrow.parquet, scipy.io, scipy.signal
import tifffile, zarr
from PIL import Image
from nmf_accel import plots
from nmf_accel.cli import main

def memory():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()

resource.setrlimit(resource.RLIMIT_AS, (memory() + 2**30, -1))
told = []
for path in json.loads(os.environ["FILES"]):
    signal.alarm(60)  # what hangs ends the process
    start = time.perf_counter()
    done = CliRunner().invoke(main, ["fit", path, "--rank", "1", "--max-iter", "1", "--out", "out"])
    seconds = time.perf_counter() - start
    told.append([path, done.exit_code, done.stderr, repr(done.exception), seconds])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(files, tmp_path_factory):
    """What the command said of each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))
        done = run_python(SCRIPT, FILES=json.dumps([str(path) for path in files]))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_each_is_refused_in_one_line_or_read(told):
    for path, status, stderr, exception, _ in told:
        assert status in (0, 2), (path, status, stderr, exception)
        if status == 2:
            assert stderr.startswith("Error: "), (path, stderr)
            lines = stderr.strip().splitlines()
            asked = "can be read in two ways" in lines[0]  # which shows the first rows
            assert len(lines) == 1 or asked, (path, stderr)
            assert "Traceback" not in stderr


def test_most_are_refused_and_all_bombs(told):
    refused = [path for path, status, *_ in told if status == 2]
    assert len(refused) > 0.7 * COUNT
    assert sum("/bomb" in path for path in refused) == 12
