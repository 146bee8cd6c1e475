"""Single-cell files: AnnData, 10x Genomics and loom, in HDF5 or zarr; genes become features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...dataset import Dataset, Names
from ..held import Held, choose, in_short
from ..names import doubled, feature_types, gene_names
from .groups import Store, as_text, keys

TURNED = "transposed: AnnData has cells × genes"
ENCODINGS = {"csr_matrix": "csr", "csc_matrix": "csc", "csr": "csr", "csc": "csc"}
"""Sparse ones: by ``encoding-type``, and as AnnData before 0.7 called them."""
RAW = ".raw"
RAWS = ("raw/X", "raw/var"), ("raw.X", "raw.var")
"""Where AnnData keeps what it calls .raw, and before 0.7."""
TENX = {"data", "indices", "indptr", "shape", "barcodes"}
LOOM_GENES = ("Gene", "gene_names", "var_names", "Accession")
"""What loom files call the names of genes: symbols first, and ids, as anndata has them."""
LOOM_CELLS = ("CellID", "obs_names", "cell_names")
LOOM = {"matrix", "row_attrs", "col_attrs"}


class Kind(NamedTuple):
    """A kind of file.

    Attributes
    ----------
    words : str
        What it is called in messages.
    knows : callable
        Whether a group of HDF5 or zarr is one.
    read : callable
        From a `Store` and the options that it takes to a `Dataset`.
    takes : str
        The option that it takes.
    """

    words: str
    knows: Callable[[Any], bool]
    read: Callable[..., Dataset]
    takes: str


def read_anndata(store: Store, layer: str | None = None) -> Dataset:
    """X of AnnData, or one of its layers, turned: genes × cells.

    AnnData's description of its files is stable, and h5py and zarr read them in parts, each held
    against the size of the file; `anndata` itself would read all of it.
    """
    layers = _layers(store)
    if layer is None and ("X" not in store or _encoding(store["X"]) == "null"):
        raise ValueError(f"it has no X; choose a layer by --layer NAME: {in_short(layers)}")
    name = None if layer is None else _layer_meant(layer, layers)
    X, genes = (store["X"], store["var"]) if name is None else layers[name]
    A = _matrix(store, X).T
    features = _index(store, genes, A.shape[0], "genes")
    samples = _index(store, store["obs"], A.shape[1], "cells")
    others = [other for other in layers if other not in (name, RAW)]
    left = [f"layers {in_short(others)}"] * bool(others) + [RAW] * (RAW in layers and name != RAW)
    said = (TURNED, *([f"not taken: {', '.join(left)}"] if left else []))
    return _named(store, A, features, samples, said)


def _layers(store: Store) -> dict[str, tuple[Any, Any]]:
    """The layers of AnnData by their names, and its ``.raw``: each with the table of its genes."""
    layers = {name: (store["layers"][name], store["var"]) for name in _names(store, "layers")}
    for X, genes in RAWS:
        if X in store:
            layers[RAW] = store[X], store[genes]
    return layers


def _layer_meant(asked: str, layers: Mapping[str, Any]) -> str:
    """The layer of that name, or ``.raw``, where no layer is called ``raw``."""
    name = asked.removeprefix("layers/")
    if asked == "raw" and RAW in layers:
        if "raw" in layers:
            raise ValueError(
                "the layer 'raw' could be its layers['raw'] or its .raw; choose by --layer "
                "layers/raw or --layer .raw (layer='.raw')"
            )
        return RAW
    if name not in layers:
        raise ValueError(f"it has no layer {asked!r}; it has: {in_short(layers)}")
    return name


def _matrix(store: Store, node: Any) -> Any:
    """A matrix of AnnData, dense or sparse."""
    if not keys(node):
        return store.dense(node)
    encoding = _encoding(node)
    if encoding not in ENCODINGS:
        raise ValueError(f"it holds its matrix as {encoding!r}, which nmf_accel does not know")
    shape = node.attrs["shape" if "shape" in node.attrs else "h5sparse_shape"]
    return store.sparse(node, shape, ENCODINGS[encoding])


def _encoding(node: Any) -> str:
    attrs = node.attrs
    return as_text(attrs.get("encoding-type", attrs.get("h5sparse_format", "")))


def _index(store: Store, frame: Any, count: int, what: str) -> Names:
    """The names of the rows of a table of AnnData."""
    if keys(frame):
        return store.names(frame[as_text(frame.attrs["_index"])], count, what)
    first = frame.dtype.names[0]  # before 0.7: records, whose first field is the index
    return store.as_names(store.column(frame, count, what)[first])


def read_tenx(store: Store, array: str | None = None) -> Dataset:
    """A matrix of 10x Genomics, features × barcodes; before version 3 there is one a genome."""
    held = {name: _tenx_shape(store[name]) for name in _tenx_groups(store.root)}
    name, said = choose(held, array)
    group = store[name]
    A = store.sparse(group, held[name].shape, "csc")
    count = A.shape[0]
    about = group.get("features", group)  # before version 3 they lie beside the numbers
    ids, symbols = ("id", "name") if "id" in about else ("genes", "gene_names")
    features, more = gene_names(
        store.names(about[symbols], count, "features").tolist(),
        store.names(about[ids], count, "features").tolist(),
    )
    if "feature_type" in about:
        more += feature_types(store.names(about["feature_type"], count, "types").tolist())
    samples = store.names(group["barcodes"], A.shape[1], "barcodes")
    return _named(store, A, store.as_names(features), samples, (*said, *more))


def _tenx_groups(root: Any) -> list[str]:
    return [
        name
        for name in sorted(keys(root))
        if keys(root[name]) >= TENX and keys(root[name]) & {"features", "genes"}
    ]


def _tenx_shape(group: Any) -> Held:
    if group["shape"].shape != (2,):
        raise ValueError(f"it claims {group['shape'].shape} numbers for a shape; it is damaged")
    return Held.of(group["shape"][...], group["data"].dtype)


def read_loom(store: Store, layer: str | None = None) -> Dataset:
    """The matrix of a loom file, genes × cells, or one of its layers."""
    layers = _names(store, "layers")
    if layer is not None and layer not in layers:
        raise ValueError(f"it has no layer {layer!r}; it has: {in_short(layers)}")
    A = store.dense(store["matrix"] if layer is None else store["layers"][layer])
    rows, columns = store["row_attrs"], store["col_attrs"]
    genes = [store.names(rows[x], A.shape[0], "genes") for x in LOOM_GENES if x in rows]
    cells = [store.names(columns[x], A.shape[1], "cells") for x in LOOM_CELLS if x in columns]
    features = genes[0] if genes else None
    said: tuple[str, ...] = ()
    if len(genes) > 1:
        names, said = gene_names(genes[0].tolist(), genes[-1].tolist())
        features = store.as_names(names)
    return _named(store, A, features, cells[0] if cells else None, said)


def _named(
    store: Store, A: Any, features: Names | None, samples: Names | None, said: tuple[str, ...]
) -> Dataset:
    said = (*said, *doubled("features", features), *doubled("samples", samples))
    return Dataset(store.path.name, A, features=features, samples=samples, said=said)


def _names(store: Store, group: str) -> list[str]:
    return sorted(keys(store[group])) if group in store else []


def _is_anndata(root: Any) -> bool:
    return _encoding(root) == "anndata" or keys(root) >= {"X", "obs", "var"}


KINDS = (
    Kind("an AnnData file", _is_anndata, read_anndata, "layer"),
    Kind("a 10x Genomics file", lambda root: bool(_tenx_groups(root)), read_tenx, "array"),
    Kind("a loom file", lambda root: keys(root) >= LOOM, read_loom, "layer"),
)
"""The first one that knows a file reads it."""
