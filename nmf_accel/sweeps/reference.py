"""What a sweep's matrix should have been: the images without noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Problem
from ..core.scale import Scale
from ..intake import Given, prepare_whole
from ..losses.frobenius import residual2
from ..matrices import Matrix
from ..results import Factorization


@dataclass(frozen=True, eq=False, repr=False)
class Reference:
    """What A should have been, on the same backend."""

    A: Matrix
    given: Given
    scale: Scale

    @classmethod
    def of(cls, reference: Any, problem: Problem, beside: Given) -> Reference:
        """It, checked, and in the order of A, by the names that both have.

        Raises
        ------
        ValueError, TypeError
            If it could not be factorized either, or has another shape or other names.
        """
        given = Given(reference, "reference", beside=beside)
        backend = problem.backend
        with problem.backend.scope(problem.A):  # it goes where A is
            prepared = prepare_whole(given, problem.dtype, backend.name, backend.device)
        if prepared.A.weights is not None:
            raise TypeError("reference is a masked array; all of it must be known")
        if prepared.shape != problem.shape:
            raise ValueError(f"reference has shape {prepared.shape}, but A has {problem.shape}")
        return cls(prepared.A, given, prepared.scale)

    def error(self, result: Factorization) -> float:
        """‖reference − W H‖_F; the factors are arrays of the backend."""
        W, H = map(self.scale.factor_inside, (result.W, result.H))
        error = np.sqrt(
            self.A.library.to_numpy(residual2(self.A, W.mT[None, ...], H[None, ...]))[0]
        )
        return float(self.scale.errors_outside(error))
