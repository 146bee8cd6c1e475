"""Tensors go in and come out, whatever PyTorch lets a tensor be."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nmf_accel import BackendError, backends, nmf, project, sweep
from nmf_accel.intake import Given

A = np.random.default_rng(0).random((12, 10))
OPTIONS = {"max_iter": 5, "solver": "hals"}


def expected(x=A, **options):
    return nmf(x, 3, backend="numpy", **{**OPTIONS, **options}).W


def kinds(torch):
    """The same matrix in many ways."""
    whole = torch.as_tensor(A)
    negative = torch.complex(torch.zeros_like(whole), -whole).conj().imag
    assert negative.is_neg()
    wide = torch.zeros(12, 20, dtype=torch.float64)
    wide[:, ::2] = whole

    class Named(torch.Tensor):
        pass

    return {
        "it needs a gradient": whole.clone().requires_grad_(),
        "a parameter": torch.nn.Parameter(whole.clone()),
        "the outcome of a graph": whole.clone().requires_grad_() * 1,
        "transposed": torch.as_tensor(A.T.copy()).T,
        "every second column": wide[:, ::2],
        "a view of what is negative": negative,
        "of a class of its own": whole.as_subclass(Named),
        "without a gradient": _inference(torch, whole),
    }


def _inference(torch, x):
    with torch.inference_mode():
        return x * 1


@pytest.mark.parametrize("number", range(8))
def test_a_tensor_gives_tensors_on_its_device_without_a_gradient(torch, number):
    name, x = list(kinds(torch).items())[number]
    result = nmf(x, 3, **OPTIONS)
    assert result.settings["backend"] == "torch", name
    for found in (result.W, result.H, project(x, result)):
        assert type(found) is torch.Tensor
        assert (found.device, found.dtype) == (x.device, torch.float64)
        assert not found.requires_grad
        assert not found.is_inference()
    np.testing.assert_allclose(result.W.numpy(), expected(), rtol=1e-10, atol=1e-12)
    # What comes out may be learned from.
    (result.W.clone().requires_grad_() @ result.H).sum().backward()


@pytest.mark.parametrize(
    ("dtype", "computed"),
    [
        ("float16", "float32"),
        ("bfloat16", "float32"),
        ("float8_e4m3fn", "float32"),
        ("bool", "float64"),
        ("uint8", "float64"),
        ("uint16", "float64"),
        ("uint64", "float64"),
        ("int32", "float64"),
    ],
)
def test_what_is_no_float32_is_computed_in_float32_or_float64(torch, dtype, computed):
    x = torch.as_tensor((A > 0.5) * 1.0).to(getattr(torch, dtype))
    result = nmf(x, 3, **OPTIONS)
    assert str(result.W.dtype) == f"torch.{computed}"
    wanted = expected((A > 0.5).astype(computed))
    np.testing.assert_allclose(result.W.numpy(), wanted, rtol=1e-3, atol=1e-5)


def test_an_expanded_tensor_is_a_matrix_too(torch):
    x = torch.as_tensor(A[:, :1]).expand(12, 4)
    np.testing.assert_allclose(nmf(x, 1, solver="hals").reconstruct().numpy(), x, rtol=1e-10)


@pytest.mark.parametrize("turn", [np.asarray, np.flipud, np.transpose, lambda x: x[:, ::2]])
def test_nothing_is_copied_where_memory_serves_both_and_nothing_is_written_to(torch, turn):
    mine = turn(A.copy())
    before = mine.copy()
    mine.flags.writeable = False
    result = nmf(mine, 2, max_iter=3, backend="torch")
    np.testing.assert_array_equal(mine, before)
    np.testing.assert_allclose(result.W, nmf(before, 2, max_iter=3, backend="numpy").W, rtol=1e-10)
    x = torch.as_tensor(A)
    assert Given(x).raw().stored.data_ptr() == x.data_ptr()


def test_a_read_only_matrix_shares_its_memory_without_a_warning(torch):
    mine = A.copy()
    mine.flags.writeable = False
    backend = backends.get("torch")
    assert backend.asarray(mine, mine.dtype).data_ptr() == mine.ctypes.data
    assert backend.asarray(mine.astype(">f8"), "float64").dtype == torch.float64


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t, x: x.to_sparse(), r"A is a sparse tensor \(torch.sparse_coo\).*A.to_dense\(\)"),
        (lambda t, x: x.to_sparse_csr(), r"A is a sparse tensor \(torch.sparse_csr\)"),
        (lambda t, x: x.to(t.complex128), "A is complex128; NMF needs real numbers"),
        (lambda t, x: x.to("meta"), "A is traced by torch, and has no values yet"),
    ],
)
@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_tensor_of_which_there_is_no_matrix_is_refused(torch, make, message):
    with pytest.raises(TypeError, match=message):
        nmf(make(torch, torch.as_tensor(A)), 2)


def test_within_vmap_and_grad_it_says_that_it_cannot_be_traced(torch):
    for transform in (torch.func.vmap, torch.func.grad):
        x = torch.as_tensor(A[None] if transform is torch.func.vmap else A)
        with pytest.raises(TypeError, match="A is traced by torch"):
            transform(lambda x: nmf(x, 2).W.sum())(x)


def test_a_tensor_whose_entries_lie_elsewhere_is_refused(torch):
    from torch.masked import as_masked_tensor

    with pytest.warns(UserWarning, match="prototype"):
        x = as_masked_tensor(torch.as_tensor(A), torch.as_tensor(A > 0.1))
    with pytest.raises(TypeError, match="A is a MaskedTensor, whose entries PyTorch holds else"):
        nmf(x, 2)


def test_what_goes_with_a_may_be_a_tensor_on_any_side(torch):
    W0, H0 = np.ones((12, 2)), np.random.default_rng(1).random((2, 10))
    wanted = nmf(A, 2, W0=W0, H0=H0, weights=A > 0.1, backend="numpy", **OPTIONS)
    x, w, h, m = (torch.as_tensor(z) for z in (A, W0, H0, A > 0.1))
    for starts in ((w, H0, m), (W0, h, A > 0.1)):
        found = nmf(x, 2, W0=starts[0], H0=starts[1], weights=starts[2], **OPTIONS)
        np.testing.assert_allclose(found.W.numpy(), wanted.W, rtol=1e-10, atol=1e-12)
    with pytest.raises(ValueError, match="W0 is a torch array, but this runs on numpy"):
        nmf(A, 2, W0=w, H0=H0, backend="numpy")


def test_another_backend_takes_no_tensor_behind_the_callers_back(torch):
    with pytest.raises(ValueError, match="A is a torch array, but backend='numpy' was asked for"):
        nmf(torch.as_tensor(A), 2, backend="numpy")


def test_saved_and_swept_tensors_are_the_same_numbers(torch, tmp_path):
    x = torch.as_tensor(A).requires_grad_()
    result = nmf(x, 2, **OPTIONS)
    result.save(tmp_path / "f.npz")
    np.testing.assert_array_equal(type(result).load(tmp_path / "f.npz").W, result.W.numpy())
    best = sweep(x, [2], 2, **OPTIONS).best(2)
    assert isinstance(best.H, torch.Tensor)
    sweep(x, [2], 2, store=tmp_path / "runs", **OPTIONS)
    assert sweep(A, [2], 2, store=tmp_path / "runs", backend="torch", **OPTIONS).skipped == 2


def test_sparse_matrices_of_scipy_are_refused_with_what_takes_them(torch):
    from scipy.sparse import csr_array

    with pytest.raises(BackendError, match="backend 'torch' takes no sparse matrices; take numpy"):
        nmf(csr_array(A), 2, backend="torch")


@pytest.fixture
def of_the_user(torch):
    """What a user may have set, that could have a part in what is computed."""
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float16)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            yield
            assert torch.is_autocast_enabled("cpu")
        assert torch.get_default_device().type == "meta"
        assert torch.get_default_dtype() == torch.float16
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)


LOSSES = [
    {"solver": "hals", "extrapolate": True, "tol": 1e-9, "stop": "kkt"},
    {"solver": "bpp", "l1_H": 0.1},
    {"solver": "apg", "dtype": "float32"},
    {"loss": 0.5, "solver": "mu"},
    {"loss": "kullback-leibler", "solver": "mu", "weights": A > 0.1},
    {"solver": "mu", "inner": 3, "init": "nndsvda"},
]


@pytest.mark.parametrize("options", LOSSES, ids=str)
@pytest.mark.parametrize("passed", ["NumPy's", "a tensor"])
def test_what_the_user_has_set_has_no_part_in_it(torch, of_the_user, passed, options):
    options = {**OPTIONS, **options}
    x = A if passed == "NumPy's" else torch.asarray(A, device="cpu")
    given = dict(options)
    result = nmf(x, 3, backend="torch", **given)
    W = result.W if passed == "NumPy's" else result.W.numpy()
    tolerance = 1e-3 if "dtype" in options else 1e-10
    np.testing.assert_allclose(W, expected(**options), rtol=tolerance, atol=tolerance)
    assert torch.is_grad_enabled()


def test_new_tensors_are_of_float64_whatever_the_default_is(torch, of_the_user):
    backend = backends.get("torch")
    with backend.scope():
        xp = backend.xp
        made = (
            xp.zeros(3),
            xp.ones((1, 2)),
            xp.eye(2),
            xp.full(3, 0.5),
            xp.asarray([0.5]),
            xp.empty(2),
        )
        assert {x.dtype for x in made} == {torch.float64}
        whole = xp.arange(3), xp.asarray([1]), xp.full((2,), 1)
        assert {x.dtype for x in whole} == {torch.int64}
        assert {x.device.type for x in (*made, *whole)} == {"cpu"}
        copied = xp.asarray(A, copy=True)
        copied += 1
        assert A.max() < 1


def test_what_is_negative_by_a_bit_alone_comes_to_numpy_as_it_is(torch):
    x = kinds(torch)["a view of what is negative"]
    np.testing.assert_array_equal(backends.get("torch").to_numpy(x), A)
    with torch.no_grad():
        narrow = torch.ones(2, dtype=torch.bfloat16)
    assert backends.get("torch").to_numpy(narrow).dtype == np.float32


def test_in_inference_mode_what_comes_out_may_be_learned_from_too(torch):
    with torch.inference_mode():
        W = nmf(torch.as_tensor(A), 2, **OPTIONS).W
        assert torch.is_inference_mode_enabled()
    assert not W.is_inference()


def test_it_is_told_what_the_user_set_after_an_error_too(torch):
    def fail(iteration, error):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        nmf(torch.as_tensor(A), 2, callback=fail, **OPTIONS)
    assert torch.is_grad_enabled()
    assert (torch.ones(1) / 1).device.type == "cpu"


def test_the_estimator_takes_tensors(torch):
    from nmf_accel.sklearn import NMF

    x = torch.as_tensor(A.T.copy()).requires_grad_()
    model = NMF(3, random_state=0, max_iter=5, tol=0)
    W = model.fit_transform(x)
    wanted = NMF(3, random_state=0, max_iter=5, tol=0).fit(A.T)
    np.testing.assert_allclose(model.components_.numpy(), wanted.components_, atol=1e-10)
    for found in (W, model.transform(x), model.inverse_transform(W)):
        assert type(found) is torch.Tensor


def test_a_worker_takes_no_more_threads_than_it_is_told(torch):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with backends.get("torch").at_most(5):
            assert torch.get_num_threads() == 3
        sweep(np.ones((9, 7)), [2], 8, max_iter=20, backend="torch", executor=ThreadPoolExecutor(3))
        with ThreadPoolExecutor(1) as new:
            assert new.submit(torch.get_num_threads).result() == 3
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
