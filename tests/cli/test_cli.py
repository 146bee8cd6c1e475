"""The command `nmf-accel` says what it is, what is there, and whether it computes rightly."""

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from nmf_accel import __version__, backends, datasets
from nmf_accel.cli import main
from nmf_accel.solvers import fastest

MAIN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
MAIN += "from nmf_accel.cli import main; main(prog_name='nmf-accel')"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*args, status=0):
    """Run the command; its standard output, which is all it may print."""
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exit_code == status, done.output + repr(done.exception)
    if status == 0:
        assert done.stderr == ""
    return done.stdout if status == 0 else done.stderr


class TestBackends:
    def test_a_table_of_all(self):
        header, *rows = run("backends").splitlines()
        assert header.split() == ["backend", "usable", "version", "device", "--device"]
        assert [row.split()[0] for row in rows[: len(backends.names())]] == backends.names()
        for row in rows[: len(backends.names())]:
            found = backends.probe(row.split()[0])
            assert row.split()[1] == ("yes" if found.usable else "no")
            assert found.reason in row
            assert found.device in row
            assert ", ".join(backends.get(row.split()[0]).devices() if found.usable else []) in row
        chosen, *solver = rows[-3:]
        assert chosen.startswith(f"auto picks {backends.resolve('auto').name}")
        for row, dtype in zip(solver, ("float64", "float32"), strict=True):
            choice = fastest(backends.resolve("auto"), dtype)
            solver = choice.solver + ", extrapolated" * choice.extrapolate
            assert row == f"solver auto picks {solver} for {dtype} there: {choice.because}"

    def test_a_broken_one_does_not_break_the_table(self, monkeypatch):
        broken = backends.Probe(False, "libcuda.so.1 is missing; pip install it")
        monkeypatch.setitem(backends.get("cupy").__dict__, "_probed", broken)
        assert re.search(
            r"^cupy +no .*libcuda.so.1 is missing; pip install it$", run("backends"), re.M
        )


class TestVerify:
    def test_all_backends(self):
        out = run("verify").splitlines()
        for name in backends.names():
            verdicts = [line.split()[-1] for line in out if line.split()[:1] == [name]]
            if backends.probe(name).usable:
                assert verdicts == ["ok"] * 4
            else:
                assert backends.probe(name).reason in "\n".join(out)

    def test_one_backend(self):
        out = run("verify", "--backend", "numpy")
        assert out.count("ok") == 4
        assert "jax" not in out

    def test_a_backend_that_differs(self, monkeypatch):
        monkeypatch.setattr("nmf_accel.verify.TOLERANCE", {"float64": 0.0, "float32": 2e-2})
        done = CliRunner().invoke(main, ["verify", "--backend", "numpy"])
        assert done.exit_code == 1
        assert "DIFFERS" in done.stdout

    def test_an_unknown_backend(self):
        assert "unknown backend 'tensorly'" in run("verify", "--backend", "tensorly", status=2)


class TestData:
    def test_missing(self, monkeypatch, tmp_path):
        monkeypatch.setenv(datasets.FOLDER_VARIABLE, str(tmp_path))
        out = run("data")
        assert re.search(r"^sprites .*always there$", out, re.M)
        assert str(tmp_path / "punks.png") in out
        assert "not there; nmf-accel data fetch cryptopunks" in out

    def test_present(self, punks_file):
        assert f"{punks_file}  present, SHA-256 verified" in run("data")
        assert (
            run("data", "fetch", "cryptopunks") == f"cryptopunks: {punks_file}, SHA-256 verified\n"
        )

    def test_wrong(self, monkeypatch, tmp_path):
        monkeypatch.setenv(datasets.FOLDER_VARIABLE, str(tmp_path))
        (tmp_path / "punks.png").write_bytes(b"fake")
        assert "refused: " in run("data")
        assert "is not the CryptoPunks sheet" in run("data", "fetch", "cryptopunks", status=2)

    def test_an_unknown_name(self):
        assert "'faces' is not" in run("data", "fetch", "faces", status=2)


@pytest.mark.parametrize(
    "command", [[], ["backends"], ["fit"], ["bench"], ["verify"], ["data"], ["data", "fetch"]]
)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(command, flag):
    out = run(*command, flag)
    assert out.startswith("Usage: ")
    assert max(map(len, out.splitlines())) <= 80


def test_version():
    assert __version__ in run("--version")


@pytest.mark.parametrize("args", [["fit", "-h"], ["fit"], ["data"], ["nonsense"]])
def test_python_m_is_the_command(args):
    doors = [sys.executable, "-c", MAIN], [sys.executable, "-m", "nmf_accel"]
    command, module = (
        subprocess.run([*door, *args], capture_output=True, text=True, timeout=60) for door in doors
    )
    assert (module.stdout, module.stderr) == (command.stdout, command.stderr)
    assert module.returncode == command.returncode
