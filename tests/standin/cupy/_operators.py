"""The operators of arrays: one launch each, with arrays of their own and with scalars."""

from __future__ import annotations

import numpy as np

from ._array import SCALARS, compute, compute_into, ndarray


def _operator(name, ufunc, swap=False, inplace=False):
    def call(self, other):
        if isinstance(other, np.ndarray):
            raise TypeError(f"Unsupported type {type(other)}")
        if not isinstance(other, (ndarray, *SCALARS)):
            return NotImplemented
        if inplace:
            return compute_into(name, ufunc, (self, other), self)
        return compute(name, ufunc, (other, self) if swap else (self, other))

    return call


_BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}
_COMPARED = ("lt", "less"), ("le", "less_equal"), ("gt", "greater"), ("ge", "greater_equal")
for _name, _ufunc in _BINARY.items():
    setattr(ndarray, f"__{_name}__", _operator(_name, _ufunc))
    setattr(ndarray, f"__r{_name}__", _operator(_name, _ufunc, swap=True))
    setattr(ndarray, f"__i{_name}__", _operator(_name, _ufunc, inplace=True))
for _name, _full in (*_COMPARED, ("eq", "equal"), ("ne", "not_equal")):
    setattr(ndarray, f"__{_name}__", _operator(_name, getattr(np, _full)))
for _name, _ufunc in {"neg": np.negative, "invert": np.invert, "abs": np.abs}.items():
    _call = (lambda ufunc, name: lambda self: compute(name, ufunc, (self,)))(_ufunc, _name)
    setattr(ndarray, f"__{_name}__", _call)
