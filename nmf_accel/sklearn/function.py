"""scikit-learn's function: the estimator without an object."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..intake import Given
from ..options import Options
from ..starts import INITS
from .arrays import checked, elsewhere, on_host, stand_in
from .estimator import NMF
from .fitting import fitted


def non_negative_factorization(
    X: Any,
    W: Any = None,
    H: Any = None,
    n_components: Any = "auto",
    *,
    update_H: bool = True,
    **options: Any,
) -> tuple[Any, Any, int]:
    """W, H and the number of iterations, in place of scikit-learn's function of that name.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    W, H : arrays of shape (n_samples, n_components), (n_components, n_features)
        The start, with ``init='custom'``; with ``update_H=False``, H is the components.
    n_components : int or {'auto'} or None
    update_H : bool
        Whether to look for H too; else W is found for the H given, which counts as one iteration.
    **options
        The parameters of `NMF`, which include all of scikit-learn's.

    Returns
    -------
    W : array of shape (n_samples, n_components)
        Exact for that H, as `NMF.fit_transform` and `NMF.transform` give it.
    H : array of shape (n_components, n_features)
    n_iter : int
    """
    model = NMF(n_components, **options)
    model._validate_params()
    X = checked(None, X)
    if update_H:
        found = fitted(model, X, W, H)
        return found.W, found.H, found.n_iter
    if H is None:
        raise ValueError("with update_H=False, H must be given: the components")
    H = H if elsewhere(H) else Given(H, "H").raw().stored
    model._check_params(X)
    model._check_w_h(stand_in(X), W, on_host(H), update_H=False)
    return model._project(X, H), H, 1


def options_for(X: Any, n_components: int, *, init: str, **parameters: Any) -> Options:
    """The options of a run of X.T that takes the very iterations of scikit-learn's.

    For runs that are packed: the estimator has scikit-learn draw each start by itself.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
        Its shape and largest entry are looked at.
    n_components : int
    init : {'random', 'nndsvd', 'nndsvda', 'nndsvdar'}
    **parameters
        Those of scikit-learn's function but for `random_state`, which is the seed of a run.

    Returns
    -------
    Options
        Those of `nmf` and `sweep`.

    Raises
    ------
    ValueError, TypeError
        For a parameter that there is not, or out of range; for `shuffle`, whose orders are those of
        one run; for another `init`, or one with zeros under multiplicative updates.
    """
    ours = {start.theirs: name for name, start in INITS.items() if start.theirs}
    if init not in ours:
        raise ValueError(f"init is {init!r}; packed runs take one of {', '.join(ours)}")
    model = NMF(n_components, init=init, **parameters)
    model._validate_params()
    model._check_params(X)
    if model._shuffles:
        raise ValueError("shuffle is True, but packed runs go through components in one order")
    options: Options = replace(model._options(X, n_components), init=ours[init])
    if options.method.keeps_zeros and INITS[options.init].has_zeros:
        raise ValueError(
            f"init is {init!r}, whose zeros never leave under multiplicative updates, so that all "
            "hangs on how each library takes what is nearly zero; take 'random'"
        )
    return options
