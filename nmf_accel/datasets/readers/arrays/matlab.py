"""MATLAB's files of version 4 to 7.2, read by scipy; those of 7.3 are HDF5."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...dataset import Dataset
from ..held import Held, choose, in_short, native
from ..limits import LARGE, TIMES, check_growth
from ..sparse import check_shape, checked
from ..stores.groups import Store, as_text, is_group
from ..stores.heaps import text_checker

HDF5 = b"\x89HDF\r\n\x1a\n"
HDF5_AT = 512
"""The bytes by which HDF5 is known, and how many MATLAB puts before them."""
HDF5_SAID = "axes turned round, as MATLAB 7.3 stores them"

INTEGERS = tuple(f"{sign}int{bits}" for bits in (8, 16, 32, 64) for sign in ("", "u"))
DTYPES = {"double": "f8", "single": "f4", "logical": "?", **{name: name for name in INTEGERS}}
"""Dtypes by MATLAB's classes."""
SPARSE = "sparse"

BEGIN = 128
"""Bytes before the first element of version 5; the last two say in which order bytes are."""
ORDERS = {b"IM": "<", b"MI": ">"}
MATRIX, COMPRESSED = 14, 15
NUMBERS = frozenset((*range(1, 8), 9, 12, 13))
"""Types of elements that are numbers."""
NUMERIC = range(5, 16)
"""Classes of variables that have such: sparse ones, floats and integers."""
COMPLEX = 0x800
"""A flag of a variable that has two parts."""
ABOUT = 3
"""Elements of a variable before its numbers: its class, shape and name."""


class Variable(NamedTuple):
    """A variable that is not read yet.

    Attributes
    ----------
    kind : str
        Its class in MATLAB.
    held : Held, optional
        Its shape and dtype, if it is an array of numbers.
    """

    kind: str
    held: Held | None = None


def read_mat(path: Path, *, array: str | None = None) -> Dataset:
    """A matrix of a ``.mat`` file, as MATLAB shows it.

    Raises
    ------
    ValueError
        If it has several matrices, and none was chosen, or no numbers.
    """
    with path.open("rb") as file:
        begin = file.read(HDF5_AT + len(HDF5))
    if HDF5 in (begin[: len(HDF5)], begin[HDF5_AT:]):
        return _read_hdf5(path, array)
    return _read_scipy(path, array, ORDERS.get(begin[BEGIN - 2 : BEGIN]))


def _choose(found: dict[str, Variable], asked: str | None) -> tuple[str, tuple[str, ...]]:
    """One of some variables, and what is to be said of the choice."""
    held = {name: x.held for name, x in found.items() if x.held is not None}
    others = [f"{name} ({x.kind})" for name, x in found.items() if x.held is None]
    if asked in found and asked not in held:
        raise ValueError(f"it holds {asked} as {found[asked].kind}, which is no array of numbers")
    if not held and others:
        raise ValueError(f"it holds no array of numbers, but {in_short(others)}")
    name, said = choose(held, asked)
    held[name].check(name)
    return name, said


def _read_scipy(path: Path, asked: str | None, order: str | None) -> Dataset:
    from scipy.io import loadmat, whosmat

    if order is not None:
        _check_elements(path, order)
    found = {
        name: Variable(kind, Held.of(shape, DTYPES.get(kind, "f8")) if _is_numeric(kind) else None)
        for name, shape, kind in whosmat(path)
    }
    name, said = _choose(found, asked)
    held = found[name].held
    assert held is not None
    if found[name].kind == SPARSE:
        check_shape(path, held.shape)
    else:
        check_growth(path, held.nbytes)
    A = loadmat(path, variable_names=[name], spmatrix=False)[name]
    if hasattr(A, "tocsr"):
        # MATLAB stores doubles as smaller integers where these do; scipy does not undo that here.
        A = A if A.dtype.kind in "bf" else A.astype("f8")
        return Dataset(path.name, checked(A, path), said=said)
    Held.of(A.shape, A.dtype).check()  # complex ones show only now
    return Dataset(path.name, native(A).astype(DTYPES[found[name].kind], copy=False), said=said)


def _is_numeric(kind: str) -> bool:
    return kind == SPARSE or kind in DTYPES


