"""The sprites are what their labels say, and neither changes by accident."""

import hashlib

import numpy as np
import pytest

from nmf_accel.datasets import characters
from nmf_accel.datasets.characters import draw_sprites, load_art

PIXELS_SHA256 = "3e84a934747d6866112beff5d44b9cdac647a05831aa2a6a75f5704a9f643d88"
LABELS_SHA256 = "cb278e7fa1ee248be213e72ad9b7850013ceed97c396388a7bde7e442a072645"


@pytest.fixture(scope="module")
def ten_thousand():
    return draw_sprites(10_000)


def rank(pixels):
    """Rank of the matrix whose columns are the colour images."""
    return np.linalg.matrix_rank(pixels[..., :3].reshape(len(pixels), -1).T / 255)


@pytest.mark.parametrize("n", [1, 7, 2_500])
def test_shapes_and_dtypes(n):
    pixels, traits = draw_sprites(n, seed=3)
    assert pixels.shape == (n, 24, 24, 4)
    assert pixels.dtype == np.uint8
    assert all(names.shape == (n,) and names.dtype.kind == "U" for names in traits.values())
    assert {"head", "skin", "hair", "hair_colour", "eyes", "mouth", "beard"} <= set(traits)
    assert {"glasses", "hat", "earring", "necklace", "cheeks", "accessory"} <= set(traits)


def test_transparent_pixels_are_zero_and_the_rest_opaque(ten_thousand):
    pixels, _ = ten_thousand
    clear = pixels[..., 3] == 0
    assert not pixels[clear].any()
    assert (pixels[~clear][:, 3] == 255).all()
    assert 0.2 <= clear.all(axis=0).mean() <= 0.45
    assert (clear.mean(axis=(1, 2)) < 0.8).all()


@pytest.mark.parametrize(("n", "seed"), [(2_000, 1), (10_000, 2)])
def test_all_sprites_of_a_call_are_distinct(n, seed):
    pixels, _ = draw_sprites(n, seed)
    assert len({image.tobytes() for image in pixels}) == n


def test_a_repeated_candidate_is_skipped(monkeypatch):
    monkeypatch.setattr("nmf_accel.datasets.characters.BATCH", 4)

    class Stutter:
        """Every second batch repeats the one before it."""

        def __init__(self):
            self.rng, self.calls = np.random.default_rng(0), 0

        def random(self, shape):
            self.calls += 1
            if self.calls % 2:
                self.last = self.rng.random(shape)
            return self.last

    pixels, traits = characters._draw(load_art(), Stutter(), 30)
    expected, expected_traits = draw_sprites(30, 0)
    np.testing.assert_array_equal(pixels, expected)
    assert all((traits[name] == expected_traits[name]).all() for name in traits)


@pytest.mark.parametrize("k", [1, 100, 2_048, 2_049, 5_000])
def test_more_sprites_continue_fewer(ten_thousand, k):
    pixels, traits = draw_sprites(k)
    np.testing.assert_array_equal(pixels, ten_thousand[0][:k])
    for name, names in traits.items():
        np.testing.assert_array_equal(names, ten_thousand[1][name][:k])


def test_the_seed_decides():
    first, again, other = draw_sprites(50, 5)[0], draw_sprites(50, 5)[0], draw_sprites(50, 6)[0]
    np.testing.assert_array_equal(first, again)
    assert (first != other).any(axis=(1, 2, 3)).mean() > 0.9


def test_the_art_is_frozen():
    # Golden numbers elsewhere are computed from the sprites; a new hash here means new numbers.
    pixels, traits = draw_sprites(64, 0)
    labels = "\n".join(f"{name}: {' '.join(names)}" for name, names in traits.items())
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == PIXELS_SHA256
    assert hashlib.sha256(labels.encode()).hexdigest() == LABELS_SHA256


def test_every_trait_occurs_and_rare_ones_are_rare(ten_thousand):
    _, traits = ten_thousand
    for category in load_art().categories:
        found, counts = np.unique(traits[category.name], return_counts=True)
        assert set(category.names) <= set(found)
        assert set(found) <= {*category.names, "none"}
        assert counts.sum() == 10_000
    share = {name: np.mean(traits["head"] == name) for name in np.unique(traits["head"])}
    assert 0.3 < share["round"] < 0.45
    assert all(0.002 < share[name] < 0.02 for name in ("cat", "robot", "alien", "ghost", "skull"))
    assert 0.15 < np.mean(traits["hat"] != "none") < 0.25
    assert 0 < np.mean(traits["hat"] == "crown") < 0.01


