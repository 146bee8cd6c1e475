"""Zero rows and columns are found wherever the first entry that is not zero lies."""

import numpy as np
import pytest

from nmf_accel import backends
from nmf_accel.matrices import RawDense


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("place", [(0, 0), (3, 99), (79, 15), (79, 16), (79, 99)])
@pytest.mark.parametrize("others", [0.0, 1.0])
def test_one_entry_keeps_its_row_and_column(backend, order, place, others):
    A = np.full((80, 100), others, order=order)
    A[place[0]], A[:, place[1]] = 0, 0
    A[place] = 1e-300
    library = backends.get(backend)
    with library.scope():
        raw = RawDense(library.asarray(A, A.dtype), library)
        for found, axis in zip(raw.nonzero(), (1, 0), strict=True):
            np.testing.assert_array_equal(found, np.flatnonzero(A.any(axis=axis)))
            assert place[1 - axis] in found
