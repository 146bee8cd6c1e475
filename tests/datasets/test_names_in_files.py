"""Names that lie beside a matrix in its file are taken, however the program calls them."""

import h5py
import numpy as np
import pytest

from nmf_accel.datasets import DatasetError, read

A = np.arange(1.0, 13).reshape(3, 4)
GENES, CELLS = ["a", "b", "c"], ["p", "q", "r", "s"]


def assert_named(path, **options):
    found = read(str(path), **options)
    np.testing.assert_array_equal(found.A, A)
    assert found.features.tolist() == GENES
    assert found.samples.tolist() == CELLS
    return found


@pytest.mark.parametrize(
    ("genes", "cells"), [("features", "samples"), ("genes", "cells"), ("genes", "samples")]
)
class TestArraysOfText:
    def test_in_an_npz(self, tmp_path, genes, cells):
        names = {genes: np.array(GENES), cells: np.array(CELLS, "S")}
        np.savez(tmp_path / "a.npz", counts=A, **names)
        said = assert_named(tmp_path / "a.npz").said
        assert said == ("array counts, of 3", f"names by {genes}, {cells}")

    def test_in_hdf5_beside_the_matrix(self, tmp_path, genes, cells):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["g/counts"] = A
            file[f"g/{genes}"] = GENES
            file[f"g/{cells}"] = np.array(CELLS, "S")
            file[genes] = ["x", "y", "z"]
        said = assert_named(tmp_path / "a.h5").said
        assert f"names by g/{genes}, g/{cells}" in said


def test_names_of_another_length_are_said_not_taken(tmp_path):
    np.savez(tmp_path / "a.npz", X=A, genes=np.array(CELLS), samples=np.arange(4))
    found = read(str(tmp_path / "a.npz"))
    assert found.features is found.samples is None
    assert "not taken for names, by their length: genes" in found.said


def test_names_that_would_run_code_are_not_opened(tmp_path):
    np.savez(tmp_path / "a.npz", X=A, genes=np.array(GENES, object))
    assert read(str(tmp_path / "a.npz")).features is None


@pytest.mark.parametrize("genes", ["Gene", "gene_names", "var_names", "Accession"])
@pytest.mark.parametrize("cells", ["CellID", "cell_names", "obs_names"])
def test_names_of_loom_files_of_several_programs(tmp_path, genes, cells):
    with h5py.File(tmp_path / "a.loom", "w") as file:
        file["matrix"] = A
        file[f"row_attrs/{genes}"] = GENES
        file[f"col_attrs/{cells}"] = CELLS
    assert_named(tmp_path / "a.loom")


def write_frame(path, key="df", kind="frame", **changes):
    """What `pandas.DataFrame.to_hdf` writes, as far as it is read."""
    columns = np.array(CELLS, "S")
    parts = {"axis0": columns, "axis1": np.array(GENES, "S"), "block0_items": columns}
    parts = {**parts, "block0_values": A, **changes}
    with h5py.File(path, "a") as file:
        group = file.create_group(key)
        group.attrs["pandas_type"] = np.bytes_(kind)
        for name, values in parts.items():
            group[name] = values
            number = values.dtype.kind == "i"
            group[name].attrs["kind"] = np.bytes_("integer" if number else "string")


class TestFramesOfPandas:
    def test_one_is_read_with_its_names(self, tmp_path):
        write_frame(tmp_path / "a.h5", "x/df")
        assert assert_named(tmp_path / "a.h5").said == ("a frame of pandas",)
        write_frame(tmp_path / "a.h5", "y")
        with pytest.raises(DatasetError, match=r"several arrays: x/df \(3 × 4\), y \(3 × 4\)"):
            read(str(tmp_path / "a.h5"))
        assert_named(tmp_path / "a.h5", array="y")

    def test_rows_that_are_counted_have_no_names(self, tmp_path):
        write_frame(tmp_path / "a.h5", axis1=np.arange(3))
        write_frame(tmp_path / "b.h5", axis1=np.arange(3) + 7)
        assert read(str(tmp_path / "a.h5")).features is None
        assert read(str(tmp_path / "b.h5")).features.tolist() == ["7", "8", "9"]

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"kind": "frame_table"}, "df, a frame_table of pandas, which is not read; save it"),
            ({"block1_values": A}, "df, a frame of pandas with columns of 2 types, which is not"),
            ({"block0_items": np.array(["q"], "S")}, "columns of 1 types"),
        ],
    )
    def test_others_are_refused_by_name(self, tmp_path, changes, told):
        write_frame(tmp_path / "a.h5", **changes)
        with pytest.raises(DatasetError, match=told):
            read(str(tmp_path / "a.h5"))

    def test_labels_that_are_objects_are_refused(self, tmp_path):
        write_frame(tmp_path / "a.h5")
        with h5py.File(tmp_path / "a.h5", "a") as file:
            file["df/axis1"].attrs["kind"] = np.bytes_("object")
        with pytest.raises(DatasetError, match="with labels of kind object, which is not read"):
            read(str(tmp_path / "a.h5"))
