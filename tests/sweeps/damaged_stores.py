"""What may become of a sweep's folder, and what `show`, the same sweep and `merge` make of it."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np

from nmf_accel import Factorization
from nmf_accel.sweeps.store.lines import digest


def text(folder):
    return (folder / "runs.jsonl").read_text().splitlines()


def lines(folder, *content, end="\n"):
    """Write these lines."""
    (folder / "runs.jsonl").write_bytes(b"\n".join(map(as_bytes, content)) + as_bytes(end))


def as_bytes(content):
    return content if isinstance(content, bytes) else content.encode()


def changed(line, without=(), **values):
    """A line with other values, and a sum that is right: only the values are to be doubted."""
    held = {**json.loads(line), **values}
    for name in ("sum", *without):
        held.pop(name, None)
    return json.dumps({**held, "sum": digest(held)})


def old(line, without=(), **values):
    """The same of format 1, which has no sum."""
    held = json.loads(changed(line, ("settings", "factors", *without), **values))
    del held["sum"]
    return json.dumps(held)


def insert(content, place=2):
    """A damage: a line more."""
    return lambda d: lines(d, *text(d)[:place], content, *text(d)[place:])


def values(**held):
    """A damage: other values in the first line."""
    return lambda d: lines(d, changed(text(d)[0], **held), *text(d)[1:])


def raw(before, after):
    """A damage: another text in the first line, which was of format 1."""
    return lambda d: lines(d, old(text(d)[0]).replace(before, after), *text(d)[1:])


def head(**held):
    """A damage: other things in the head."""

    def damage(d):
        path = d / "sweep.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **held}))

    return damage


def settings(**held):
    """A damage: other settings in the head."""
    return lambda d: head(
        settings={**json.loads((d / "sweep.json").read_text())["settings"], **held}
    )(d)


def content(name, what):
    """A damage: a file with another content."""
    return lambda d: (d / name).write_bytes(as_bytes(what))


def folder(name):
    """A damage: a folder in the place of a file."""

    def damage(d):
        path = best(d) if name == "factors" else d / name
        path.unlink()
        path.mkdir()

    return damage


def pipe(name):
    """A damage: a pipe in the place of a file, which is not to be waited for."""

    def damage(d):
        path = best(d) if name == "factors" else d / name
        path.unlink()
        os.mkfifo(path)

    return damage


def dangling(d):
    (d / "runs.jsonl").unlink()
    (d / "runs.jsonl").symlink_to(d / "nowhere" / "x")


def best(d, rank=2):
    """The file of the factors of the best run."""
    return next((d / "factors").glob(f"rank-{rank}-*.npz"))


def factors(change):
    """A damage: other factors in the file of the best run."""

    def damage(d):
        path = best(d)
        change(Factorization.load(path)).save(path)

    return damage


def cut_last(d):
    """Cut the last line, as a crash might while it is written; the best of its rank is before."""
    assert best(d, 4).name not in text(d)[-1]
    lines(d, *text(d)[:-1], text(d)[-1][:-40], end="")


def no_factors(d):
    shutil.rmtree(d / "factors")


def factors_are_a_file(d):
    no_factors(d)
    (d / "factors").write_text("")


def flipped(d):
    held = best(d).read_bytes()
    best(d).write_bytes(held[:1200] + bytes(x ^ 255 for x in held[1200:1210]) + held[1210:])


def all_old(d):
    """The whole folder as format 1 had it."""
    lines(d, *map(old, text(d)))
    held = json.loads((d / "sweep.json").read_text())
    del held["format"]
    (d / "sweep.json").write_text(json.dumps(held))


def settings_without(d, name):
    held = json.loads((d / "sweep.json").read_text())
    del held["settings"][name]
    (d / "sweep.json").write_text(json.dumps(held))


def both(*damages):
    def damage(d):
        for one in damages:
            one(d)

    return damage


SAME, LESS, REFUSED = "same", "less", "refused"
FINE = (SAME, SAME, SAME)
DROPPED = (REFUSED, SAME, REFUSED)
"""A line that is no run: the sweep does the run again, the others name the line."""
LOST = (SAME, SAME, REFUSED)
"""Factors that are not what was written: the sweep does the run again."""
NOTHING = (REFUSED, REFUSED, REFUSED)

DAMAGES = {
    "nothing": (lambda d: None, FINE),
    "of format 1": (all_old, FINE),
    "last line cut": (cut_last, (LESS, SAME, LESS)),
    "last line without its end": (
        lambda d: lines(d, *text(d), end=""), (LESS, SAME, LESS)),
    "empty line": (insert(""), FINE),
    "CRLF": (lambda d: lines(d, "\r\n".join(text(d)), end="\r\n"), FINE),
    "BOM": (lambda d: lines(d, b"\xef\xbb\xbf" + text(d)[0].encode(), *text(d)[1:]), FINE),
    "no lines": (content("runs.jsonl", ""), (LESS, SAME, LESS)),
    "an empty line alone": (content("runs.jsonl", "\n"), (LESS, SAME, LESS)),
    "garbage": (insert("garbage"), DROPPED),
    "5": (insert("5"), DROPPED),
    "a list": (insert("[1, 2]"), DROPPED),
    "null": (insert("null"), DROPPED),
    "zeros behind": (lambda d: lines(d, *text(d), "\0" * 500, end=""), FINE),
    "a line of zeros": (insert("\0" * 500, 6), DROPPED),
    "latin-1": (insert(b"\xff\xfe", 6), DROPPED),
    "UTF-16": (insert("{}".encode("utf-16"), 6), DROPPED),
    "deep nesting": (insert("[" * 50_000), DROPPED),
    "deeper nesting": (insert("[" * 100_000), DROPPED),
    "20 MB": (values(stopped_because="x" * 20_000_000), DROPPED),
    "20 MB of format 1": (raw("max_iter", "x" * 20_000_000), DROPPED),
    "20 MB without an end": (lambda d: lines(d, *text(d), "x" * 20_000_000, end=""), FINE),
    "a sum of something else": (
        lambda d: lines(d, text(d)[0].replace('"seed": 0', '"seed": 7'), *text(d)[1:]), DROPPED),
    "no sum": (
        lambda d: lines(d, text(d)[0].partition(', "sum"')[0] + "}", *text(d)[1:]), DROPPED),
    "no settings": (values(without=["settings"]), DROPPED),
    "settings are a number": (values(settings=5), DROPPED),
    "factors are a list": (values(factors=[]), DROPPED),
    "factors have a size of text": (values(factors={"size": "5", "sha256": ""}), DROPPED),
    "error NaN": (raw('"error": ', '"error": NaN, "was": '), DROPPED),
    "error Infinity": (raw('"error": ', '"error": Infinity, "was": '), DROPPED),
    "error 1e400": (raw('"error": ', '"error": 1e400, "was": '), DROPPED),
    "error of 400 digits": (values(error=10**400), DROPPED),
    "error null": (values(error=None), DROPPED),
    "error text": (values(error="x"), DROPPED),
    "error true": (values(error=True), DROPPED),
    "error -1": (values(error=-1.0), DROPPED),
    "no error": (values(without=["error"]), DROPPED),
    "no seconds": (values(without=["seconds"]), DROPPED),
    "no reference_error": (values(without=["reference_error"]), DROPPED),
    "rank text": (values(rank="2"), DROPPED),
    "rank list": (values(rank=[2]), DROPPED),
    "rank 2.0": (values(rank=2.0), DROPPED),
    "rank -7": (values(rank=-7), DROPPED),
    "rank 1e400": (raw('"rank": 2', '"rank": 1e400'), DROPPED),
    "rank of 400 digits": (values(rank=10**400), DROPPED),
    "rank ../../x": (values(rank="../../../../x"), DROPPED),
    "seed -1": (values(seed=-1), DROPPED),
    "iterations of 5,000 digits": (raw('"iterations": 20', '"iterations": ' + "9" * 5000), DROPPED),
    "converged text": (values(converged="yes"), DROPPED),
    "device null": (values(device=None), DROPPED),
    "all twice": (lambda d: lines(d, *text(d), *text(d)), FINE),
    "twice with another error": (
        lambda d: lines(d, *text(d), changed(text(d)[0], error=1e-9)), FINE),
    "of another sweep": (values(settings="0" * 16), NOTHING),
    "head cut": (
        lambda d: content("sweep.json", (d / "sweep.json").read_bytes()[:300])(d), NOTHING),
    "head empty": (content("sweep.json", ""), NOTHING),
    "head a list": (content("sweep.json", "[]"), NOTHING),
    "head 5": (content("sweep.json", "5"), NOTHING),
    "head deep": (content("sweep.json", "[" * 100_000), NOTHING),
    "head latin-1": (content("sweep.json", b"\xff"), NOTHING),
    "head with a BOM": (
        lambda d: content("sweep.json", b"\xef\xbb\xbf" + (d / "sweep.json").read_bytes())(d),
        FINE),
    "settings null": (head(settings=None), NOTHING),
    "settings a list": (head(settings=[]), NOTHING),
    "about a list": (head(about=[]), NOTHING),
    "taken a number": (head(about={"taken": 5}), NOTHING),
    "taken orders for the terminal": (head(about={"taken": "\x1b[2J\x1b]0;x\x07"}), FINE),
    "no keep": (head(settings={}), NOTHING),
    "keep 5": (settings(keep=5), NOTHING),
    "loss unknown": (settings(loss="none"), NOTHING),
    "loss a list": (settings(loss=[2]), NOTHING),
    "data a list": (settings(data=[[]]), NOTHING),
    "tol NaN": (settings(tol=float("nan")), NOTHING),
    "other settings": (settings(max_iter=21), NOTHING),
    "format 3": (head(format=3), NOTHING),
    "format 0": (head(format=0), NOTHING),
    "format text": (head(format="2"), NOTHING),
    "format 1e400": (
        content("sweep.json", '{"format": 1e400, "settings": {}, "about": {}}'), NOTHING),
    "head of an older version": (both(all_old, lambda d: settings_without(d, "loss")), FINE),
    "no head": (lambda d: (d / "sweep.json").unlink(), (REFUSED, SAME, REFUSED)),
    "no head, format 1": (both(all_old, lambda d: (d / "sweep.json").unlink()), NOTHING),
    "head a folder": (folder("sweep.json"), NOTHING),
    "head a pipe": (pipe("sweep.json"), NOTHING),
    "runs.jsonl a folder": (folder("runs.jsonl"), NOTHING),
    "runs.jsonl a pipe": (pipe("runs.jsonl"), NOTHING),
    "no runs.jsonl": (lambda d: (d / "runs.jsonl").unlink(), (REFUSED, SAME, REFUSED)),
    "runs.jsonl a link to nothing": (dangling, (REFUSED, SAME, REFUSED)),
    "lock a folder": (folder("sweep.lock"), (SAME, REFUSED, SAME)),
    "lock a pipe": (pipe("sweep.lock"), (SAME, REFUSED, SAME)),
    "no factors": (no_factors, LOST),
    "factors a file": (factors_are_a_file, (SAME, REFUSED, REFUSED)),
    "a factor missing": (lambda d: best(d).unlink(), LOST),
    "a factor cut": (lambda d: best(d).write_bytes(best(d).read_bytes()[:500]), LOST),
    "a factor empty": (lambda d: best(d).write_bytes(b""), LOST),
    "a factor with bits flipped": (flipped, LOST),
    "a factor of another shape": (factors(lambda x: replace(x, W=x.W[:3])), LOST),
    "a factor of NaN": (factors(lambda x: replace(x, W=x.W * np.nan)), LOST),
    "a factor of another rank": (lambda d: shutil.copy(best(d, 4), best(d)), LOST),
    "a factor a folder": (folder("factors"), (SAME, REFUSED, REFUSED)),
    "a factor a pipe": (pipe("factors"), LOST),
    "a factor of NaN, format 1": (
        both(all_old, factors(lambda x: replace(x, W=x.W * np.nan))), LOST),
    "a factor of another shape, format 1": (
        both(all_old, factors(lambda x: replace(x, W=x.W[:3]))), LOST),
    "a factor of another rank, format 1": (
        both(all_old, lambda d: shutil.copy(best(d, 4), best(d))), LOST),
    "a factor cut, format 1": (
        both(all_old, lambda d: best(d).write_bytes(best(d).read_bytes()[:500])), LOST),
}  # fmt: skip
