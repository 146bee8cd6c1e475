"""JAX: CPU, GPU or TPU, the loop compiled as one `lax.fori_loop`."""

from .backend import JaxBackend

__all__ = ["JaxBackend"]
