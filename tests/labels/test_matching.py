"""What goes beside A is matched with it by name: put into its order and said, or refused."""

import re
import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled_kinds import FEATURES, KINDS, SAMPLES, A, as_kind

from nmf_accel import Factorization, nmf, project, sweep

pd = pytest.importorskip("pandas")

rng = np.random.default_rng(1)
COMPONENTS = ["k1", "k2"]
FRAME = pd.DataFrame(A, FEATURES, SAMPLES)
W = pd.DataFrame(rng.random((8, 2)), FEATURES, COMPONENTS)
H = pd.DataFrame(rng.random((2, 6)), COMPONENTS, SAMPLES)
WEIGHTS = pd.DataFrame(rng.random((8, 6)), FEATURES, SAMPLES)
RUN = {"max_iter": 5, "backend": "numpy"}


def fitted(A, rank=3, **beside):
    """W and H of a run, one below the other."""
    W, H = nmf(A, rank, **RUN, **beside).to_arrays()
    return np.vstack([W, H.T])


def swept(A, **beside):
    """The same of a sweep."""
    W, H = sweep(A, [3], 1, **RUN, **beside).best(3).to_arrays()
    return np.vstack([W, H.T])


def compared(A, **beside):
    return np.array([sweep(A, [3], 1, **RUN, **beside).table[0]["reference_error"]])


def projected(A, **beside):
    return np.asarray(project(A, **beside, backend="numpy"))


CASES = [
    (projected, "W", W, 0),
    (partial(projected, W=W), "weights", WEIGHTS, 0),
    (partial(projected, W=W), "weights", WEIGHTS, 1),
    (partial(fitted, rank=2), "W0", W, 0),
    (partial(fitted, rank=2), "H0", H, 1),
    (fitted, "W_fixed", W, 0),
    (fitted, "H_fixed", H, 1),
    (fitted, "weights", WEIGHTS, 0),
    (fitted, "weights", WEIGHTS, 1),
    (swept, "W_fixed", W, 0),
    (swept, "H_fixed", H, 1),
    (swept, "weights", WEIGHTS, 0),
    (swept, "weights", WEIGHTS, 1),
    (compared, "reference", WEIGHTS, 0),
    (compared, "reference", WEIGHTS, 1),
]
EACH = pytest.mark.parametrize(("call", "name", "beside", "axis"), CASES)
LINES = ("rows", "columns")


def take(frame, axis, where):
    return frame.iloc[where] if axis == 0 else frame.iloc[:, where]


@EACH
def test_the_same_names_in_the_same_order_are_taken_as_they_are(call, name, beside, axis):
    expected = call(FRAME.to_numpy(), **{name: beside.to_numpy()})
    np.testing.assert_array_equal(call(FRAME, **{name: beside}), expected)


@EACH
def test_names_in_another_order_are_put_into_that_of_a_and_it_is_said(call, name, beside, axis):
    order = np.random.default_rng(2).permutation(beside.shape[axis])
    expected = call(FRAME, **{name: beside})
    said = f"the {LINES[axis]} of {name} were put into the order of A, by their names"
    with pytest.warns(UserWarning, match=said) as warned:
        found = call(FRAME, **{name: take(beside, axis, order)})
    np.testing.assert_allclose(found, expected, rtol=1e-12)  # lies otherwise in memory
    assert len(warned) == 1


@EACH
@pytest.mark.parametrize("nameless", ["A", "other"])
def test_where_one_has_no_names_places_count(call, name, beside, axis, nameless):
    order = np.random.default_rng(2).permutation(beside.shape[axis])
    moved = take(beside, axis, order)
    values = moved.to_numpy()
    given = (FRAME.to_numpy(), moved) if nameless == "A" else (FRAME, values)
    found = call(given[0], **{name: given[1]})
    np.testing.assert_array_equal(found, call(FRAME.to_numpy(), **{name: values}))


def renamed(frame, axis, names):
    return frame.set_axis(names, axis=axis)


@EACH
def test_names_that_are_missing_or_doubled_are_named(call, name, beside, axis):
    names = list(beside.axes[axis])
    lines, less = LINES[axis], (f"{name}.index", f"{name}.columns")[axis]
    picked = (f"A.loc[{less}]", f"A[{less}]")[axis]
    cases = {
        f"missing in {name}: '{names[1]}'); pass {picked}": take(
            beside, axis, [k for k in range(len(names)) if k != 1]
        ),
        f"missing in {name}: '{names[1]}'; missing in A: 'x'); take the {lines} that both have, "
        "in each": renamed(beside, axis, [names[0], "x", *names[2:]]),
        f"missing in {name}: '{names[1]}'; more than once in {name}: '{names[0]}'); give each "
        "its own name": renamed(beside, axis, [names[0], names[0], *names[2:]]),
    }
    for message, other in cases.items():
        whole = re.escape(f"the {lines} of {name} and of A differ in their names ({message}")
        with pytest.raises(ValueError, match=whole):
            call(FRAME, **{name: other})


