"""What JAX does otherwise than the base: the loop is compiled."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, cached_property
from typing import Any

import numpy as np
from array_api_compat import is_jax_array
from numpy.typing import NDArray

from ...matrices import Dense
from ...types import Array, State, Step
from ..base import LONGEST_CHUNK, Backend, Probe
from .kernels import KERNELS


@cache
def _register_matrix() -> None:
    """Let a matrix go into a compiled loop as its array, and come out a matrix there."""
    import jax

    jax.tree_util.register_dataclass(Dense, data_fields=["array"], meta_fields=["library"])


class JaxBackend(Backend):
    """JAX, in float64 where asked, without touching JAX's global configuration."""

    name = "jax"
    install = "pip install 'nmf-accel[jax]' (CPU) or 'nmf-accel[cuda12]', 'nmf-accel[cuda13]' (GPU)"
    recompiles_for_shapes = True
    kernels = KERNELS

    def _probe(self) -> Probe:
        import jax

        device = jax.devices()[0]
        accelerated = device.platform != "cpu"
        kind = device.device_kind if accelerated else "CPU"
        if not hasattr(jax, "enable_x64"):
            needs = f"needs jax >= 0.8, found {jax.__version__}; {self.install}"
            return Probe(False, needs, kind, jax.__version__)
        return Probe(True, "", kind, jax.__version__, accelerated)

    def can_accelerate(self) -> bool:
        # JAX reaches a GPU or TPU only through a plug-in package or libtpu.
        return any(importlib.util.find_spec(m) for m in ("jax_plugins", "libtpu"))

    def versions(self) -> dict[str, str]:
        import jaxlib

        return {**super().versions(), "jaxlib": jaxlib.__version__}

    @cached_property
    def xp(self) -> Any:
        import jax.numpy

        return jax.numpy

    def owns(self, x: object) -> bool:
        return bool(is_jax_array(x))

    def scope(self, x: Any = None) -> AbstractContextManager[Any]:
        import jax

        context: AbstractContextManager[Any] = jax.enable_x64(True)
        return context

    def to_numpy(self, x: Array) -> NDArray[Any]:
        return np.array(x)  # a copy: a view of an immutable array is read-only

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
        done: tuple[State, Array] = self.compiled(step, state, constants, count, record_every)
        return done

    @cached_property
    def compiled(self) -> Any:
        """The jitted loop: one compilation per step, shape and dtype, whatever the count.

        And whatever `record_every`, but for None: then only the measured step is compiled.
        """
        import jax

        _register_matrix()
        loop = jax.lax.fori_loop

        def run(
            step: Step, state: State, constants: tuple[Any, ...], count: Array, every: Array
        ) -> Any:
            def body(k: Any, carry: tuple[State, Any]) -> tuple[State, Any]:
                state, measured = carry
                if every is not None:
                    state = loop(1, every, lambda _, x: step.unmeasured(x, *constants), state)
                state, measures = step(state, *constants)
                return state, measured.at[k].set(self.xp.stack(measures))

            shape = (LONGEST_CHUNK, step.measures, state[0].shape[0])
            measured = self.xp.zeros(shape, dtype=self.xp.float64)
            return loop(0, count, body, (state, measured))

        return jax.jit(run, static_argnums=0)

    def repeat_while(self, function: Callable[[State], State], state: State, limit: int) -> State:
        import jax

        def body(carry: tuple[Array, State]) -> tuple[Array, State]:
            k, state = carry
            return k + 1, function(state)

        _, state = jax.lax.while_loop(
            lambda carry: (carry[0] < limit) & self.xp.any(carry[1][1]), body, (0, state)
        )
        return state

    def free_memory(self) -> int:
        import jax

        stats = jax.devices()[0].memory_stats()  # None on a CPU
        return int(stats["bytes_limit"] - stats["bytes_in_use"]) if stats else super().free_memory()

    def synchronize(self, results: Any = None) -> None:
        import jax

        jax.block_until_ready(results)
