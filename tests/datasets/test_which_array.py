"""Of the arrays of a file, one is taken only if no other can be meant."""

import h5py
import numpy as np
import pytest

from nmf_accel.datasets import DatasetError, read

A = np.arange(1.0, 13).reshape(3, 4)


@pytest.fixture(params=[".npz", ".h5", ".mat"])
def saved(request, tmp_path):
    """What saves arrays in a file and gives its path."""

    def save(**arrays):
        path = tmp_path / f"a{request.param}"
        if request.param == ".npz":
            np.savez(path, **arrays)
        elif request.param == ".mat":
            pytest.importorskip("scipy.io").savemat(path, arrays)
        else:
            with h5py.File(path, "w") as file:
                file.update(arrays)
        return str(path)

    return save


def test_images_are_not_passed_over_for_their_labels(saved):
    path = saved(labels=np.ones((10, 2)), images=np.ones((10, 8, 8)))
    told = (
        r"several arrays: images \(10 × 8 × 8\), labels \(10 × 2\); choose one by --array NAME "
        r"\(array='labels'\)"
    )
    with pytest.raises(DatasetError, match=told):
        read(path)
    assert read(path, array="labels").A.shape == (10, 2)


@pytest.mark.parametrize("column", [np.ones((3, 1)), np.ones((1, 4)), np.array([[5.0]])])
def test_a_single_column_beside_a_matrix_is_not_meant(saved, column):
    found = read(saved(y=column, X=A))
    np.testing.assert_array_equal(found.A, A)
    assert found.said[0] == "array X, of 2"


def test_a_long_row_beside_a_small_matrix_may_be_meant(saved):
    with pytest.raises(DatasetError, match=r"several arrays: x \(1 × 99\), y \(3 × 4\); choose"):
        read(saved(x=np.ones((1, 99)), y=A))


def test_one_row_is_taken_if_there_is_no_matrix(saved):
    assert read(saved(x=A[:1], k=np.array([[5.0]]))).A.shape == (1, 4)


def test_the_largest_matrix_is_proposed(saved):
    told = r"arrays: large \(6 × 4\), small \(3 × 4\); .* \(array='large'\)"
    with pytest.raises(DatasetError, match=told):
        read(saved(small=A, large=np.vstack([A, A])))


def test_one_called_A_is_taken_beside_what_is_larger(saved):
    np.testing.assert_array_equal(read(saved(z=np.ones((9, 9, 9)), A=A)).A, A)


def test_the_only_array_is_named_if_it_is_no_matrix(saved):
    with pytest.raises(DatasetError, match=r"an array cube of shape \(2, 3, 4\); NMF takes 2-D"):
        read(saved(cube=np.ones((2, 3, 4))))
