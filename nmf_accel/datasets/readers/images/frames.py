"""A decoded picture, and what all kinds of picture have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]


@dataclass(frozen=True, repr=False)
class Frame:
    """One picture.

    Attributes
    ----------
    pixels : (h, w, channels) array
        The colours, then the opacity if there is one channel more.
    colours : int
        How many of the channels are no opacity.
    white : int, optional
        What integers are divided by; None for floats, which stay as they are.
    from_palette : bool
        The file keeps colours in a palette, which has no form for grey.
    hidden : bool
        It had colours where it is transparent.
    """

    pixels: Pixels
    colours: int
    white: int | None
    from_palette: bool = False
    hidden: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        h, w = self.pixels.shape[:2]
        return w, h

    @property
    def has_opacity(self) -> bool:
        """Whether its last channel is the opacity."""
        return int(self.pixels.shape[2]) > self.colours

    @property
    def opaque(self) -> bool:
        """Whether nothing shines through."""
        return not self.has_opacity or bool((self.pixels[..., -1] >= (self.white or 1)).all())

    @property
    def could_be_grey(self) -> bool:
        """Whether it is grey, and has colours only because a palette has."""
        red, *others = np.moveaxis(self.pixels[..., : self.colours], 2, 0)
        return self.from_palette and all(np.array_equal(red, other) for other in others)

    def as_grey(self) -> Frame:
        """It with one of its colours, which are all the same."""
        last = [-1] if self.has_opacity else []
        return replace(self, pixels=self.pixels[..., [0, *last]], colours=1)

    def as_colour(self) -> Frame:
        """It with its one colour three times."""
        last = [-1] if self.has_opacity else []
        return replace(self, pixels=self.pixels[..., [0, 0, 0, *last]], colours=3)

    def without_opacity(self) -> Frame:
        """Its colours alone."""
        return replace(self, pixels=self.pixels[..., : self.colours])

    def with_opacity(self) -> Frame:
        """It with a channel of opacity: opaque, if it had none."""
        if self.has_opacity:
            return self
        full = np.full((*self.pixels.shape[:2], 1), self.white or 1, self.pixels.dtype)
        return replace(self, pixels=np.concatenate([self.pixels, full], axis=2))

    def scaled(self) -> Frame:
        """It as floats, its integers divided by white."""
        if self.white is None:
            return self
        return replace(self, pixels=self.pixels / float(self.white), white=None)

    def turned(self, orientation: int) -> Frame:
        """It upright, from one of the eight orientations of TIFF and EXIF."""
        return replace(self, pixels=UPRIGHT.get(orientation, UPRIGHT[1])(self.pixels))


class Pictures(NamedTuple):
    """What a file of pictures holds: its frames, and what was assumed of them."""

    frames: list[Frame]
    said: tuple[str, ...] = ()


UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels.swapaxes(0, 1)[:, ::-1],
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels.swapaxes(0, 1)[::-1],
}
"""How stored pixels become upright, by the value of the tag Orientation (274)."""

TURNED = "turned upright as the file says"


def turned(held: Pictures, orientations: Sequence[int]) -> Pictures:
    """Frames upright, each by its orientation."""
    pairs = zip(held.frames, orientations, strict=True)
    said = (TURNED,) if any(UPRIGHT.get(k) not in (None, UPRIGHT[1]) for k in orientations) else ()
    return Pictures([frame.turned(k) for frame, k in pairs], (*held.said, *said))


def seen(pixels: Pixels, colours: int, white: int | None, from_palette: bool = False) -> Frame:
    """A frame, black where it is transparent: colour that nobody sees would still be factorized.

    Pixels (h, w) are those of one channel.
    """
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    hidden = False
    if pixels.shape[2] > colours:
        transparent = pixels[..., -1:] == 0
        hidden = bool((transparent & (pixels != 0)).any())
        pixels = np.where(transparent, pixels.dtype.type(0), pixels)
    return Frame(pixels, colours, white, from_palette, hidden)
