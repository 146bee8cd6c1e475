"""scikit-learn's function: the estimator without an object."""

from __future__ import annotations

from typing import Any

from ..intake import Given
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
