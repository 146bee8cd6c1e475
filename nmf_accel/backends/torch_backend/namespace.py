"""The array API's namespace of PyTorch, with new tensors on the device of the scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .device import default, here, widest


class Namespace:
    """`array_api_compat.torch`, whose new tensors are where the scope is, and of float64.

    So neither `torch.set_default_device` nor `torch.set_default_dtype` has a part in them. Where
    the device has no float64, its `float64` is float32, the widest that there is: what is to be
    summed in float64 is summed in float32 there.

    Parameters
    ----------
    asked : torch.device, optional
        Where new tensors are outside of any scope; by default where `default` says.
    """

    def __init__(self, asked: Any = None) -> None:
        import array_api_compat.torch
        import torch

        self._compat, self._torch = array_api_compat.torch, torch
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        """What is not below, as array-api-compat has it."""
        found = getattr(self._compat, name)
        if name in ("zeros", "ones", "empty", "eye", "linspace"):
            found = self._creating(found)
        self.__dict__[name] = found
        return found

    @property
    def device(self) -> Any:
        """The device of new tensors."""
        return here.device or self._asked or default()

    @property
    def float64(self) -> Any:
        """The widest dtype of the device."""
        return getattr(self._torch, widest(self.device).name)

    def dtype_of(self, of: Any) -> Any:
        """PyTorch's dtype for NumPy's, for a name or for its own, as the device has it."""
        name = np.dtype(of).name if isinstance(of, type) else str(of).rpartition(".")[2]
        return self.float64 if name == "float64" else getattr(self._torch, name)

    def _creating(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def create(*args: Any, dtype: Any = None, **options: Any) -> Any:
            return function(*args, dtype=dtype or self.float64, device=self.device, **options)

        return create

    def full(self, shape: Any, fill_value: Any, *, dtype: Any = None) -> Any:
        """A tensor of one number."""
        dtype = dtype or (self.float64 if isinstance(fill_value, float) else None)
        return self._torch.full(_shape(shape), fill_value, dtype=dtype, device=self.device)

    def arange(self, *limits: Any, dtype: Any = None) -> Any:
        """Numbers in order; whole ones where the limits are."""
        whole = all(isinstance(x, (int, np.integer)) for x in limits)
        dtype = dtype or (self._torch.int64 if whole else self.float64)
        return self._torch.arange(*limits, dtype=dtype, device=self.device)

    def asarray(self, x: Any, *, dtype: Any = None, copy: bool | None = None) -> Any:
        """A tensor, where it is; of anything else a tensor on the device, see `from_host`."""
        if not isinstance(x, self._torch.Tensor):
            x = from_host(np.asarray(x), dtype and self.dtype_of(dtype), self.device)
            return x.clone() if copy and self.device.type == "cpu" else x
        return self._compat.asarray(x, dtype=dtype and self.dtype_of(dtype), copy=copy)

    def maximum(self, x: Any, y: Any) -> Any:
        """The larger of each two; one may be a number."""
        return self._two("maximum", "clamp_min", x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        """The smaller of each two; one may be a number."""
        return self._two("minimum", "clamp_max", x, y)

    def _two(self, of_tensors: str, with_number: str, x: Any, y: Any) -> Any:
        # Of a number array-api-compat makes a tensor, for which a GPU would wait.
        x, y = (y, x) if isinstance(x, (int, float)) else (x, y)
        name = of_tensors if isinstance(y, self._torch.Tensor) else with_number
        return getattr(self._torch, name)(x, y)


def from_host(x: NDArray[Any], dtype: Any, device: Any) -> Any:
    """A tensor on a device of what NumPy has; of a CPU in its memory, where that can be."""
    import torch

    wanted = None if dtype is None else np.dtype(str(dtype).rpartition(".")[2])
    if wanted is None:
        limit = widest(device)
        wanted = limit if x.dtype.kind == "f" and x.dtype.itemsize > limit.itemsize else x.dtype
    x = np.asarray(x, dtype=wanted.newbyteorder("="))
    if any(step < 0 or step % x.itemsize for step in x.strides):  # PyTorch has no such tensors
        x = np.ascontiguousarray(x)
    return torch.from_numpy(x if x.flags.writeable else _writeable(x)).to(device)


def _writeable(x: NDArray[Any]) -> NDArray[Any]:
    """The same memory, as PyTorch takes it: it warns of tensors that must not be written to."""
    return np.asarray(_Memory(x))


class _Memory:
    """That of an array that is read-only, without that."""

    def __init__(self, x: NDArray[Any]) -> None:
        self.held = x
        self.__array_interface__ = {**x.__array_interface__, "data": (x.ctypes.data, False)}


def _shape(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(shape)
