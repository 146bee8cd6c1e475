"""Runs that leave out a fold of the entries each, for cross-validation."""

import numpy as np
import pytest
from conftest import assert_equals_single_runs, assert_parity, to_host
from scipy.sparse import csc_array, csr_array

from nmf_accel import Factorization, StoreError, nmf, sweep
from nmf_accel.backends import get
from nmf_accel.backends.numpy_backend import backend as numpy_backend
from nmf_accel.backends.numpy_backend import ways
from nmf_accel.matrices.seen import folds_of

RNG = np.random.default_rng(0)
M, N, D, FOLDS = 30, 40, 3, 4
A = RNG.gamma(0.6, 1, (M, D)) @ RNG.gamma(0.6, 1, (D, N)) + 0.1 * RNG.random((M, N)) + 0.01
WHERE = folds_of(np.arange(M)[:, None], np.arange(N), FOLDS)
WEIGHTS = RNG.random((M, N)) * (RNG.random((M, N)) < 0.9)
OPTIONS = {
    "plain": {},
    "hals": {"solver": "hals"},
    "extrapolated": {"solver": "hals", "extrapolate": True},
    "weights": {"solver": "hals", "weights": WEIGHTS},
    "divergence": {"loss": 0.5},
    "tol": {"solver": "hals", "stop": "kkt", "tol": 1e-2},
    "held": {"W_fixed": RNG.random((M, 1)), "solver": "bpp"},
    "penalties": {"l1_H": 0.1, "l2_W": 0.1},
}


def test_folds_are_of_about_one_size_and_the_same_everywhere():
    counts = np.bincount(WHERE.ravel(), minlength=FOLDS)
    assert (abs(counts - M * N / FOLDS) < 4 * np.sqrt(M * N / FOLDS)).all()
    # In no line are they other than by chance.
    rows = np.array([np.bincount(row, minlength=FOLDS) for row in WHERE])
    assert rows.std() == pytest.approx(np.sqrt(N * (1 / FOLDS) * (1 - 1 / FOLDS)), rel=0.3)
    expected = [[by_hand(by_hand(i) ^ j) % FOLDS for j in range(N)] for i in range(M)]
    assert WHERE.tolist() == expected


def by_hand(x):
    """lowbias32, in whole numbers without end."""
    x ^= x >> 16
    x = x * 0x7FEB352D % 2**32
    x ^= x >> 15
    x = x * 0x846CA68B % 2**32
    return x ^ x >> 16


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_run_is_that_with_the_weights_of_the_rest(options, backend):
    if backend != "numpy" and options.keys() & {"tol", "l1_H", "W_fixed", "weights"}:
        pytest.skip("alike in the step, which others compile there")
    seed, weights = 6, options.get("weights", np.ones((M, N)))
    options = {"max_iter": 40, "seed": seed, **options}
    out = seed % FOLDS == WHERE
    starts = {"W0": RNG.random((M, D)) + 0.1, "H0": RNG.random((D, N)) + 0.1}
    result, expected = (
        nmf(A, D, **options | starts | more)
        for more in (
            {"folds": FOLDS, "backend": backend},
            {"weights": weights * ~out, "backend": "numpy", "delta": 1e-9},
        )
    )
    assert_parity(to_host(result.W), expected.W, 1e-7)
    np.testing.assert_allclose(result.errors, expected.errors, rtol=1e-7)
    assert result.kkt == pytest.approx(expected.kkt, rel=1e-5)
    if "loss" not in options:
        P = to_host(result.W) @ to_host(result.H)
        mean = (weights * (A - P) ** 2)[out].sum() / weights[out].sum()
        assert result.held_out == pytest.approx(np.sqrt(mean), rel=1e-10)
        mean = (weights * (A - P) ** 2)[~out].sum() / weights[~out].sum()
        assert result.in_sample == pytest.approx(np.sqrt(mean), rel=1e-7)


