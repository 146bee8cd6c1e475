"""Where NVIDIA's libraries lie: the stand-in's own cuBLAS, which asks NumPy."""

from typing import NamedTuple


class DynamicLibNotFoundError(RuntimeError):
    """As cuda.pathfinder raises it."""


class LoadedDL(NamedTuple):
    """What was loaded."""

    abs_path: str
    found_via: str = "stand-in"


def load_nvidia_dynamic_lib(libname):
    """The library of that name."""
    if libname != "cublas":
        raise DynamicLibNotFoundError(f"the stand-in has no {libname}")
    from cupy import _blas

    return LoadedDL(_blas.path())
