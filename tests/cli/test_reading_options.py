"""The commands read as `read` does, say what they took, and give names back in tables."""

import inspect
import json
import warnings

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.io.wavfile
from click.testing import CliRunner
from PIL import Image

from nmf_accel import Factorization, nmf, read
from nmf_accel.cli import main
from nmf_accel.cli.reading import OPTIONS
from nmf_accel.datasets.readers.tables.files import exactly

RNG = np.random.default_rng(0)
A = RNG.poisson(4, (7, 5)) + 1
FRAME = pd.DataFrame(A, [f"g{k}" for k in range(7)], [f"s{k}" for k in range(5)])


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("counts.csv", index_label="gene")


def run(*args, status=0):
    done = CliRunner().invoke(main, list(map(str, args)))
    assert done.exit_code == status, done.output + repr(done.exception)
    return done.stdout if status == 0 else done.stderr


def fit(source, *args):
    out = run("fit", source, "--rank", 2, "--max-iter", 5, "--backend", "numpy", *args)
    return out, Factorization.load("out/factorization.npz")


def test_each_option_of_read_is_one_of_the_commands():
    parameters = inspect.signature(read).parameters.values()
    assert [p.name for p in parameters if p.kind is p.KEYWORD_ONLY] == list(OPTIONS)
    for command in ("fit", "sweep", "bench"):
        told = run(command, "--help")
        assert all(f"--{name.replace('_', '-')}" in told for name in OPTIONS)


def test_what_was_taken_is_said_first_and_kept():
    out, result = fit("counts.csv")
    line = 'counts.csv: 7 features × 5 samples · header row · index column "gene" · int64'
    assert out.splitlines()[0] == f"data  {line}"
    assert result.settings["taken"] == line
    assert json.loads(run("fit", "counts.csv", "--rank", 1, "--json"))["taken"] == line
    assert line in run("bench", "counts.csv", "--rank", 1, "--backend", "numpy", "--seconds", 0.01)


def test_names_are_in_the_result_and_in_tables_that_pandas_opens():
    out, result = fit("counts.csv")
    assert result.features.tolist() == FRAME.index.tolist()
    assert result.samples.tolist() == FRAME.columns.tolist()
    W, H = (pd.read_csv(f"out/{x}.csv", index_col=0, **exactly(pd.__version__)) for x in "WH")
    np.testing.assert_array_equal(W, result.W)
    np.testing.assert_array_equal(H, result.H)
    assert (W.index.tolist(), W.columns.tolist()) == (FRAME.index.tolist(), ["c1", "c2"])
    assert (H.index.tolist(), H.columns.tolist()) == (["c1", "c2"], FRAME.columns.tolist())
    assert "out/W.csv, out/H.csv" in out
    assert f"{result.features[np.argmax(result.W[:, 0])]} 1.00" in out


def test_the_same_numbers_as_without_names():
    np.testing.assert_array_equal(fit("counts.csv")[1].W, nmf(A, 2, max_iter=5, backend="numpy").W)


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "none"])
def test_other_tables(kind, tmp_path):
    fit("counts.csv", "--tables", kind)
    found = {path.name for path in (tmp_path / "out").iterdir() if path.stem in "WH"}
    assert found == ({f"W.{kind}", f"H.{kind}"} if kind != "none" else set())


def test_tables_that_would_be_huge_as_text_are_left_out_and_said(monkeypatch):
    monkeypatch.setattr("nmf_accel.cli.fit.LARGEST_TEXT", 23)
    done = CliRunner().invoke(main, ["fit", "counts.csv", "--rank", "2", "--max-iter", "2"])
    assert "24 numbers are many for csv: W and H are in factorization.npz alone" in done.stderr
    assert "W.csv" not in done.stdout


READ = {
    "--transpose": ("counts.csv", A.T),
    "--columns s1,s3:s4": ("counts.csv", A[:, [1, 3, 4]]),
    "--no-index --no-header": ("plain.csv", np.r_[[[1, 2, 3]], A[:, :3]]),
    "--header": ("plain.csv", A[:, :3]),
    "--index": ("plain.csv", np.r_[[[2, 3]], A[:, 1:3]]),
    "--sep ; --decimal ,": ("semi.csv", A / 4),
    "--sep tab": ("tab.csv", A),
    "--long": ("long.csv", A),
    "--array B": ("two.npz", A + 1),
    "--layer counts": ("cells.h5ad", A + 2),
    "--size 4x3": ("pictures", np.full((12, 2), 1 / 5)),
}


