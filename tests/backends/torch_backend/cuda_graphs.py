"""A stand-in for PyTorch's CUDA graphs: a CPU that notes down what it is told, and does it later.

As on a device, nothing is carried out while it captures: what was written then is put back, and
what was made is filled with NaN. A replay works on the very memory that was captured. What asks the
host, or goes there, is refused as CUDA refuses it.
"""

from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode

HOSTS = {
    "_local_scalar_dense",  # .item(), float(), bool()
    "is_nonzero",
    "nonzero",
    "masked_select",
    "_unique2",
    "repeat_interleave",
    "lift_fresh",  # a tensor of what is on the host
    "scalar_tensor",  # of a number, as `where` makes it
    "equal",
}
"""Operations for which the host would wait, or which it begins with memory of its own."""


class Graph:
    """`torch.cuda.CUDAGraph`, and what it was told."""

    def __init__(self, machine):
        self.machine, self.told = machine, []

    def replay(self):
        self.machine.events.append("replay")
        for function, args, options, outputs in self.told:
            again = function(*args, **options)
            if not function._schema.is_mutable:
                for mine, new in zip(tensors(outputs), tensors(again), strict=True):
                    mine.copy_(new)


class Capturing(TorchDispatchMode):
    """Notes down each operation for a graph."""

    def __init__(self, graph):
        super().__init__()
        self.graph, self.before, self.made = graph, [], []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        options = kwargs or {}
        flat = tensors([*args, *options.values()])
        masks = "index" in str(function) and any(x.dtype == torch.bool for x in flat[1:])
        if function.overloadpacket.__name__ in HOSTS or masks:
            raise RuntimeError(f"{function} is not permitted when a stream is capturing")
        schema = function._schema
        if schema.is_mutable:
            named = dict(zip((x.name for x in schema.arguments), args, strict=False)) | options
            for argument in schema.arguments:
                if argument.alias_info is not None and argument.alias_info.is_write:
                    written = named[argument.name]
                    self.before.append((written, written.clone()))
        outputs = function(*args, **options)
        if schema.is_mutable:
            self.graph.told.append((function, args, options, outputs))
        elif not aliases(tensors(outputs), flat):
            self.graph.told.append((function, args, options, outputs))
            self.made += tensors(outputs)
        return outputs

    def undo(self):
        """What the operations have done: on a device they have done nothing yet."""
        for written, values in reversed(self.before):
            written.copy_(values)
        for x in self.made:
            x.fill_(float("nan") if x.is_floating_point() else 0)


def tensors(of):
    """All tensors in nested tuples and lists."""
    if isinstance(of, torch.Tensor):
        return [of]
    return [x for part in of for x in tensors(part)] if isinstance(of, (tuple, list)) else []


def aliases(outputs, inputs):
    """Whether the outputs are the memory of inputs, seen in another way."""
    where = {x.untyped_storage().data_ptr() for x in inputs}
    return any(x.untyped_storage().data_ptr() in where for x in outputs)


class Stream:
    """`torch.cuda.Stream`; it says whom it waits for."""

    def __init__(self, machine, name):
        self.machine, self.name = machine, name

    def wait_stream(self, other):
        self.machine.events.append(f"{self.name} waits for {other.name}")


class Machine:
    """What of `torch.cuda` the backend's graphs need, put in its place."""

    def __init__(self, patch):
        self.events, self.capturing = [], False
        self.main = self.current = Stream(self, "main")
        patch.setattr(torch.cuda, "Stream", lambda device: Stream(self, "side"))
        patch.setattr(torch.cuda, "current_stream", lambda: self.current)
        patch.setattr(torch.cuda, "stream", self.on)
        patch.setattr(torch.cuda, "CUDAGraph", lambda: Graph(self))
        patch.setattr(torch.cuda, "graph", self.capture)
        patch.setattr(torch.cuda, "is_current_stream_capturing", lambda: self.capturing)

    @contextmanager
    def on(self, stream):
        self.events.append(f"work on {stream.name}")
        before, self.current = self.current, stream
        yield
        self.current = before

    @contextmanager
    def capture(self, graph, pool=None, stream=None, capture_error_mode="global"):
        assert stream is not self.main, "the default stream cannot capture"
        self.events.append(f"capture on {stream.name}")
        self.capturing, mode = True, Capturing(graph)
        try:
            with mode:
                yield
        finally:
            self.capturing = False
            mode.undo()
