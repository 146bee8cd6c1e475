"""Files that are damaged, made to do harm, or no files at all; and what the command says of them.

``python tests/cli/damaged_sources.py 2000`` goes through so many, and says which of them did not
end in one line and status 2, in 2 s and 1 GB; a sample is in `test_damaged_sources`.
"""

import gzip
import json
import lzma
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from odd_sources import odd

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


def damaged(folder, whole, count):
    """All that is odd and all bombs, and damages of whole files in turn: so many."""
    (folder / "odd").mkdir()
    found, paths, rng = (
        [*odd(folder / "odd"), *bombs(folder)],
        valid(whole),
        np.random.default_rng(1),
    )
    for k in range(count - len(found)):
        path, damage = paths[k % len(paths)], DAMAGES[k // len(paths) % len(DAMAGES)]
        found.append(folder / f"{k}-{damage.__name__}-{path.name}")
        found[-1].write_bytes(damage(path.read_bytes(), rng))
    return found


SCRIPT = """
import json, os, resource, signal, sys, time, warnings
from click.testing import CliRunner
import anndata, h5py, imagecodecs, pandas, pyarrow.feather, pyarrow.parquet, scipy.io, scipy.signal
import tifffile, zarr
from PIL import Image
import nmf_accel.cli.fit as fit
from nmf_accel import plots
from nmf_accel.cli import main

def memory():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()

class Hangs(BaseException):
    pass

def ring(*_):
    raise Hangs

fit.write_pictures = lambda *_: []  # of what is read after all; they take most of the time
signal.signal(signal.SIGALRM, ring)
os.dup2(os.pipe()[0], 0)  # nothing comes from there
resource.setrlimit(resource.RLIMIT_AS, (memory() + 2**30, -1))
told = []
option = os.environ.get("OPTION")
for path in json.load(open(os.environ["FILES"], encoding="utf-8", errors="surrogateescape")):
    signal.alarm(20)  # what hangs is told of, and the next one is gone on with
    given = [os.environ["WHOLE"], option, path] if option else [path]
    start = time.process_time(), time.perf_counter()
    out = ["--rank", "1", "--max-iter", "1", "--out", "out", "--tables", "none"]
    done = CliRunner().invoke(main, ["fit", *given, *out])
    signal.alarm(0)
    seconds = time.process_time() - start[0]
    told.append([path, done.exit_code, done.stderr, repr(done.exception), seconds])
print(json.dumps(told))
"""


def told_of(paths, here, option="", whole=""):
    """What the command says of each in one process, in 1 GB; given beside another file or alone."""
    (here / "files.json").write_text(json.dumps([str(path) for path in paths]))
    environment = {**os.environ, "FILES": str(here / "files.json"), "OPTION": option}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**environment, "WHOLE": str(whole)},
        cwd=here,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def wrong_with(told):
    """What is wrong with what was said of a file; nothing if it is refused as is right, or read."""
    _, status, stderr, exception, seconds = told
    lines = stderr.strip().split("\n")
    asked = "can be read in two ways" in lines[0]  # which shows the first rows
    if status == 0:
        return ""
    if status != 2:
        return f"status {status}: {exception}"
    if not stderr.startswith("Error: ") or (len(lines) > 1 and not asked):
        return f"not one line: {lines}"
    if not asked and not lines[0].isprintable():
        return f"codes: {lines[0]!r}"
    return f"{seconds:.1f} s" if seconds > 2 else ""


def main(count):
    """Go through so many, and print those with which something is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        here, whole = Path(folder) / "here", Path(folder) / "whole"
        here.mkdir()
        whole.mkdir()
        told = told_of(damaged(here, whole, count), here)
    wrong = [(path, words) for path, *rest in told if (words := wrong_with([path, *rest]))]
    for path, words in wrong:
        print(f"{path!r}: {words}")
    refused = sum(status == 2 for _, status, *_ in told)
    print(
        f"{len(told)} files: {refused} refused, {len(told) - refused - len(wrong)} read or wrong,"
    )
    print(f"{len(wrong)} wrong; the slowest took {max(x[-1] for x in told):.1f} s")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])) > 0)
