"""CuPy without a GPU says what is missing, and its kernel is the update rule."""

import importlib

import pytest
from conftest import require_or_skip, run_python

from nmf_accel.backends.cupy_backend import backend as cupy_backend
from nmf_accel.matrices import Sparse


class TestCupyWithoutADevice:
    INSTALL = "pip install 'nmf-accel[cuda12]' or 'nmf-accel[cuda13]'"

    SCRIPT = """
import sys
if {hidden}:
    sys.modules["cupy"] = None
import numpy, nmf_accel
from nmf_accel import backends
print(backends.probe("cupy"))
try:
    nmf_accel.nmf(numpy.eye(2), 1, backend="cupy")
except nmf_accel.BackendError as error:
    print(error)
print(nmf_accel.nmf(numpy.eye(2), 1, max_iter=1).settings["backend"])
from nmf_accel.cli import main
main(["backends"])
"""

    def lines(self, hidden):
        done = run_python(self.SCRIPT.format(hidden=hidden), CUDA_VISIBLE_DEVICES="-1")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def check(self, hidden, reason):
        found, error, picked, *table = self.lines(hidden)
        assert "usable=False" in found
        assert error.startswith("backend 'cupy' cannot run here: ")
        (row,) = [line for line in table if line.startswith("cupy")]
        for line in (found, error, row):
            assert reason in line
            assert self.INSTALL in line
        assert picked == "numpy"

    def test_not_installed(self):
        self.check(True, "cupy is not installed")

    @pytest.mark.filterwarnings("ignore:CUDA path could not be detected")
    def test_installed_but_no_device(self):
        try:
            importlib.import_module("cupy")
        except ImportError as error:
            require_or_skip("cupy", False, str(error))
        self.check(False, "installed, but unusable: cudaError")


class TestCupyScope:
    """Where cupyx's sparse matrices live, seen without a GPU: they have no device themselves."""

    def test_it_is_that_of_the_entries(self, monkeypatch):
        pytest.importorskip("cupyx.scipy.sparse")
        from cupyx.scipy.sparse import csr_matrix

        entries = type("Entries", (), {"device": "the second GPU"})()
        matrix = object.__new__(csr_matrix)
        matrix.data = entries
        monkeypatch.setattr(cupy_backend, "is_cupy_array", lambda x: x is entries)
        backend = cupy_backend.CupyBackend()
        assert backend.owns(matrix)
        assert backend.scope(matrix) == "the second GPU"
        assert backend.scope(Sparse(matrix, matrix, backend, 0.0)) == "the second GPU"
