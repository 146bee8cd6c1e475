"""A user can add a loss, a solver, a stopping rule, a start, a backend, a data set or a reader.

Guards the promise of ``docs/how-to``: a definition and one line in a table of the library's, and
`nmf`, `sweep` and the command line have it. It also counts how often the library names what it
has, so that the promise cannot be broken from within.
"""

import ast
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import assert_parity, require_or_skip
from reference import divergence, kkt_residual
from toys import TINY, Below, KullbackLeibler, checkers, half_way, read_words

import nmf_accel
from nmf_accel import Factorization, backends, nmf, sweep
from nmf_accel.backends import BACKENDS
from nmf_accel.cli import main
from nmf_accel.datasets import IMAGE_ENDINGS, NAMED, READERS, Named
from nmf_accel.datasets.readers.tables.text import DEFAULT, TEXT_ENDINGS
from nmf_accel.intake import Given, prepare
from nmf_accel.losses import LOSSES
from nmf_accel.options import COMMON
from nmf_accel.solvers import ANY, SOLVERS, Solver
from nmf_accel.starts import INITS, Init
from nmf_accel.stopping import STOPS, Stop

A = np.random.default_rng(0).random((12, 9)) + 0.05
TOYS = {"loss": "toy-kl", "solver": "half-way", "stop": "below", "tol": 0.5, "max_iter": 200}


def flat_start(source, rank, seed):
    """All entries alike but for a slope, so that components differ."""
    m, n = source.shape
    slope = 1 + seed + np.arange(rank) / 10
    return np.ones((m, rank)) * slope + np.eye(m, rank), slope[:, None] * np.ones((rank, n))


@pytest.fixture(autouse=True)
def _toys(monkeypatch, tmp_path):
    """One line a toy, in the tables that the library itself reads."""
    monkeypatch.setitem(LOSSES, "toy-kl", KullbackLeibler())
    monkeypatch.setitem(
        SOLVERS, "half-way", Solver(lambda inner: half_way, takes=ANY, uses_delta=True)
    )
    monkeypatch.setitem(STOPS, "below", Below())
    monkeypatch.setitem(INITS, "flat", Init(flat_start))
    monkeypatch.setitem(
        NAMED, "checkers", Named(checkers, "20, 12 × 12", lambda: "drawn", lambda: "there")
    )
    monkeypatch.setitem(READERS, ".words", read_words)
    monkeypatch.setitem(BACKENDS, "toy", "toys:ToyBackend")
    monkeypatch.chdir(tmp_path)


def run(*args, status=0):
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done.output


def options(**changes):
    """The toys as options of a command."""
    given = {**TOYS, **changes}
    return [x for name, value in given.items() for x in (f"--{name.replace('_', '-')}", value)]


def kl(A, result):
    """The loss from its definition."""
    P = result.W @ result.H
    return (A * np.log(A / P) - A + P).sum()


@pytest.mark.parametrize("library", ["numpy", "jax"])
@pytest.mark.parametrize("solver", ["mu", "half-way"])
def test_a_loss(library, solver):
    found = backends.probe(library)
    require_or_skip(library, found.usable, found.reason)
    result = nmf(A, 3, loss="toy-kl", solver=solver, max_iter=50, backend=library)
    assert result.error == pytest.approx(kl(A, result), rel=1e-9)
    assert (np.diff(result.errors) < 0).all()
    assert result.errors[-1] < result.errors[0] / 2
    assert result.settings["loss"] == "toy-kl"
    expected = nmf(A, 3, loss="toy-kl", solver=solver, max_iter=50, backend="numpy")
    assert_parity(result.W, expected.W, 1e-10)


def test_a_solver_of_least_squares_refuses_another_loss():
    with pytest.raises(ValueError, match="'hals', which does not take loss='toy-kl'; take 'mu'"):
        nmf(A, 3, loss="toy-kl", solver="hals")


def test_a_model_of_one_step_is_not_repeated():
    with pytest.raises(ValueError, match="inner is 2, but a model of loss='toy-kl' holds for one"):
        nmf(A, 3, loss="toy-kl", solver="mu", inner=2)