@pytest.mark.parametrize("options", [OPTIONS["hals"], OPTIONS["extrapolated"], {"loss": 1}])
def test_packed_runs_are_single_ones_and_each_leaves_out_its_own(options, backend):
    options = {"max_iter": 20, "folds": FOLDS, **options}
    result = sweep(A, [2, D], 5, keep="all", backend=backend, **options)
    assert_equals_single_runs(result, A, backend, **options)
    for row in result.table:
        single = nmf(A, row["rank"], seed=row["seed"], backend=backend, **options)
        assert row["held_out"] == pytest.approx(single.held_out, rel=1e-9)
    assert len({row["held_out"] for row in result.table}) == len(result.table)


def test_threads_of_runs_and_runs_that_stop_before_others(monkeypatch):
    options = {"folds": FOLDS, "solver": "hals", "tol": 0.02, "stop": "kkt", "max_iter": 200}
    expected = sweep(A, [D], 8, keep="all", backend="numpy", **options)
    monkeypatch.setattr(ways, "way_for", lambda *args, **kw: ways.ByRuns(2))
    found = sweep(A, [D], 8, keep="all", backend="numpy", **options)
    assert len({row["iterations"] for row in expected.table}) > 1
    for row, other in zip(found.table, expected.table, strict=True):
        assert row["iterations"] == other["iterations"]
        assert row["held_out"] == pytest.approx(other["held_out"], rel=1e-9)


@pytest.mark.parametrize("A", [A, A.T], ids=["wide", "tall"])
@pytest.mark.parametrize("form", [csr_array, csc_array])
@pytest.mark.parametrize("options", [{"solver": "hals"}, {"loss": 1}, {"loss": 0}])
def test_of_what_a_sparse_matrix_stores(options, form, A, monkeypatch):
    known = RNG.random(A.shape) < 0.8
    options = {"max_iter": 30, "folds": FOLDS, "seed": 1, "backend": "numpy", **options}
    S = form((A[known], np.nonzero(known)), shape=A.shape)
    found, expected = nmf(S, D, zeros="missing", **options), nmf(A, D, weights=known, **options)
    assert_parity(found.W, expected.W, 1e-9)
    assert found.held_out == pytest.approx(expected.held_out, rel=1e-9)
    together = {name: value for name, value in options.items() if name != "seed"}
    rows = sweep(S, [D], 3, zeros="missing", keep="none", **together).table
    assert rows[1]["held_out"] == pytest.approx(expected.held_out, rel=1e-9)
    monkeypatch.setattr(numpy_backend, "compiled_kernels", dict)
    found = nmf(S, D, zeros="missing", **options)
    assert_parity(found.W, expected.W, 1e-9)
    assert found.held_out == pytest.approx(expected.held_out, rel=1e-9)


@pytest.mark.parametrize("form", [csr_array, csc_array])
@pytest.mark.parametrize("loss", ["frobenius", "kullback-leibler"])
def test_zeros_of_a_sparse_matrix_are_known(form, loss, backend, monkeypatch):
    counts = RNG.poisson(np.where(A > 1, A, 0))
    options = {"max_iter": 20, "folds": FOLDS, "seed": 1, "loss": loss, "backend": backend}
    found, expected = nmf(form(counts), D, **options), nmf(counts, D, **options)
    assert_parity(found.W, to_host(expected.W), 1e-12)
    assert found.held_out == pytest.approx(expected.held_out, rel=1e-12)
    single = nmf(form(counts), D, **options | {"dtype": "float32"})
    assert single.held_out == pytest.approx(expected.held_out, rel=1e-3)
    monkeypatch.setattr(type(get("numpy")), "free_memory", lambda self: 17 * counts.size - 1)
    with pytest.raises(MemoryError, match=r"its zeros among them.*dtype='float32', or zeros"):
        nmf(form(counts), D, **options)


def test_what_is_left_out_has_no_say(backend):
    spoilt = np.where(WHERE == 2, 100.0, A)
    options = {"seed": 2, "folds": FOLDS, "max_iter": 20, "backend": backend}
    starts = {"W0": np.ones((M, D)) + RNG.random((M, D)), "H0": RNG.random((D, N)) + 0.1}
    results = [nmf(B, D, delta=1e-9, **options, **starts) for B in (A, spoilt)]
    np.testing.assert_array_equal(results[0].W, results[1].W)
    assert results[0].held_out != results[1].held_out


