"""What PyTorch does otherwise than the base: on the device of the data, and without a gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from array_api_compat import is_torch_array
from numpy.typing import NDArray

from ...matrices import Dense
from ...types import Array, State, Step, once
from .. import forks
from ..base import Backend, Program
from ..probes import Probe
from ..replaying import NotCapturableError, Replaying
from . import device
from .graphs import Captured
from .kernels import KERNELS
from .namespace import Namespace
from .precision import full_precision
from .threads import held_threads

OLDEST = (2, 4)
"""The first PyTorch with XPU, and with autocast that is asked about by device."""
UNASKED = 20
"""Most cheap repeats on an accelerator without asking it whether they are still needed."""
WIDENED = {
    **{"uint16": "int32", "uint32": "int64", "uint64": "float64"},
    **dict.fromkeys(
        ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"), "float32"
    ),
}
"""Dtypes of which PyTorch finds no maximum, and what holds their numbers."""


class TorchBackend(Backend):
    """PyTorch on the device where the data lies; for data of the host on its GPU if it has one."""

    name = "torch"
    kernels = KERNELS
    install = "pip install 'nmf-accel[torch]', or PyTorch for your GPU as pytorch.org says"

    def _probe(self) -> Probe:
        import torch

        version = str(torch.__version__)
        if tuple(int(x) for x in version.split(".")[:2]) < OLDEST:
            needs = f"needs torch >= {OLDEST[0]}.{OLDEST[1]}, found {version}; {self.install}"
            return Probe(False, needs, version=version)
        with self.scope():  # there may be a device of which this build has no kernels
            one = self.xp.ones((1, 1, 1))
            self.synchronize(self.inner(torch.linalg.solve_ex(one, one).result, one @ one))
            return Probe(True, "", version=version, **device.told_of(self._device))

    def probe(self) -> Probe:
        found = super().probe()
        if not found.usable or (there := device.here.device) is None:
            return found
        return replace(found, **device.told_of(there))  # in a scope: where the data lies

    @property
    def lives_through_fork(self) -> bool:  # type: ignore[override]  # a constant elsewhere
        """Its CPU does, on one thread; see `scope`."""
        return not self._probed.accelerated

    @property
    def states_at_once(self) -> int:  # type: ignore[override]  # a constant elsewhere
        """Graphs have a state and products of their own, beside what the loop holds."""
        return 12 if self._captures else super().states_at_once

    def can_accelerate(self) -> bool:
        return device.may_accelerate()

    def versions(self) -> dict[str, str]:
        import torch

        of_gpu = {"cuda": torch.version.cuda, "hip": torch.version.hip}
        return {**super().versions(), **{k: x for k, x in of_gpu.items() if x}}

    @once
    def xp(self) -> Any:
        return Namespace(self._asked)

    @property
    def _asked(self) -> Any:
        """The device that was asked for, as PyTorch has it."""
        import torch

        return None if self.device is None else torch.device(self.device)

    @property
    def _device(self) -> Any:
        """The device of new tensors."""
        return self.xp.device

    @property
    def _captures(self) -> bool:
        return self._device.type in device.CAPTURING

    @property
    def widest(self) -> np.dtype[Any]:
        return device.widest(self._device)

    def devices(self) -> list[str]:
        return device.reached()

    def device_of(self, x: Any) -> str:
        tensor: Any = x.array if isinstance(x, Dense) else x
        return device.name_of(tensor.device)

    def owns(self, x: object) -> bool:
        return bool(is_torch_array(x))

    def is_traced(self, x: object) -> bool:
        if not self.owns(x):
            return False
        import torch

        tensor: Any = x
        return bool(
            tensor.is_meta
            or torch._C._functorch.is_functorch_wrapped_tensor(tensor)
            or torch.compiler.is_compiling()
        )

    def adopt(self, x: Any, name: str) -> Any:
        import torch

        if not self.owns(x):
            return x
        if x.is_nested:
            raise TypeError(f"{name} is a nested tensor; pass {name}.to_padded_tensor(0.0)")
        if x.layout is not torch.strided:
            raise TypeError(
                f"{name} is a sparse tensor ({x.layout}), which the backend 'torch' does not take; "
                f"pass {name}.to_dense() if it fits in memory, or a sparse matrix of scipy"
            )
        if type(x).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
            raise TypeError(
                f"{name} is a {type(x).__name__}, whose entries PyTorch holds elsewhere; pass a "
                f"plain tensor of them"
            )
        x = x.detach().as_subclass(torch.Tensor)
        narrow = str(x.dtype).removeprefix("torch.")
        return x.to(self.xp.dtype_of(WIDENED[narrow])) if narrow in WIDENED else x

    def scope(self, x: Any = None) -> AbstractContextManager[Any]:
        return self._scope(x.array if isinstance(x, Dense) else x)

    @contextmanager
    def _scope(self, x: Any) -> Iterator[None]:
        """The device of a tensor; no autocast, products in full precision.

        There are no gradients, since what comes in is detached: see `plain`.

        In a process that was forked it has one thread, as PyTorch's `DataLoader` has there: those
        that PyTorch had before are not there, and it would wait for them for ever.
        """
        import torch

        there = x.device if isinstance(x, torch.Tensor) else self._device
        with ExitStack() as stack:
            stack.enter_context(_chosen(there))
            stack.enter_context(torch.inference_mode(False))  # what it makes may need gradients
            stack.enter_context(full_precision.held())
            for kind in {there.type, "cpu"}:
                if torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            if there.type in device.NUMBERED:
                stack.enter_context(getattr(torch, there.type).device(there))
            elif forks.before_fork(forks.THREADS_OF_TORCH):
                stack.callback(torch.set_num_threads, torch.get_num_threads())
                torch.set_num_threads(1)
            yield

    def at_most(self, several: int) -> AbstractContextManager[Any]:
        return held_threads.at_most(several)

    def asarray(self, x: Any, dtype: Any) -> Array:
        if not self.owns(x):
            made: Array = self.xp.asarray(x, dtype=dtype)
            return made
        plain = self.adopt(x, "the tensor")
        moved: Array = plain.to(device.here.device or plain.device, self.xp.dtype_of(dtype))
        return moved

    def ascontiguous(self, x: Any) -> Array:
        contiguous: Array = x.contiguous()
        return contiguous

    def to_numpy(self, x: Any) -> NDArray[Any]:
        import torch

        x = x.detach().cpu().resolve_neg()
        narrow = x.dtype == torch.bfloat16  # of which NumPy has none
        return np.asarray((x.to(torch.float32) if narrow else x).numpy())

    def inner(self, x: Array, y: Array) -> Array:
        # `vecdot` is a product of matrices, which starts slowly on a CPU.
        xp = self.xp
        total: Array = xp.sum(xp.sum(x * y, axis=-1), axis=-1, dtype=xp.float64)
        return total

    @property
    def block_entries(self) -> int:
        return _block_entries(self._device)

    def repeat_while(
        self,
        function: Callable[[State], State],
        state: State,
        limit: int,
        *,
        cheap: bool = False,
    ) -> State:
        import torch

        if cheap and limit <= UNASKED and self._device.type in device.RUNNING_AHEAD:
            for _ in range(limit):
                state = function(state)
            return state
        if self._captures and torch.cuda.is_current_stream_capturing():
            raise NotCapturableError
        return super().repeat_while(function, state, limit)

    def program(self, step: Step, constants: tuple[Any, ...]) -> Program:
        plain = super().program(step, constants)
        if not self._captures:
            return plain
        return Replaying(plain, partial(Captured, step, constants))

    def free_memory(self) -> int:
        import torch

        there = self._device
        if there.type not in device.NUMBERED:  # a GPU of Apple's shares the host's
            return super().free_memory()
        library = getattr(torch, there.type)
        # What is kept for new tensors can be had too.
        kept = library.memory_reserved(there) - library.memory_allocated(there)
        if there.type == "cuda" or hasattr(library, "mem_get_info"):
            return int(library.mem_get_info(there)[0] + kept)
        whole = library.get_device_properties(there).total_memory
        return int(whole - library.memory_allocated(there))

    def out_of_memory(self, error: BaseException) -> bool:
        import torch

        if isinstance(error, torch.cuda.OutOfMemoryError):  # of any device
            return True
        told = isinstance(error, RuntimeError) and str(error)
        of_others = told and ("DefaultCPUAllocator" in told or "MPS backend out of memory" in told)
        return bool(of_others) or super().out_of_memory(error)

    def release_memory(self) -> None:
        import torch

        if self._device.type != "cpu":
            getattr(torch, self._device.type).empty_cache()

    def synchronize(self, results: Any = None) -> None:
        import torch

        if self._device.type != "cpu":
            getattr(torch, self._device.type).synchronize()


@contextmanager
def _chosen(there: Any) -> Iterator[None]:
    """Within, this is the device of new tensors."""
    before, device.here.device = device.here.device, there
    try:
        yield
    finally:
        device.here.device = before


@cache
def _block_entries(there: Any) -> int:
    """So many that a GPU is kept busy, in a part of its memory; not of what is free just now."""
    import torch

    if there.type not in device.NUMBERED:
        return 2**18 if there.type == "cpu" else 2**22
    whole = getattr(torch, there.type).get_device_properties(there).total_memory
    return int(min(2**24, whole // 512))
