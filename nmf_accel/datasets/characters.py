"""Sprites: 24 x 24 pixel-art characters, drawn from the layers in ``data/sprites_*.txt``."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset, of_images

SIZE = 24
ART_FILES = ("colours", "body", "face", "wear")
CLEAR = 0
BATCH = 2048


@dataclass(frozen=True)
class Trait:
    """One choice of a category: pixels to set (``cells``, ``codes``) or, in a ramp, ``colours``."""

    name: str
    weight: float
    kind: str
    kinds: frozenset[str] | None
    without: frozenset[tuple[str, str]]
    cells: NDArray[np.intp] = field(repr=False)
    codes: NDArray[np.uint8] = field(repr=False)
    colours: NDArray[np.uint8] = field(repr=False)


@dataclass(frozen=True)
class Category:
    """Traits of which a sprite has exactly one; ``ramp``: the codes that they colour, if any."""

    name: str
    traits: tuple[Trait, ...] = field(repr=False)
    ramp: NDArray[np.intp] = field(repr=False)

    @property
    def names(self) -> NDArray[np.str_]:
        """Trait names by trait number."""
        return np.array([trait.name for trait in self.traits])


@dataclass(frozen=True)
class Art:
    """What the data files say: RGBA by colour code, and the categories in drawing order."""

    palette: NDArray[np.uint8] = field(repr=False)
    categories: tuple[Category, ...]

    def number(self, name: str) -> int:
        """Where the category of that name stands."""
        return [category.name for category in self.categories].index(name)


MOST_SPRITES = 10**6
"""They take 2.3 GB."""


def sprites(n_images: int | None = None, seed: int = 0) -> Dataset:
    """`n_images` (500) pixel-art characters of the project's own, 24 × 24 RGBA, with traits.

    They need no network, look like the punks to the library, and the first k of n are the same
    as the k that ``sprites(k)`` draws.
    """
    pixels, labels = draw_sprites(500 if n_images is None else n_images, seed)
    return of_images("sprites", pixels, labels)


def draw_sprites(n: int, seed: int = 0) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.str_]]]:
    """
    Draw `n` distinct pixel-art characters and name their traits.

    A sprite is a stack of aligned layers (shirt, necklace, head, ..., hat, accessory). Each layer
    shows one trait, drawn at random with the trait's weight: some are common, some rare, and a few
    heads (cat, robot, alien, frog, ghost, skull) come with eyes, mouths and skins of their own.

    Parameters
    ----------
    n : int
        Number of sprites, at least 1.
    seed : int, default 0
        Seed of `numpy.random.default_rng`, at least 0.

    Returns
    -------
    pixels : (n, 24, 24, 4) uint8 array
        RGBA images. Alpha is 255 on the character; elsewhere all four channels are 0.
    traits : dict of str to (n,) str array
        For each category, such as ``"hat"`` or ``"hair_colour"``, the trait of each sprite;
        ``"none"`` where there is none, or where no layer of the sprite has that colour.

    Raises
    ------
    TypeError
        If `n` or `seed` is not an integer.
    ValueError
        If `n` is less than 1 or more than a million, or `seed` is negative.

    Notes
    -----
    No two sprites of a call are alike, and more sprites continue fewer ones: the first ``k``
    sprites and traits of ``draw_sprites(n, seed)`` are those of ``draw_sprites(k, seed)``.
    """
    n = _integer("n", n, least=1)
    if n > MOST_SPRITES:
        raise ValueError(f"n is {n:,}; at most {MOST_SPRITES:,} sprites are drawn")
    seed = _integer("seed", seed, least=0)
    return _draw(load_art(), np.random.default_rng(seed), n)


def _draw(
    art: Art, rng: np.random.Generator, n: int
) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.str_]]]:
    """Draw candidates, a fixed count of random numbers each, and keep the first n distinct ones."""
    seen: set[bytes] = set()
    pixels, choices, missing = [], [], n
    while missing:
        # Random numbers come row by row, so candidate i is the same whatever n and BATCH are.
        chosen = _choose(art, rng.random((BATCH, len(art.categories))))
        painted = _paint(art, chosen)
        new = np.array(list(_first_sights(painted, seen)), dtype=np.intp)[:missing]
        pixels.append(painted[new])
        choices.append(chosen[new])
        missing -= len(new)
    return np.concatenate(pixels), _labels(art, np.concatenate(choices))


def _integer(name: str, value: Any, least: int) -> int:
    """Check an integer argument; a bool is refused, since it is a slip more often than a number."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = index(value)
    except TypeError:
        raise TypeError(
            f"{name} is {value!r}, of type {type(value).__name__}; pass an integer >= {least}"
        ) from None
    if number < least:
        raise ValueError(f"{name} is {number}; pass an integer >= {least}")
    return number


