"""g++ in the place of NVRTC; what it compiled is kept from one run to the next."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

FLAGS = ["-O2", "-std=c++17", "-ffp-contract=off", "-fno-strict-aliasing", "-shared", "-fPIC", "-w"]
HERE = Path(__file__).parent


class CompileException(Exception):
    """As CuPy raises it."""

    __module__ = "cupy.cuda.compiler"


@cache
def header(name):
    """A file beside this one."""
    return (HERE / name).read_text()


@cache
def library(source, flags=()):
    """The shared library of a C++ source."""
    key = hashlib.sha256("\0".join((source, *FLAGS, *flags)).encode()).hexdigest()[:24]
    folder = Path(tempfile.gettempdir()) / f"nmf-accel-standin-{os.getuid()}"
    folder.mkdir(exist_ok=True, mode=0o700)
    built = folder / f"{key}.so"
    if not built.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            path, made = Path(scratch) / "kernel.cpp", Path(scratch) / "kernel.so"
            path.write_text(source)
            command = ["g++", *FLAGS, *flags, str(path), "-o", str(made)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise CompileException(done.stderr)
            os.replace(made, built)
    return ctypes.CDLL(str(built))
