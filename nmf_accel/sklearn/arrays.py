"""What scikit-learn's own code may see of an array, and what it would copy or refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from ..backends import get, owner
from ..intake import Given, check_entries, working_dtype
from ..labels import labelled
from ..matrices import check_indices, is_sparse


def checked(model: Any, X: Any, reset: bool = True) -> Any:
    """X, checked by scikit-learn, or by us if it is of a library that scikit-learn would copy.

    `model` is the estimator, or None in a function.
    """
    X = labelled(X).by_samples("X")
    refuse_what_is_hidden(X)
    if is_sparse(X) and owner(X) is None and not type(X).__module__.startswith("scipy"):
        X = X.tocsr()
    if owner(X) in (None, "numpy") and (is_sparse(X) or not elsewhere(X)):
        options: dict[str, Any] = {"accept_sparse": ("csr", "csc"), "ensure_non_negative": True}
        options["dtype"] = [np.float64, np.float32]
        if model is None:
            return check_array(X, input_name="X", **options)
        return validate_data(model, X, reset=reset, **options)
    raw = Given(X, "X").raw()
    working_dtype(raw.dtype, None, "X")  # refuses what are no real numbers
    with get(owner(raw.stored) or "numpy").scope(raw.stored):
        check_entries(raw, "X")
    X = X if hasattr(X, "T") else raw.stored
    return X if model is None else validate_data(model, X, reset=reset, skip_check_array=True)


def refuse_what_is_hidden(X: Any) -> None:
    """Raise for what scikit-learn's check would pass, and what then would be another matrix.

    Raises
    ------
    TypeError, ValueError
        If entries are masked, which it does not see; if they are dates, of which it makes numbers;
        if a sparse X is damaged, or a frame has no columns, or some that are called alike.
    """
    if is_sparse(X) and X.ndim == 2:
        check_indices(X, "X")
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise TypeError(
            "X is a masked array, and an estimator takes no missing entries; fill what is masked, "
            "or take nmf(X.T), which leaves it out"
        )
    # Where `columns` are the data themselves, as of a table of pyarrow, the names stand elsewhere.
    columns = getattr(X, "column_names", getattr(X, "columns", [None]))
    if len(columns) == 0:
        raise ValueError(f"X is empty: its shape is {X.shape}")
    if len(set(columns)) < len(columns):
        twice = next(name for k, name in enumerate(columns) if name in columns[:k])
        raise ValueError(f"X has several columns that are called {twice!r}; pass X.to_numpy()")
    dtypes = getattr(X, "dtypes", [getattr(X, "dtype", None)])
    for dtype in dtypes:
        if getattr(dtype, "kind", "") in TIMES or str(dtype).startswith(OF_POLARS):
            raise TypeError(f"X has entries of dtype {dtype}, which are times; NMF needs numbers")


TIMES, OF_POLARS = ("m", "M"), ("Date", "Time", "Duration")
"""What dtypes of times are: the kinds of NumPy and pandas, the names of polars."""


def extreme(X: Any, which: str) -> float:
    """The least ('min') or the largest ('max') entry of X; of a sparse X, of what it stores."""
    if is_sparse(X):
        # Not of X itself, which scipy might change for that.
        return float(getattr(X.data, which)()) if X.nnz else 0.0
    raw = Given(X, "X").raw()
    with get(owner(raw.stored) or "numpy").scope(raw.stored):
        return float(getattr(raw.library.xp, which)(raw.stored))


def elsewhere(X: Any) -> bool:
    """Whether X is an array that scikit-learn would copy to NumPy, or refuse."""
    return owner(X) != "numpy" and hasattr(X, "__dlpack__")


def on_host(X: Any) -> Any:
    """X for scikit-learn's code that draws the start, in the dtype that is computed in."""
    if is_sparse(X):
        return X.get() if hasattr(X, "get") else X
    if not elsewhere(X):
        return X
    raw = Given(X).raw()
    return raw.library.to_numpy(raw.stored).astype(working_dtype(raw.dtype, None), copy=False)


def stand_in(X: Any) -> Any:
    """Zeros of the shape and dtype of X, where nothing else of it is looked at."""
    return np.broadcast_to(np.zeros((), working_dtype(X.dtype, None)), X.shape)


def contiguous(x: Any) -> Any:
    """X in the order of rows, where it is NumPy's."""
    return np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x
