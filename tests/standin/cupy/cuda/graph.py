from .._stream import Graph

__all__ = ["Graph"]
