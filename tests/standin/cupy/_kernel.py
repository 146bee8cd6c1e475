"""Kernels in CUDA C, run on the CPU and called as strictly as a driver would."""

from __future__ import annotations

import ctypes
import re
from functools import cached_property

import ledger
import numpy as np

from . import _compile, _stream
from ._array import ndarray

PLAINLY_SHARED, MOST_SHARED = 48 * 1024, 227 * 1024
SYNCHRONIZES = re.compile(r"__sync|__shfl|__ballot|__any_sync|__all_sync")
DYNAMIC = re.compile(
    r"extern\s+__shared__\s+(__align__\(\d+\)\s+)?([\w\s]+?)\s+(\w+)\s*\[\s*\]\s*;"
)
COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
# What CuPy passes for Python's numbers.
PYTHONS = {bool: np.bool_, int: np.int64, float: np.float64}
SAME = str.maketrans("lL", "qQ")


class CUDADriverError(RuntimeError):
    """As CuPy raises it."""


class RawKernel:
    """A kernel by its source; compiled when it is first called."""

    __module__ = "cupy._core.raw"

    def __init__(self, code, name, options=(), backend="nvrtc", translate_cucomplex=False, **more):
        unknown = set(more) - {"enable_cooperative_groups", "jitify"}
        if unknown or not isinstance(options, tuple):
            raise TypeError(f"RawKernel: {unknown or 'options must be a tuple'}")
        self.code, self.name, self.options, self.backend = code, name, options, backend
        self.max_dynamic_shared_size_bytes = PLAINLY_SHARED

    def compile(self, log_stream=None):
        assert self._library

    @cached_property
    def _library(self):
        plain = COMMENTS.sub("", self.code)
        flags = tuple(x for x in self.options if x.startswith("-D"))
        if not SYNCHRONIZES.search(plain):
            flags += ("-DPLAIN",)
        device, launch = _compile.header("device.h"), _compile.header("launch.h")
        code = DYNAMIC.sub(r"\2* const \3 = (\2*)standin_dynamic;", plain)
        source = f"{device}\n{code}\n#define KERNEL {self.name}\n{launch}"
        return _compile.library(source, flags)

    @cached_property
    def _signature(self):
        found = ctypes.create_string_buffer(512)
        self._library.standin_signature(found)
        text = found.value.decode()
        return [text[k : k + 2] for k in range(0, len(text), 2)]

    def __call__(self, grid, block, args, *, shared_mem=0):
        grid, block = (tuple(map(int, x)) + (1,) * (3 - len(x)) for x in (grid, block))
        _check_shape(grid, block)
        _check_shared(shared_mem, self.max_dynamic_shared_size_bytes)
        signature = self._signature
        if len(args) != len(signature):
            raise TypeError(f"{self.name} has {len(signature)} parameters, not {len(args)}")
        holders = [
            _argument(self.name, k, *pair)
            for k, pair in enumerate(zip(signature, args, strict=True))
        ]
        pointers = (ctypes.c_void_p * len(args))(*(ctypes.addressof(x) for x in holders))
        # The values keep the memory from going, though the block may be somebody else's by then.
        values = [x._values for x in args if isinstance(x, ndarray)]
        library, three = self._library, ctypes.c_uint * 3

        def run(keep=(holders, values)):
            backwards = int(ledger.machine.backwards)
            size = ctypes.c_size_t(shared_mem)
            if library.standin_run(three(*grid), three(*block), pointers, size, backwards):
                raise CUDADriverError(f"{self.name}: some threads wait for a barrier for ever")

        # Which of them it writes, only the kernel knows.
        blocks = [x._block for x in args if isinstance(x, ndarray)]
        _stream.submit(self.name, run, [], blocks, sum(x.nbytes for x in values))


def _check_shape(grid, block):
    most = (2**31 - 1, 65535, 65535)
    fits = all(1 <= g <= m for g, m in zip(grid, most, strict=True))
    fits &= all(1 <= b <= m for b, m in zip(block, (1024, 1024, 64), strict=True))
    if not fits or np.prod(block) > 1024:
        raise CUDADriverError(f"CUDA_ERROR_INVALID_VALUE: invalid argument: {grid}, {block}")


def _check_shared(size, most):
    if most > MOST_SHARED or size > most:
        raise CUDADriverError(
            f"CUDA_ERROR_INVALID_VALUE: {size} bytes of shared memory, at most {most} are allowed"
        )


def _argument(kernel, k, wanted, x):
    """One argument as the driver gets it: memory that holds a pointer or a number."""
    where = f"argument {k} of {kernel}"
    kind, letter = wanted
    if x is None or isinstance(x, ndarray):
        if kind != "p":
            raise TypeError(f"{where} is an array, where a number is wanted")
        if x is None:
            return ctypes.c_void_p(0)
        if letter not in ("V", x.dtype.char.translate(SAME)):
            raise TypeError(f"{where} is of {x.dtype}, where '{letter}' is wanted")
        return ctypes.c_void_p(x._values.__array_interface__["data"][0])
    if isinstance(x, np.ndarray) or not isinstance(x, (np.generic, *PYTHONS)):
        raise TypeError(f"Unsupported type {type(x)}")
    if kind != "s":
        raise TypeError(f"{where} is a number, where a pointer is wanted")
    x = PYTHONS[type(x)](x) if type(x) in PYTHONS else x
    if x.dtype.char.translate(SAME) != letter:
        raise TypeError(f"{where} is of {x.dtype}, where '{letter}' is wanted")
    return (ctypes.c_char * x.nbytes).from_buffer_copy(x.tobytes())


class RawModule:
    """Several kernels of one source."""

    __module__ = "cupy._core.raw"

    def __init__(self, *, code=None, path=None, options=(), backend="nvrtc", **more):
        if path is not None or more.get("name_expressions"):
            raise NotImplementedError("the stand-in compiles sources without templates")
        self.code, self.options, self.backend = code, options, backend

    def compile(self, log_stream=None):
        return None

    def get_function(self, name):
        return RawKernel(self.code, name, self.options, self.backend)
