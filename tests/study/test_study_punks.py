"""The study's numbers on 500 CryptoPunks are the oracle's."""

import json

import numpy as np
import pytest
from make_denoising_oracle import FILE
from PIL import Image
from reference import reference_nmf

from nmf_accel import datasets
from nmf_accel.datasets import images
from nmf_accel.study import DEFAULT_RANKS, Runs, StudySettings, study_denoising, study_images
from nmf_accel.study.denoising import against_clean, lowest


@pytest.fixture(scope="module")
def runs(punks_file):
    return Runs(StudySettings("cryptopunks", n_images=500, ranks=(16, 64), backend="numpy"))


@pytest.fixture(scope="module")
def study(runs):
    return study_images(runs, runs.settings.load())


@pytest.fixture(scope="module")
def noisy_punks(punks):
    return images.add_noise(punks, 0.1, seed=1)


@pytest.fixture(scope="module")
def oracle_on_file():
    """The oracle's errors on the noisy punks, by rank: it takes minutes at high ranks."""
    found = json.loads(FILE.read_text())
    return {name: {int(d): x for d, x in by_rank.items()} for name, by_rank in found.items()}


def test_errors(study, punk_oracle):
    for rank in (16, 64):
        *_, errors = punk_oracle(rank, 1000)
        assert study.numbers["error_by_rank"][rank] == pytest.approx(errors[-1], rel=1e-9)
        np.testing.assert_allclose(
            study.numbers["errors_by_iteration"][rank], errors, rtol=1e-9, atol=0
        )


def test_rank_and_transparency(study, punks, punks_file):
    with Image.open(punks_file) as sheet:
        opacity = np.asarray(sheet.convert("RGBA"))[:120, :, 3]
    opacity = opacity.reshape(5, 24, 100, 24).swapaxes(1, 2).reshape(500, 24, 24)
    transparent = (opacity == 0).all(axis=0).sum()
    assert study.numbers["always_transparent_pixels"] == transparent
    assert study.numbers["matrix_rank"] == np.linalg.matrix_rank(punks)


def test_the_oracle_on_file_is_the_oracle(oracle_on_file, punks, noisy_punks):
    W, H, errors = reference_nmf(noisy_punks, 16)
    assert oracle_on_file["fit_error_by_rank"][16] == pytest.approx(errors[-1], rel=1e-12)
    clean = np.linalg.norm(punks - W @ H)
    assert oracle_on_file["clean_error_by_rank"][16] == pytest.approx(clean, rel=1e-12)
    assert list(oracle_on_file["clean_error_by_rank"]) == list(DEFAULT_RANKS)


def test_denoising(runs, study, punks, noisy_punks, oracle_on_file):
    found = study_denoising(runs, study).numbers
    expected = np.linalg.norm(noisy_punks - punks)
    assert found["noise_norm"] == pytest.approx(expected, rel=1e-12)
    for name in ("fit_error_by_rank", "clean_error_by_rank"):
        for rank in (16, 64):
            assert found[name][rank] == pytest.approx(oracle_on_file[name][rank], rel=1e-9)


def test_the_best_rank_is_the_oracles(runs, study, noisy_punks, oracle_on_file):
    oracle = oracle_on_file["clean_error_by_rank"]
    best = DEFAULT_RANKS.index(min(oracle, key=oracle.get))
    around = DEFAULT_RANKS[best - 1 : best + 2]
    fits = runs.factorize_ranks(noisy_punks, around, "3-noisy")
    errors = against_clean(study, around, lambda d: fits[d].reconstruct())["clean_error_by_rank"]
    assert errors == pytest.approx({d: oracle[d] for d in around}, rel=1e-9)
    assert lowest(errors) == DEFAULT_RANKS[best]


def test_the_images_are_the_first_of_the_sheet(study, punks):
    assert np.array_equal(study.data.A, punks)
    assert np.array_equal(study.data.pixels, datasets.cryptopunks(500).pixels)
