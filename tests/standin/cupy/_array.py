"""The array of the stand-in: NumPy's values in a device's memory, which NumPy may not touch."""

from __future__ import annotations

import operator

import ledger
import numpy as np

from . import _memory, _stream

SCALARS = (bool, int, float, complex, np.generic)


class ndarray:
    """An array on a device."""

    __module__ = "cupy"
    __slots__ = ("__weakref__", "_block", "_values")
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        dtype = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        block = memptr.mem if memptr is not None else _memory.allocate(size)
        offset = memptr._offset if memptr is not None else 0
        self._block = block
        self._values = np.ndarray(shape, dtype, block.array, offset, strides, order)

    @classmethod
    def _on(cls, values, block):
        self = object.__new__(cls)
        self._values, self._block = values, block
        return self

    # What NumPy would do behind its back.

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        import cupy

        known = getattr(cupy, ufunc.__name__, None)
        if method != "__call__" or known is None:
            return NotImplemented
        return known(*inputs, **options)

    def __array_function__(self, function, types, args, options):
        import cupy

        known = getattr(cupy, function.__name__, None)
        if known is None or not all(issubclass(t, ndarray) for t in types):
            return NotImplemented
        return known(*args, **options)

    def __dlpack_device__(self):
        return 2, self._block.device

    def __dlpack__(self, **options):
        raise BufferError("the stand-in shares no memory with other libraries")

    # What it is.

    shape = property(lambda self: self._values.shape)
    dtype = property(lambda self: self._values.dtype)
    ndim = property(lambda self: self._values.ndim)
    size = property(lambda self: self._values.size)
    nbytes = property(lambda self: self._values.nbytes)
    itemsize = property(lambda self: self._values.itemsize)
    strides = property(lambda self: self._values.strides)
    flags = property(lambda self: self._values.flags)
    device = property(lambda self: _stream.Device(self._block.device))
    T = property(lambda self: self._on(self._values.T, self._block))
    mT = property(lambda self: self._on(self._values.mT, self._block))

    @property
    def data(self):
        start = self._values.__array_interface__["data"][0]
        return _memory.MemoryPointer(self._block, start - self._block.ptr)

    def __len__(self):
        return len(self._values)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __repr__(self):
        return repr(self.get())

    # To the host: each waits for the device.

    def _read(self, name):
        _stream.read_back(name, self._block, self.nbytes)
        return self._values

    def get(self, stream=None, order="C", out=None, blocking=True):
        values = self._read("get")
        if out is None:
            return np.array(values, order=order)
        out[...] = values
        return out

    def item(self, *index):
        return self._read("item").item(*index)

    def tolist(self):
        return self._read("tolist").tolist()

    def __float__(self):
        return float(self._read("float"))

    def __int__(self):
        return int(self._read("int"))

    def __index__(self):
        return operator.index(self._read("index"))

    def __bool__(self):
        return bool(self._read("bool"))

    def __complex__(self):
        return complex(self._read("complex"))

    def __reduce__(self):
        from . import array

        return array, (self.get(),)

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        _stream.refuse_capture()
        ledger.note("h2d", "set", arr.nbytes)
        _stream._order(_stream.current(), [], [self._block])
        self._values[...] = arr

    # Elements, and copies.

    def __getitem__(self, key):
        if is_basic(key):
            return self._on(self._values[_viewing(key)], self._block)
        if _has_mask(key):
            _stream.refuse_capture()
            ledger.note("sync", "boolean index")
        return compute("getitem", lambda x, k: x[k], (self, key))

    def __setitem__(self, key, value):
        if isinstance(value, (np.ndarray, list, tuple)):
            if isinstance(value, np.ndarray) and value.ndim:
                raise TypeError(f"Unsupported type {type(value)}")
            value = np.asarray(value)[()]
        if is_basic(key):
            copyto(self._on(self._values[_viewing(key)], self._block), value)
            return
        if not isinstance(value, (ndarray, *SCALARS)):
            raise TypeError(f"Unsupported type {type(value)}")
        values, raw_key, raw_value = self._values, raw(key), raw(value)
        blocks = blocks_of((key, value))
        _stream.submit(
            "setitem",
            lambda: values.__setitem__(raw_key, raw_value),
            blocks,
            [self._block],
            self.nbytes,
        )

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        if not copy and self.dtype == np.dtype(dtype):
            return self
        return compute("astype", lambda x: x.astype(dtype, order=order), (self,))

    def copy(self, order="C"):
        return compute("copy", lambda x: x.copy(order), (self,))

    def fill(self, value):
        copyto(self, value)

    def view(self, dtype=None):
        return self._on(self._values.view(dtype), self._block)

    def reshape(self, *shape, order="C"):
        from . import reshape

        return reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def ravel(self, order="C"):
        return self.reshape(-1, order=order)

    def transpose(self, *axes):
        return self._on(self._values.transpose(*axes), self._block)

    def swapaxes(self, one, other):
        return self._on(self._values.swapaxes(one, other), self._block)

    def squeeze(self, axis=None):
        return self._on(self._values.squeeze(axis), self._block)

    def __matmul__(self, other):
        from . import matmul

        return matmul(self, other) if isinstance(other, ndarray) else NotImplemented


