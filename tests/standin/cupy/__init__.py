"""A stand-in for CuPy on the CPU: as strict as CuPy, and it counts (see ``ledger``).

It has the names that nmf_accel and array-api-compat use, and none that CuPy has not
(``test_standin.py`` compares them with the wheel).
"""

import numpy as _np
from numpy import (
    bool_,
    complex64,
    complex128,
    dtype,
    e,
    finfo,
    float16,
    float32,
    float64,
    generic,
    iinfo,
    inf,
    int8,
    int16,
    int32,
    int64,
    integer,
    intp,
    issubdtype,
    nan,
    newaxis,
    pi,
    promote_types,
    uint8,
    uint16,
    uint32,
    uint64,
    uintp,
)

from . import _functions, _operators
from ._array import ndarray
from ._creation import (
    arange,
    array,
    asarray,
    ascontiguousarray,
    asfortranarray,
    asnumpy,
    copy,
    empty,
    empty_like,
    eye,
    full,
    full_like,
    ones,
    ones_like,
    ravel,
    reshape,
    zeros,
    zeros_like,
)
from ._elementwise import ElementwiseKernel, ReductionKernel
from ._functions import (
    broadcast_arrays,
    can_cast,
    dot,
    einsum,
    flatnonzero,
    from_dlpack,
    get_array_module,
    isscalar,
    matmul,
    nonzero,
    result_type,
    tensordot,
    unique,
    vdot,
)
from ._kernel import RawKernel, RawModule
from ._memory import get_default_memory_pool

globals().update(_functions.FUNCTIONS)

from . import cuda, fft, linalg  # noqa: E402  they take names from above

__version__ = "14.2.0"
shares_memory = _np.shares_memory and (
    lambda a, b, max_work=None: _np.shares_memory(a._values, b._values)
)
_exported = [name for name in globals() if not name.startswith("_") and name != "annotations"]
__all__ = [name for name in _exported if name not in ("abs", "max", "min", "round")]
