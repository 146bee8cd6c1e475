"""Numbers that netCDF and xarray store scaled, or mark as missing, are read as they are meant."""

import warnings

import numpy as np
import pytest

from nmf_accel.datasets import DatasetError, read

h5py = pytest.importorskip("h5py")
STORED = np.array([[1, 2, -9999], [4, 5, 6]], np.int16)


def write(path, values=STORED, **attributes):
    with h5py.File(path, "w") as file:
        file["x"] = values
        file["x"].attrs.update(attributes)
    return str(path)


@pytest.mark.parametrize("mark", ["_FillValue", "missing_value"])
@pytest.mark.parametrize("dtype", ["i2", "f4", "f8"])
def test_they_are_scaled_and_marks_are_missing(tmp_path, mark, dtype):
    attributes = {mark: np.array([-9999.0]), "scale_factor": 0.5, "add_offset": 10.0}
    found = read(write(tmp_path / "a.h5", STORED.astype(dtype), **attributes))
    np.testing.assert_array_equal(found.A, [[10.5, 11, np.nan], [12, 12.5, 13]])
    assert found.A.dtype == np.result_type(dtype, "f4")
    assert found.said == ("scale_factor 0.5, add_offset 10 applied", "missing where -9999")


@pytest.mark.parametrize("attributes", [{"_FillValue": 77}, {"_FillValue": np.nan}, {}])
def test_what_changes_nothing_leaves_them_as_they_are(tmp_path, attributes):
    plain = {"scale_factor": 1.0, "add_offset": 0.0}
    found = read(write(tmp_path / "a.h5", **attributes, **plain))
    np.testing.assert_array_equal(found.A, STORED)
    assert found.A.dtype == np.int16
    assert found.said == ()


@pytest.mark.parametrize("value", ["ten", [None]])
def test_an_attribute_that_is_no_number_is_refused(tmp_path, value):
    path = write(tmp_path / "a.h5", scale_factor=str(value))
    with pytest.raises(DatasetError, match=r"its attribute scale_factor is '.*', no number$"):
        read(path)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("encoding", [{}, {"dtype": "i2", "scale_factor": 0.5, "_FillValue": -9}])
def test_what_xarray_writes_to_zarr_is_what_it_was(tmp_path, version, encoding):
    xarray = pytest.importorskip("xarray")
    values = np.array([[0.5, 1.0, np.nan], [2.0, 2.5, 3.0]])
    array = xarray.DataArray(values, dims=["gene", "cell"], name="x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array.to_dataset().to_zarr(
            tmp_path / "a.zarr", encoding={"x": encoding}, zarr_format=version, consolidated=False
        )
    np.testing.assert_array_equal(read(str(tmp_path / "a.zarr")).A, values)