def is_basic(key):
    """Whether indexing by it makes a view."""
    keys = key if isinstance(key, tuple) else (key,)
    for k in keys:
        if isinstance(k, (bool, np.bool_, np.ndarray, ndarray, list)):
            return False
        if k is not None and k is not Ellipsis and not isinstance(k, (int, np.integer, slice)):
            raise IndexError(f"Unsupported type {type(k)}")
    return True


def _viewing(key):
    """The key, so that a single element is a view too."""
    keys = key if isinstance(key, tuple) else (key,)
    return keys if any(k is Ellipsis for k in keys) else (*keys, ...)


def _has_mask(key):
    keys = key if isinstance(key, tuple) else (key,)
    return any(getattr(k, "dtype", None) == np.bool_ for k in keys)


def raw(x):
    """NumPy's values of arrays in any nesting; NumPy's own arrays are refused."""
    if isinstance(x, ndarray):
        return x._values
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    if isinstance(x, (tuple, list)):
        return type(x)(map(raw, x))
    return x


def blocks_of(x):
    """The memory of arrays in any nesting."""
    if isinstance(x, ndarray):
        return [x._block]
    if isinstance(x, (tuple, list)):
        return [block for part in x for block in blocks_of(part)]
    return []


def adopt(values):
    """A new array of values that nobody else has."""
    if type(values) is not np.ndarray or values.base is not None:
        # The order of strides is a result too.
        values = np.array(values, order="K")
    return ndarray._on(values, _memory.allocate(values.nbytes, values))


def compute(name, function, args, options=None, count=1):
    """A new array of what a function makes of NumPy's values; one or several launches."""
    options = options or {}
    args, options = tuple(args), dict(options)
    values = raw(args), {key: raw(x) for key, x in options.items()}
    with np.errstate(all="ignore"):  # a GPU warns of nothing
        made = function(*values[0], **values[1])
    many = isinstance(made, (tuple, list))
    out = [adopt(x) for x in (made if many else [made])]
    targets = [x._values for x in out]

    def again():
        made = function(*values[0], **values[1])
        for target, x in zip(targets, made if many else [made], strict=True):
            target[...] = x

    reads = blocks_of((*args, *options.values()))
    writes = [x._block for x in out]
    nbytes = sum(block.size for block in (*reads, *writes))
    if not _stream.submit(name, again, reads, writes, nbytes, count, done=True):
        for x in out:  # it has not run yet
            x._block.bytes[...] = 1 if x.dtype == bool else 255
    return tuple(out) if many else out[0]


def compute_into(name, function, args, out):
    """The same, into an array."""
    values, target = raw(tuple(args)), out._values

    def run():
        with np.errstate(all="ignore"):
            function(*values, out=target, casting="same_kind")

    reads = blocks_of(tuple(args))
    _stream.submit(name, run, reads, [out._block], out.nbytes + sum(b.size for b in reads))
    return out


def copyto(target, value):
    """One launch that writes an array or a scalar."""
    if not isinstance(value, (ndarray, *SCALARS)):
        raise TypeError(f"Unsupported type {type(value)}")
    into, values = target._values, raw(value)
    if into.size:
        np.broadcast_to(np.empty(np.shape(values), bool), into.shape)  # raises

        def run():
            with np.errstate(all="ignore"):
                into[...] = values

        _stream.submit("copy", run, blocks_of(value), [target._block], target.nbytes)
