"""JAX: CPU, GPU or TPU, the loop compiled as one `lax.fori_loop`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np
from array_api_compat import is_jax_array
from numpy.typing import NDArray

from .base import LONGEST_CHUNK, Array, Backend, Probe, State, Step


class JaxBackend(Backend):
    """JAX, in float64 where asked, without touching JAX's global configuration."""

    name = "jax"
    install = "pip install 'nmf-accel[jax]' (CPU) or 'nmf-accel[cuda12]', 'nmf-accel[cuda13]' (GPU)"
    compiles = True

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

    def scope(self, x: Array | None = None) -> AbstractContextManager[Any]:
        import jax

        context: AbstractContextManager[Any] = jax.enable_x64(True)
        return context

    def to_numpy(self, x: Array) -> NDArray[Any]:
        return np.array(x)  # a copy: a view of an immutable array is read-only

    def matmul(self, a: Array, b: Array) -> Array:
        return self.xp.matmul(a, b, precision="highest")

    def inner(self, x: Array, y: Array) -> Array:
        # The compiler fuses product, cast and sum; a dot would be free to use TF32.
        return self.xp.sum(x * y, axis=(-2, -1), dtype=self.xp.float64)

    def iterate(
        self,
        step: Step,
        state: State,
        constants: tuple[Array, ...],
        count: int,
        stride: int | None = None,
    ) -> tuple[State, Array]:
        done: tuple[State, Array] = self.compiled(step, state, constants, count, stride)
        return done

    @cached_property
    def compiled(self) -> Any:
        """The jitted loop: one compilation per step, shape and dtype, whatever the count.

        And whatever the stride, but for None: without it, only the measured step is compiled.
        """
        import jax

        loop = jax.lax.fori_loop

        def run(
            step: Step, state: State, constants: tuple[Array, ...], count: Array, stride: Array
        ) -> Any:
            def body(k: Array, carry: tuple[State, Array]) -> tuple[State, Array]:
                state, measured = carry
                if stride is not None:
                    state = loop(1, stride, lambda _, x: step.unmeasured(x, *constants), state)
                state, measures = step(state, *constants)
                return state, measured.at[k].set(measures)

            shape = (LONGEST_CHUNK, step.measures, state[0].shape[0])
            measured = self.xp.zeros(shape, dtype=self.xp.float64)
            return loop(0, count, body, (state, measured))

        return jax.jit(run, static_argnums=0)

    def descend(self, X: Array, N: Array, G: Array) -> Array:
        import jax

        xp = self.xp

        def one(k: Array, X: Array) -> Array:
            g = G[:, k, None, :]
            gkk = G[:, k, k][:, None]
            step = N[:, k, :] - self.matmul(g, X)[:, 0, :]
            step = xp.where(gkk > 0, step / xp.where(gkk > 0, gkk, 1), 0)
            return X.at[:, k, :].set(xp.maximum(X[:, k, :] + step, 0))

        done: Array = jax.lax.fori_loop(0, X.shape[1], one, X)
        return done

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
