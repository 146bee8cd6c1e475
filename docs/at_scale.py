"""Compute the tables of ``docs/at-scale.md`` by counting, and write them there."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from nmf_accel.core.problem import flops

PAGE = Path(__file__).parent / "at-scale.md"
ITEM = 4
"""Bytes of a number: float32."""
OF_BYTES, OF_OPERATIONS = 0.8, 0.7
"""Which parts of the rates on the data sheets are taken to be reached."""
STATES = 6
"""How many states the loop keeps at its peak: `Backend.states_at_once`."""


@dataclass(frozen=True)
class Device:
    """What a data sheet says of a GPU: bytes, bytes a second, operations a second in float32."""

    name: str
    memory: float
    bytes: float
    operations: float


@dataclass(frozen=True)
class Network:
    """Between devices: bytes a second that each sends, and seconds of a step of an all-reduce."""

    name: str
    bytes: float
    step: float

    def all_reduce(self, numbers: float, devices: int) -> float:
        """Seconds in which all have the sum: a ring's bytes, a tree's steps."""
        if devices == 1:
            return 0.0
        sent = 2 * (devices - 1) / devices * numbers * ITEM
        return sent / self.bytes + 2 * math.ceil(math.log2(devices)) * self.step


H100 = Device("H100 SXM", 80e9, 3.35e12, 67e12)
V100 = Device("V100 SXM2", 16e9, 0.9e12, 15.7e12)
NVLINK = Network("NVLink 4", 450e9, 3e-6)
NDR = Network("InfiniBand NDR, a port a GPU", 50e9, 8e-6)
EDR = Network("InfiniBand EDR, two ports for six GPUs", 25e9 / 6, 8e-6)


@dataclass(frozen=True)
class Work:
    """An iteration of 'mu' on A (m, n), on a grid of `rows` × `columns` devices."""

    m: float
    n: float
    rank: int
    rows: int
    columns: int
    device: Device
    network: Network

    @property
    def devices(self) -> int:
        """How many."""
        return self.rows * self.columns

    @property
    def held(self) -> float:
        """Bytes of A on a device."""
        return self.m * self.n * ITEM / self.devices

    @property
    def factors(self) -> float:
        """Bytes of W and H on a device."""
        return (self.m / self.rows + self.n / self.columns) * self.rank * ITEM

    @property
    def memory(self) -> float:
        """Bytes on a device, at the peak."""
        return self.held + STATES * self.factors

    @property
    def reading(self) -> float:
        """Seconds of the bytes: A twice, each factor three times, as `Problem.moved` counts."""
        return (2 * self.held + 3 * self.factors) / (OF_BYTES * self.device.bytes)

    @property
    def computing(self) -> float:
        """Seconds of the operations of six products, as `flops` counts."""
        m, n = self.m / self.rows, self.n / self.columns
        # The Gram matrices of a factor are made where a part of it is, on each device of the part.
        count = flops((round(m), round(n)), round(m * n), self.rank)
        return count / (OF_OPERATIONS * self.device.operations)

    @property
    def exchanging(self) -> float:
        """Seconds of the all-reduces, which nothing hides: sums over columns, and over rows."""
        square, m, n = self.rank**2, self.m / self.rows, self.n / self.columns
        over_columns = self.network.all_reduce(square + self.rank * m, self.columns)
        over_rows = self.network.all_reduce(square + self.rank * n, self.rows)
        return over_columns + (over_rows if self.rows > 1 else 0.0)

    @property
    def iteration(self) -> float:
        """Seconds of an iteration."""
        return max(self.reading, self.computing) + self.exchanging


COLUMNS = [
    ("100 features, rank 16", Work(100, 1e8, 16, 1, 1, H100, NVLINK)),
    ("100 features, rank 16", Work(100, 1e8, 16, 1, 8, H100, NVLINK)),
    ("1,000 features, rank 64", Work(1e3, 1e8, 64, 1, 8, H100, NVLINK)),
    ("20,000 features, rank 64", Work(2e4, 1e8, 64, 1, 192, H100, NDR)),
]
SHAPES = [
    ("10⁶ × 10⁶, by columns", Work(1e6, 1e6, 64, 1, 256, H100, NDR)),
    ("10⁶ × 10⁶, on a grid", Work(1e6, 1e6, 64, 16, 16, H100, NDR)),
    ("10⁴ × 10⁸, by columns", Work(1e4, 1e8, 64, 1, 256, H100, NDR)),
    ("10⁴ × 10⁸, on a grid", Work(1e4, 1e8, 64, 16, 16, H100, NDR)),
]
PUBLISHED = [
    ("10⁵ × 8.5 · 10⁸, rank 32", Work(1e5, 8.5e8, 32, 1, 24_576, V100, EDR)),
    ("10⁵ × 8.5 · 10⁸, rank 32", Work(1e5, 8.5e8, 32, 1, 8_192, H100, NDR)),
]
"""340 TB in float32."""


def table(cases: list[tuple[str, Work]]) -> str:
    """The lines of a table."""
    lines = [
        "| A | devices | grid | GB on each | bytes | operations | exchange | iteration |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, x in cases:
        times = (x.reading, x.computing, x.exchanging, x.iteration)
        cells = [name, f"{x.devices:,} {x.device.name}", f"{x.rows:,} × {x.columns:,}"]
        cells += [f"{x.memory / 1e9:.3g} of {x.device.memory / 1e9:.0f}", *map(_ms, times)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


TABLES = {"columns": table(COLUMNS), "shapes": table(SHAPES), "published": table(PUBLISHED)}


def written(page: str) -> str:
    """The page with the tables in their places."""
    for name, lines in TABLES.items():
        place = rf"(<!-- table: {name} -->\n)(?:\|.*\n)*"
        page = re.sub(place, lambda found, lines=lines: f"{found[1]}{lines}\n", page)
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
