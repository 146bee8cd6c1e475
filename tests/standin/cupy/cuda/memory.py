from .._memory import (
    MemoryPointer,
    MemoryPool,
    OutOfMemoryError,
    get_allocator,
    set_allocator,
)

OutOfMemoryError.__module__ = __name__

__all__ = [
    "MemoryPointer",
    "MemoryPool",
    "OutOfMemoryError",
    "get_allocator",
    "set_allocator",
]