def test_traits_suit_the_head(ten_thousand):
    _, traits = ten_thousand
    robot, ghost = traits["head"] == "robot", traits["head"] == "ghost"
    assert set(traits["eyes"][robot]) == {"led", "visor"}
    assert set(traits["shirt"][ghost]) == {"none"}
    assert set(traits["hair"][robot | ghost]) == {"none"}
    assert set(traits["skin"][traits["head"] == "frog"]) == {"pond", "moss", "poison"}
    assert not ((traits["beard"] != "none") & (traits["mouth"] == "lipstick")).any()


@pytest.mark.parametrize("category", ["hat", "shirt", "hair", "eyes", "mouth", "head", "skin"])
def test_a_trait_alone_changes_pixels(category):
    # Among sprites whose other labels are all the same, another trait means another image.
    pixels, traits = draw_sprites(10_000, seed=4)
    others = zip(*(names for name, names in traits.items() if name != category), strict=True)
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, key in enumerate(others):
        groups.setdefault(key, []).append(i)
    pairs = [group[:2] for group in groups.values() if len(group) > 1]
    assert len(pairs) >= 5
    assert all(traits[category][i] != traits[category][j] for i, j in pairs)
    assert all((pixels[i] != pixels[j]).any() for i, j in pairs)


@pytest.mark.parametrize(
    ("category", "name", "row", "column", "colour"),
    [
        ("hat", "crown", 6, 5, "f0b93a"),
        ("hat", "wizard-hat", 7, 9, "8b5fce"),
        ("hat", "halo", 2, 11, "f0b93a"),
        ("glasses", "laser-visor", 11, 10, "d8434b"),
        ("accessory", "medical-mask", 15, 8, "fbf7ee"),
    ],
)
def test_labels_agree_with_pixels(ten_thousand, category, name, row, column, colour):
    pixels, traits = ten_thousand
    has_it = traits[category] == name
    shown = (pixels[:, row, column, :3] == list(bytes.fromhex(colour))).all(axis=1)
    assert shown[has_it].mean() > 0.9
    assert shown[~has_it].mean() < 0.05


def test_an_unused_colour_is_none(ten_thousand):
    _, traits = ten_thousand
    bare = traits["hat"] == "none"
    assert set(traits["hat_colour"][bare & (traits["necklace"] != "scarf")]) >= {"none"}
    assert "none" not in traits["hat_colour"][traits["hat"] == "cap"]
    assert "none" not in traits["hair_colour"][traits["hair"] == "afro"]
    assert set(traits["shirt_colour"][traits["head"] == "ghost"]) == {"none"}


def test_hats_hide_the_hair_above_the_brim(ten_thousand):
    pixels, traits = ten_thousand
    opaque = pixels[..., 3] == 255
    capped = opaque[traits["hat"] == "beanie"]
    assert not capped[:, 0].any()
    assert opaque[(traits["hair"] == "afro") & (traits["hat"] == "none"), 0, 10].all()


def test_the_rank_grows_slower_than_the_number_of_sprites(ten_thousand):
    pixels, _ = ten_thousand
    ranks = [rank(pixels[:n]) for n in (100, 500, 1_000, 2_000)]
    assert ranks[0] >= 95
    assert 400 < ranks[1] < 500
    assert ranks[1] < ranks[2] < ranks[3] < 900


@pytest.mark.parametrize("category", ["hair_colour", "shirt_colour", "hat_colour"])
def test_a_ramp_spans_four_dimensions(category):
    art = load_art()
    ramp = art.categories[art.number(category)]
    tones = np.array([trait.colours[:, :3].ravel() for trait in ramp.traits], dtype=float)
    assert len(tones) > 5
    assert np.linalg.matrix_rank(tones - tones[0]) <= 4


@pytest.mark.parametrize(
    ("n", "seed", "error", "message"),
    [
        (0, 0, ValueError, "n is 0; pass an integer >= 1"),
        (-3, 0, ValueError, "n is -3; pass an integer >= 1"),
        (2.5, 0, TypeError, "n is 2.5, of type float; pass an integer >= 1"),
        ("ten", 0, TypeError, "n is 'ten', of type str; pass an integer >= 1"),
        (True, 0, TypeError, "n is True, of type bool; pass an integer >= 1"),
        (5, -1, ValueError, "seed is -1; pass an integer >= 0"),
        (5, None, TypeError, "seed is None, of type NoneType; pass an integer >= 0"),
    ],
)
def test_bad_arguments_are_named(n, seed, error, message):
    with pytest.raises(error) as caught:
        draw_sprites(n, seed)
    assert str(caught.value) == message


def test_numpy_integers_are_integers():
    np.testing.assert_array_equal(draw_sprites(np.int64(3))[0], draw_sprites(3)[0])