def write_sources():
    np.savetxt("plain.csv", np.r_[[[1, 2, 3]], A[:, :3]], fmt="%d", delimiter=",")
    (FRAME / 4).to_csv("semi.csv", sep=";", decimal=",")
    FRAME.to_csv("tab.csv", sep="\t")
    long = FRAME.rename_axis("gene").reset_index().melt("gene", var_name="cell", value_name="count")
    long.to_csv("long.csv", index=False)
    np.savez("two.npz", B=A + 1, C=A)
    adata = anndata.AnnData(A.T.astype(float))
    adata.layers["counts"] = A.T + 2.0
    adata.write_h5ad("cells.h5ad")


def write_pictures(folder):
    folder.mkdir()
    for k, size in enumerate([(8, 6), (16, 12)]):
        Image.new("L", size, 51).save(folder / f"{k}.png")


@pytest.mark.parametrize("given", READ)
@pytest.mark.filterwarnings("ignore:Observation names|Variable names|Importing")
def test_each_option_reaches_its_reader(given, tmp_path):
    source, expected = READ[given]
    write_sources()
    write_pictures(tmp_path / "pictures")
    options = ["--init", "random"]
    if given == "--index":
        options += ["--no-header"]
    _, result = fit(source, *given.split(), *options)
    same = nmf(expected, 2, max_iter=5, backend="numpy")
    np.testing.assert_allclose(result.reconstruct(), same.reconstruct(), rtol=1e-12)


def test_the_window_of_sound(tmp_path):
    scipy.io.wavfile.write("a.wav", 8000, RNG.integers(-9000, 9000, 4000, dtype=np.int16))
    assert len(fit("a.wav", "--n-fft", 256)[1].W) == 129


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--layer", "x"], "the option layer says nothing of a .csv file"),
        (["--n-fft", 9], "the option n-fft says nothing of a .csv file"),
        (["--size", "4"], "'4' is no size such as 64x64"),
        (["--sep", "::"], "sep is '::'; it must be one character"),
        (["--decimal", ";"], "decimal is ';'; it must be . or ,"),
        (["--columns", "s9"], 'there is no column "s9"'),
    ],
)
def test_an_option_that_does_not_fit_is_refused_in_one_line(given, told):
    shown = run("fit", "counts.csv", "--rank", 2, *given, status=2)
    assert told in shown
    assert shown.count("\n") == 1


def test_a_sweep_keeps_names_and_show_lists_what_components_are_made_of():
    out = run("sweep", "counts.csv", "--ranks", 2, "--seeds", 2, "--max-iter", 9, "--out", "runs")
    assert out.splitlines()[0].startswith("counts.csv: 7 features × 5 samples · header row")
    assert run("show", "runs") == out
    shown = run("show", "runs", "--rank", 2)
    kept = next(
        Factorization.load(f"runs/factors/rank-2-seed-{k}.npz")
        for k in (0, 1)
        if f"seed {k}" in shown
    )
    assert kept.features.tolist() == FRAME.index.tolist()
    assert str(kept.top()) in shown
    assert "no run of rank 3" in run("show", "runs", "--rank", 3, status=2)


def test_a_start_from_a_table_is_matched_by_its_names():
    _, result = fit("counts.csv")
    W, H = result.to_frames()
    H[H.columns[::-1]].to_csv("H0.csv")
    W.to_csv("W0.csv")
    starts = ["--w0", "W0.csv", "--h0", "H0.csv", "--out", "again"]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        done = CliRunner().invoke(main, ["fit", "counts.csv", "--rank", "2", *starts])
    said = "Warning: the columns of H0 were put into the order of A, by their names\n"
    assert (done.exit_code, done.stderr) == (0, said)
    again = Factorization.load("again/factorization.npz")
    np.testing.assert_allclose(again.H0, result.H)
    W.rename({"g3": "g33"}).to_csv("W0.csv")
    told = run("fit", "counts.csv", "--rank", 2, "--w0", "W0.csv", status=2)
    assert "'g3'" in told
    assert "'g33'" in told


def test_what_is_missing_is_an_error_until_it_is_said():
    frame = FRAME.astype(float)
    frame.iloc[1, 2] = np.nan
    frame.to_csv("counts.csv")
    told = run("fit", "counts.csv", "--rank", 2, status=2)
    assert "row 'g1', column 's2'" in told
    assert "--missing nan" in told
    out, _ = fit("counts.csv", "--missing", "nan")
    assert "float64 · 1 missing" in out
