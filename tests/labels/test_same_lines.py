"""When lines are the same ones: numbers of frames, names made unique, dimensions, components."""

import warnings

import numpy as np
import pytest
from labelled_kinds import FEATURES, SAMPLES, A

from nmf_accel import nmf, project, sweep

pd = pytest.importorskip("pandas")

RUN = {"max_iter": 5, "backend": "numpy"}
FRAME = pd.DataFrame(A, FEATURES, SAMPLES)
PLAIN = pd.DataFrame(A)
W = np.random.default_rng(1).random((8, 2))
H = np.random.default_rng(2).random((2, 6))


DOUBLED = ["a", "b", "a", *FEATURES[3:]]


class TestDoubledNames:
    """In A, which a table has made unique."""

    def test_those_that_export_made_unique_are_the_same(self, tmp_path):
        frame = FRAME.set_axis(DOUBLED, axis=0)
        nmf(frame, 2, **RUN).export(tmp_path)
        read = pd.read_csv(tmp_path / "W.csv", index_col=0, float_precision="round_trip")
        assert list(read.index)[:3] == ["a", "b", "a.1"]
        found = project(frame, read, backend="numpy")
        np.testing.assert_array_equal(found, project(A, read.to_numpy(), backend="numpy"))
        unique = frame.set_axis(read.index, axis=0)
        found = project(unique, read.set_axis(DOUBLED, axis=0), backend="numpy")
        np.testing.assert_array_equal(found, project(A, read.to_numpy(), backend="numpy"))

    def test_in_another_order_they_are_refused(self):
        frame = FRAME.set_axis(DOUBLED, axis=0)
        other = pd.DataFrame(W, ["a.1", "b", "a", *FEATURES[3:]])
        with pytest.raises(ValueError, match="more than once in A: 'a'"):
            project(frame, other, backend="numpy")


class TestNumbersOfFrames:
    """A default index is no names, but rows that were taken from such a frame have numbers."""

    def test_rows_in_another_order_are_put_into_that_of_a(self):
        found = nmf(PLAIN, 2, **RUN).W
        expected = project(PLAIN, found, backend="numpy")
        with pytest.warns(UserWarning, match="rows of W were put into the order of A"):
            again = project(PLAIN.iloc[::-1], found, backend="numpy")
        np.testing.assert_allclose(again, expected, rtol=1e-10)
        with pytest.warns(UserWarning, match="rows of W were put into the order of A"):
            again = project(PLAIN, found.iloc[::-1], backend="numpy")
        np.testing.assert_allclose(again, expected, rtol=1e-10)

    def test_columns_too(self):
        with pytest.warns(UserWarning, match="columns of H0 were put into the order of A"):
            found = nmf(PLAIN, 2, H0=pd.DataFrame(H).iloc[:, ::-1], **RUN)
        np.testing.assert_array_equal(found.W, nmf(A, 2, H0=H, **RUN).W)

    def test_other_numbers_are_taken_as_they_stand_and_it_is_said(self):
        moved = PLAIN.set_axis(range(1, 9), axis=0)
        message = (
            r"the rows of W have no names, and those of A other numbers than 0 to 7 \('1', '2', "
            r"'3' and 5 more\): they were taken as they stand"
        )
        with pytest.warns(UserWarning, match=message) as warned:
            found = project(moved, pd.DataFrame(W), backend="numpy")
        assert len(warned) == 1
        np.testing.assert_array_equal(found, project(A, W, backend="numpy"))

    @pytest.mark.parametrize("other", [PLAIN, FRAME, A], ids=["counted", "text", "array"])
    def test_what_is_alike_or_has_no_numbers_is_taken_in_silence(self, other):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = project(other, pd.DataFrame(W), backend="numpy")
            project(PLAIN.iloc[::-1], W, backend="numpy")
        np.testing.assert_array_equal(found, project(A, W, backend="numpy"))


class TestDimensions:
    """Of xarray, that run along an axis."""

    @staticmethod
    def array(x, *dims):
        return pytest.importorskip("xarray").DataArray(x, dims=dims or None)

    def test_two_words_for_one_axis_are_refused(self):
        message = (
            "the rows of W are 'probe', but those of A are 'gene'; transpose W, or pass "
            "W.rename({'probe': 'gene'})"
        )
        given = self.array(A, "gene", "cell")
        with pytest.raises(ValueError) as error:  # noqa: PT011  the whole message is below
            project(given, self.array(W, "probe", "component"), backend="numpy")
        assert str(error.value) == message
        with pytest.raises(ValueError, match="the columns of H0 are 'time', but those of A are"):
            nmf(given, 2, H0=self.array(H, "component", "time"), **RUN)
        square = self.array(A[:6], "gene", "cell")
        with pytest.raises(ValueError, match="the rows of reference are 'cell', but those of A"):
            sweep(square, [2], 1, reference=square.T, **RUN)

    def test_the_same_word_or_none_is_taken(self):
        given, expected = self.array(A, "gene", "cell"), project(A, W, backend="numpy")
        for other in (self.array(W, "gene", "part"), self.array(W), pd.DataFrame(W), W):
            found = project(given, other, backend="numpy")
            np.testing.assert_array_equal(found, expected)


def test_starts_that_call_a_component_by_two_names_are_refused():
    starts = {"W0": pd.DataFrame(W, FEATURES, ["k1", "k2"])}
    message = "component 1 is 'k2' in W0 and 'x' in H0; give it one name in both"
    with pytest.raises(ValueError, match=message):
        nmf(FRAME, 2, **starts, H0=pd.DataFrame(H, ["k1", "x"], SAMPLES), **RUN)
    nmf(FRAME, 2, **starts, H0=pd.DataFrame(H, ["k1", "k2"], SAMPLES), **RUN)
    nmf(FRAME, 2, **starts, H0=H, **RUN)


@pytest.mark.parametrize("call", [
    lambda: nmf(FRAME, 2, W0=pd.DataFrame(W, FEATURES).iloc[::-1], **RUN),
    lambda: nmf(FRAME, 2, weights=(FRAME + 1).iloc[::-1], **RUN),
    lambda: project(FRAME, pd.DataFrame(W, FEATURES).iloc[::-1], backend="numpy"),
    lambda: sweep(FRAME, [3], 1, W_fixed=pd.DataFrame(W, FEATURES).iloc[::-1], **RUN),
], ids=["W0", "weights", "project", "sweep"])  # fmt: skip
def test_a_warning_of_the_order_is_at_the_line_of_the_caller(call):
    with pytest.warns(UserWarning, match="were put into the order") as warned:
        call()
    assert warned[0].filename == __file__


@pytest.mark.parametrize("name", ["W0", "H0", "W_fixed", "H_fixed", "weights"])
def test_an_array_of_xarray_that_is_no_matrix_is_told_so(name):
    xarray = pytest.importorskip("xarray")
    given = xarray.DataArray(A, dims=("gene", "cell"))
    with pytest.raises(ValueError, match=rf"{name} must be a matrix \(2-D\), but its shape is"):
        nmf(given, 2, **{name: xarray.DataArray(W[:, 0], dims=("gene",))}, **RUN)