def _check_elements(path: Path, order: str) -> None:
    """Raise unless the elements end in the file, and numbers are of types that there are.

    scipy ends the process where they are not.
    """
    content = path.read_bytes()
    for kind, data in _elements(memoryview(content)[BEGIN:], order):
        if kind == COMPRESSED:
            ((kind, data),) = _elements(_unpacked(path, data, order), order)
        if kind == MATRIX:
            _check_parts(list(_elements(data, order)), order)


def _check_parts(parts: list[tuple[int, memoryview]], order: str) -> None:
    """Raise unless a variable has the numbers that its class and flags promise."""
    if not parts or len(parts[0][1]) < 4:
        raise ValueError("a variable has no class; it is damaged")
    (flags,) = struct.unpack_from(f"{order}I", parts[0][1])
    if flags & 0xFF not in NUMERIC:
        return
    kinds = [kind for kind, _ in parts[ABOUT:]]
    expected = 1 + bool(flags & COMPLEX) + 2 * (flags & 0xFF == NUMERIC[0])
    if len(kinds) != expected or not NUMBERS.issuperset(kinds):
        raise ValueError(f"a variable has {kinds} where its numbers should be; it is damaged")


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """The type and the bytes of each element in a piece of a file."""
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise ValueError("it is cut off or damaged")
        kind, nbytes = struct.unpack_from(f"{order}II", data, at)
        begin, small = at + 8, kind >> 16
        if small:  # its bytes lie in its head
            begin, nbytes, kind = at + 4, small, kind & 0xFFFF
        if begin + nbytes > len(data):
            raise ValueError(
                f"an element claims {nbytes:,} bytes, but {len(data) - begin:,} follow; it is cut "
                "off or damaged"
            )
        yield kind, data[begin : begin + nbytes]
        at = at + 8 if small else begin + nbytes + (0 if kind == COMPRESSED else -nbytes % 8)


def _unpacked(path: Path, data: memoryview, order: str) -> memoryview:
    """The element in a compressed one."""
    inflater = zlib.decompressobj()
    head = inflater.decompress(data, 8)
    check_growth(path, struct.unpack(f"{order}II", head)[1], len(data))
    content = head + inflater.decompress(inflater.unconsumed_tail, max(LARGE, TIMES * len(data)))
    if not inflater.eof:
        raise ValueError("a compressed variable is cut off or damaged")
    return memoryview(content)


def _read_hdf5(path: Path, asked: str | None) -> Dataset:
    import h5py

    check_text = text_checker(path)
    with h5py.File(path, "r") as file:
        store = Store(file, path, path.stat().st_size, check_text=check_text)
        found = {x: _of_hdf5(file[x]) for x in file if not x.startswith("#")}
        if found and not any("MATLAB_class" in file[x].attrs for x in found):
            raise ValueError(
                "it is HDF5 that MATLAB did not write (no MATLAB_class), whose axes are as they "
                "are; rename it to .h5"
            )
        name, said = _choose(found, asked)
        node, held = file[name], found[name].held
        assert held is not None
        if found[name].kind == SPARSE:
            parts = {"data": node["data"], "indices": node["ir"], "indptr": node["jc"]}
            return Dataset(path.name, store.sparse(parts, held.shape, "csc"), said=said)
        A = store.dense(node).T.astype(held.dtype, copy=False)
        return Dataset(path.name, A, said=(*said, HDF5_SAID))


def _of_hdf5(node: Any) -> Variable:
    """A variable of version 7.3, with the shape that MATLAB shows."""
    if "MATLAB_sparse" in node.attrs:
        shape = int(node.attrs["MATLAB_sparse"]), node["jc"].shape[0] - 1
        return Variable(SPARSE, Held.of(shape, "f8"))
    kind = as_text(node.attrs.get("MATLAB_class", "unknown"))
    if is_group(node) or kind not in DTYPES:
        return Variable("struct" if is_group(node) else kind)
    dtype = node.dtype if node.dtype.kind in "cV" else np.dtype(DTYPES[kind])  # complex ones
    return Variable(kind, Held.of((node.shape or ())[::-1], dtype))
