"""The README's tables are what `bench/results` say, and `bench/readme.py` keeps what it has."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from nmf_accel.solvers import MEASURED

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
RESULTS = ROOT / "bench" / "results"


@pytest.fixture
def readme(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    return importlib.import_module("readme")


def test_the_tables_are_what_the_results_say(readme):
    assert readme.written(TEXT, RESULTS) == TEXT, "python bench/readme.py --write"


def test_every_table_was_measured_and_in_one_day(readme):
    for name, table in readme.TABLES.items():
        for measurement in table.measurements:
            assert measurement.files(RESULTS), f"{name}: {measurement.name} was not measured"
        if name != "measured":
            assert len({row["date"] for row in table.rows(RESULTS)}) == 1, name


def test_no_figure_of_a_table_was_typed():
    by_hand = re.sub(r"<!-- table: \S+ -->\n(?:.+\n)*", "", TEXT)
    tables = [line for line in by_hand.splitlines() if line.startswith("|")]
    assert tables
    for line in tables:
        assert not re.search(r"\d\.\d|\de-\d", line), line


def test_every_result_is_of_use(readme):
    used = {
        file
        for measurement in readme.TABLES["measured"].measurements
        for ending in ("json", "png")
        for file in measurement.files(RESULTS, ending)[-1:]
    }
    used |= {file for figures in MEASURED.values() for file in RESULTS.glob(figures.images)}
    assert set(RESULTS.glob("cpu-*")) - used == set()


@pytest.fixture
def measurement(readme):
    """``measurement(name, code)``: one that runs a script, with its folder as `folder`."""

    class Script(readme.Measurement):
        def command(self, folder):
            code = f"from pathlib import Path; folder = Path({folder!r}); {self.tests[0]}"
            return [sys.executable, "-c", code]

    return lambda name, code: Script(name, (code,))


WRITE = "(folder / 'rows.json').write_text('[{\"a\": 1}]')"


def test_what_is_there_is_not_measured_again(readme, measurement, tmp_path, capsys):
    once = measurement("once", WRITE)
    assert readme.measure([once], tmp_path) == []
    [file] = once.files(tmp_path)
    [row] = once.rows(tmp_path)
    assert row == {"a": 1, "date": file.name[4:14]}
    assert readme.measure([measurement("once", "1 / 0")], tmp_path) == []
    assert "once: is there" in capsys.readouterr().out


def test_a_measurement_takes_the_place_of_the_last_one(readme, measurement, tmp_path):
    for name in ("cpu-2026-01-01-it.json", "cpu-2026-01-01-it.png", "cpu-2026-01-01-with-it.json"):
        (tmp_path / name).write_text("[]")
    picture = "; (folder / 'a.png').write_text('')"
    readme.measure([measurement("it", WRITE + picture)], tmp_path)
    found = {file.name.replace("2026-01-01", "OLD") for file in tmp_path.iterdir()}
    assert len(found) == 3
    assert {name for name in found if "OLD" in name} == {"cpu-OLD-with-it.json"}


@pytest.mark.parametrize("code", ["print('why'); exit(1)", "print('why')", f"{WRITE}; exit('why')"])
def test_one_that_fails_keeps_what_was_there(readme, measurement, tmp_path, capsys, code):
    old = tmp_path / "cpu-2026-01-01-bad.json"
    old.write_text("[]")
    bad, good = measurement("bad", code), measurement("good", WRITE)
    assert readme.measure([bad, good], tmp_path) == ["bad"]
    assert bad.files(tmp_path) == [old]
    assert good.files(tmp_path)
    assert "why" in capsys.readouterr().out


def test_what_was_measured_before_an_interrupt_is_there(readme, measurement, tmp_path):
    class Stopped(readme.Measurement):
        def command(self, folder):
            raise KeyboardInterrupt

    good, stopped = measurement("good", WRITE), Stopped("stopped", ())
    with pytest.raises(KeyboardInterrupt):
        readme.measure([good, stopped], tmp_path)
    assert good.files(tmp_path)
    assert not stopped.files(tmp_path)


def test_a_table_without_results_stays(readme, tmp_path):
    assert readme.written(TEXT, tmp_path) == TEXT


@pytest.mark.parametrize(("there", "instead"), [("small", ""), ("small", "large")])
def test_a_table_needs_its_place_and_a_place_its_table(readme, tmp_path, there, instead):
    mark = "<!-- table: {} -->"
    with pytest.raises(SystemExit, match=r"differ in:.* small"):
        readme.written(TEXT.replace(mark.format(there), mark.format(instead)), tmp_path)


@pytest.fixture
def tables(readme):
    return readme.tables


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.104, "0.10"), (2.094, "2.09"), (38.51, "38.5"), (159.9, "160"), (2000.4, "2000")],
)
def test_seconds_have_three_digits(tables, seconds, text):
    assert tables.seconds(seconds) == text


def test_ratios_of_a_case_stand_side_by_side(tables):
    found = [("mu", "float64", 0.5), ("cd", "float64", 0.7), ("mu", "float32", 0.625)]
    rows = [{"solver": s, "dtype": t, "ratios": {"it": ratio}} for s, t, ratio in found]
    assert tables.beside(rows, "it", solver="mu") == "0.50 / 0.62"
    assert tables.beside(rows, "it", dtype="float16") == "–"
    assert tables.beside(rows, "another") == "–"


def test_time_to_the_one_error_and_the_other(tables):
    def row(dtype, mu, hals):
        errors = {"mu, 9 iterations": 3.0, "scikit-learn cd, 5 iterations": 2.0}
        reached = {"mu": (mu, None), "hals, inner 1": hals, "scikit-learn cd": (7.0, 8.0)}
        lines = [
            {"solver": solver, **dict(zip(errors, times, strict=True))}
            for solver, times in reached.items()
        ]
        return {"n": 1000, "rank": 4, "dtype": dtype, "errors": errors, "seconds_to": lines}

    *_, line = tables.time_to_error([row("float64", 4.0, (1, 2)), row("float32", 3.0, (0.5, 0.7))])
    assert line == (
        "| 1,000, 4 | 4.00 / 3.00 | 1.00 / 0.50 | – / – | – / – | "
        "| 8.00 / 8.00 (5) | 2.00 / 0.70 | – / – |"
    )


def test_the_worst_difference_of_each_kind(tables):
    rows = [
        {"what": "a", "allowed": 1e-10, "factors": x, "history": 2e-15} for x in (3e-14, 1.2e-13)
    ]
    rows.append({"what": "b", "allowed": 5e-3, "history": 1.6e-4})
    assert tables.same(rows)[2:] == [
        "| a | 1.2e-13 | 2e-15 | 1e-10 |",
        "| b | – | 1.6e-4 | 5e-3 |",
    ]
