"""A file that is no whole factorization is refused in a sentence, whatever was done to it."""

import io
import json
import os
import time
import zipfile

import numpy as np
import pytest

from nmf_accel import Factorization, nmf


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The bytes of a factorization."""
    path = tmp_path_factory.mktemp("good") / "f.npz"
    nmf(np.random.default_rng(0).random((7, 6)), 2, max_iter=5, backend="numpy").save(path)
    return path.read_bytes()


def held(good):
    with np.load(io.BytesIO(good)) as file:
        return dict(file)


def packed(arrays, save=np.savez):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def with_arrays(**arrays):
    return lambda good: packed({**held(good), **arrays})


def without(name):
    return lambda good: packed({k: x for k, x in held(good).items() if k != name})


def with_record(**values):
    def damage(good):
        record = {**json.loads(str(held(good)["record"])), **values}
        return with_arrays(record=np.array(json.dumps(record)))(good)

    return damage


def without_in_record(name):
    def damage(good):
        record = json.loads(str(held(good)["record"]))
        del record[name]
        return with_arrays(record=np.array(json.dumps(record)))(good)

    return damage


def claiming(shape):
    """W's header claims a shape that its bytes do not fill."""

    def damage(good):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as out, zipfile.ZipFile(io.BytesIO(good)) as old:
            for name in old.namelist():
                content = old.read(name)
                if name == "W.npy":
                    head = io.BytesIO()
                    about = {"descr": "<f8", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_2_0(head, about)
                    content = head.getvalue() + content[-112:]
                out.writestr(name, content)
        return file.getvalue()

    return damage


def bomb(good):
    """Some kilobytes that would become 64 MB."""
    file = io.BytesIO(good)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as out:
        out.writestr("features.npy", bytes(2**26))
    return file.getvalue()


def encrypted(good):
    """All members claim to be encrypted."""
    bent, place = bytearray(good), good.find(b"PK\x01\x02")
    while place >= 0:
        bent[place + 8] |= 1
        place = good.find(b"PK\x01\x02", place + 1)
    return bytes(bent)


DAMAGES = {
    "W lacking": without("W"),
    "errors lacking": without("errors"),
    "W of one dimension": with_arrays(W=np.ones(3)),
    "W of another rank": with_arrays(W=np.ones((7, 3))),
    "W of text": with_arrays(W=np.array([["a", "b"]])),
    "W of objects": with_arrays(W=np.array([[{}]], dtype=object)),
    "errors of text": with_arrays(errors=np.array(["a"])),
    "record a number": with_arrays(record=np.array(5)),
    "record a list": with_arrays(record=np.array("[]")),
    "record deep": with_arrays(record=np.array("[" * 100_000)),
    "record cut": with_arrays(record=np.array('{"format": 1, ')),
    "format text": with_record(format="1"),
    "settings a list": with_record(settings=[]),
    "something more": with_record(something=1),
    "norm lacking": without_in_record("norm"),
    "settings lacking": without_in_record("settings"),
    "claiming exabytes": claiming((2**40, 2**20)),
    "claiming too many for a number": claiming((2**62, 2**62)),
    "claiming less than nothing": claiming((-3, 2)),
    "claiming a terabyte": claiming((2**37, 1)),
    "bomb": bomb,
    "encrypted": encrypted,
    "empty": lambda good: b"",
    "PK alone": lambda good: b"PK",
    "an .npy": lambda good: b"\x93NUMPY\x01\x00",
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_is_refused_in_a_sentence(name, good, tmp_path):
    path, started = tmp_path / "f.npz", time.perf_counter()
    path.write_bytes(DAMAGES[name](good))
    with pytest.raises(ValueError, match=r"f\.npz (is damaged: .|is not a factorization)"):
        Factorization.load(path)
    assert time.perf_counter() - started < 2


def test_a_file_that_is_cut_or_bent_anywhere_is_refused_or_the_same(good, tmp_path):
    path, rng = tmp_path / "f.npz", np.random.default_rng(0)
    refused = 0
    for k in range(0, len(good), 23):
        bent = bytearray(good)
        bent[k] ^= int(rng.integers(1, 256))
        for content in (good[:k], bytes(bent)):
            path.write_bytes(content)
            try:
                found = Factorization.load(path)
            except ValueError:
                refused += 1
            else:
                np.testing.assert_array_equal(found.W, held(good)["W"])
    assert refused > len(good) / 23


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(OSError, match=r"it is a (folder|pipe or a device, and no file)"):
            Factorization.load(path)
