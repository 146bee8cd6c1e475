"""Numbers that netCDF and its kin store otherwise than is meant: scaled, or marked missing."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MARKS = ("_FillValue", "missing_value")
"""Attributes that say which numbers stand for what is missing."""
XARRAY = "_ARRAY_DIMENSIONS"
"""An attribute that xarray gives to arrays in version 2 of zarr."""
SCALES = {"scale_factor": 1.0, "add_offset": 0.0}
"""Attributes by which numbers are multiplied, to which then is added; and what changes nothing."""


def attributes_of(node: Any) -> dict[str, Any]:
    """The attributes of an array of HDF5 or zarr.

    In version 2 of zarr xarray has its mark for missing numbers as the value of absent chunks. That
    is 0 where others wrote the array, for which 0 is a number.
    """
    attrs = dict(node.attrs)
    if XARRAY in attrs and getattr(node, "fill_value", None):
        attrs.setdefault(MARKS[0], node.fill_value)
    return attrs


def as_meant(A: NDArray[Any], attrs: Mapping[str, Any]) -> tuple[NDArray[Any], list[str]]:
    """The numbers that the attributes of an array mean, and what was done.

    Returns
    -------
    A : array
        As it is, if nothing is to be done; else of float32 or float64, NaN where it is missing.
    said : list of str

    Raises
    ------
    ValueError
        If such an attribute is no number.
    """
    marks = [mark for name in MARKS if name in attrs for mark in _numbers(name, attrs[name])]
    factor, offset = (
        _numbers(name, attrs[name])[0] if name in attrs else plain for name, plain in SCALES.items()
    )
    marks = [mark for mark in dict.fromkeys(marks) if not np.isnan(mark)]
    missing = np.isin(A, marks) if marks else np.False_
    scaled = (factor, offset) != tuple(SCALES.values())
    if not scaled and not missing.any():
        return A, []
    meant = A.astype(np.result_type(A, np.float32))
    said = []
    if scaled:
        meant = meant * meant.dtype.type(factor) + meant.dtype.type(offset)
        said.append(f"scale_factor {factor:g}, add_offset {offset:g} applied")
    if missing.any():
        meant[missing] = np.nan
        said.append(f"missing where {', '.join(f'{mark:g}' for mark in marks)}")
    return meant, said


def _numbers(name: str, value: Any) -> list[float]:
    """The numbers of an attribute; xarray writes floats into zarr as text."""
    try:
        if isinstance(value, str):
            return [float(x) for x in struct.unpack("<d", base64.b64decode(value, validate=True))]
        return [float(x) for x in np.asarray(value, float).reshape(-1)] or [float("nan")]
    except (ValueError, TypeError, struct.error) as error:
        raise ValueError(f"its attribute {name} is {value!r}, no number") from error
