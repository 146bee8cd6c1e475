"""What JAX does otherwise than the base: the loop is compiled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
from array_api_compat import is_jax_array
from numpy.typing import NDArray

from ...matrices import Dense, Frame, Matrix, Raw
from ...types import Array, Kernel, State, Step, Sum, add, once
from ..base import LONGEST_CHUNK, Backend, Program
from ..probes import Probe
from .device import (
    chosen,
    device_of,
    has_plugin,
    here,
    name_of,
    on_device_of,
    on_several,
    reached,
    told_of,
    without_preallocation,
)
from .grid import (
    Grid,
    adopted,
    agreed,
    current,
    given_back,
    lying,
    on_devices_of,
    on_host,
    standing,
)
from .kernels import KERNELS
from .loops import counted, repeated
from .pytrees import register
from .spreading import spread
from .walks import WALKS, by_parts, walk

MOST_PROGRAMS = 128
"""Programs of a function that are kept from call to call. One of a loop takes some 5 MB, another 1
or 2, and JAX would keep 4096. What is done again and again must have fewer, as a comparison of four
solvers at ten ranks has, or all of it is compiled each time."""


class JaxBackend(Backend):
    """JAX, in float64 where asked, without touching JAX's global configuration."""

    name = "jax"
    install = "pip install 'nmf-accel[jax]' (CPU) or 'nmf-accel[cuda12]', 'nmf-accel[cuda13]' (GPU)"
    recompiles_for_shapes = True
    lives_through_fork = False
    kernels = KERNELS

    def __init__(self) -> None:
        self._fused: dict[Any, Any] = {}

    def _probe(self) -> Probe:
        import jax

        with without_preallocation():
            device = self._asked or jax.devices()[0]
        found = Probe(True, "", version=jax.__version__, **told_of(device))
        if not hasattr(jax, "enable_x64"):
            needs = f"needs jax >= 0.8, found {jax.__version__}; {self.install}"
            return replace(found, usable=False, reason=needs, accelerated=False)
        return found

    def probe(self) -> Probe:
        found = super().probe()
        if not found.usable:
            return found
        if (grid := current()) is not None:
            told = told_of(grid.mesh.devices.flat[0])
            return replace(found, **{**told, "device": f"{grid.mesh.size} × {told['device']}"})
        if (device := self._asked or chosen()) is None:
            return found
        return replace(found, **told_of(device))  # in a scope: where the data lies

    @property
    def block_entries(self) -> int:
        if not self.probe().accelerated:
            return super().block_entries
        return min(2**24, self.free_memory() // 64)  # to keep the device busy, in a part of it

    def can_accelerate(self) -> bool:
        return has_plugin()

    def versions(self) -> dict[str, str]:
        import jaxlib

        return {**super().versions(), "jaxlib": jaxlib.__version__}

    @once
    def xp(self) -> Any:
        import jax.numpy

        return jax.numpy

    def owns(self, x: object) -> bool:
        return bool(is_jax_array(x))

    def is_traced(self, x: object) -> bool:
        if not self.owns(x):
            return False
        import jax

        return isinstance(x, jax.core.Tracer)

    def scope(self, x: Any = None) -> AbstractContextManager[Any]:
        import jax

        self.make_room()
        context = ExitStack()
        context.enter_context(jax.enable_x64(True))
        x = x.array if isinstance(x, Dense) else x
        grid = Grid.of(x)
        there = on_device_of(x, self._asked) if grid is None else on_devices_of(grid)
        context.enter_context(there)
        return context

    def adopt(self, x: Any, name: str) -> Any:
        return adopted(x)

    def give_back(self, x: Array, like: Array) -> Array:
        found: Array = given_back(x, like)
        return found

    def spread(self, A: Array, devices: int | None = None) -> Array:
        with self.scope():
            found: Array = spread(np.asarray(A), devices)
            return found

    def matrix(self, A: Raw) -> Matrix:
        if (grid := current()) is None:
            return super().matrix(A)
        return Dense(grid.lay(A.stored, A.dtype, 0, 1), self, grid=grid)

    def frame(self, A: Raw) -> Frame:
        return super().frame(A) if Grid.of(A.stored) is None else standing(self, A.stored)

    def agreed(self, number: float) -> float:
        return agreed(number)

    def devices(self) -> list[str]:
        return list(reached())

    def device_of(self, x: Any) -> str:
        lies = device_of(x)
        return "" if lies is None else name_of(lies)

    @property
    def _asked(self) -> Any:
        """The device that was asked for, as JAX has it."""
        return None if self.device is None else reached()[self.device]

    def asarray(self, x: Array, dtype: Any) -> Array:
        import jax

        if (grid := current()) is not None and grid.lacks(x):
            return grid.lay(x, dtype)
        if (grid is None and on_several(x)) or device_of(x) not in (None, here()):
            x = jax.device_put(x, here())
        return super().asarray(x, dtype)

    def to_numpy(self, x: Array) -> NDArray[Any]:
        return on_host(x)

    def matmul(self, a: Array, b: Array) -> Array:
        product: Array = self.xp.matmul(a, b, precision="highest")
        return product

    def inner(self, x: Array, y: Array) -> Array:
        # The compiler fuses product, cast and sum; a dot would be free to use TF32.
        total: Array = self.xp.sum(x * y, axis=(-2, -1), dtype=self.xp.float64)
        return total

    def iterate(
        self,
        step: Step,
        state: State,
        constants: tuple[Any, ...],
        count: int,
        record_every: int | None = None,
    ) -> tuple[State, Array]:
        laid = lying(state)
        done: tuple[State, Array] = self.compiled(step, laid, state, constants, count, record_every)
        return done

    @once
    def compiled(self) -> Any:
        """The jitted loop: one compilation per step, shape and dtype, whatever the count.

        A state lies as `lying` says of the first one, so that each next one does, too.

        And whatever `record_every`, but for None: then only the measured step is compiled.
        """
        import jax

        register()

        def run(
            step: Step,
            laid: Any,
            state: State,
            constants: tuple[Any, ...],
            count: Array,
            every: Array,
        ) -> Any:
            loop = partial(counted, accelerated=self.probe().accelerated)

            def unmeasured(_: Any, state: State) -> State:
                return step.unmeasured(state, *constants)

            def body(k: Any, carry: tuple[State, Any]) -> tuple[State, Any]:
                state, measured = carry
                if every is not None:
                    state = loop(every - 1, unmeasured, state)
                state, measures = step(state, *constants)
                state = jax.lax.with_sharding_constraint(state, laid) if laid else state
                return state, measured.at[k].set(self.xp.stack(measures))

            shape = (LONGEST_CHUNK, step.measures, state[0].shape[0])
            measured = self.xp.zeros(shape, dtype=self.xp.float64)
            return loop(count, body, (state, measured))

        return jax.jit(run, static_argnums=(0, 1))

    def kernel(self, name: str, default: Kernel) -> Kernel:
        if name in WALKS:
            return cast(Kernel, walk(name, default))
        form = by_parts(default) if name == "solve_passive" else default
        return cast(Kernel, super().kernel(name, form))

    def fused(self, function: Kernel) -> Kernel:
        # Outside a program, JAX compiles every operation on its own, for each shape.
        import jax

        register()
        if function not in self._fused:
            self._fused[function] = jax.jit(function, static_argnums=0)
        fused: Kernel = self._fused[function]
        return fused

    def program(self, step: Step, constants: tuple[Any, ...]) -> Program:
        self.make_room()
        return super().program(step, constants)

    def make_room(self) -> None:
        """Drop the programs of a function, all of them, where they are too many.

        Before a call or a batch: what is dropped is compiled again when it is needed.
        """
        for jitted in (self.compiled, *self._fused.values()):
            if jitted._cache_size() > MOST_PROGRAMS:
                jitted.clear_cache()

    def repeat_while(
        self,
        function: Callable[[State], State],
        state: State,
        limit: int,
        *,
        cheap: bool = False,
    ) -> State:
        unasked = cheap and self.probe().accelerated

        def going(state: State) -> Array:
            any_run: Array = self.xp.any(state[1])
            return any_run

        return repeated(function, state, going, limit, unasked=unasked)

    def where(self, condition: Array, x: Array, otherwise: Callable[[], Array]) -> Array:
        import jax

        xp = self.xp
        chosen: Array = jax.lax.cond(
            xp.all(condition), lambda: x, lambda: xp.where(condition, x, otherwise())
        )
        return chosen

    def sum_over_blocks(self, function: Callable[[Any], Sum], rows: int, height: int) -> Sum:
        import jax

        xp, whole = self.xp, rows // height
        if whole < 2:
            return super().sum_over_blocks(function, rows, height)
        # One loop for the compiler, not so many copies of the function.
        parts = jax.eval_shape(function, xp.arange(height))
        zeros = jax.tree.map(lambda x: xp.zeros(x.shape, x.dtype), parts)

        def more(k: Any, total: Any) -> Any:
            return add(total, function(k * height + xp.arange(height)))

        total: Sum = jax.lax.fori_loop(0, whole, more, zeros)
        return add(total, function(slice(whole * height, rows))) if rows % height else total

    def free_memory(self) -> int:
        grid = current()
        devices = [here()] if grid is None else grid.mesh.local_devices
        found = [device.memory_stats() for device in devices]
        if not all(found):  # of a CPU, whose devices share what there is
            return super().free_memory() // len(devices)
        return min(int(stats["bytes_limit"] - stats["bytes_in_use"]) for stats in found)

    def out_of_memory(self, error: BaseException) -> bool:
        import jax

        of_xla = isinstance(error, jax.errors.JaxRuntimeError)
        return (of_xla and "RESOURCE_EXHAUSTED" in str(error)) or super().out_of_memory(error)

    def synchronize(self, results: Any = None) -> None:
        import jax

        jax.block_until_ready(results)
