"""The estimator.

In scikit-learn samples are rows: X (n_samples, n_features) ≈ W H with H the components. So the
A of `nmf` is X.T, and W and H change places.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

from sklearn.decomposition import NMF as Original
from sklearn.utils import _array_api
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..backends import owner
from ..losses import loss_called
from ..matrices import is_sparse
from ..options import COMMON, Options
from ..projection import project
from ..solvers import solver_called
from ..stopping import STOPS
from .arrays import checked, contiguous, extreme, on_host
from .fitting import fitted

check_same_namespace = getattr(_array_api, "check_same_namespace", None)  # since 1.8


class TolRule(NamedTuple):
    """What `tol` is held against with a solver.

    Attributes
    ----------
    solver : str
        As `nmf` calls it.
    stop : str
        Its stopping rule.
    check_every : int
        After how many iterations.
    """

    solver: str
    stop: str = "kkt"
    check_every: int = 10


TOL_RULES = {
    "cd": TolRule("hals", "descent", 1),
    "mu": TolRule("mu", "error"),
}
"""Those of scikit-learn's own solvers; all others have the KKT residual."""


class NMF(Original):  # type: ignore[misc]  # scikit-learn has no types
    """Non-negative matrix factorization, X ≈ W H, in place of `sklearn.decomposition.NMF`.

    Parameters
    ----------
    n_components : int or {'auto'} or None
    init : {'random', 'nndsvd', 'nndsvda', 'nndsvdar', 'custom'} or None
    tol, max_iter, random_state, alpha_W, alpha_H, l1_ratio
        As in scikit-learn, whose own code draws the start and scales the penalties. With the
        solvers 'cd' and 'mu', `tol` is scikit-learn's; with the others it is held against the
        KKT residual (`Factorization.kkt`), every 10 iterations. That is relative to all of X: where
        the relative error is below some percent, take a smaller `tol` (docs/stopping.md).
    solver : {'cd', 'mu', 'hals', 'bpp', 'apg', 'auto'}
        'cd' and 'mu' take the very iterations of scikit-learn's, 'cd' being another name for
        'hals'; see `nmf` for the others.
    beta_loss : float or {'frobenius', 'kullback-leibler', 'itakura-saito'}
        As in scikit-learn: others than 'frobenius' with ``solver='mu'``. A sparse X is made dense
        for others than 'frobenius' and 'kullback-leibler'.
    verbose : int
        Not 0: show a progress bar.
    shuffle : bool
        With 'cd', go through the components in the orders that scikit-learn draws from
        `random_state`, one for each half-step; all that `max_iter` may need are drawn beforehand.
        As in scikit-learn, ignored with the other solvers.
    backend : str, optional
        ``'numpy'``, ``'cupy'``, ``'jax'``, …, as for `nmf`.
    device : str, optional
        ``'cuda:1'``, …, as for `nmf`.
    inner : int, optional
        Repeats of an update, as for `nmf`.
    extrapolate : bool, optional
        As for `nmf`, with 'hals'; not with 'cd', whose iterations are scikit-learn's.
    dtype : {'float64', 'float32'}, optional
        Precision to compute in. By default that of X, and float64 for what is no float.

    Attributes
    ----------
    components_, n_components_, n_iter_, reconstruction_err_, n_features_in_, feature_names_in_
        As in scikit-learn.
    errors_ : (n_iter_ + 1,) array
        ‖X − W H‖_F after each iteration, and at the end, with the W that is returned. With another
        `beta_loss`, √(2 D) after each iteration: (n_iter_,).
    converged_ : bool
        Whether `tol` was met.

    Notes
    -----
    X is an array of NumPy, CuPy, JAX, PyTorch or another library that speaks DLPack, a frame, or
    a sparse matrix; what comes out is of the same library, on its device. Only the start is drawn
    on the host. An AnnData, whose cells are its samples, is taken as a frame, in which genes of
    one name are told apart by ``.1``, ``.2``, …; a `Dataset`, whose samples are columns, as an
    array. Of a frame of polars, a first column of text names the samples and is left out.

    `transform` solves the convex problem for W exactly (see `project`), and `fit_transform` ends
    with it: they agree on the same data. scikit-learn's do not (its issue 18663). With another
    `beta_loss`, both take scikit-learn's own updates, and so do not.

    The start is scikit-learn's to the bit, unless the largest entry of X is more than 24 binary
    orders from 1 (below 6e-8, above 1.7e7): then it is that of X divided by a power of two, since
    scikit-learn's has parts that do not follow the scale of X.

    Examples
    --------
    >>> import numpy as np
    >>> from nmf_accel.sklearn import NMF
    >>> X = np.array([[1, 1], [2, 1], [3, 1.2], [4, 1], [5, 0.8], [6, 1]])
    >>> model = NMF(n_components=2, init="random", random_state=0)
    >>> W = model.fit_transform(X)
    >>> bool(np.allclose(W, model.transform(X)))
    True
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012  as scikit-learn has it
        **Original._parameter_constraints,
        "solver": [StrOptions({"cd", *COMMON["solver"].names})],
        "backend": [str, None],
        "device": [str, None],
        "inner": [Interval(Integral, COMMON["inner"].low, None, closed="left"), None],
        "extrapolate": ["boolean", None],
        "dtype": [StrOptions({"float32", "float64"}), None],
    }

    def __init__(
        self,
        n_components: Any = "auto",
        *,
        init: str | None = None,
        solver: str = "cd",
        beta_loss: Any = "frobenius",
        tol: float = 1e-4,
        max_iter: int = 200,
        random_state: Any = None,
        alpha_W: float = 0.0,
        alpha_H: Any = "same",
        l1_ratio: float = 0.0,
        verbose: int = 0,
        shuffle: bool = False,
        backend: str | None = None,
        device: str | None = None,
        inner: int | None = None,
        extrapolate: bool | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            n_components,
            init=init,
            solver=solver,
            beta_loss=beta_loss,
            tol=tol,
            max_iter=max_iter,
            random_state=random_state,
            alpha_W=alpha_W,
            alpha_H=alpha_H,
            l1_ratio=l1_ratio,
            verbose=verbose,
            shuffle=shuffle,
        )
        self.backend = backend
        self.device = device
        self.inner = inner
        self.extrapolate = extrapolate
        self.dtype = dtype

    def fit_transform(self, X: Any, y: Any = None, W: Any = None, H: Any = None) -> Any:
        """Learn the components of X (n_samples, n_features) and return W.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
        y : ignored
        W, H : arrays of shape (n_samples, n_components), (n_components, n_features)
            The start, with ``init='custom'``.

        Returns
        -------
        W : array of shape (n_samples, n_components)
        """
        self._validate_params()
        X = checked(self, X)
        found = fitted(self, X, W, H)
        self.components_, self.n_components_ = found.H, found.H.shape[0]
        self.n_iter_, self.converged_ = found.n_iter, found.converged
        self.errors_, self.reconstruction_err_ = found.errors, float(found.errors[-1])
        return found.W

    def transform(self, X: Any) -> Any:
        """W (n_samples, n_components) for X, the components given."""
        check_is_fitted(self)
        if check_same_namespace is not None:
            check_same_namespace(X, self, attribute="components_", method="transform")
        X = checked(self, X, reset=False)
        return self._project(X, self.components_)

    def _options(self, X: Any, rank: int) -> Options:
        """Those of `nmf` for X.T."""
        rule = TOL_RULES.get(self.solver, TolRule(self.solver))
        if not STOPS[rule.stop].goes_with(solver_called(rule.solver), self.inner or 1):
            rule = TolRule(rule.solver)
        l1_W, l1_H, l2_W, l2_H = self._compute_regularization(X)
        return Options(
            rank=rank,
            max_iter=self.max_iter,
            tol=self.tol,
            check_every=rule.check_every,
            loss=self.beta_loss,
            solver=rule.solver,
            inner=self.inner,
            extrapolate=self.extrapolate,
            stop=rule.stop,
            l1_W=l1_H,
            l2_W=l2_H,
            l1_H=l1_W,
            l2_H=l2_W,
        )

    def _check_params(self, X: Any) -> None:
        super()._check_params(X)
        if self.extrapolate and self.solver == "cd":
            raise ValueError(
                "extrapolate is True, but solver='cd' takes the very iterations of scikit-learn's; "
                "take solver='hals'"
            )

    @property
    def _shuffles(self) -> bool:
        """Whether components are gone through in other orders: scikit-learn's, by its solver."""
        return bool(self.shuffle) and self.solver == "cd"

    def _taken(self, X: Any) -> Any:
        """X as its loss takes it."""
        loss = loss_called(self.beta_loss)
        if is_sparse(X) and not loss.takes_sparse:
            X = X.toarray()
        if loss.positive and extreme(X, "min") == 0:
            raise ValueError(
                "When beta_loss <= 0 and X contains zeros, the solver may diverge. Please add "
                "small values to X, or use a positive beta_loss."
            )
        return X

    def _project(self, X: Any, H: Any) -> Any:
        """W for X, the components H given."""
        X = self._taken(X)
        if owner(H) != owner(X):
            H = on_host(H)
        l1, _, l2, _ = self._compute_regularization(X)
        options = {"l1": l1, "l2": l2, "loss": self.beta_loss, "tol": self.tol}
        options |= {
            name: getattr(self, name) for name in ("max_iter", "dtype", "backend", "device")
        }
        return contiguous(project(X.T, H.T, **options).T)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        return tags
