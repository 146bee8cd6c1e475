"""Task 1 of the study: small matrices, and the films of section 2.1."""

import numpy as np
import pytest
from reference import reference_nmf

from nmf_accel.study import Runs, StudySettings, study_properties, tables
from nmf_accel.study.comparing import matched, scaled_difference, svd_error
from nmf_accel.study.films import FILMS, PRINTED_H, PRINTED_W, RATINGS, films, rounding
from nmf_accel.study.properties import MATRICES
from nmf_accel.study.words import properties as words


def test_small_matrices():
    settings = StudySettings("sprites", backend="numpy", max_iter=300)
    one = study_properties(Runs(settings)).numbers
    assert min(one["non_negative"]["smallest_entry"].values()) >= 0
    assert one["zero_start"]["non_zeros_with_delta"] == 0
    assert one["zero_start"]["without_delta_all_nan"]
    assert one["zero_start"]["non_zeros_in_zero_component"] == 0
    assert "W0 is zero everywhere" in one["zero_start"]["refusal"]
    assert {name: c["rank"] for name, c in one["convergence"].items()} == {"A3": 2, "A4": 3}
    for name, rank in (("A1", 1), ("A1", 2), ("A2", 1), ("A2", 2)):
        for seed, run in enumerate(one["two_starts"][name][rank]["runs"]):
            *_, errors = reference_nmf(MATRICES[name], rank, seed=seed, max_iter=300)
            assert run["error"] == pytest.approx(errors[-1], rel=1e-9, abs=1e-14)
    alike = {
        key: {what: value <= settings.alike for what, value in found["difference"].items()}
        for name, by_rank in one["two_starts"].items()
        for key, found in ((f"{name} {rank}", found) for rank, found in by_rank.items())
    }
    both, product, scaled = {"error", "product"}, "product", "scaled_factors"
    assert not alike["A1 1"][product]
    assert all(alike["A2 1"][what] for what in {*both, scaled})
    assert all(alike["A1 2"][what] for what in {*both, scaled})
    assert alike["A2 2"][product]
    assert not alike["A2 2"][scaled]
    assert one["films"]["printed"]["W"] == PRINTED_W.tolist()
    W, H = tables.film_genres(one), tables.user_tastes(one)
    assert W.rows[2][3:] == ["1.24", "0.21"]
    assert W.rows[2][1:3] == [f"{x:.2f}" for x in one["films"]["W"][2]]
    assert H.rows[3][1:] == ["0.77", "2.98", "0.83", "3.27", "0.88", "2.87"]
    assert H.rows[1][1:] == [f"{x:.2f}" for x in one["films"]["H"][1]]


def test_factors_are_compared_up_to_scale_and_order():
    settings = StudySettings("sprites", backend="numpy", max_iter=20)
    run = Runs(settings).factorize_ranks(MATRICES["A4"], [2], "x")[2]
    scales = np.array([3.0, 0.2])
    other = type(run)(
        **{**vars(run), "W": (run.W * scales)[:, ::-1], "H": (run.H / scales[:, None])[::-1]}
    )
    assert scaled_difference(run, other) < 1e-14
    bent = type(run)(**{**vars(run), "W": run.W + 0.1 * np.eye(3, 2)})
    assert scaled_difference(run, bent) > 1e-3


def test_the_bound_of_a_full_rank_is_zero():
    values = np.array([3.0, 1.0, 1e-17])
    assert svd_error(values, 1) == 1.0
    assert svd_error(values, 2) == 0.0
    assert svd_error(values, 5) == 0.0


@pytest.mark.parametrize(
    "options",
    [{"seed": seed} for seed in range(4)]
    + [{"solver": "hals"}, {"solver": "bpp"}, {"dtype": "float32"}],
)
def test_the_printed_factorization_is_found_however_few_iterations_the_study_has(options):
    settings = StudySettings("sprites", backend="numpy", max_iter=2, **options)
    found = films(Runs(settings))
    W, H = np.array(found["W"]), np.array(found["H"])
    assert np.abs(W @ H - PRINTED_W @ PRINTED_H).max() == found["difference"]["WH"] < 0.03
    np.testing.assert_allclose(W.sum(axis=0), PRINTED_W.sum(axis=0), rtol=1e-6)
    assert found["error"] == pytest.approx(2.8251, abs=5e-5)
    assert found["error"] == pytest.approx(found["svd_error"], rel=1e-6)
    lotr = [int(film.startswith("LotR")) for film in FILMS]
    assert found["genre_of_film"] == found["printed"]["genre_of_film"] == lotr
    assert found["genre_of_user"] == found["printed"]["genre_of_user"] == [0, 1, 0, 1, 0, 1]
    assert found["difference"]["W"] == np.abs(W - PRINTED_W).max()
    assert found["difference"]["H"] == np.abs(H - PRINTED_H).max()
    said = words.beside_printed(found)
    assert "the same groups of films and of users" in said
    assert "It is that of the truncated SVD" in said


def test_the_printed_factors_are_the_truncated_svd_but_for_their_rounding():
    U, values, Vt = np.linalg.svd(RATINGS)
    best = (U[:, :2] * values[:2]) @ Vt[:2]
    assert best.min() > 0  # so it has non-negative factors, being of rank 2
    assert np.abs(PRINTED_W @ PRINTED_H - best).max() < rounding(PRINTED_W, PRINTED_H)
    assert values[1] > 1.5 * values[2]  # and there is one best only


def test_rounding_of_factors_is_bounded():
    rng = np.random.default_rng(0)
    W, H = rng.uniform(0, 2, (6, 2)), rng.uniform(0, 4, (2, 5))
    bound = rounding(W.round(2), H.round(2))
    assert 0.2 * bound < np.abs(W @ H - W.round(2) @ H.round(2)).max() < bound


def test_factors_are_put_in_the_order_and_the_scale_of_others():
    rng = np.random.default_rng(0)
    W, H = rng.uniform(size=(6, 3)), rng.uniform(size=(3, 5))
    scales = np.array([3.0, 0.2, 5.0])
    order = [2, 0, 1]
    V, G = matched((W * scales)[:, order], (H / scales[:, None])[order], W, H)
    np.testing.assert_allclose(V, W, rtol=1e-14)
    np.testing.assert_allclose(G, H, rtol=1e-14)
