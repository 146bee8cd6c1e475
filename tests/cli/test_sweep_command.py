"""The commands `sweep`, `show` and `merge` say the same of a folder, and refuse in one line."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from nmf_accel.cli import main
from nmf_accel.cli.numbers import numbers
from nmf_accel.sweeps import Store


def test_commands(tmp_path, sprites):
    out = tmp_path / "runs"
    options = ["--n-images", "20", "--max-iter", "4", "--seeds", "2", "--out", str(out)]
    swept = CliRunner().invoke(
        main, ["sweep", "sprites", "--ranks", "2:4:1", "--sigma", "0.1", *options]
    )
    assert swept.exit_code == 0, swept.output
    assert "closest to the clean data: rank " in swept.output
    assert {path.name for path in out.iterdir()} == {
        *("runs.jsonl", "sweep.json", "sweep.lock", "sweep.png", "sweep.svg", "factors")
    }
    (out / "sweep.png").unlink()
    shown = CliRunner().invoke(main, ["show", str(out)])
    assert shown.output == swept.output
    assert (out / "sweep.png").exists()
    rows = CliRunner().invoke(main, ["show", str(out), "--json"]).output.splitlines()
    assert [json.loads(row)["rank"] for row in rows] == [2, 2, 3, 3, 4, 4]
    merged = CliRunner().invoke(main, ["merge", str(out), "--out", str(tmp_path / "m")])
    assert merged.exit_code == 0, merged.output
    assert np.isclose(Store.read(tmp_path / "m").rows[0]["error"], json.loads(rows[0])["error"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ranks", "4x"], "'4x' is no number"),
        (["--ranks", "9:4:1"], "runs nowhere"),
        (["--ranks", "2,2"], "ranks has 2 more than once"),
        (["--ranks", "2", "--seeds", "0"], "seeds is 0"),
        (["--ranks", "2", "--sigma", "-1"], "sigma is -1.0"),
        (["--ranks", "2", "--memory", "much"], "no amount of memory"),
        (["--ranks", "2", "--memory", "1K"], "memory is 1,024 bytes"),
    ],
)
def test_bad_options_get_one_line_and_status_2(tmp_path, options, message):
    arguments = ["sweep", "sprites", "--n-images", "5", "--out", str(tmp_path / "o"), *options]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16", [16]),
        ("16,32, 64", [16, 32, 64]),
        ("4:10:2", [4, 6, 8, 10]),
        ("4:9:2,20", [4, 6, 8, 20]),
        ("8:512:log7", [8, 16, 32, 64, 128, 256, 512]),
        ("1:3:log9", [1, 2, 3]),
    ],
)
def test_ranges(text, expected):
    assert numbers(text) == expected
