"""Sound: the magnitudes of its spectrogram, one window a sample."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import Dataset, Names

N_FFT = 2048
CANCELLED = 1e-3
"""Share of the loudest sample below which an average has lost the sound."""
OVERLAP = 4
"""Windows that cover each moment."""
BLOCK = 2048
"""Windows at once, so that their complex numbers do not fill the memory."""


def read_wav(path: Path, *, n_fft: int | None = None) -> Dataset:
    """The magnitude spectrogram of a ``.wav`` file.

    Integers are brought to −1 to 1, channels are averaged. A window (Hann) is centred on each of
    the times that name the samples; before and after the sound there is silence. A magnitude is
    half the amplitude of a tone.

    Parameters
    ----------
    path : Path
    n_fft : int, optional
        Samples of sound in a window; 2048 by default. The next window is a quarter of that later.

    Returns
    -------
    Dataset
        A is (n_fft // 2 + 1, windows), float64 for sound of 24 bits and more, else float32.

    Raises
    ------
    ValueError
        If the sound is shorter than a window, or `n_fft` < 2.
    """
    size = N_FFT if n_fft is None else n_fft
    if size < 2:
        raise ValueError(f"n_fft is {size}; it must be 2 or more")
    rate, sound, said = _load(path)
    if len(sound) < size:
        raise ValueError(
            f"it holds {len(sound):,} samples of sound, fewer than a window of n_fft = {size:,}; "
            "choose a smaller n_fft"
        )
    hop = max(1, size // OVERLAP)
    A = _spectrogram(sound, size, hop)
    said = (*said, f"spectrogram, n_fft {size:,}, hop {hop:,}")
    return Dataset(
        path.name,
        A,
        features=_scale(A.shape[0], rate / size, "Hz", 1),
        samples=_scale(A.shape[1], hop / rate, "s", 3),
        said=said,
    )


def _load(path: Path) -> tuple[int, NDArray[Any], tuple[str, ...]]:
    """Rate in Hz, sound (samples,) from −1 to 1, and what is to be said of them."""
    from scipy.io import wavfile

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        rate, stored = wavfile.read(path)
    # Of chunks that are no sound it warns too.
    said = ["cut off: fewer samples than its header claims"] * any(
        "EOF" in str(x.message) for x in warned
    )
    if rate < 1 or 0 in stored.shape:
        raise ValueError(f"it holds {len(stored):,} samples at {rate:,} Hz")
    sound = _to_unit(stored)
    if not np.isfinite(sound).all():
        raise ValueError("its samples are not all finite numbers; it is damaged")
    if sound.ndim == 1:
        return rate, sound, (f"{rate:,} Hz", *said)
    mean = sound.mean(axis=1)
    if np.abs(mean).max() < CANCELLED * np.abs(sound).max():
        raise ValueError(
            f"its {sound.shape[1]} channels cancel each other in their average; save one of them"
        )
    if sound.shape[1] > 1:
        said.append(f"{sound.shape[1]} channels averaged")
    return rate, mean, (f"{rate:,} Hz", *said)


def _to_unit(stored: NDArray[Any]) -> NDArray[Any]:
    """Samples from −1 to 1, of the float that holds them all."""
    kind = np.result_type(stored.dtype.newbyteorder("="), np.float32)
    sound = stored.astype(kind)
    if stored.dtype.kind == "f":
        return sound
    if stored.dtype.kind == "u":  # of 8 bits, around the middle
        sound = (sound - 128) / 127
        return sound
    scaled: NDArray[Any] = sound / np.asarray(np.iinfo(stored.dtype).max, kind)
    return scaled


def _spectrogram(sound: NDArray[Any], size: int, hop: int) -> NDArray[Any]:
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    transform = ShortTimeFFT(hann(size, sym=False), hop, fs=1, scale_to="magnitude")
    count = math.ceil(len(sound) / hop)
    A = np.empty((size // 2 + 1, count), sound.dtype)
    for begin in range(0, count, BLOCK):
        end = min(begin + BLOCK, count)
        A[:, begin:end] = np.abs(transform.stft(sound, begin, end))
    return A


def _scale(count: int, step: float, unit: str, decimals: int) -> Names:
    """Names of so many places, a step apart, with decimals enough to tell them."""
    decimals = max(decimals, math.ceil(-math.log10(step)))
    return np.array([f"{k * step:.{decimals}f} {unit}" for k in range(count)])
