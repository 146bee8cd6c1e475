"""Memory of the pretended devices: NumPy's, with CuPy's accounts of it."""

from __future__ import annotations

import sys
import weakref
from bisect import bisect_right, insort

import ledger
import numpy as np

UNIT = 512
"""What a pool rounds sizes up to."""


class OutOfMemoryError(MemoryError):
    """As CuPy raises it."""

    def __init__(self, size, total, limit=0):
        self._size, self._total, self._limit = size, total, limit
        limited = f", limit set to: {limit:,} bytes" if limit else ""
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes{limited})."
        )

    def __reduce__(self):
        return type(self), (self._size, self._total, self._limit)


class Piece:
    """A part of what cudaMalloc gave: used by one block, or free in its pool."""

    def __init__(self, size, arena, before=None, after=None):
        self.size, self.arena, self.before, self.after = size, arena, before, after
        self.used = False
        self.captures = None  # those whose graphs go on using it after it is freed

    def claim(self, capture):
        """Mark it used; graphs that counted on it have lost it."""
        self.used = True
        if self.captures or capture:
            self._lose("memory of the graph was given to somebody else", capture)
            self.captures = weakref.WeakSet([capture]) if capture else None

    def _lose(self, why, but=None):
        for capture in self.captures or ():
            if capture is not but:
                capture.lost = why

    def split(self, size):
        """Keep `size`, and give the rest back to the free pieces."""
        if rest := self.size - size:
            after = Piece(rest, self.arena, self, self.after)
            after.captures = self.captures and weakref.WeakSet(self.captures)
            if self.after is not None:
                self.after.before = after
            self.size, self.after = size, after
            self.arena.append(after)

    def merge(self):
        """Join the next piece, which is free."""
        after = self.after
        self.arena.remove(after)
        if after.captures:
            self.captures = (self.captures or weakref.WeakSet()) | after.captures
        self.size, self.after = self.size + after.size, after.after
        if self.after is not None:
            self.after.before = self


