"""`project`: the weights of new samples on components that are known."""

from .exact import solve
from .projecting import project

__all__ = ["project", "solve"]