def test_what_a_lacks_is_named_with_what_to_type_which_then_works():
    with pytest.raises(ValueError, match=r"missing in A: 'g0', 'g1', 'g2' and 1 more\)") as error:
        project(FRAME.iloc[4:], W)
    typed = eval(str(error.value).partition("pass ")[2], {"A": FRAME.iloc[4:], "W": W})
    assert list(typed.index) == FEATURES[4:]
    assert project(FRAME.iloc[4:], typed, backend="numpy").shape == (2, 6)
    with pytest.raises(ValueError, match=r"missing in W: 'g6', 'g7'\)") as error:
        project(FRAME, W.iloc[:6])
    typed = eval(str(error.value).partition("pass ")[2], {"A": FRAME, "W": W.iloc[:6]})
    assert list(typed.index) == FEATURES[:6]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_matched_and_its_cure_can_be_typed(kind):
    new = as_kind(kind, A[::-1], FEATURES[::-1])
    with pytest.warns(UserWarning, match="rows of W were put"):
        found = project(new, W, backend="numpy")
    arrays = nmf(new, 2, **RUN).H  # of that kind
    assert type(found) is type(arrays)
    with pytest.raises(ValueError, match=r"missing in W: 'g0'\); ") as error:
        project(as_kind(kind), W.iloc[1:], backend="numpy")
    code = str(error.value).partition("pass ")[2]
    if kind == "dataset":
        assert str(error.value).endswith("take the rows of A that W has")
        return
    typed = eval(code, {"A": as_kind(kind), "W": W.iloc[1:]})
    assert project(typed, W.iloc[1:], backend="numpy").shape[0] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_w_goes_with_it_in_silence(kind):
    given = as_kind(kind)
    result = nmf(given, 2, **RUN)
    again = nmf(given, 2, W0=result.W, H0=result.H, W_fixed=result.W, **RUN)
    np.testing.assert_array_equal(again.to_arrays()[0], result.to_arrays()[0])


def test_doubled_names_in_the_same_order_are_taken_as_they_are():
    names = ["g", "g", *FEATURES[2:]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = project(renamed(FRAME, 0, names), renamed(W, 0, names), backend="numpy")
    np.testing.assert_array_equal(found, project(FRAME, W, backend="numpy"))


@given(st.permutations(range(8)), st.permutations(range(6)))
def test_both_sides_are_matched_at_once(rows, columns):
    moved = WEIGHTS.iloc[list(rows), list(columns)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = nmf(FRAME, 2, weights=moved, **RUN)
    np.testing.assert_array_equal(found.W, nmf(FRAME, 2, weights=WEIGHTS, **RUN).W)


@pytest.mark.parametrize("form", ["sparse", "device"])
def test_a_reference_of_another_form_is_matched_too(form):
    sparse = pytest.importorskip("scipy.sparse")
    order = [3, 1, 0, 2, 4, 5, 7, 6]
    given, reference = FRAME, WEIGHTS.iloc[order]
    if form == "sparse":
        reference = pd.DataFrame.sparse.from_spmatrix(
            sparse.csr_array(reference.to_numpy()), reference.index, reference.columns
        )
    else:
        given = as_kind("dataset")
    with pytest.warns(UserWarning, match="rows of reference were put"):
        found = compared(given, reference=reference)
    np.testing.assert_allclose(found, compared(FRAME, reference=WEIGHTS), rtol=1e-12)


def test_a_wrong_entry_is_named_where_it_is_in_the_order_of_a():
    bad = W.copy()
    bad.loc["g5", "k2"] = -1
    message = r"W0 has 1 negative entry, first at \(5, 1\), row 'g5', column 'k2': -1.0"
    with (
        pytest.warns(UserWarning, match="were put into the order"),
        pytest.raises(ValueError, match=message),
    ):
        nmf(FRAME, 2, W0=bad.iloc[::-1], **RUN)
    with (
        pytest.warns(UserWarning, match="were put into the order"),
        pytest.raises(ValueError, match=message.replace("W0", "W_fixed")),
    ):
        nmf(FRAME, 3, W_fixed=bad.iloc[::-1], **RUN)


def test_a_start_in_another_order_is_kept_in_that_of_a(tmp_path):
    with pytest.warns(UserWarning, match="were put into the order"):
        result = nmf(FRAME, 2, W0=W.iloc[::-1], **RUN)
    np.testing.assert_array_equal(result.W0, W)
    same = nmf(FRAME, 2, W0=W, **RUN)
    assert same.W0 is W
    for one in (result, same):
        one.save(tmp_path / "f.npz")
        np.testing.assert_array_equal(Factorization.load(tmp_path / "f.npz").W0, W)


class TestNamesOfComponents:
    """Those of components that are held."""

    def test_they_are_those_of_w_fixed_and_of_the_others_their_number(self):
        result = nmf(FRAME, 4, W_fixed=W.set_axis(["T cells", "c4"], axis=1), **RUN)
        assert list(result.W.columns) == ["T cells", "c4", "c3", "c4.1"]
        assert list(result.H.index) == list(result.W.columns)
        assert result.components.tolist() == list(result.W.columns)

    def test_they_are_kept_by_files_and_sweeps(self, tmp_path):
        result = sweep(FRAME, [2, 3], 1, H_fixed=H.iloc[:1], store=tmp_path, **RUN)
        loaded = result.best(3)
        assert loaded.components.tolist() == ["k1", "c2", "c3"]
        assert list(loaded.to_frames()[0].columns) == ["k1", "c2", "c3"]
        assert loaded.top(1).components == ("k1", "c2", "c3")

    def test_projected_weights_have_those_of_w(self):
        assert list(project(FRAME, W, backend="numpy").index) == COMPONENTS
        assert list(project(FRAME, W.to_numpy(), backend="numpy").index) == ["c1", "c2"]

    def test_of_an_array_there_are_none(self):
        assert nmf(FRAME, 3, W_fixed=W.to_numpy(), **RUN).components is None
        assert nmf(FRAME, 3, **RUN).components is None

    def test_two_names_for_one_component_are_refused(self):
        other = H.set_axis(["k1", "x"], axis=0)
        message = "component 1 is 'k2' in W_fixed and 'x' in H_fixed; give it one name in both"
        with pytest.raises(ValueError, match=message):
            nmf(FRAME, 3, W_fixed=W, H_fixed=other, **RUN)
        assert nmf(FRAME, 3, W_fixed=W.iloc[:, :1], H_fixed=H, **RUN).components.tolist() == [
            "k1",
            "k2",
            "c3",
        ]
