"""CuPy's own kernel of the β-divergences: what the generic form gives, in one launch a block."""

import numpy as np
import pytest
from conftest import CUPY
from toys import ToyBackend

from nmf_accel import backends
from nmf_accel.backends import replaying
from nmf_accel.backends.cupy_backend import backend as backend_module
from nmf_accel.backends.cupy_backend import divergences, kernels, sources
from nmf_accel.core import Loop
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import divergences as generic
from nmf_accel.losses import loss_called
from nmf_accel.matrices import Dense
from nmf_accel.solvers import SOLVERS, Quiet
from nmf_accel.starts import random_start
from nmf_accel.stopping import STOPS

PLAIN = ToyBackend()  # NumPy, with the generic kernels
RTOL = {"float64": 1e-12, "float32": 1e-5}
BETAS = [-0.5, 0, 0.5, 0.8, 1, 1.2, 3]
SHAPES = [(1, 1), (1, 30), (30, 1), (5, 37), (70, 33), (40, 900)]


@pytest.fixture(params=[CUPY])
def backend(request):
    """CuPy, on a device or on the stand-in, in its scope."""
    library = backends.get(request.param)
    with library.scope():
        yield library


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


def blocks_of(monkeypatch, entries):
    """Let a walk through a matrix take so many entries at a time, or a 32nd of its rows."""
    monkeypatch.setattr(backend_module, "block_entries", lambda device: entries)


def problem(m, n, runs=1, beta=1.0, dtype="float64", seed=0):
    """A, with zeros where they may be, Y and X, and a floor that half of P is below."""
    rng = np.random.default_rng(seed)
    A = rng.random((m, n)) + 0.1
    if beta > 0:
        A[rng.random((m, n)) < 0.4] = 0
    Y, X = rng.random((runs, 4, m)) ** 2, rng.random((runs, 4, n)) ** 2
    floor = float(np.median(Y.mT @ X))
    return (*(x.astype(dtype) for x in (A, Y, X)), floor)


def parts(backend, A, Y, X, *options):
    """By the backend's kernel, on the host; A is an array or a matrix of the backend."""
    kernel = backend.kernel("divergence_parts", generic.divergence_parts)
    A = A if isinstance(A, Dense) else Dense(backend.asarray(A, A.dtype), backend)
    Y, X = (backend.asarray(x, x.dtype) for x in (Y, X))
    return [backend.to_numpy(x) for x in kernel(backend, A, Y, X, *options)]


def assert_alike(found, expected, rtol):
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype
        assert x.shape == y.shape
        np.testing.assert_allclose(x, y, rtol=rtol)


def test_it_is_found_by_name(backend):
    kernel = backend.kernel("divergence_parts", generic.divergence_parts)
    assert kernel is divergences.divergence_parts


