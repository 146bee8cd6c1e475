"""`project`: checks, and which way to H."""

from __future__ import annotations

from typing import Any

from ..intake import OF_W, Given, checked_factor, prepare_whole
from ..losses import NONE, Penalty, loss_called
from ..options import COMMON, Options
from ..solvers import FASTEST
from .exact import solve
from .updates import approach


def project(
    A: Any,
    W: Any,
    *,
    loss: str | float = COMMON["loss"].default,
    l1: float = 0.0,
    l2: float = 0.0,
    tol: float = 1e-4,
    max_iter: int = 1000,
    missing: float | None = None,
    weights: Any = None,
    zeros: str = "zero",
    unknown: str = "refuse",
    dtype: Any = None,
    backend: str | None = None,
    device: str | None = None,
) -> Any:
    """The weights H >= 0 that minimize ½‖A − W H‖² + l1 Σ H + ½ l2 ‖H‖², W given.

    A convex problem, of which every column of A is one by itself. It is solved exactly, but for
    rounding, by block principal pivoting, in float64 from the products with A on,
    with the Frobenius norm where all of A is known. Of each column a of A, ‖a − W h‖² is then more
    than the least there is by at most 1e-10 ‖a‖² (1e-6 in float32), or there is a warning.

    Another `loss` is minimized by multiplicative updates of H; convex for 1 <= β <= 2. So is that
    of an A with missing entries or weights, with the Frobenius norm by coordinate descent. These
    end by `tol`, and there is no such bound. They begin with an H that is the same everywhere, as
    scikit-learn's `NMF.transform` does, if W H is then about as large as A; otherwise with one that
    makes it so in each column: the size of W is of no account.

    Parameters
    ----------
    A : (m, n) array
        As for `nmf`; it may be zero.
    W : (m, d) array, or a Factorization
        The components, non-negative: what `nmf` returned, whose W and names are taken, or a W.
        Where it and A have names, its rows are put into A's order by them, with a warning. An
        array has none, though it be the W of a result from a file or a sweep's folder; then
        places count, so pass the result itself.
    loss, missing, weights, zeros, unknown
        As for `nmf`, but that a row of which nothing is known is left out in any case.
    l1, l2 : float
        Weights of the penalties on H, >= 0; `l1_H` and `l2_H` of `nmf`.
    tol, max_iter
        Where it is not exact: it ends when, over 10 iterations, the error fell by no
        more than `tol` times that of the start, and after so many iterations in any case.
    dtype, backend, device
        As for `nmf`.

    Returns
    -------
    H : (d, n) array
        Of the library that A came from, on its device; NumPy's where that is none. Where A is a
        frame it is one, with the samples of A and the components of W for names.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be factorized, or a W whose shape or names do not go with A's.
    nmf_accel.BackendError
        As for `nmf`.

    Warns
    -----
    UserWarning
        If, for a column of A, the KKT residual of H is more than 1e-8 of that of H = 0; if H is
        so small that it loses digits; if `tol` was not met; if W is put into A's order.

    References
    ----------
    H. Kim and H. Park, "Nonnegative matrix factorization based on alternating nonnegativity
    constrained least squares and active set method", SIAM J. Matrix Anal. Appl. 30, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from nmf_accel import project
    >>> project(np.array([[2.0], [1.0], [0.0]]), np.array([[1.0, 0], [0, 0], [0, 1]]))
    array([[2.],
           [0.]])
    """
    penalty = Penalty(COMMON["l1_H"].checked("l1", l1), COMMON["l2_H"].checked("l2", l2))
    objective = loss_called(COMMON["loss"].checked("loss", loss))
    given = Given(A, missing=missing, weights=weights, zeros=zeros, unknown=unknown)
    problem = prepare_whole(given, dtype, backend, device, objective=objective)
    with problem.backend.scope(problem.A):
        W_given = Given(W, "W", beside=given, shares=OF_W)
        (rows, d), m = W_given.raw().shape, problem.shape[0]
        if rows != m:
            raise ValueError(f"W has {rows} rows; it must have {m}, as A has")
        W = checked_factor(problem, W_given, (m, d))
        with problem.backend.sized_for(problem.product(d)):
            if objective.on(problem.A).exact:
                inside, _ = problem.scale.penalties_inside((penalty, NONE))
                H = problem.scale.factor_outside(solve(problem, W, inside))
                H = problem.backend.asarray(H, problem.dtype)
            else:
                solver = FASTEST if objective.exact else COMMON["solver"].default
                limits: dict[str, Any] = {"tol": tol, "max_iter": max_iter, "solver": solver}
                options = Options(rank=d, loss=loss, l1_H=l1, l2_H=l2, **limits)
                H = approach(problem, W, options)
        return given.as_H(H, problem.backend, W_given.labels.samples)
