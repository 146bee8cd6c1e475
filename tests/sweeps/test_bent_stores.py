"""Bytes of a store that change by chance are noticed: what is read is what was written."""

import random
import shutil

import numpy as np
import pytest

from nmf_accel import StoreError, sweep
from nmf_accel.sweeps import Store
from nmf_accel.sweeps.store.lines import parsed

A = np.random.default_rng(0).random((6, 5))


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder of a sweep."""
    folder = tmp_path_factory.mktemp("good") / "s"
    sweep(A, [1, 2, 3], 3, max_iter=5, store=folder, backend="numpy")
    return folder


def bent(content, chance):
    """The bytes with something changed: a bit, or a piece cut, doubled, moved, zeroed, drawn."""
    k, size = chance.randrange(len(content)), chance.choice((1, 7, 80, 600))
    piece = content[k : k + size]
    return chance.choice(
        (
            content[:k] + bytes([content[k] ^ 1 << chance.randrange(8)]) + content[k + 1 :],
            content[:k],
            content[:k] + content[k + size :],
            content[:k] + piece + content[k:],
            piece + content[:k] + content[k + size :],
            content[:k] + bytes(len(piece)) + content[k + size :],
            content[:k] + chance.randbytes(len(piece)) + content[k + size :],
            content[:k] + b"\n" + content[k:],
        )
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b'{"x": NaN}', "it is no JSON"),
        (b'{"x": -Infinity}', "it is no JSON"),
        (b"[" * 10_000, "it is no JSON"),
        (b"5", "it is no JSON object"),
        (b"\xff", "it is no text in UTF-8"),
        (b'{"x": "' + b"x" * 70_000 + b'"}', "it is longer than 65,536 bytes"),
    ],
)
def test_what_is_no_line_is_told(text, fault):
    with pytest.raises(ValueError, match=f"^{fault}$"):
        parsed(text)


@pytest.mark.parametrize("name", ["runs.jsonl", "sweep.json"])
def test_what_is_read_is_what_was_written(good, tmp_path, name):
    folder, chance = shutil.copytree(good, tmp_path / "s"), random.Random(0)
    expected, content, refused = Store.read(good), (good / name).read_bytes(), 0
    for _ in range(400):
        (folder / name).write_bytes(bent(content, chance))
        try:
            found = Store.read(folder)
        except StoreError:
            refused += 1
            continue
        assert found.settings == expected.settings
        assert all(row == expected.lines[key].row for key, row in keyed(found).items())
    assert refused > 200


def keyed(store):
    return {(row["rank"], row["seed"]): row for row in store.rows}


def test_factors_that_are_read_are_those_that_were_written(good, tmp_path):
    folder, chance = shutil.copytree(good, tmp_path / "s"), random.Random(0)
    store = Store.read(folder)
    key = min(store.wanted)
    path, refused = store.factors(*key), 0
    content = path.read_bytes()
    for _ in range(200):
        changed = bent(content, chance)
        path.write_bytes(changed)
        try:
            store.load(*key)
        except StoreError:
            refused += 1
        else:
            assert changed == content
    assert refused > 190