def _first_sights(pixels: NDArray[np.uint8], seen: set[bytes]) -> Iterator[int]:
    """Numbers of the images that are not yet in `seen`, which takes them in."""
    for i, image in enumerate(pixels):
        key = image.tobytes()
        if key not in seen:
            seen.add(key)
            yield i


def _choose(art: Art, draws: NDArray[np.float64]) -> NDArray[np.intp]:
    """Turn uniform draws (n, categories) into trait numbers of the same shape."""
    chosen = np.empty(draws.shape, dtype=np.intp)
    head = art.number("head")
    heads = art.categories[head].traits
    chosen[:, head] = _pick(draws[:, head], [trait.weight for trait in heads])
    kind_of = np.array([trait.kind for trait in heads])[chosen[:, head]]
    for c, category in enumerate(art.categories):
        if c == head:
            continue
        for kind in dict.fromkeys(trait.kind for trait in heads):
            rows = np.flatnonzero(kind_of == kind)
            weights = [
                t.weight if t.kinds is None or kind in t.kinds else 0.0 for t in category.traits
            ]
            chosen[rows, c] = _pick(draws[rows, c], weights)
    _drop_clashes(art, chosen)
    return chosen


def _pick(draws: NDArray[np.float64], weights: list[float]) -> NDArray[np.intp]:
    """Trait numbers with probabilities proportional to `weights`; never one of weight 0."""
    edges = np.cumsum(weights)
    return np.asarray(np.searchsorted(edges, draws * edges[-1], side="right"), dtype=np.intp)


def _drop_clashes(art: Art, chosen: NDArray[np.intp]) -> None:
    """Take off, in place, the traits that do not go with another trait of the same sprite."""
    for c, category in enumerate(art.categories):
        for t, trait in enumerate(category.traits):
            for other, name in trait.without:
                o = art.number(other)
                clash = (chosen[:, c] == t) & (art.categories[o].names[chosen[:, o]] == name)
                chosen[clash, c] = category.names.tolist().index("none")


