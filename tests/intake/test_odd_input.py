"""What is passed for a matrix is refused in a sentence, or is what its numbers are: never less."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from nmf_accel import nmf, project, sweep

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

B = np.arange(1.0, 13).reshape(4, 3)
GAPS = np.where(B == 2, np.nan, B)
TIMES = np.full((4, 3), "2020-01-01", dtype="M8[s]")
FRAME = pd.DataFrame(B)


class Shared:
    """An array of a library that speaks DLPack, and nothing else."""

    def __init__(self, device=(1, 0)):
        self.device = device

    def __dlpack__(self, **options):
        return B.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


class Breaking:
    def __array__(self, *arguments, **options):
        raise RuntimeError("first line\nsecond line. And more")


def locked(x):
    x = x.copy()
    x.setflags(write=False)
    return x


def off_its_bounds(x):
    content = b"x" + x.tobytes()
    return np.frombuffer(content, "u1")[1:].view(x.dtype).reshape(x.shape)


REFUSED = {
    "is None, which is no matrix": None,
    "is of type list, of which NumPy makes no matrix": [[1, 2], [3]],
    "is the text 'abc'": "abc",
    "is of type bytes, which is no": b"abc",
    "is of type set, which is no": {1, 2},
    "is of type generator, which is no": (row for row in B),
    "is of type map, which is no": map(list, B),
    "is of type type, which is no": np.ndarray,
    "is a dict, which is no matrix": {"a": [1]},
    "is of type Breaking, of which NumPy makes no matrix: first line second line": Breaking(),
    "Shared on a device that no usable": Shared((99, 0)),
    "Shared that cannot be shared": Shared("x"),
    "has dtype <U1": [["a", "b"]],
    "has dtype |S1": np.array([[b"1"]]),
    "has dtype object": B.astype(object),
    "has dtype object; NMF": [[Fraction(1, 2)], [Decimal(1)]],
    "has dtype object; NMF needs": [[10**30]],
    "is complex128; NMF needs real": B + 0j,
    "has dtype datetime64[s]": TIMES,
    "has dtype timedelta64[s]": TIMES - TIMES,
    "has dtype [('a'": np.zeros((4, 3), dtype=[("a", "f8"), ("b", "f8")]),
    "has dtype |V4": np.zeros((2, 2), "V4"),
    "but its shape is ()": np.float64(3),
    "but its shape is (3,)": B[0],
    "but its shape is (1, 4, 3)": B[None],
    "is empty: its shape is (0, 3)": B[:0],
    "is empty: its shape is (4, 0)": B[:, :0],
    "is empty: its shape is (1, 0)": [[]],
    "is empty: its shape is (0, 0)": pd.DataFrame(),
    "but its shape is (3,); pass": sp.coo_array(B[0]),
    "is complex128; NMF": sp.csr_array(B + 0j),
    "3 columns that are no numbers: 0 (category)": FRAME.astype("category"),
    "3 columns that are no numbers: 0 (datetime64": pd.DataFrame(TIMES),
    "is a sparse frame that leaves out nan": FRAME.astype(pd.SparseDtype(float, np.nan)),
    "1 column that is no numbers: 'a'": pd.DataFrame({"a": ["x"] * 4, "b": B[:, 0]}),
    "columns that are no numbers: 'a' (List": pl.DataFrame({"a": [[1], [2]]}),
    "1 NaN entry": GAPS,
    "1 NaN entry, first at (0, 1)": FRAME.astype("Int64").mask(FRAME == 2),
    "NaN entry, first at (0, 1)": pl.DataFrame(GAPS, nan_to_null=True),
    "12 negative": -B,
}
ACCEPTED = {
    "a list": B.tolist(),
    "a tuple of arrays": tuple(B),
    "a memory view": memoryview(B),
    "of DLPack": Shared(),
    "np.matrix": np.matrix(B),
    "masked nowhere": np.ma.masked_array(B),
    "float16": B.astype("f2"),
    "long double": B.astype(np.longdouble),
    "of other bytes": B.astype(">f8"),
    "whole, of other bytes": B.astype(">i2"),
    "unsigned": B.astype("u8"),
    "from the other end": B[::-1, ::-1].copy()[::-1, ::-1],
    "every other": np.repeat(np.repeat(B, 2, 0), 2, 1)[::2, ::2],
    "by columns": np.asfortranarray(B),
    "read-only": locked(B),
    "off its bounds": off_its_bounds(B),
    "Int64": FRAME.astype("Int64"),
    "Float64": FRAME.astype("Float64"),
    "of several kinds": FRAME.astype({0: "Int64", 1: "float32", 2: "Float64"}),
    "a sparse frame": FRAME.astype(pd.SparseDtype(float, 0)),
    "polars": pl.DataFrame(B),
    "whole, sparse": sp.csr_array(B.astype(int)),
    "long double, sparse": sp.csr_array(B.astype(np.longdouble)),
    "by diagonals": sp.dia_array(B),
}
WAYS = {
    "nmf": lambda A: nmf(A, 1, max_iter=3, backend="numpy").to_arrays()[0],
    "sweep": lambda A: sweep(A, [1], [0], max_iter=3, backend="numpy").best(1).to_arrays()[0],
    "project": lambda A: project(A, np.ones((4, 1)), backend="numpy"),
    "fit": lambda A: estimator().fit(A).components_,
}


def estimator():
    return pytest.importorskip("nmf_accel.sklearn").NMF(1, solver="mu", max_iter=3, tol=0)


@pytest.mark.parametrize("way", ["nmf", "sweep", "project"])
@pytest.mark.parametrize("message", REFUSED)
def test_it_is_refused_in_one_sentence(message, way):
    with pytest.raises((TypeError, ValueError)) as error:
        WAYS[way](REFUSED[message])
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("A ")


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("message", [x for x in REFUSED if "Breaking" not in x])
def test_an_estimator_refuses_it_or_takes_numbers_of_it_as_scikit_learn_does(message):
    try:
        found = WAYS["fit"](REFUSED[message])
    except (TypeError, ValueError):
        return
    assert message.startswith(
        ("has dtype object", "has dtype |S1", "3 columns that are no numbers: 0 (cat")
    ), message
    assert np.isfinite(found).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*sparse columns found")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ACCEPTED)
def test_what_is_accepted_is_what_its_numbers_are(kind, way):
    if (kind, way) == ("np.matrix", "fit"):
        pytest.skip("scikit-learn refuses np.matrix")
    tolerance = 1e-3 if kind == "float16" else 1e-5 if kind == "of several kinds" else 1e-12
    np.testing.assert_allclose(WAYS[way](ACCEPTED[kind]), WAYS[way](B), rtol=tolerance)


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        (np.ma.masked_array(B, B == 2), "X is a masked array, and an estimator takes no missing"),
        (TIMES, "dtype datetime64.s., which are times"),
        (pd.DataFrame(TIMES), "dtype datetime64.s., which are times"),
        (pl.DataFrame({"a": [date(2020, 1, 1)] * 4}), "dtype Date, which are times"),
        (pd.DataFrame(B, columns=list("aab")), "X has several columns that are called 'a'"),
        (pd.DataFrame(), "X is empty"),
    ],
)
def test_what_scikit_learn_would_take_for_other_numbers_is_refused(hidden, message):
    with pytest.raises((TypeError, ValueError), match=message):
        estimator().fit(hidden)


@pytest.mark.parametrize("way", ["jit", "grad", "vmap"])
@pytest.mark.parametrize("of", ["A", "W0", "weights", "W", "X"])
def test_what_jax_traces_is_refused_in_one_sentence(way, of):
    jax = pytest.importorskip("jax")
    calls = {
        "A": lambda x: nmf(x, 1).error,
        "W0": lambda x: nmf(B, 3, W0=x).error,
        "weights": lambda x: nmf(B, 3, weights=x).error,
        "W": lambda x: project(B, x).sum(),
        "X": lambda x: estimator().fit(x).reconstruction_err_,
    }
    given = jax.numpy.asarray(B if way != "vmap" else B[None], dtype="float32")
    with pytest.raises(
        TypeError, match=f"^{of} is traced by jax, and .* cannot be traced"
    ) as error:
        getattr(jax, way)(calls[of])(given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [None, "3", True, np.True_, [1], np.array([3]), {}, 2j, pd.NA])
@pytest.mark.parametrize("name", ["rank", "max_iter", "seed", "tol", "check_every", "l1_W", "loss"])
def test_an_option_that_is_no_number_is_refused_by_its_name(name, value):
    if isinstance(value, str) and name in ("tol", "l1_W"):
        pytest.skip("a text that is a number is one")
    said = repr(value) if isinstance(value, (bool, np.bool_)) else ".*"
    with pytest.raises((TypeError, ValueError), match=f"^{name} is {said}; it must be"):
        nmf(B, **{"rank": 1, "max_iter": 1, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_iter", 10**18),
        ("rank", 10**18),
        ("inner", 10**9),
        ("loss", 1e308),
        ("loss", -21),
        ("solver", pd.NA),
        ("stop", None),
        ("init", 3),
        ("unknown", "x"),
        ("zeros", pd.NA),
        ("backend", 0),
        ("backend", {}),
        ("callback", 0),
        ("missing", 10**400),
        ("missing", 2j),
    ],
)
def test_an_absurd_option_is_refused_by_its_name(name, value):
    with pytest.raises((TypeError, ValueError), match=f"^{name} is .*; it must be"):
        nmf(B, **{"rank": 1, "max_iter": 1, name: value})


def test_a_rank_that_no_memory_holds_is_refused_with_what_it_takes():
    with pytest.raises(MemoryError, match=r"a run of rank 1000000000 with .* takes about"):
        nmf(B, 10**9, max_iter=1, backend="numpy")


@pytest.mark.parametrize(
    ("ranks", "seeds", "more", "message"),
    [
        (3, [0], {}, "ranks is 3; it must be whole numbers"),
        (None, [0], {}, "ranks is None; it must be"),
        ([1], 1.5, {}, "seeds is 1.5; it must be"),
        ([1], 10**9, {}, "seeds is 1000000000; a sweep has at most 1,000,000 runs"),
        ([1], 0, {}, "seeds is 0; at least one is needed"),
        (range(1, 10**12), [0], {}, "ranks are more than 1,000,000"),
        (range(1, 2000), range(2000), {}, "ranks and seeds make 3,998,000 runs"),
        ([1, 1], [0], {}, "ranks has 1 more than once"),
        ([[1]], [0], {}, "rank is .1.; it must be an integer"),
        ([1], [0], {"memory": np.nan}, "memory is nan; it must be a finite number of bytes"),
        ([1], [0], {"memory": "8G"}, "memory is '8G'; it must be a number"),
        ([1], [0], {"memory": -1}, "memory is -1.0; it must be"),
        ([1], [0], {"keep": None}, "keep is None; it must be one of"),
    ],
)
def test_an_absurd_sweep_is_refused_at_once(ranks, seeds, more, message):
    with pytest.raises((TypeError, ValueError), match=message):
        sweep(B, ranks, seeds, **more)