@pytest.mark.parametrize("library", ["numpy", "jax"])
def test_a_loss_that_knows_nothing_of_frames_meets_a_as_it_is(library):
    # Zero rows and columns stay, and equal ones are not moved, so that what the loss carries and
    # what is measured at any W and H are of the right entries.
    folded = np.repeat(np.random.default_rng(1).random((20, 300)), 16, 0)
    folded[5], folded[:, 7] = 0, 0
    for loss, moved in (("frobenius", True), ("toy-kl", False)):
        frame = prepare(Given(folded), backend="numpy", objective=LOSSES[loss]).frame
        assert (frame.rows.index is not None) is moved
    found = nmf(folded, 2, loss="toy-kl", max_iter=5, backend=library)
    assert found.kkt == pytest.approx(residual(folded, found.W, found.H))


def residual(A, W, H):
    """The KKT residual of the Kullback-Leibler divergence, by definition."""
    of_P = divergence(A, 1)
    return kkt_residual(W, H, lambda P: of_P(P + TINY))


def test_a_solver_and_a_stopping_rule(backend):
    result = nmf(A, 3, solver="half-way", stop="below", tol=0.4, check_every=1, backend=backend)
    assert result.converged
    assert result.stopped_because == "the error is below 0.4 of the start's"
    full = nmf(A, 3, solver="mu", max_iter=result.n_iter, backend=backend)
    assert result.errors[0] > full.errors[0], "half of a step goes half as far"
    with pytest.raises(ValueError, match="one of mu, hals, bpp, apg, half-way, auto"):
        nmf(A, 3, solver="whole-way")


class Half(Stop):
    """A rule in three lines: no first number of its own, so that after one iteration is meant."""

    sentence = "nine tenths of the first error"

    def met(self, first, last, now, tol):
        return now <= 0.9 * first


def test_a_stopping_rule_that_says_nothing_of_the_start(monkeypatch, backend):
    monkeypatch.setitem(STOPS, "half", Half())
    options = {"stop": "half", "tol": 0.1, "check_every": 2, "backend": backend}
    result = nmf(A, 3, **options)
    assert result.stopped_because == Half.sentence
    assert result.error <= 0.9 * result.errors[0] < result.errors[-3]
    swept = sweep(A, [3], 2, keep="all", **options)
    assert swept.table[0]["iterations"] == result.n_iter
    assert swept.factorization(3, 0).iterations.tolist() == list(range(1, result.n_iter + 1))


def test_the_certificate_of_a_loss_whose_models_hold_where_they_are_made(backend):
    """With stop='kkt' a sweep reports the number of the last iteration: H is new, W is not."""
    W0, _ = prepare(Given(A), backend="numpy").draw(3, 0, "random")
    found = sweep(A, [3], [0], loss="toy-kl", stop="kkt", max_iter=1, backend=backend, keep="all")
    result = found.factorization(3, 0)
    assert result.kkt == pytest.approx(residual(A, W0, result.H), rel=1e-8)


def test_a_start():
    result = nmf(A, 2, init="flat", seed=1, max_iter=1)
    W0, H0 = flat_start(type("Source", (), {"shape": A.shape}), 2, 1)
    assert_parity(result.W, nmf(A, 2, W0=W0, H0=H0, max_iter=1).W, 1e-14)


def test_a_backend():
    result = nmf(A, 3, max_iter=30, backend="toy")
    assert result.settings["backend"] == "toy"
    assert_parity(result.W, nmf(A, 3, max_iter=30, backend="numpy").W, 1e-12)
    assert "a toy" in run("backends")


def test_all_of_them_in_a_sweep(tmp_path):
    given = {**TOYS, "check_every": 1, "init": "flat", "backend": "toy"}
    result = sweep(A, [2, 3], 2, store=tmp_path / "runs", keep="all", **given)
    assert [row["stopped_because"] for row in result.table] == [Below.sentence.format(tol=0.5)] * 4
    for row in result.table:
        kept = result.factorization(row["rank"], row["seed"])
        assert row["error"] == pytest.approx(kl(A, kept), rel=1e-9)
    assert sweep(A, [2, 3], 2, store=tmp_path / "runs", keep="all", **given).skipped == 4


