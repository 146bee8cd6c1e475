"""`nmf`: the public edge. Checks what it is given, picks a backend, runs the loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from .callers import warn_caller
from .core import Batch, Problem, memory_for
from .intake import OF_H, OF_W, Given, hold, prepare, starting_factors
from .losses import NONE
from .options import Options
from .progress import progress_bar
from .results import Factorization, Interrupted

Callback = Callable[[int, float], bool | None]


def nmf(
    A: Any,
    rank: int,
    *,
    seed: int = 0,
    max_iter: int = 1000,
    tol: float = 0.0,
    check_every: int = 10,
    delta: float | None = None,
    loss: str | float = "frobenius",
    folds: int | None = None,
    solver: str = "mu",
    inner: int | None = None,
    extrapolate: bool | None = None,
    stop: str = "error",
    init: str = "random",
    l1_W: float = 0.0,
    l2_W: float = 0.0,
    l1_H: float = 0.0,
    l2_H: float = 0.0,
    W0: Any = None,
    H0: Any = None,
    W_fixed: Any = None,
    H_fixed: Any = None,
    missing: float | None = None,
    weights: Any = None,
    zeros: str = "zero",
    unknown: str = "refuse",
    dtype: Any = None,
    backend: str | None = None,
    device: str | None = None,
    progress: bool = False,
    callback: Callback | None = None,
) -> Factorization:
    """Factorize a non-negative matrix, A ≈ W H: minimize ‖A − W H‖_F, or a `loss`, over W, H >= 0.

    With penalties, minimize ½‖A − W H‖² + l1_W Σ W + ½ l2_W ‖W‖² + l1_H Σ H + ½ l2_H ‖H‖².

    Parameters
    ----------
    A : (m, n) array
        Non-negative and finite; columns are samples, rows are features. An array of NumPy, CuPy,
        JAX or PyTorch; one of another library that speaks DLPack; a sparse matrix or array of
        scipy or cupyx, which stays so but for `folds`; or anything that `numpy.asarray` makes a
        matrix of. Never written to. Or a matrix with names: a frame of pandas, or of
        polars, whose first column names the features if it holds strings; a DataArray of xarray
        (features, samples); an AnnData, whose X, cells × genes, is transposed: features are genes
        and samples are cells; a `Dataset`. ``result.settings["taken"]`` says what it was taken for.
        An array of JAX that several devices share stays so, as do W and H (``docs/devices.md``).
    rank : int
        d, the number of components, at least 1.
    seed : int
        Of the random start: W0 and H0 uniform in [0, sqrt(mean(A) / d)).
    max_iter : int
        Iterations, exactly as many unless `tol` or `callback` ends the run before.
    tol : float
        With ``stop='error'``, stop when, over `check_every` iterations, the error fell by less
        than `tol` times the error of the start, as scikit-learn's 'mu' does; with
        ``stop='kkt'``, when the KKT residual (``result.kkt``) is at most `tol`, wherever the run
        began: 1e-3 and 1e-4 are usual, see ``docs/stopping.md``; with ``stop='descent'``, when
        the sum of the projected gradients that coordinate descent met on its way is at most `tol`
        times that of the first iteration, as scikit-learn's 'cd' does (at every iteration:
        `check_every` 1). 0 never stops.
    check_every : int
        Iterations between two checks of `tol` and two calls of `callback`.
    delta : float, optional
        δ > 0, added to the denominators of 'mu'. By default 1e-9 mean(A)^1.5, so that the scale
        of A does not matter; with a β-divergence, next to nothing, since W H is taken to be at
        least 1e-9 mean(A).
    loss : {'frobenius', 'kullback-leibler', 'itakura-saito'} or float
        What is minimized: ½‖A − W H‖², or a β-divergence D(A | W H) with 'mu' (Févotte & Idier);
        a number is its β, 1 for Kullback and Leibler's (counts), 0 for Itakura and Saito's (power
        spectra; A > 0). A sparse A goes with 'frobenius' and 'kullback-leibler'.
    folds : int, optional
        For cross-validation (Wold 1978): the known entries are in so many folds, drawn one by one
        by a hash of their place; the run of a seed leaves out fold `seed` mod `folds`, and its
        error there is ``result.held_out``, but for rows and columns of which the run sees nothing.
        A sparse A is made dense for that, unless ``zeros='missing'``.
    solver : {'mu', 'hals', 'bpp', 'apg', 'auto'}
        Multiplicative updates (Lee & Seung), hierarchical alternating least squares, exact
        least squares by block principal pivoting, accelerated projected gradient, or what was
        measured to be fastest on such a device, 'hals' where nothing was; 'auto' also settles
        `inner` and `extrapolate`, if left open. The result's settings say what it took and why;
        see `nmf_accel.solvers`.
    inner : int, optional
        Repeats of 'mu' and 'hals' with the same products with A, at most so many; steps of
        'apg'. By default 1, and 10 for 'apg'; with ``solver='auto'``, as many as pay beside the
        products with A.
    extrapolate : bool, optional
        With 'hals': move W and H on along their last step, ever further while the error (with
        penalties, the objective) falls; a step that would raise it is not taken, and recorded
        with the error that stays (Ang & Gillis). By default no; with ``solver='auto'``, where
        that was measured to be faster and there are no penalties.
    stop : {'error', 'kkt', 'descent'}
        What `tol` is held against. With `extrapolate`, 'kkt' and 'descent' measure a step where it
        was tried, whether it was taken or not; 'error' needs a `check_every` of at least 2, since
        of two steps one is taken.
    init : {'random', 'sklearn', 'nndsvd', 'nndsvda', 'nndsvdar'}
        The start: random; the random one that scikit-learn's NMF draws for A.T with
        ``random_state=seed``; or from the singular vectors of A.
    l1_W, l2_W, l1_H, l2_H : float
        Weights of the penalties, >= 0.
    W0, H0 : (m, d) and (d, n) arrays, optional
        Starts, non-negative and not all zero; what is not given is drawn from `seed`. With 'mu',
        an entry that is zero stays zero. Where they and A have names, as frames do, their rows or
        columns are put into A's order by them, with a warning; so are those of what follows. A
        Factorization stands for its W or H, with its names; so it does as `W_fixed`, `H_fixed`.
    W_fixed, H_fixed : (m, k) and (k, n) arrays, optional
        The first k columns of W, or rows of H, which are known and held as they are; the others
        are learned, and so are those that are NaN throughout. If they have names (the columns of
        a frame W_fixed, the index of H_fixed), the components are called so.
    missing : float, optional
        The entry, such as NaN, that stands for one that is not known. What is not known is left
        out of the loss: see `result.complete`. Of a masked array that is what its mask says.
    weights : (m, n) array, optional
        Of the entries of a dense A in the loss: Σ weights (A − W H)² for the Frobenius norm.
        Numbers >= 0, or whether an entry is known.
    zeros : {'zero', 'missing'}
        What a sparse A does not store: zeros, or entries that are not known, as of ratings; then
        memory grows with what it stores, and zeros that it stores are known.
    unknown : {'refuse', 'zero'}
        What becomes of a row or a column of A of which nothing is known: an error that names it;
        or that row of W, or column of H, is zero, and all else as if A were without it, from the
        same start.
    dtype : {'float64', 'float32'}, optional
        Precision to compute in. By default float32 for float16 and float32 data, else float64.
    backend : str, optional
        ``'numpy'``, ``'cupy'``, ``'jax'`` or another registered one. By default: the library
        that A is an array of if that is CuPy or JAX; else what the environment variable
        ``NMF_ACCEL_BACKEND`` names; else a usable GPU; else NumPy.
    device : str, optional
        Of several, the one to compute on: ``'cpu'``, ``'cuda'``, ``'cuda:1'``, …, see
        ``nmf-accel backends``. By default where A is, if that is a device array; else what the
        environment variable ``NMF_ACCEL_DEVICE`` names; else the first of the library.
    progress : bool
        Show a progress bar with the current error on stderr.
    callback : callable, optional
        Called as ``callback(iteration, error)`` every `check_every` iterations and after the
        last; return True to stop.

    Returns
    -------
    Factorization
        W and H are arrays of the library that A came from, on its device; NumPy's where that
        is none; frames with the names of A where A is one (of an AnnData, of pandas).

    Raises
    ------
    ValueError, TypeError
        For input that cannot be factorized, or a setting out of range; for something beside A
        whose names are not those of A; for a device array and another `device` than its own.
    nmf_accel.BackendError
        If the backend that was asked for cannot run on this machine, has no such device, or
        takes no sparse matrices where A is one.
    Interrupted
        A KeyboardInterrupt that holds the result so far, on Ctrl-C; also where that comes when the
        iterations are done. SIGTERM is the caller's own affair: a handler that raises
        KeyboardInterrupt makes it alike.

    Warns
    -----
    UserWarning
        If something beside A is put into its order; if all of W H became zero.

    Notes
    -----
    With 'mu', an iteration is H ← H ∘ (WᵀA) ⊘ (WᵀWH + δ), then W ← W ∘ (AHᵀ) ⊘ (WHHᵀ + δ). The
    error (with penalties, the objective) never increases, with any solver but 'apg', whatever the
    rank; but for rounding, by which its square may rise by 50 eps ‖A‖² (of another loss, of the sum
    of its terms, and by what the least entry of W H that it knows is worth). Near an exact fit that
    is 1e-7 ‖A‖ of the error itself, in float32 2e-3 ‖A‖.

    References
    ----------
    D. D. Lee and H. S. Seung, "Algorithms for non-negative matrix factorization", Advances in
    Neural Information Processing Systems 13, 2001, eq. 4 and theorem 1.

    C. Févotte and J. Idier, "Algorithms for nonnegative matrix factorization with the
    β-divergence", Neural Computation 23, 2011.

    A. M. S. Ang and N. Gillis, "Accelerating nonnegative matrix factorization algorithms using
    extrapolation", Neural Computation 31, 2019, algorithm 3.

    N. Gillis and F. Glineur, "Accelerated multiplicative updates and hierarchical ALS algorithms
    for nonnegative matrix factorization", Neural Computation 24, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from nmf_accel import nmf
    >>> result = nmf(np.array([[1.0, 2.0], [1.0, 1.0], [1.0, 2.0]]), rank=1)
    >>> round(result.error, 8)
    0.4111546
    """
    options = Options.among(locals())  # first of all: there is nothing but the arguments yet
    if callback is not None and not callable(callback):
        raise TypeError(f"callback is {callback!r}; it must be a function of iteration and error")
    given = Given(A, missing=missing, weights=weights, zeros=zeros, unknown=unknown)
    # Where something is held, a row or column that is zero in A need not be zero in W H.
    free = W_fixed is None and H_fixed is None
    how: dict[str, Any] = {"objective": options.objective, "folds": options.folds}
    problem = prepare(given, dtype, backend, device, drop=free, **how)
    problem = hold(problem, [options.rank], W_fixed, H_fixed, given)
    return factorize(problem, options, W0, H0, callback, progress, given)


def factorize(
    problem: Problem,
    options: Options,
    W0: Any = None,
    H0: Any = None,
    callback: Callback | None = None,
    progress: bool = False,
    given: Given | None = None,
    batch_of: Callable[..., Batch] = Batch,
    certify: bool = True,
) -> Factorization:
    """`nmf` once A is prepared; the factors are of the library of `given`, else the backend's.

    `batch_of` makes the batch, of one run. Without `certify` the result has no KKT residual, which
    takes about an iteration to measure.
    """
    W_start = None if W0 is None else Given(W0, "W0", beside=given, shares=OF_W)
    H_start = None if H0 is None else Given(H0, "H0", beside=given, shares=OF_H)

    def finish() -> Factorization:
        warn_if_all_are_dead(batch)
        W0, H0 = (x and x.in_order for x in (W_start, H_start))
        result = replace(batch.certified() if certify else batch.result(), W0=W0, H0=H0)
        if given is None:
            return result
        return replace(given.dress(result, problem.backend, problem.fixed.names), given=given)

    backend, product = problem.backend, problem.product(options.rank)
    # What a callback does is not ours to hold back.
    sized = nullcontext() if callback else backend.sized_for(product)
    with backend.scope(problem.A), sized, memory_for(problem, options):
        starts = starting_factors(problem, options, W_start, H_start)
        problem = problem.leaving_out([options.seed], options.folds)
        batch = batch_of(problem, options, *starts, checked=callback is not None)
        records = batch.records
        try:
            _iterate(batch, callback, progress)
            return finish()
        except KeyboardInterrupt:
            if not records.iteration:
                raise
            batch.loop.back_to(records.iteration)  # it may have come before that was recorded
            records.stop(f"interrupted after {records.iteration} of {options.max_iter} iterations")
            result = finish()
            raise Interrupted(result, result.stopped_because) from None


def _iterate(batch: Batch, callback: Callback | None, progress: bool) -> None:
    """Run a batch of one to its end, chunk by chunk."""
    options, records = batch.options, batch.records
    with progress_bar(options.max_iter, progress) as bar:
        for count in batch:
            iteration, error = records.iteration, float(records.error[0])
            bar.add(count, f"error {error:.6g}")
            at_check = iteration % options.check_every == 0 or iteration == options.max_iter
            if callback and at_check and callback(iteration, error):
                records.stop("the callback asked to stop")
                return


def warn_if_all_are_dead(batch: Batch) -> None:
    """Warn if W H of a batch of one is nothing beside A but rounding, and no penalty wants that.

    There the gradient is nothing too, and whatever a run has for its `tol` is met.
    """
    problem, (H, Wt, *_) = batch.problem, batch.loop.state
    if batch.options.penalties != (NONE, NONE):
        return
    backend, xp = problem.backend, problem.backend.xp
    h, w = (backend.to_numpy(xp.max(x, axis=-1)).astype(np.float64) for x in (H, Wt))
    # One after the other, for their product may be no number.
    if not (h / problem.mean * w > np.finfo(np.float64).eps).any():
        warn_caller(
            "all components became zero, so W H says nothing of A; take a smaller delta, W0 and H0 "
            "of like size, or solver='hals'"
        )