def test_the_rank_of_the_truth_predicts_best():
    truth = RNG.gamma(0.6, 1, (60, D)) @ RNG.gamma(0.6, 1, (D, 80))
    noisy = np.maximum(truth + 0.3 * RNG.normal(size=truth.shape), 0)
    options = {"folds": 5, "solver": "hals", "extrapolate": True, "max_iter": 300}
    rows = sweep(noisy, [1, 2, 3, 5, 8], 5, keep="none", backend="numpy", **options).table

    def mean(name, rank):
        return np.mean([row[name] for row in rows if row["rank"] == rank])

    assert min([1, 2, 3, 5, 8], key=lambda rank: mean("held_out", rank)) == D
    assert mean("error", 8) < mean("error", 3)


def test_it_is_kept_with_the_result_and_belongs_to_a_store(tmp_path):
    result = nmf(A, D, folds=FOLDS, seed=1, max_iter=5, backend="numpy")
    result.save(tmp_path / "a.npz")
    assert Factorization.load(tmp_path / "a.npz").held_out == result.held_out
    assert result.summary()["held_out"] == result.held_out
    assert nmf(A, D, max_iter=2, backend="numpy").held_out is None
    options = {"max_iter": 5, "store": tmp_path / "runs", "backend": "numpy"}
    sweep(A, [D], 2, folds=FOLDS, **options)
    with pytest.raises(StoreError, match="folds is 4 there and 5"):
        sweep(A, [D], 2, folds=5, **options)


@pytest.mark.parametrize("loss", ["frobenius", 1])
@pytest.mark.parametrize("form", [np.asarray, csr_array, csc_array])
def test_rows_of_which_a_run_sees_nothing_are_not_counted(form, loss):
    fold = WHERE[0, 5]
    known = np.ones((M, N), dtype=bool)
    known[0] = np.arange(N) == 5
    B = form(A * known)
    more = {"weights": known} if isinstance(B, np.ndarray) else {"zeros": "missing"}
    result = nmf(B, D, folds=FOLDS, seed=int(fold), loss=loss, max_iter=20, backend="numpy", **more)
    out = fold == WHERE
    out[0] = False
    a, p = A[out], result.reconstruct()[out]
    terms = (a - p) ** 2 if loss == "frobenius" else 2 * (a * np.log(a / p) - a + p)
    assert result.held_out == pytest.approx(np.sqrt(terms.mean()), rel=1e-10)


@pytest.mark.parametrize("loss", [-0.5, 0])
def test_they_are_zero_and_do_no_harm_where_a_loss_takes_negative_powers(backend, loss):
    known = np.ones((M, N))
    known[0] = np.arange(N) == 5
    how = {"folds": FOLDS, "seed": int(WHERE[0, 5]), "loss": loss, "max_iter": 5}
    result = nmf(A, D, weights=known, backend=backend, **how)
    assert np.isfinite(result.errors).all()
    assert to_host(result.W)[0].max() == 0


def test_a_fold_with_nothing_in_it_has_no_error():
    result = nmf(np.ones((2, 3)), 1, folds=200, seed=3, max_iter=5, backend="numpy")
    assert result.held_out is None
    rows = sweep(np.ones((2, 3)), [1], [3], folds=200, max_iter=5, backend="numpy")
    assert rows.summary()[0]["held_out_median"] is None


def test_a_start_that_looks_at_all_of_a_is_refused():
    with pytest.raises(ValueError, match=r"'nndsvda', which looks at all of A.*init='random'"):
        nmf(A, D, folds=FOLDS, init="nndsvda")


@pytest.mark.parametrize("folds", [1, 256, 0.5])
def test_what_are_no_folds(folds):
    with pytest.raises((ValueError, TypeError), match="folds is"):
        nmf(A, D, folds=folds)
