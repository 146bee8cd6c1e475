"""Kernels of one expression: ElementwiseKernel and ReductionKernel."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np

from . import _compile, _stream
from ._array import SCALARS, ndarray
from ._creation import empty

C_TYPES = {
    "f": "float",
    "d": "double",
    "?": "bool",
    "i": "int",
    "I": "unsigned",
    "l": "long",
    "L": "unsigned long",
    "q": "long long",
    "Q": "unsigned long long",
    "b": "signed char",
    "B": "unsigned char",
    "h": "short",
    "H": "unsigned short",
}


class Parameter(NamedTuple):
    """``T x``: a letter stands for any type, the same one throughout."""

    ctype: str
    name: str

    @property
    def dtype(self):
        """Its type, if that is no letter."""
        return None if len(self.ctype) == 1 and self.ctype.isupper() else np.dtype(self.ctype)


def _parameters(text):
    found = tuple(Parameter(*part.split()) for part in text.split(",") if part.strip())
    if any(p.ctype == "raw" for p in found):
        raise NotImplementedError("the stand-in has no raw parameters")
    return found


def _bind(ins, outs, args, given):
    """The dtype of each letter, and of each parameter."""
    letters = {}
    for p, x in (*zip(ins, args, strict=True), *zip(outs, given, strict=False)):
        if not isinstance(x, (ndarray, *SCALARS)):
            raise TypeError(f"Unsupported type {type(x)}")
        if isinstance(x, ndarray) and p.dtype is None:
            if letters.setdefault(p.ctype, x.dtype) != x.dtype:
                raise TypeError(
                    f"Type is mismatched. {p.name} {x.dtype} {letters[p.ctype]} {p.ctype}"
                )
        elif isinstance(x, ndarray) and p.dtype != x.dtype:
            raise TypeError(f"Type is mismatched. {p.name} {x.dtype} {p.dtype}")
    for p, x in zip(ins, args, strict=True):
        if p.dtype is None and p.ctype not in letters:
            letters[p.ctype] = np.asarray(x).dtype
    return {p.name: p.dtype if p.dtype is not None else letters[p.ctype] for p in (*ins, *outs)}


def _typedefs(params, dtypes):
    """The letters as the expression may use them."""
    letters = {p.ctype: C_TYPES[dtypes[p.name].char] for p in params if p.dtype is None}
    return " ".join(f"typedef {c_type} {letter};" for letter, c_type in letters.items())


def _loop(preamble, body):
    """A function of a length and as many pointers, whose body is the loop."""
    device = _compile.header("device.h")
    source = f"""#define PLAIN
{device}
{preamble}
extern "C" void run(long long standin_n, char** standin_at) {{ {body} }}"""
    return _compile.library(source).run


def _reference(k, p, dtype, constant=True, at="i"):
    c_type = C_TYPES[dtype.char]
    const = "const " if constant else ""
    return f"{const}{c_type}& {p.name} = (({c_type}*)standin_at[{k}])[{at}];"


def _pointers(arrays):
    return (ctypes.c_void_p * len(arrays))(*(x.__array_interface__["data"][0] for x in arrays))


class ElementwiseKernel:
    """``ElementwiseKernel("T x", "T y", "y = x * x", "square")``."""

    __module__ = "cupy"

    def __init__(self, in_params, out_params, operation, name="kernel", *, preamble="", **options):
        if set(options) - {"reduce_dims", "return_tuple", "no_return", "options"}:
            raise TypeError(f"ElementwiseKernel: {options}")
        self.in_params, self.out_params = _parameters(in_params), _parameters(out_params)
        self.nin, self.nout = len(self.in_params), len(self.out_params)
        self.nargs, self.params = self.nin + self.nout, self.in_params + self.out_params
        self.operation, self.name, self.preamble = operation, name, preamble

    def _compiled(self, dtypes):
        references = [
            _reference(k, p, dtypes[p.name], k < self.nin) for k, p in enumerate(self.params)
        ]
        each = f"const long i = standin_i; {' '.join(references)} {self.operation};"
        loop = f"for (long long standin_i = 0; standin_i < standin_n; ++standin_i) {{ {each} }}"
        return _loop(self.preamble, _typedefs(self.params, dtypes) + loop)

    def __call__(self, *args, size=None, block_size=128):
        if len(args) not in (self.nin, self.nargs):
            raise TypeError(f"Wrong number of arguments for {self.name!r}")
        ins, given = args[: self.nin], args[self.nin :]
        dtypes = _bind(self.in_params, self.out_params, ins, given)
        arrays = [x.shape for x in ins if isinstance(x, ndarray)]
        shape = given[0].shape if given else np.broadcast_shapes(*arrays)
        outs = given or tuple(empty(shape, dtypes[p.name]) for p in self.out_params)
        if any(x.shape != shape for x in outs) or np.broadcast_shapes(shape, *arrays) != shape:
            raise ValueError("Out shape is mismatched")
        run, count = self._compiled(dtypes), int(np.prod(shape, dtype=np.int64))
        sources = [
            (getattr(x, "_values", x), dtypes[p.name])
            for x, p in zip(ins, self.in_params, strict=True)
        ]
        targets = [x._values for x in outs]

        def launch():
            # In the order of rows, whatever the views are; an input may be an output.
            here = [
                np.ascontiguousarray(np.broadcast_to(np.asarray(x, t), shape)) for x, t in sources
            ]
            made = [x if x.flags.c_contiguous else np.array(x, order="C") for x in targets]
            run(ctypes.c_longlong(count), _pointers([*here, *made]))
            for target, x in zip(targets, made, strict=True):
                if target is not x:
                    target[...] = x

        reads = [x._block for x in ins if isinstance(x, ndarray)]
        writes = [x._block for x in outs]
        nbytes = sum(x.nbytes for x in (*ins, *outs) if isinstance(x, ndarray))
        if count:
            _stream.submit(self.name, launch, reads, writes, nbytes)
        return outs[0] if self.nout == 1 else outs


class ReductionKernel:
    """``ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "norm")``."""

    __module__ = "cupy"

    def __init__(
        self,
        in_params,
        out_params,
        map_expr,
        reduce_expr,
        post_map_expr,
        identity,
        name="reduce_kernel",
        reduce_type=None,
        *,
        preamble="",
        **options,
    ):
        self.in_params, self.out_params = _parameters(in_params), _parameters(out_params)
        self.nin, self.nout = len(self.in_params), len(self.out_params)
        self.map_expr, self.reduce_expr = map_expr, reduce_expr
        self.post_map_expr, self.identity = post_map_expr, identity
        self.name, self.preamble, self.reduce_type = name, preamble, reduce_type

    def _compiled(self, dtypes):
        kind = self.reduce_type or C_TYPES[dtypes[self.out_params[0].name].char]
        width = f"((long long*)standin_at[{self.nin + 1}])[0]"
        references = [_reference(k, p, dtypes[p.name]) for k, p in enumerate(self.in_params)]
        out = _reference(self.nin, self.out_params[0], dtypes[self.out_params[0].name], False, "o")
        loop = f"""const long long standin_m = {width};
        for (long long o = 0; o < standin_n; ++o) {{
            {kind} standin_sum = {kind}({self.identity});
            for (long long i = o * standin_m; i < (o + 1) * standin_m; ++i) {{
                {" ".join(references)}
                const {kind} a = standin_sum, b = {kind}({self.map_expr});
                standin_sum = {self.reduce_expr};
            }}
            const {kind} a = standin_sum;
            {out} {self.post_map_expr};
        }}"""
        params = self.in_params + self.out_params
        return _loop(self.preamble, _typedefs(params, dtypes) + loop)

    def __call__(self, *args, out=None, axis=None, keepdims=False, stream=None):
        given = () if out is None else (out,)
        dtypes = _bind(self.in_params, self.out_params, args, given)
        shape = np.broadcast_shapes(*(x.shape for x in args if isinstance(x, ndarray)))
        axes = range(len(shape)) if axis is None else np.atleast_1d(axis) % len(shape)
        last = tuple(map(int, axes))
        kept = [k for k in range(len(shape)) if k not in last]
        left = tuple(shape[k] for k in kept)
        full = tuple(1 if k in last else n for k, n in enumerate(shape)) if keepdims else left
        out = empty(full, dtypes[self.out_params[0].name]) if out is None else out
        run, count = self._compiled(dtypes), int(np.prod(left, dtype=np.int64))
        width = np.array([np.prod([shape[k] for k in last], dtype=np.int64)])
        pairs = zip(args, self.in_params, strict=True)
        sources = [(getattr(x, "_values", x), dtypes[p.name]) for x, p in pairs]
        target = out._values

        def launch():
            order = (*kept, *last)
            here = [
                np.ascontiguousarray(np.broadcast_to(np.asarray(x, t), shape).transpose(order))
                for x, t in sources
            ]
            made = np.empty(full, target.dtype)
            run(ctypes.c_longlong(count), _pointers([*here, made, width]))
            target[...] = made

        reads = [x._block for x in args if isinstance(x, ndarray)]
        _stream.submit(self.name, launch, reads, [out._block], sum(b.size for b in reads))
        return out
