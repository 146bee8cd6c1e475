"""A fit of the estimator: scikit-learn's start, our iterations, the exact W."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn import config_context
from sklearn.decomposition import NMF as Original
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ..backends import get
from ..callers import warn_caller
from ..core import Point, Problem, order_of, shuffled_batch
from ..factorize import factorize
from ..intake import Given, prepare, prepare_whole
from ..losses import loss_called
from ..options import Options
from ..projection import solve
from ..results import Factorization
from .arrays import contiguous, extreme, on_host, stand_in

if TYPE_CHECKING:
    from .estimator import NMF


class Fit(NamedTuple):
    """What a fit gives; arrays are of X's library.

    Attributes
    ----------
    W, H : arrays
        W is that of `transform`.
    errors : array
        See `NMF.errors_`.
    n_iter : int
    converged : bool
    """

    W: Any
    H: Any
    errors: Any
    n_iter: int
    converged: bool


def fitted(model: NMF, X: Any, W: Any, H: Any) -> Fit:
    """A fit of X, checked, from W and H if `init` is 'custom', else from scikit-learn's start."""
    model._check_params(X)
    X = model._taken(X)
    if extreme(X, "max") == 0:
        return fitted_to_zeros(model, X, W, H)
    host = get("numpy")
    with config_context(array_api_dispatch=False):  # the same start whatever X is
        source = stand_in(X) if model.init == "custom" else on_host(X)
        # Of singular vectors: for each product with X there are as many small ones as it has
        # columns.
        with host.sized_for(source.size):
            W, H = start(model, source, on_host(W), on_host(H))
    given, options = Given(X.T), model._options(X, H.shape[0])
    drop = not options.stopping.counts_zeros
    where = model.dtype, model.backend, model.device
    problem = prepare(given, *where, objective=options.objective, drop=drop)
    run = partial(shuffled, model.random_state) if model._shuffles else factorize
    result = run(problem, options, H.T, W.T, progress=bool(model.verbose), certify=False)
    if result.n_iter == model.max_iter and model.tol > 0:
        warn_caller(
            f"Maximum number of iterations {model.max_iter} reached. Increase it to improve "
            "convergence.",
            ConvergenceWarning,
        )
    backend = problem.backend
    with backend.scope(problem.A), backend.sized_for(problem.product(options.rank)):
        if options.objective.exact:
            result = with_exact(problem, options, result)
        W, H = (contiguous(given.give_back(x.T, backend)) for x in (result.H, result.W))
        errors = given.give_back(backend.asarray(result.errors, np.dtype("float64")), backend)
        return Fit(W, H, errors, result.n_iter, result.converged)


def start(model: NMF, X: Any, W: Any, H: Any) -> tuple[Any, Any]:
    """W and H if `init` is 'custom', else scikit-learn's start for X, on the host.

    Where X is far from 1, that of X divided by a power of two, times the root of that: it cuts
    entries off at 1e-6, fills in the mean of X, and sums in X's dtype.
    """
    largest = extreme(X, "max")
    # Far for float32, whatever is computed in: it is scikit-learn's numbers that do not follow.
    order = 0 if model.init == "custom" else order_of(largest, largest, np.dtype("float32"))
    if not order:
        return tuple(model._check_w_h(X, W, H, update_H=True))
    half = math.ldexp(1.0, -order)  # twice, since its square may be no number
    X = X.astype(np.float64) if X.dtype != np.float32 else X
    W, H = model._check_w_h(X * half * half, W, H, update_H=True)
    return W / half, H / half


def fitted_to_zeros(model: NMF, X: Any, W: Any, H: Any) -> Fit:
    """A fit of an X that is zero everywhere, which our iterations do not take: by scikit-learn's.

    They have nothing to do, for any solver, and their ends are what a fit has to give.
    """
    options = {name: getattr(model, name) for name in Original._get_param_names()}
    if model.solver not in Original._parameter_constraints["solver"][0].options:
        del options["solver"]
    theirs, given = Original(**options), Given(X.T)
    W, H = (copy.copy(on_host(x)) for x in (W, H))  # which it would overwrite
    with config_context(array_api_dispatch=False), np.errstate(invalid="ignore"):  # of 0 / 0
        _, H, n_iter = theirs._fit_transform(on_host(X), W=W, H=H)
    problem = prepare_whole(given, model.dtype, model.backend, model.device)
    backend = problem.backend
    with backend.scope(problem.A):
        exact = loss_called(model.beta_loss).exact  # the error with the exact W comes last
        found = (H, problem.dtype), (np.zeros(n_iter + exact), np.dtype("float64"))
        H, errors = (given.give_back(backend.asarray(*x), backend) for x in found)
    H = contiguous(H)
    return Fit(model._project(X, H), H, errors, n_iter, n_iter < model.max_iter)


def shuffled(
    random_state: Any, problem: Problem, options: Options, W0: Any, H0: Any, **how: Any
) -> Factorization:
    """`factorize`, with the orders of the components that scikit-learn draws: two an iteration."""
    rng, d = check_random_state(random_state), options.rank
    ahead = copy.deepcopy(rng)
    orders = [(ahead.permutation(d), ahead.permutation(d)) for _ in range(options.max_iter)]
    batch_of = partial(shuffled_batch, orders)
    result = factorize(problem, options, W0, H0, batch_of=batch_of, **how)
    for _ in range(2 * result.n_iter):  # for the next who draws from it
        rng.permutation(d)
    return result


def with_exact(problem: Problem, options: Options, result: Factorization) -> Factorization:
    """A factorization with the H that is best for its W, and the error with that at the end."""
    scale, (on_H, _) = problem.scale, problem.scale.penalties_inside(options.penalties)
    W, H = map(scale.factor_inside, (result.W, result.H))
    near = solve(problem, W, on_H, near=H)
    error = Point(problem, W[None, ...], near[None, ...], options.objective).error
    found = problem.backend.asarray(scale.factor_outside(near), problem.dtype)
    return replace(result, H=found, errors=np.append(result.errors, error))