@pytest.mark.parametrize("source", ["checkers", "a.words"])
def test_all_of_them_on_the_command_line(source):
    Path("a.words").write_text("one two three one\nzero two two one\none one three three\n")
    shape = {"checkers": (144, 20), "a.words": (4, 3)}[source]
    given = ["--check-every", 1, "--backend", "toy"]
    run("fit", source, "--rank", 2, *options(), *given, "--out", "out")
    result = Factorization.load("out/factorization.npz")
    assert (result.W.shape[0], result.H.shape[1]) == shape
    assert result.settings["loss"] == "toy-kl"
    assert result.settings["solver"] == "half-way"
    assert result.converged
    printed = run("sweep", source, "--ranks", 2, "--seeds", 1, *options(), *given, "--json")
    assert json.loads(printed.splitlines()[0])["stopped_because"] == Below.sentence.format(tol=0.5)


def test_the_command_names_them():
    for command in ("fit", "sweep"):
        text = " ".join(run(command, "--help").split())
        for names in (
            "itakura-saito|toy-kl",
            "apg|half-way|auto",
            "descent|below",
            "nndsvdar|flat",
        ):
            assert names in text
    assert "checkers" in run("data")
    assert "checkers" in run("fit", "--help")
    assert ".words" in run("fit", "--help")
    assert "'never' is not one of" in run("fit", "x", "--rank", 1, "--stop", "never", status=2)


MODULES = [
    (path.relative_to(Path(nmf_accel.__file__).parent), ast.parse(path.read_text()))
    for path in Path(nmf_accel.__file__).parent.rglob("*.py")
]


def mentions(name):
    """The files of the library whose code has a string that is this name; prose has more."""
    return {
        str(path)
        for path, tree in MODULES
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value == name and path.name != "__init__.py"
    }


TABLES = {
    "losses/table.py": LOSSES,
    "solvers/table.py": SOLVERS,
    "stopping.py": STOPS,
    "starts.py": INITS,
    "datasets/named.py": NAMED,
    "datasets/sources.py": [x for x in READERS if x not in {*IMAGE_ENDINGS, *TEXT_ENDINGS}],
    "datasets/readers/tables/text.py": DEFAULT,
    # The names of figures end with .png as well.
    "datasets/readers/images/files.py": [ending for ending in IMAGE_ENDINGS if ending != ".png"],
}
NAMES = [(file, name) for file, table in TABLES.items() for name in table]
DEFAULTS = {option.default for option in COMMON.values()}


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_what_a_table_holds_is_named_in_the_table_alone(file, name):
    # So a new one is a definition and a line. What is a default is named where defaults are
    # declared; the estimator translates scikit-learn's names; a data set may say its own name.
    doors = {"options.py", "factorize.py"} if name in DEFAULTS else set()
    own = {"sklearn/estimator.py", "datasets/punks.py", "datasets/characters.py"}
    # Also what a result and a store hold, and what readers look for in an archive or a folder.
    words = {"error", "kkt", ".npz", ".npy", ".mtx"}
    others = mentions(name) - {file} - doors - own
    assert file in mentions(name)
    assert not others or name in words, others


@pytest.mark.parametrize("name", COMMON)
def test_an_option_is_declared_in_three_places(name):
    """Its declaration, the keywords of `sweep` and the signature of `nmf`; the rest is made."""

    def declares(node):
        if isinstance(node, ast.AnnAssign):
            return isinstance(node.target, ast.Name) and node.target.id == name
        return isinstance(node, (ast.arg, ast.keyword)) and node.arg == name

    # Inside, a loop or a loss may have a parameter of that name; the estimator and the study have
    # options of their own.
    doors = ("options.py", "factorize.py", "sweeps", "cli", "core/recording.py", "core/settling.py")
    places = [
        str(path)
        for path, tree in MODULES
        if str(path).startswith(doors)
        for node in ast.walk(tree)
        if declares(node)
    ]
    chosen = ("delta", "solver", "inner", "extrapolate")
    settled = {"core/settling.py"} if name in chosen else set()
    assert sorted(set(places) - settled) == ["factorize.py", "options.py"]
    assert len([place for place in places if place not in settled]) == 3
