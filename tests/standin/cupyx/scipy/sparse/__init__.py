"""Sparse matrices on the device, by scipy's."""

import cupy
import numpy as np
import scipy.sparse as host
from cupy import _stream
from cupy._array import SCALARS, adopt, blocks_of, compute, ndarray, raw

__all__ = ["csc_matrix", "csr_matrix", "issparse", "spmatrix"]


class spmatrix:
    """By rows or by columns, in three arrays."""

    ndim = 2

    def __init__(self, arg1, shape=None, dtype=None, copy=False):
        if isinstance(arg1, tuple) and len(arg1) == 3 and shape is not None:
            arrays = [x if isinstance(x, ndarray) else cupy.asarray(x) for x in arg1]
        elif isinstance(arg1, spmatrix):
            other = arg1.asformat(self.format)
            arrays, shape = [other.data, other.indices, other.indptr], other.shape
            arrays = [x.copy() for x in arrays] if copy else arrays
        else:
            if isinstance(arg1, ndarray):
                arg1 = arg1.get()  # CuPy asks for the number of entries
            there = self._host_type(arg1, shape=shape)
            arrays = [cupy.array(x) for x in (there.data, there.indices, there.indptr)]
            shape = there.shape
        if dtype is not None:
            arrays[0] = arrays[0].astype(dtype, copy=False)
        if arrays[0].dtype.char not in "?fdFD":
            raise ValueError("Only bool, float32, float64, complex64 and complex128 are supported")
        self.data, self.indices, self.indptr = arrays
        self.shape = tuple(map(int, shape))

    def _values(self):
        """It as scipy sees the same memory."""
        parts = tuple(x._values for x in (self.data, self.indices, self.indptr))
        return self._host_type(parts, shape=self.shape)

    @classmethod
    def _made(cls, name, there, reads, count):
        """A new one from scipy's, which those arrays were read for."""
        _stream.refuse_library("cuSPARSE")
        there.sort_indices()
        parts = (there.data, there.indices, there.indptr)
        arrays = [adopt(np.array(x)) for x in parts]
        blocks = [x._block for x in arrays]
        reads = blocks_of([reads.data, reads.indices, reads.indptr])
        _stream.submit(name, lambda: None, reads, blocks, count=count, done=True)
        return cls(tuple(arrays), shape=there.shape)

    dtype = property(lambda self: self.data.dtype)
    nnz = property(lambda self: self.data.size)
    T = property(lambda self: self.transpose())

    @property
    def has_canonical_format(self):
        # CuPy asks the device.
        _stream.read_back("has_canonical_format", self.indices._block, 1)
        return bool(self._values().has_canonical_format)

    def transpose(self, axes=None, copy=False):
        other = csc_matrix if self.format == "csr" else csr_matrix
        return other((self.data, self.indices, self.indptr), shape=self.shape[::-1])

    def asformat(self, format):
        return self.tocsr() if format == "csr" else self.tocsc()

    def tocsr(self, copy=False):
        if self.format == "csr":
            return self.copy() if copy else self
        return csr_matrix._made("csc2csr", self._values().tocsr(), self, 4)

    def tocsc(self, copy=False):
        if self.format == "csc":
            return self.copy() if copy else self
        return csc_matrix._made("csr2csc", self._values().tocsc(), self, 4)

    def copy(self):
        return type(self)(self, copy=True)

    def astype(self, t):
        return type(self)((self.data.astype(t), self.indices, self.indptr), shape=self.shape)

    def get(self, stream=None):
        parts = (self.data.get(), self.indices.get(), self.indptr.get())
        return self._host_type(parts, shape=self.shape)

    def _multiplied(self, name, function, other=(), count=1):
        """What cuSPARSE makes of it and of others: `function` of it as scipy's, and of them."""
        _stream.refuse_library("cuSPARSE")
        there, parts = self._values(), (self.data, self.indices, self.indptr)
        return compute(name, lambda _, *x: function(there, *x), (parts, *other), count=count)

    def toarray(self, order=None, out=None):
        return self._multiplied("toarray", lambda there: there.toarray(), count=2)

    def _in_place(self, change):
        there = self._values().copy()
        getattr(there, change)()
        made = type(self)._made(change, there, self, 5)
        # What is left is as long as the device says.
        _stream.read_back(change, made.indptr._block, 4)
        self.data, self.indices, self.indptr = made.data, made.indices, made.indptr

    def sum_duplicates(self):
        if not self.has_canonical_format:
            self._in_place("sum_duplicates")

    def eliminate_zeros(self):
        self._in_place("eliminate_zeros")

    def sort_indices(self):
        self._in_place("sort_indices")

    def __getitem__(self, key):
        if isinstance(key, slice) or (
            isinstance(key, tuple) and all(isinstance(k, slice) for k in key)
        ):
            found, count = self._values()[key], 3
        else:
            _stream.refuse_capture()
            found, count = self._values()[raw(key)], 6
        return type(self)._made("getitem", self._host_type(found), self, count)

    def __matmul__(self, other):
        if isinstance(other, SCALARS) or not isinstance(other, (ndarray, spmatrix)):
            return NotImplemented
        if isinstance(other, spmatrix):
            raise NotImplementedError("the stand-in multiplies by dense matrices")

        def product(there, y):
            return np.asfortranarray(there @ y)

        return self._multiplied("spmm", product, (cupy.asfortranarray(other),))


class csr_matrix(spmatrix):
    """By rows."""

    __module__ = "cupyx.scipy.sparse._csr"
    format = "csr"
    _host_type = host.csr_matrix


class csc_matrix(spmatrix):
    """By columns."""

    __module__ = "cupyx.scipy.sparse._csc"
    format = "csc"
    _host_type = host.csc_matrix


def issparse(x):
    return isinstance(x, spmatrix)
