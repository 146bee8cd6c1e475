"""Devices, streams, events and graphs: who runs what, where, and whether it may."""

from __future__ import annotations

import itertools
import weakref
from typing import ClassVar

import ledger

from . import _memory
from ._graph import Capture, Graph, Node

PREFIX = "cudaError"
STATUS = {
    1: ("InvalidValue", "invalid argument"),
    101: ("InvalidDevice", "invalid device ordinal"),
    900: ("StreamCaptureUnsupported", "operation not permitted when stream is capturing"),
    901: ("StreamCaptureInvalidated", "operation failed due to a previous error during capture"),
    906: ("StreamCaptureImplicit", "operation would make the legacy stream depend on a capture"),
}


class CUDARuntimeError(RuntimeError):
    """As CuPy raises it."""

    def __init__(self, status):
        self.status = status
        name, text = STATUS[status]
        super().__init__(f"{PREFIX}{name}: {text}")

    def __reduce__(self):
        return type(self), (self.status,)


class Device:
    """A GPU; as a context, the current one."""

    __module__ = "cupy.cuda.device"

    def __init__(self, device=None):
        self.id = current_device() if device is None else int(device)

    def __enter__(self):
        self._check()
        _devices.append(self.id)
        return self

    def __exit__(self, *_):
        _devices.pop()

    def use(self):
        self._check()
        _devices[-1] = self.id

    def _check(self):
        if not 0 <= self.id < ledger.machine.devices:
            raise CUDARuntimeError(101)

    def synchronize(self):
        synchronize("device")

    @property
    def mem_info(self):
        return _memory.free_on(self.id), ledger.machine.memory

    compute_capability = "90"
    attributes = property(lambda self: {"MultiProcessorCount": 132})
    cublas_handle = property(lambda self: _blas().handle_of(self.id))
    cusolver_handle = cublas_handle

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return self.id

    def __repr__(self):
        return f"<CUDA Device {self.id}>"


def _blas():
    from . import _blas

    return _blas


_devices = [0]


def current_device():
    """Its number."""
    return _devices[-1]


_host: dict[int, int] = {}
"""How far of each stream the host has waited."""


class Event:
    """A moment of a stream."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.seen = {}

    done = True

    def record(self, stream=None):
        self.seen = (stream or current())._now()

    def synchronize(self):
        synchronize("event", self.seen)


class Stream:
    """A queue of work, which is done at once; what would race on a GPU raises."""

    __module__ = "cupy.cuda.stream"
    _serial = itertools.count(7)
    _all: ClassVar[weakref.WeakSet[Stream]] = weakref.WeakSet()

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr = 0 if null else next(self._serial)
        self.is_non_blocking, self.device_id = non_blocking, current_device()
        self._capture = None
        self._time, self._seen = 0, {}
        self._all.add(self)

    done = property(lambda self: True)

    def _now(self):
        """What of each stream comes before what this one will do next."""
        seen = {**_host, self.ptr: self._time}
        _join(seen, self._seen)
        return seen

    def synchronize(self):
        self._refuse()
        synchronize("stream", self._now(), self)

    def _refuse(self):
        if self._capture is not None:
            self._capture.invalid = True
            raise CUDARuntimeError(900)

    def __enter__(self):
        _streams.append(self)
        return self

    def __exit__(self, *_):
        _streams.pop()

    def use(self):
        _streams[-1] = self
        return self

    def record(self, event=None):
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        _join(self._seen, event.seen)

    def begin_capture(self, mode=None):
        if self.ptr == 0:
            raise CUDARuntimeError(900)
        if self._capture is not None:
            raise CUDARuntimeError(1)
        self._capture = Capture()

    def end_capture(self):
        if (capture := self._capture) is None:
            raise CUDARuntimeError(1)
        self._capture = None
        if capture.invalid:
            raise CUDARuntimeError(901)
        return Graph(capture)

    def is_capturing(self):
        return self._capture is not None

    def __eq__(self, other):
        return isinstance(other, Stream) and self.ptr == other.ptr

    def __hash__(self):
        return self.ptr


Stream.null = Stream(null=True)
_streams = [Stream.null]


def _join(seen, others):
    for stream, time in others.items():
        seen[stream] = max(seen.get(stream, 0), time)


def current(device_id=-1):
    """The stream that work goes to."""
    return _streams[-1]


def synchronize(name, seen=None, stream=None):
    """The host waits for a stream, or for all."""
    for other in list(Stream._all):
        if stream is None and seen is None:
            other._refuse()
            _join(_host, other._now())
    _join(_host, seen or {})
    ledger.note("sync", name)


def read_back(name, block, nbytes):
    """The host reads from the device on the current stream, and waits for it."""
    stream = current()
    stream._refuse()
    _order(stream, [block], [])
    ledger.note("d2h", name, nbytes)
    synchronize(name, stream._now(), stream)


def refuse_capture():
    """What copies from the host, or asks it, may not happen in a capture."""
    current()._refuse()


def refuse_library(name="cuBLAS"):
    """CuPy keeps its own calls of libraries out of captures."""
    if current()._capture is not None:
        raise NotImplementedError(
            f"calling {name} API during stream capture is currently unsupported"
        )


def _order(stream, reads, writes):
    """Raise where another stream's work on the same memory is not waited for."""
    stream._time += 1
    now = stream._now() if len(Stream._all) > 1 else {}
    if now and not stream.is_non_blocking:  # the null stream and blocking ones wait for each other
        for other in list(Stream._all):
            if not other.is_non_blocking:
                now[other.ptr] = other._time
    for block in (*reads, *writes) if now else ():
        if block.written is not None:
            owner, time = block.written
            if owner != stream.ptr and now.get(owner, 0) < time:
                raise RuntimeError("a race: another stream wrote this memory, and none waited")
    for block in writes:
        block.written = (stream.ptr, stream._time)


def submit(name, run, reads=(), writes=(), nbytes=0, count=1, done=False):
    """Launch `run` on the current stream, which only records it while it captures.

    `reads` and `writes` are blocks of memory; with `done` it has been run already, to learn its
    result's shape. Returns whether it is done.
    """
    stream = current()
    here = current_device()
    for block in (*reads, *writes):
        if block.device != here:
            raise ValueError(
                "Array device must be same as the current device: "
                f"array device = {block.device} while current = {here}"
            )
    if (capture := stream._capture) is not None:
        capture.nodes.append(Node(name, run, reads, writes, capture))
        for _ in range(count):
            ledger.note("captured", name, nbytes)
        return False
    _order(stream, reads, writes)
    for _ in range(count):
        ledger.note("launch", name, nbytes)
    if not done:
        run()
    return True