class MemoryPool:
    """CuPy's pool: sizes in units, best fit, a list of free pieces for each stream."""

    def __init__(self, allocator=None):
        self._arenas = {}  # (device, stream) -> free pieces
        self._total, self._used, self._limit = {}, {}, {}
        _pools.add(self)

    def malloc(self, size):
        """A pointer to `size` bytes."""
        return MemoryPointer(self._block(size), 0)

    def _block(self, size, array=None):
        from . import _stream

        device, stream = _stream.current_device(), _stream.current()
        capture = stream._capture
        need = -(-size // UNIT) * UNIT
        free = self._arenas.setdefault((device, stream.ptr), [])
        fitting = [piece for piece in free if piece.size >= need]
        if not need:
            piece = Piece(0, free)
        elif fitting:
            piece = min(fitting, key=lambda piece: piece.size)
            free.remove(piece)
        else:
            piece = Piece(self._cuda_malloc(need, device), free)
        # A graph may go on using memory of a pool of its own, never of the common one.
        own = capture if self is not default_pool else None
        piece.split(need) if need else None
        piece.claim(own)
        self._used[device] = self._used.get(device, 0) + need
        ledger.note("alloc", type(self).__name__, need)
        return Block(self, piece, device, size, array, capture)

    def _cuda_malloc(self, size, device):
        total, limit = self._total.get(device, 0), self._limit.get(device, 0)
        over = (limit and total + size > limit) or size > free_on(device)
        if over:
            self.free_all_blocks()  # as CuPy does before it gives up
            total = self._total.get(device, 0)
            if limit and total + size > limit:
                raise OutOfMemoryError(size, total, limit)
            if size > free_on(device):
                raise OutOfMemoryError(size, total)
        ledger.note("alloc", "cudaMalloc", size)
        self._total[device] = total + size
        return size

    def _release(self, block):
        piece = block.piece
        self._used[block.device] -= piece.size
        piece.used = False
        if not piece.size:
            return
        piece.arena.append(piece)
        if piece.after is not None and not piece.after.used:
            piece.merge()
        if piece.before is not None and not piece.before.used:
            piece.before.merge()

    def free_all_blocks(self, stream=None):
        """Give back what is wholly free."""
        for (device, owner), free in self._arenas.items():
            if stream is not None and stream.ptr != owner:
                continue
            for piece in [p for p in free if p.before is None and p.after is None]:
                free.remove(piece)
                self._total[device] -= piece.size
                piece._lose("memory of the graph was freed")

    def free_bytes(self):
        return self.total_bytes() - self.used_bytes()

    def used_bytes(self):
        return self._used.get(_here(), 0)

    def total_bytes(self):
        return self._total.get(_here(), 0)

    def n_free_blocks(self):
        return sum(map(len, self._arenas.values()))

    def set_limit(self, size=None, fraction=None):
        limit = int(fraction * ledger.machine.memory) if fraction is not None else size
        self._limit[_here()] = limit or 0

    def get_limit(self):
        return self._limit.get(_here(), 0)

    def __del__(self):
        self.free_all_blocks()


def _here():
    from . import _stream

    return _stream.current_device()


_pools = weakref.WeakSet()
default_pool = MemoryPool()
_allocators = [default_pool.malloc]
_starts, _blocks = [], {}


def free_on(device):
    """Bytes of a device that no pool has taken."""
    return ledger.machine.memory - sum(pool._total.get(device, 0) for pool in _pools)


class Block:
    """Memory in use; goes back to its pool with the last array that lies in it."""

    def __init__(self, pool, piece, device, size, array, capture):
        if array is None:  # bytes of NaNs show whoever reads before writing
            array = np.full(size, 255, np.uint8)
        self.pool, self.piece, self.device, self.size = pool, piece, device, size
        self.array, self.capture = array, capture
        self.written = None  # (stream, its time): see `_stream.Clock`
        self.ptr = array.__array_interface__["data"][0]
        if size:
            insort(_starts, self.ptr)
            _blocks[self.ptr] = weakref.ref(self)

    @property
    def bytes(self):
        """Its bytes as they lie in memory, in whichever order its array has them."""
        by_stride = sorted(range(self.array.ndim), key=lambda k: -self.array.strides[k])
        return self.array.transpose(by_stride).reshape(-1).view(np.uint8)

    def __del__(self, finalizing=sys.is_finalizing):
        if hasattr(self, "ptr") and not finalizing():  # else what it needs may be gone
            if self.size and _blocks[self.ptr]() in (None, self):
                del _blocks[self.ptr]
                del _starts[bisect_right(_starts, self.ptr) - 1]
            self.pool._release(self)


def block_at(pointer, nbytes):
    """The block that holds these bytes, or None."""
    found = bisect_right(_starts, pointer) - 1
    block = _blocks[_starts[found]]() if found >= 0 else None
    inside = block is not None and pointer + nbytes <= block.ptr + block.size
    return block if inside else None


class MemoryPointer:
    """Where in a block."""

    def __init__(self, mem, offset):
        self.mem, self._offset = mem, offset

    ptr = property(lambda self: self.mem.ptr + self._offset)
    device_id = property(lambda self: self.mem.device)

    @property
    def device(self):
        from ._stream import Device

        return Device(self.mem.device)


def allocate(size, array=None):
    """A block from the allocator in use; `array` is what it should hold, already made."""
    allocator = _allocators[-1]
    pool = getattr(allocator, "__self__", None)
    if isinstance(pool, MemoryPool) and getattr(allocator, "__func__", None) is MemoryPool.malloc:
        return pool._block(size, array)
    block = allocator(size).mem
    return block


class using_allocator:
    """``with using_allocator(pool.malloc)``."""

    def __init__(self, allocator=None):
        self.allocator = allocator

    def __enter__(self):
        _allocators.append(self.allocator or default_pool.malloc)

    def __exit__(self, *_):
        _allocators.pop()


def set_allocator(allocator=None):
    """For all that follows."""
    _allocators[0] = allocator or default_pool.malloc


def get_allocator():
    """What is in use."""
    return _allocators[-1]


def get_default_memory_pool():
    """The common one."""
    return default_pool
