"""A factorization takes the place of its W or H, with the names that it knows."""

import numpy as np
import pytest
from labelled_kinds import FEATURES, KINDS, SAMPLES, A, as_kind

from nmf_accel import Factorization, nmf, project, sweep

pd = pytest.importorskip("pandas")

RUN = {"max_iter": 5, "backend": "numpy"}
FRAME = pd.DataFrame(A, FEATURES, SAMPLES)
HELD = pd.DataFrame(np.random.default_rng(3).random((8, 1)), FEATURES, ["T cells"])


def from_file(result, tmp_path):
    result.save(tmp_path / "f.npz")
    return Factorization.load(tmp_path / "f.npz")


@pytest.mark.parametrize("kind", KINDS)
def test_project_matches_the_rows_of_a_result_by_their_names(kind, tmp_path):
    result = nmf(as_kind(kind), 2, W_fixed=HELD, **RUN)
    expected = np.asarray(project(A, result.to_arrays()[0], backend="numpy"))
    new = FRAME.iloc[::-1]
    for one in (result, from_file(result, tmp_path)):
        with pytest.warns(UserWarning, match="rows of W were put into the order of A"):
            found = project(new, one, backend="numpy")
        np.testing.assert_allclose(found, expected, rtol=1e-10)
        assert list(found.index) == ["T cells", "c2"]


def test_so_does_that_of_a_folder_of_a_sweep(tmp_path):
    result = sweep(FRAME, [2], 1, store=tmp_path, **RUN).best(2)
    assert isinstance(result.W, np.ndarray)
    with pytest.warns(UserWarning, match="rows of W were put into the order of A"):
        found = project(FRAME.iloc[::-1], result, backend="numpy")
    np.testing.assert_allclose(found, project(A, result.W, backend="numpy"), rtol=1e-10)
    with pytest.raises(ValueError, match=r"missing in A: 'g7'\); pass W\.loc|take the rows of W"):
        project(FRAME.iloc[:7], result, backend="numpy")


def test_the_array_alone_goes_by_place(tmp_path):
    result = from_file(nmf(FRAME, 2, **RUN), tmp_path)
    found = project(FRAME.iloc[::-1], result.W, backend="numpy")
    np.testing.assert_array_equal(found, project(A[::-1], result.W, backend="numpy"))


def test_starts_are_matched_by_name_and_kept_in_the_order_of_a(tmp_path):
    first = from_file(nmf(FRAME, 2, **RUN), tmp_path)
    expected = nmf(FRAME, 2, W0=first.W, H0=first.H, **RUN)
    moved = FRAME.iloc[::-1, ::-1]
    with pytest.warns(UserWarning, match="were put into the order of A") as warned:
        found = nmf(moved, 2, W0=first, H0=first, **RUN)
    assert len(warned) == 2
    np.testing.assert_allclose(found.W.loc[FEATURES], expected.W, rtol=1e-10)
    np.testing.assert_array_equal(found.W0, first.W[::-1])
    np.testing.assert_array_equal(found.H0, first.H[:, ::-1])
    same = nmf(FRAME, 2, W0=first, **RUN)
    np.testing.assert_array_equal(from_file(same, tmp_path).W0, first.W)


@pytest.mark.parametrize(("name", "factor"), [("W_fixed", "W"), ("H_fixed", "H")])
@pytest.mark.parametrize("call", ["nmf", "sweep"])
def test_components_of_a_result_are_held_with_their_names(name, factor, call, tmp_path):
    first = from_file(nmf(FRAME, 2, W_fixed=HELD, **RUN), tmp_path)
    calls = {
        "nmf": lambda A: nmf(A, 3, **{name: first}, **RUN),
        "sweep": lambda A: sweep(A, [3], 1, **{name: first}, **RUN).best(3),
    }
    moved = FRAME.iloc[::-1, ::-1]
    with pytest.warns(UserWarning, match=f"of {name} were put into the order of A"):
        found = calls[call](moved)
    assert found.component_names == ["T cells", "c2", "c3"]
    held = {"W": found.W.loc[FEATURES].to_numpy()[:, :2], "H": found.H[SAMPLES].to_numpy()[:2]}
    np.testing.assert_array_equal(held[factor], getattr(first, factor))


@pytest.mark.parametrize("name", ["A", "weights", "reference"])
def test_it_is_no_matrix_like_a(name):
    first = nmf(FRAME, 2, **RUN)
    calls = {
        "A": lambda: nmf(first, 2, **RUN),
        "weights": lambda: nmf(FRAME, 2, weights=first, **RUN),
        "reference": lambda: sweep(FRAME, [2], 1, reference=first, **RUN),
    }
    message = rf"{name} is a Factorization, which is two matrices; pass {name}.reconstruct\(\)"
    with pytest.raises(TypeError, match=message):
        calls[name]()
