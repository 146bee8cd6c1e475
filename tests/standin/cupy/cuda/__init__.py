"""CuPy's room for CUDA itself."""

from .._memory import (
    MemoryPointer,
    MemoryPool,
    get_allocator,
    set_allocator,
    using_allocator,
)
from .._stream import Device, Event, Graph, Stream
from .._stream import current as get_current_stream
from .._stream import current_device as get_device_id
from . import compiler, device, function, graph, memory, runtime, stream
from .device import get_cublas_handle


def alloc(size):
    """Memory from the allocator in use."""
    return get_allocator()(size)


def is_available():
    """Whether there is a GPU."""
    return runtime.getDeviceCount() > 0


__all__ = [
    "Device",
    "Event",
    "Graph",
    "MemoryPointer",
    "MemoryPool",
    "Stream",
    "alloc",
    "compiler",
    "device",
    "function",
    "get_allocator",
    "get_cublas_handle",
    "get_current_stream",
    "get_device_id",
    "graph",
    "is_available",
    "memory",
    "runtime",
    "set_allocator",
    "stream",
    "using_allocator",
]