def _paint(art: Art, chosen: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Stack the chosen layers, all sprites of a trait at once, then look their colours up."""
    n = len(chosen)
    canvas = np.full((n, SIZE * SIZE), CLEAR, dtype=np.uint8)
    colours = np.repeat(art.palette[None], n, axis=0)
    for category, choice in zip(art.categories, chosen.T, strict=True):
        if len(category.ramp):
            tones = np.stack([trait.colours for trait in category.traits])
            colours[:, category.ramp] = tones[choice]
            continue
        for t, trait in enumerate(category.traits):
            rows = np.flatnonzero(choice == t)
            canvas[rows[:, None], trait.cells] = trait.codes
    return colours[np.arange(n)[:, None], canvas].reshape(n, SIZE, SIZE, 4)


def _labels(art: Art, chosen: NDArray[np.intp]) -> dict[str, NDArray[np.str_]]:
    """Name the chosen traits; a colour that none of the layers uses is named none."""
    used = np.zeros((len(chosen), len(art.palette)), dtype=bool)
    for category, choice in zip(art.categories, chosen.T, strict=True):
        in_trait = np.zeros((len(category.traits), len(art.palette)), dtype=bool)
        for t, trait in enumerate(category.traits):
            in_trait[t, trait.codes] = True
        used |= in_trait[choice]
    labels = {}
    for category, choice in zip(art.categories, chosen.T, strict=True):
        shown = used[:, category.ramp].any(axis=1) if len(category.ramp) else True
        labels[category.name] = np.where(shown, category.names[choice], "none")
    return labels


@cache
def load_art() -> Art:
    """Read the data files; their own comments describe the format."""
    sections = _sections()
    mirror = {char: (left, right) for char, left, right in map(str.split, sections.pop("mirror"))}
    codes, palette = {"~": CLEAR}, [bytes(4)]
    for char, rgb in map(str.split, sections.pop("palette")):
        codes[char] = len(palette)
        palette.append(bytes.fromhex(rgb + "ff"))
    categories = []
    for title, lines in sections.items():
        name, *rest = title.split()[1:]
        tones = "".join(word for word in rest if "=" not in word)
        ramp = np.arange(len(palette), len(palette) + len(tones))
        codes.update(zip(tones, ramp.tolist(), strict=True))
        palette += [bytes(4)] * len(tones)
        starts = [i for i, line in enumerate(lines) if line.startswith("+")]
        blocks = [lines[i:j] for i, j in zip(starts, [*starts[1:], None], strict=True)]
        default = dict(word.split("=") for word in rest if "=" in word)
        traits = tuple(_trait(block, default, codes, mirror) for block in blocks)
        categories.append(Category(name, traits, ramp))
    return Art(np.frombuffer(b"".join(palette), np.uint8).reshape(-1, 4), tuple(categories))


def _sections() -> dict[str, list[str]]:
    """Gather the lines of all data files by section title, without comments."""
    sections: dict[str, list[str]] = {}
    for name in ART_FILES:
        path = files(__package__) / "data" / f"sprites_{name}.txt"
        for line in path.read_text("ascii").splitlines():
            if line.startswith("["):
                lines = sections.setdefault(line.strip("[]"), [])
            elif line and not line.startswith("#"):
                lines.append(line)
    return sections


def _trait(
    block: list[str],
    default: dict[str, str],
    codes: dict[str, int],
    mirror: dict[str, tuple[str, str]],
) -> Trait:
    """Make a trait of its "+" line and the rows of art below it."""
    title, *rows = block
    name, weight, *rest = title.split()[1:]
    options = default | dict(word.split("=") for word in rest if "=" in word)
    drawn = [
        (y * SIZE + x, codes[char])
        for y, row in enumerate(rows, int(options.get("row", 0)))
        for x, char in enumerate(_full(row, mirror))
        if char != "."
    ]
    cells, values = zip(*drawn, strict=True) if drawn else ((), ())
    colours = b"".join(bytes.fromhex(word + "ff") for word in rest if "=" not in word)
    clashes = (word.split(":") for word in options.get("without", "").split(";") if word)
    return Trait(
        name=name,
        weight=float(weight),
        kind=options.get("kind", ""),
        kinds=frozenset(options["for"].split(",")) if "for" in options else None,
        without=frozenset((other, value) for other, value in clashes),
        cells=np.array(cells, dtype=np.intp),
        codes=np.array(values, dtype=np.uint8),
        colours=np.frombuffer(colours, np.uint8).reshape(-1, 4),
    )


def _full(row: str, mirror: dict[str, tuple[str, str]]) -> str:
    """Return a line of 24 characters as it is, one of 12 with its mirror image on the right."""
    if len(row) == SIZE:
        return row
    if len(row) != SIZE // 2:
        raise ValueError(f"art line {row!r} has {len(row)} characters; make it 12 or 24")
    sides = [mirror.get(char, (char, char)) for char in row]
    return "".join(left for left, _ in sides) + "".join(right for _, right in reversed(sides))
