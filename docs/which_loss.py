"""Draw the pictures of ``docs/which-loss.md`` and print its figures; ``--time`` for those of time.

Nothing is downloaded: counts and sound are made here, and the picture comes with scikit-image.
"""

from __future__ import annotations

import io
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import skimage
from matplotlib.figure import Figure
from PIL import Image
from scipy.optimize import linear_sum_assignment
from scipy.signal import stft
from scipy.sparse import random_array

from nmf_accel import Factorization, nmf
from nmf_accel.plots import BLUE, GREEN, ORANGE

HERE = Path(__file__).parent
FROBENIUS, KL, IS = "frobenius", "kullback-leibler", "itakura-saito"
SHORT = {FROBENIUS: "Frobenius", KL: "Kullback-Leibler", IS: "Itakura-Saito"}
COLOUR = {FROBENIUS: BLUE, KL: ORANGE, IS: GREEN}

# ------------------------------------------------------------------------------------------ counts

PER_CELL = (10, 30, 100, 300, 1000)


def some_counts(per_cell: float = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Poisson counts of 200 genes in 300 cells, and the 5 programs (200, 5) that they come from."""
    rng = np.random.default_rng(seed)
    programs = rng.lognormal(0, 1.5, (200, 1)) * rng.gamma(0.3, 1, (200, 5))
    programs /= programs.sum(axis=0)
    shares = rng.dirichlet(np.full(5, 0.3), 300).T
    depth = per_cell * rng.lognormal(0, 0.5, 300)
    return rng.poisson(programs @ shares * depth).astype(float), programs


def cosines(W: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each true column the cosine with the one of W that is paired with it, and which one."""
    table = (W / np.linalg.norm(W, axis=0)).T @ (true / np.linalg.norm(true, axis=0))
    ours, theirs = linear_sum_assignment(-table)
    order = ours[np.argsort(theirs)]
    return table[order, np.arange(len(order))], order


def best(A: np.ndarray, rank: int, starts: int, **options: Any) -> Factorization:
    """The run with the least error, by its own loss, of so many random starts."""
    runs = (nmf(A, rank, seed=seed, backend="numpy", **options) for seed in range(starts))
    return min(runs, key=lambda run: run.error)


def draw_counts() -> Figure:
    """How well the programs are found, by the depth; and one program at 30 counts a cell."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    print("counts: median of 5 data sets of the (mean, least) cosine of the 5 programs")
    for loss in (KL, FROBENIUS):
        found = np.array(
            [
                [cosines(best(A, 5, 3, loss=loss, max_iter=300).W, true)[0] for A, true in data]
                for data in ([some_counts(n, seed) for seed in range(5)] for n in PER_CELL)
            ]
        )
        mean, least = found.mean(axis=-1), found.min(axis=-1)
        for n, a, b in zip(PER_CELL, np.median(mean, 1), np.median(least, 1), strict=True):
            print(f"  {SHORT[loss]}, {n} a cell: {a:.3f}, {b:.3f}")
        left.fill_between(PER_CELL, mean.min(1), mean.max(1), color=COLOUR[loss], alpha=0.2, lw=0)
        left.plot(PER_CELL, np.median(mean, 1), "o-", color=COLOUR[loss], label=SHORT[loss])
    left.set(xscale="log", xlabel="counts in a cell (mean)", ylim=(0.6, 1.01))
    left.set(ylabel="cosine, found with true", title="Mean of the five programs")
    left.set_xticks(PER_CELL, map(str, PER_CELL))
    left.minorticks_off()
    left.legend(loc="lower right")

    A, true = some_counts(30)
    print(f"  zeros at 30 a cell: {np.mean(A == 0):.0%}")
    fits = {loss: best(A, 5, 3, loss=loss, max_iter=300).W for loss in (FROBENIUS, KL)}
    worst = int(cosines(fits[FROBENIUS], true)[0].argmin())
    for loss, mark in ((FROBENIUS, "s"), (KL, "o")):
        cosine, order = cosines(fits[loss], true)
        share = fits[loss][:, order[worst]] / fits[loss][:, order[worst]].sum()
        label = f"{SHORT[loss]}: cosine {cosine[worst]:.2f}"
        right.plot(true[:, worst], share, mark, ms=4, color=COLOUR[loss], alpha=0.8, label=label)
        top = np.argsort(-true[:, worst])[:2]
        print(f"  {SHORT[loss]}, the program drawn: {cosine[worst]:.3f}; the two largest shares")
        print(f"    {np.round(share[top], 2)}, in truth {np.round(true[top, worst], 2)}")
    right.axline((0, 0), slope=1, color="0.5", lw=1, zorder=0)
    right.set(xlabel="true share of a gene (a point each)", ylabel="share found")
    right.set(title="One program, 30 counts in a cell")
    right.set_ylim(top=1.2 * right.get_ylim()[1])
    right.legend(loc="upper left")
    return figure


# ------------------------------------------------------------------------------------------- sound

RATE, SECONDS, STARTS = 8000, 12, 4
PITCHES = (220.0, 277.18, 329.63, 466.16)
SCORE = ((0,), (1,), (2,), (0, 3), (1, 2), (3, 1), (0, 2), (2, 3), (0, 1), (3,), (1, 2, 3), (0, 2))
"""Which notes are struck in each second; note 3 is the quiet one."""


def spectrum(x: np.ndarray) -> np.ndarray:
    """The complex spectrogram, 513 frequencies by times."""
    return stft(x, RATE, nperseg=1024, noverlap=768)[2]


def some_notes(quiet: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """The sound of four notes with harmonics and decay and of some noise, and each note alone."""
    rng, t = np.random.default_rng(0), np.arange(SECONDS * RATE) / RATE
    notes = np.zeros((4, len(t)))
    for i, (pitch, loud) in enumerate(zip(PITCHES, (1, 0.8, 0.6, quiet), strict=True)):
        for second, struck in enumerate(SCORE):
            if i not in struck:
                continue
            since = np.clip(t - second - 0.1, 0, None)
            envelope = loud * np.minimum(since / 0.03, 1) * np.exp(-2 * since)
            for h in range(1, int(3600 / pitch) + 1):
                phase = rng.uniform(0, 2 * np.pi)
                notes[i] += envelope * h**-1.5 * np.sin(2 * np.pi * h * pitch * t + phase)
    return notes.sum(axis=0) + 0.01 * rng.standard_normal(len(t)), notes


def separated(fit: Factorization, Z: np.ndarray, notes: np.ndarray) -> tuple[Any, Any]:
    """Each note as a share of Z, by the component that fits it best, and how well in dB."""
    W, H = np.asarray(fit.W), np.asarray(fit.H)
    parts = [Z * (np.outer(w, h) / (W @ H)) for w, h in zip(W.T, H, strict=True)]
    wrong = np.array([np.sum(np.abs(notes - part) ** 2, axis=(1, 2)) for part in parts])
    table = 10 * np.log10(np.sum(np.abs(notes) ** 2, axis=(1, 2)) / wrong)
    ours, theirs = linear_sum_assignment(-table)
    order = ours[np.argsort(theirs)]
    return [parts[k] for k in order], table[order, np.arange(len(notes))]


WAYS = (
    ("Frobenius, magnitude", FROBENIUS, 1, 5),
    ("Kullback-Leibler, magnitude", KL, 1, 5),
    ("Itakura-Saito, power", IS, 2, 5),
    ("Frobenius, power", FROBENIUS, 2, 5),  # from here on not drawn
    ("Kullback-Leibler, power", KL, 2, 5),
    ("Frobenius, magnitude, 12 components", FROBENIUS, 1, 12),
)


def draw_sound() -> Figure:
    """The spectrogram, and the level of the quiet note as each loss separates it."""
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    axes = figure.subplot_mosaic("aaa;bcd", height_ratios=[1.1, 1])
    for quiet in (0.1, 0.05):
        x, notes = some_notes(quiet)
        Z, alone = spectrum(x), spectrum(notes)
        t = np.arange(Z.shape[1]) * 256 / RATE
        print(f"sound {Z.shape}, quiet note {20 * np.log10(quiet):.0f} dB: separation, dB")
        for k, (name, loss, power, rank) in enumerate(WAYS):
            A = np.abs(Z) ** power
            runs = [
                nmf(A, rank, loss=loss, seed=seed, max_iter=400, backend="numpy")
                for seed in range(STARTS)
            ]
            all_ways = [separated(run, Z, alone) for run in runs]
            parts, ratios = all_ways[int(np.argmin([run.error for run in runs]))]
            found = sum(r[3] > 0 for _, r in all_ways)
            print(f"  {name}: {np.round(ratios, 1)}, quiet one found in {found} of {STARTS} starts")
            if quiet != 0.1 or k > 2:
                continue
            axis = axes["bcd"[k]]
            axis.plot(t, level(alone[3]), color="0.7", lw=4, label="true")
            axis.plot(t, level(parts[3]), color=COLOUR[loss], lw=1.2, label="found")
            axis.set(xlabel="time (s)", xlim=(0, 12), ylim=(-65, 12))
            axis.set_title(f"{name}\nseparated to {ratios[3]:.1f} dB", fontsize=10)
            axis.legend(loc="upper right", ncols=2, fontsize=9)
        if quiet == 0.1:
            decibels = 20 * np.log10(np.abs(Z) / np.abs(Z).max())
            image = axes["a"].imshow(
                decibels,
                origin="lower",
                aspect="auto",
                extent=(0, t[-1], 0, RATE / 2),
                vmin=-55,
                vmax=0,
                cmap="magma",
            )
            figure.colorbar(image, ax=axes["a"], label="level (dB)")
    axes["a"].set(ylim=(0, 2600), xlabel="time (s)", ylabel="frequency (Hz)")
    axes["a"].set_title("Four notes; arrows: the quiet one is struck (466 Hz)", fontsize=10)
    for second, struck in enumerate(SCORE):
        if 3 in struck:
            where = {"xy": (second + 0.15, 466), "xytext": (second - 0.35, 1150)}
            arrow = {"arrowstyle": "->", "color": "white", "lw": 1.5}
            axes["a"].annotate("", **where, arrowprops=arrow)
    axes["b"].set_ylabel("level of the quiet note (dB)")
    return figure


def level(Z: np.ndarray) -> np.ndarray:
    """Of each time, in dB, against a loud note."""
    return 10 * np.log10(np.maximum(np.sum(np.abs(Z) ** 2, axis=0), 1e-9)) + 6


# ------------------------------------------------------------------------------------------ images


def some_patches(picture: np.ndarray) -> np.ndarray:
    """The patches of 8 × 8 of a picture of 512 × 512 as columns, (64, 4096)."""
    return picture.reshape(64, 8, 64, 8).transpose(1, 3, 0, 2).reshape(64, 4096).astype(float)


def picture_of(patches: np.ndarray) -> np.ndarray:
    """The other way."""
    return patches.reshape(8, 8, 64, 64).transpose(2, 0, 3, 1).reshape(512, 512)


def psnr(P: np.ndarray, A: np.ndarray) -> float:
    """Peak signal to noise, dB."""
    return float(10 * np.log10(255**2 / np.mean((P - A) ** 2)))


def draw_images() -> Figure:
    """A detail as each loss gives it back, and the error by the grey value."""
    A = np.maximum(some_patches(skimage.data.camera()), 1)
    print(f"images {A.shape}, rank 16: PSNR in dB, rms error where grey < 40 and elsewhere")
    fits = {}
    for name, options in {
        "Frobenius, hals": {"solver": "hals"},
        "Frobenius": {},
        "Kullback-Leibler": {"loss": KL},
        "Itakura-Saito": {"loss": IS},
    }.items():
        start: dict[str, Any] = {}
        for iterations in (500, 1000):  # 500, then as many more as make 1,500
            fit = nmf(A, 16, max_iter=iterations, backend="numpy", **options, **start)
            start, P = {"W0": fit.W, "H0": fit.H}, fit.reconstruct()
            dark, bright = (np.sqrt(np.mean((P - A)[which] ** 2)) for which in (A < 40, A >= 40))
            so_far = 500 if iterations == 500 else 1500
            print(f"  {name}, {so_far} iterations: {psnr(P, A):.2f}, {dark:.2f}, {bright:.2f}")
        fits[name] = P
    rng = np.random.default_rng(0)
    noisy = {
        "noise of 20": np.clip(A + 20 * rng.standard_normal(A.shape), 1, 255),
        "photons, 1 for 20 grey values": 20.0 * rng.poisson(A / 20),
    }
    for name, B in noisy.items():
        for loss in (FROBENIUS, KL):
            P = best(B, 16, 1, loss=loss, max_iter=500).reconstruct()
            print(f"  {name}, {SHORT[loss]}, mu: {psnr(P, A):.2f} to the clean picture")

    figure = Figure(figsize=(8, 4.3), layout="constrained")
    axes = figure.subplot_mosaic("abe;cde", width_ratios=[1.2, 1.2, 1.6])
    shown = {
        "Frobenius (hals)": (fits["Frobenius, hals"], BLUE, "-"),
        "Kullback-Leibler": (fits["Kullback-Leibler"], ORANGE, "--"),
        "Itakura-Saito": (fits["Itakura-Saito"], GREEN, "-."),
    }
    for key, (name, P) in zip(
        "abcd", [("original", A), *((n, p) for n, (p, _, _) in shown.items())], strict=True
    ):
        title = f"{name}\n(a detail)" if key == "a" else f"{name}\n{psnr(P, A):.2f} dB"
        axes[key].imshow(picture_of(P)[80:208, 180:308], cmap="gray", vmin=0, vmax=255)
        axes[key].set_title(title, fontsize=10)
        axes[key].set_axis_off()
    edges = np.linspace(0, 256, 17)
    which = np.digitize(A, edges) - 1
    for name, (P, colour, style) in shown.items():
        rms = [np.sqrt(np.mean((P - A)[which == k] ** 2)) for k in range(16) if (which == k).any()]
        at = [edges[k] + 8 for k in range(16) if (which == k).any()]
        axes["e"].plot(at, rms, style, color=colour, lw=2, label=name)
    axes["e"].set(
        xlabel="grey value of the original", ylabel="rms error (grey values)", ylim=(0, 30)
    )
    axes["e"].set_title("Where each loss errs", fontsize=10)
    axes["e"].legend()
    return figure


# -------------------------------------------------------------------------------------------- time


def measure_time(rounds: int = 9) -> None:
    """Seconds of a call by that of Frobenius with mu, medians of rounds in turns."""
    versions = f"NumPy {np.__version__}, SciPy {scipy.__version__}, Python"
    print(f"{versions} {platform.python_version()}, {platform.machine()}")
    rng = np.random.default_rng(0)
    large = rng.poisson(rng.gamma(0.5, 2, (2000, 8)) @ rng.gamma(0.5, 2, (8, 3000))) + 1.0
    thin = random_array((20_000, 5_000), density=0.01, rng=rng, format="csr")
    thin.data = np.ceil(5 * thin.data)
    cases = {
        "counts": (some_counts()[0], 5, 300),
        "sound": (np.abs(spectrum(some_notes()[0])) ** 2, 5, 100),
        "patches": (np.maximum(some_patches(skimage.data.camera()), 1), 16, 100),
        "large": (large, 32, 10),
        "sparse": (thin, 16, 20),
    }
    for name, (A, rank, iterations) in cases.items():
        ways = {"mu": {}, "hals": {"solver": "hals"}, "KL": {"loss": KL}}
        if name != "sparse" and A.min() > 0:
            ways |= {"IS": {"loss": IS}}
        if name != "sparse":
            ways |= {"0.5": {"loss": 0.5}, "1.5": {"loss": 1.5}}
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(rounds + 1):
            for way, options in ways.items():
                began = time.perf_counter()
                nmf(A, rank, max_iter=iterations, backend="numpy", **options)
                if turn:  # the first one warms up
                    seconds[way].append(time.perf_counter() - began)
        median = {way: float(np.median(taken)) for way, taken in seconds.items()}
        print(f"{name} {A.shape}, rank {rank}: {1e3 * median['mu'] / iterations:.3g} ms for mu;")
        for way, taken in median.items():
            ratios = np.array(seconds[way]) / np.array(seconds["mu"])
            low, high = ratios.min(), ratios.max()
            print(f"  {way}: {taken / median['mu']:.2f} ({low:.2f} to {high:.2f})")


def main() -> None:
    """Draw all three, or measure."""
    if "--time" in sys.argv:
        measure_time()
        return
    for name, draw in (("counts", draw_counts), ("sound", draw_sound), ("images", draw_images)):
        began = time.perf_counter()
        drawn = io.BytesIO()
        draw().savefig(drawn, dpi=115)
        few = Image.open(drawn).convert("RGB").quantize(96, dither=Image.Dither.NONE)
        few.save(HERE / f"which-loss-{name}.png", optimize=True)
        print(f"  {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
