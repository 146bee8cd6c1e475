"""JAX's backend as on a GPU, computing on this machine's CPU: the forms of an accelerator."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from nmf_accel.backends import BACKENDS
from nmf_accel.backends.jax_backend import JaxBackend


class AcceleratedJax(JaxBackend):
    name = "accelerated"

    def probe(self):
        return replace(super().probe(), accelerated=True)

    def owns(self, x):
        return False  # they are jax's


@contextmanager
def installed():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKENDS, AcceleratedJax.name, f"{__name__}:{AcceleratedJax.__name__}")
        yield AcceleratedJax.name
