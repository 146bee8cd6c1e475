"""The data of the benchmarks: punks where they are present, else sprites."""

from functools import cache

from nmf_accel import datasets


def source():
    """'punks' where their sheet is here and can be read, else 'sprites'."""
    try:
        import PIL  # noqa: F401  reads the sheet

        return "punks" if datasets.punks_path().exists() else "sprites"
    except ImportError:  # of pillow or pooch, on a machine with little installed
        return "sprites"


@cache
def matrix(n, dtype):
    """The first n of them, one a column."""
    data = datasets.cryptopunks(n) if source() == "punks" else datasets.sprites(n)
    return data.A.astype(dtype)