@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("entries", [1, 2**24], ids=["many blocks", "one block"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("beta", BETAS)
def test_it_is_the_generic_form(backend, beta, shape, entries, record, dtype, monkeypatch):
    blocks_of(monkeypatch, entries)
    for runs in (1, 3):
        A, Y, X, floor = problem(*shape, runs, beta, dtype)
        there = Dense(backend.asarray(A, dtype), backend)
        for here, a, y, x in ((A, there, Y, X), (A.T, there.T, X, Y)):
            expected = generic.divergence_parts(
                PLAIN, Dense(here, PLAIN), y, x, floor, beta, record
            )
            found = parts(backend, a, y, x, floor, beta, record)
            assert_alike(found, expected, RTOL[dtype])
            assert record or not found[2].any()


VIEWS = {
    "by columns": lambda A: A.T,
    "some columns": lambda A: A[:, 3:20],
    "some columns, turned": lambda A: A[:, 3:20].T,
    "every other row": lambda A: A[::2],
    "backwards": lambda A: A[::-1],
    "every other entry": lambda A: A[::2, ::3],
    "a row": lambda A: A[4:5],
    "a column": lambda A: A[:, 4:5],
    "a turned column": lambda A: A[:, 4:5].T,
    "a strided row": lambda A: A[4:5, ::2],
}


@pytest.mark.parametrize("entries", [1, 2**24])
@pytest.mark.parametrize("name", VIEWS)
def test_a_may_lie_as_it_will(backend, name, entries, monkeypatch):
    blocks_of(monkeypatch, entries)
    whole = np.random.default_rng(1).random((50, 40)) + 0.1
    here = VIEWS[name](whole)
    _, Y, X, floor = problem(*here.shape, 2)
    there = Dense(VIEWS[name](backend.asarray(whole, whole.dtype)), backend)
    for beta in (0.5, 1):
        expected = generic.divergence_parts(PLAIN, Dense(here, PLAIN), Y, X, floor, beta, True)
        assert_alike(parts(backend, there, Y, X, floor, beta, True), expected, 1e-12)


@pytest.mark.parametrize("beta", BETAS)
def test_close_to_a_fit_the_divergence_is_as_accurate(backend, beta, dtype):
    off, rtol = {"float64": (1e-5, 1e-8), "float32": (1e-2, 2e-4)}[dtype]
    rng = np.random.default_rng(0)
    # Of small whole numbers, so that products are exact in any order.
    Y, X = (rng.integers(1, 9, (1, 4, size)).astype(dtype) for size in (60, 50))
    P = (Y.mT @ X)[0]
    A = (P * (1 + off * rng.standard_normal(P.shape))).astype(dtype)
    y = A.astype(np.longdouble) / P - 1
    if beta == 0:
        exact = y - np.log1p(y)
    elif beta == 1:
        exact = P * ((1 + y) * np.log1p(y) - y)
    else:
        b = np.longdouble(beta)
        exact = P**b * (np.expm1(b * np.log1p(y)) - b * y) / (b * (b - 1))
    found = parts(backend, A, Y, X, 1e-9, beta, True)[2]
    np.testing.assert_allclose(found, float(2 * exact.sum()), rtol=rtol)
    at_the_fit = parts(backend, P, Y, X, 1e-9, beta, True)[2]
    np.testing.assert_array_equal(at_the_fit, 0)


@pytest.mark.parametrize("limit", [0, 1])
@pytest.mark.parametrize("off", [1e-3, 1e-6, 1e-13])
def test_near_a_limit_it_is_the_limit(backend, limit, off, dtype):
    A, Y, X, _ = problem(30, 40, 2, 0, dtype)
    found, expected = (parts(backend, A, Y, X, 1e-9, beta, True) for beta in (limit + off, limit))
    np.testing.assert_allclose(found[2], expected[2], rtol=20 * off + RTOL[dtype])


@pytest.mark.parametrize("beta", [0.5, 1, 1.2, 3])
def test_zeros_count_for_what_p_is_without_the_floor(backend, beta, dtype):
    _, Y, X, _ = problem(30, 40, 2, dtype=dtype)
    found = parts(backend, np.zeros((30, 40), dtype), Y, X, 1e9, beta, True)[2]
    P = Y.astype(float).mT @ X
    np.testing.assert_allclose(found, 2 * (P**beta).sum((1, 2)) / beta, rtol=RTOL[dtype])


def test_nan_stays_nan_in_its_run(backend):
    A, Y, X, floor = problem(30, 40, 3)
    Y[1, 2, 7] = np.nan
    for x in parts(backend, A, Y, X, floor, 0.5, True):
        assert np.isnan(x[1]).any()
        assert np.isfinite(x[[0, 2]]).all()


def test_what_it_was_given_stays_as_it_is(backend):
    given = problem(30, 40, 2)[:3]
    A, Y, X = there = [backend.asarray(x.copy(), x.dtype) for x in given]
    divergences.divergence_parts(backend, Dense(A, backend), Y, X, 0.1, 0.5, True)
    for x, y in zip(there, given, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(x), y)


@pytest.mark.parametrize("most", [1, 300])
def test_the_sum_of_many_blocks_of_threads(backend, most, monkeypatch):
    monkeypatch.setattr(divergences, "ROUNDS", 1)
    monkeypatch.setattr(divergences, "MOST", most)
    A, Y, X, floor = problem(400, 300, 2)
    assert A.size > 400 * divergences.THREADS
    expected = generic.divergence_parts(PLAIN, Dense(A, PLAIN), Y, X, floor, 1, True)
    assert_alike(parts(backend, A, Y, X, floor, 1, True), expected, 1e-12)


@pytest.mark.standin
def test_sums_do_not_depend_on_the_order_of_blocks(backend, ledger, monkeypatch):
    arguments = (*problem(100, 300, 2), 0.5, True)
    found = parts(backend, *arguments)
    monkeypatch.setattr(ledger.machine, "backwards", True)
    for x, y in zip(parts(backend, *arguments), found, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.standin
def test_kullback_leibler_and_itakura_saito_take_no_powers(backend, monkeypatch):
    source = sources.source()
    assert source.count(" pow(") == 2
    expected = {beta: parts(backend, *problem(30, 40), beta, True) for beta in (0, 1, 1.2)}
    monkeypatch.setattr(sources, "source", lambda: source.replace(" pow(", " NAN * pow("))
    monkeypatch.setattr(divergences, "raw", sources.raw.__wrapped__)
    for beta, wanted in expected.items():
        found = parts(backend, *problem(30, 40), beta, True)
        same = all(np.array_equal(x, y) for x, y in zip(found, wanted, strict=True))
        assert same == (beta in (0, 1))


@pytest.mark.standin
@pytest.mark.parametrize("beta", [0.5, 1])
@pytest.mark.parametrize("turned", [False, True])
def test_memory_does_not_grow_with_the_matrix(backend, ledger, beta, turned, monkeypatch):
    blocks_of(monkeypatch, 1)
    A, Y, X, floor = problem(320, 320)
    matrix = Dense(backend.asarray(A, A.dtype), backend)
    y, x = (backend.asarray(z, z.dtype) for z in (Y, X))
    with ledger.counted() as count:
        divergences.divergence_parts(
            backend, matrix.T if turned else matrix, y, x, floor, beta, True
        )
    largest = max(event.nbytes for event in count.events if event.kind == "alloc")
    assert largest <= A.nbytes / 32 + 512
    assert count["d2h"] == count["h2d"] == count["sync"] == 0


MUTATIONS = [
    ("raw < floor ? floor : raw", "raw"),
    ("column -= width, at += pitch", "column -= width"),
    ("at += down * pitch", "at += 0"),
    ("const i64 start = blockIdx.x / blocks * size", "const i64 start = 0"),
    ("(itself ? p : raw)", "p"),
    ("(adds ? out[run] : 0) + scale", "scale"),
    ("b < blocks; b += THREADS", "b < 0; b += THREADS"),
]


@pytest.mark.standin
@pytest.mark.parametrize(("right", "wrong"), MUTATIONS)
def test_a_wrong_kernel_would_be_seen(backend, right, wrong, monkeypatch):
    blocks_of(monkeypatch, 20_000)
    source = sources.source()
    assert source.count(right) == 1
    A, Y, X, floor = problem(100, 300, 2)
    expected = generic.divergence_parts(PLAIN, Dense(A, PLAIN), Y, X, floor, 1, True)
    monkeypatch.setattr(sources, "source", lambda: source.replace(right, wrong))
    monkeypatch.setattr(divergences, "raw", sources.raw.__wrapped__)
    found = parts(backend, A, Y, X, floor, 1, True)
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        assert_alike(found, expected, 1e-6)


def loop_of(beta, stop=None, runs=1, dtype="float64", **options):
    """A loop of `mu`."""
    A, loss = np.random.default_rng(0).random((13, 10)) + 0.1, loss_called(beta)
    found = prepare(Given(A), dtype, "cupy", objective=loss)
    starts = [random_start(A.shape, 3, seed, found.mean) for seed in range(runs)]
    W0, H0 = (np.stack(x) for x in zip(*starts, strict=True))
    watch = STOPS[stop] if stop else None
    rule = watch.rule(SOLVERS["mu"], 1) if watch else Quiet(SOLVERS["mu"].make(1))
    delta = loss.delta(found.A, found.mean)
    start = found.start(loss, W0, H0)
    return Loop(found, rule, start, delta, loss=loss, watch=watch, **options)


def an_iteration(ledger, loop):
    """Events of an iteration, without those of the chunk that it is in."""
    loop.advance(1)
    counts = []
    for iterations in (5, 10):
        with ledger.counted() as count:
            loop.advance(iterations)
        counts.append(count)
    return {kind: (counts[1][kind] - counts[0][kind]) / 5 for kind in counts[1]}


LEAST = {(1, None): 12, (0, None): 18, (3, None): 18, (1, "kkt"): 25, (0.8, "kkt"): 31}
"""Of each half-step: P, the kernel, N, and D or a sum; 1 to have D in full, the update.

With a power of the update that is not 1, 3 more each instead. KKT: another model of H, and sums.
"""
GENERIC = {(1, None): 31, (0, None): 37, (3, None): 47, (1, "kkt"): 46, (0.8, "kkt"): 61}


@pytest.mark.standin
@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize(("beta", "stop"), LEAST)
def test_an_iteration_takes_few_launches(ledger, beta, stop, runs, dtype, monkeypatch):
    monkeypatch.setattr(replaying, "WARM_UP", 10**9)
    found = an_iteration(ledger, loop_of(beta, stop, runs, dtype))
    assert found["launch"] == LEAST[beta, stop]
    assert found.get("sync", 0) == found.get("h2d", 0) == found.get("d2h", 0) == 0
    monkeypatch.delitem(kernels.KERNELS, "divergence_parts")
    assert an_iteration(ledger, loop_of(beta, stop, runs, dtype))["launch"] == GENERIC[beta, stop]


@pytest.mark.standin
@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("beta", BETAS)
def test_one_launch_is_between_the_products(backend, ledger, beta, record, monkeypatch):
    A, Y, X, floor = problem(60, 50, 3, beta)
    there = Dense(backend.asarray(A, A.dtype), backend)
    y, x = (backend.asarray(z, z.dtype) for z in (Y, X))
    block = ["cublas gemm", "divergence", *["cublas gemm"] * (1 + (beta != 1))]
    for entries, blocks in ((2**24, 1), (50 * 3 * 20, 3)):
        blocks_of(monkeypatch, entries)
        for a, *sides in ((there, y, x), (there.T, x, y)):
            with ledger.counted() as count:
                divergences.divergence_parts(backend, a, *sides, floor, beta, record)
            rows = a.shape[0]
            height = max(entries // (3 * a.shape[1]), 1)
            assert count.names() == block * -(-rows // height) + ["sum"] * (beta == 1)
            assert blocks == 1 or rows > height


@pytest.mark.standin
@pytest.mark.parametrize("entries", [100, 2**24], ids=["many blocks", "one block"])
@pytest.mark.parametrize("every", [1, 10])
@pytest.mark.parametrize("beta", [0, 0.8, 1, 3])
def test_replayed_graphs_give_what_single_launches_give(beta, every, entries, monkeypatch):
    blocks_of(monkeypatch, entries)
    chunks = [40, 20 * every, 7 * every]
    found, expected = (loop_of(beta, "kkt", runs=3, record_every=every) for _ in range(2))
    recorded = [found.advance(count) for count in chunks]
    assert found.program.captured is not None
    monkeypatch.setattr(replaying, "WARM_UP", 10**9)
    for mine, count in zip(recorded, chunks, strict=True):
        np.testing.assert_array_equal(mine, expected.advance(count))
    assert expected.program.captured is None
    for x, y in zip(found.state, expected.state, strict=True):
        np.testing.assert_array_equal(x.get(), y.get())
