"""What the tests share: the backends to run on, the data, and how to compare."""

import os
import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

# Read when scipy is imported: without it, scikit-learn skips its checks of the array API.
os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
import pooch
import pytest
from allowed import FLOAT64
from hypothesis import settings
from reference import reference_nmf
from taking_long import LONG
from threadpoolctl import threadpool_info, threadpool_limits

from nmf_accel import backends, datasets, nmf
from nmf_accel.backends import registry
from nmf_accel.backends.numpy_backend import backend as numpy_backend
from nmf_accel.backends.numpy_backend import threads, ways

if folder := os.environ.get(datasets.FOLDER_VARIABLE):
    # Tests change the working directory; a relative folder is meant from where pytest started.
    os.environ[datasets.FOLDER_VARIABLE] = os.path.abspath(folder)

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("suite")

# Thousands of iterations over CryptoPunks show how a device rounds, and the stand-in rounds as
# NumPy does: of the tests on CuPy these are a GPU's alone.
ONLY_A_DEVICE_KNOWS = {"punks", "punk_oracle", "punk_run"}


def pytest_addoption(parser):
    """Add the option that asks for all tests."""
    parser.addoption("--whole", action="store_true", help="also the cases that take long")


def pytest_collection_modifyitems(config, items):
    """Leave out of the stand-in's tests what only a device can answer, and what takes long."""
    out = []
    if str(STANDIN) in sys.path:
        out += [item for item in items if ONLY_A_DEVICE_KNOWS & set(item.fixturenames)]
    on_gpu = config.getoption("markexpr") == "gpu"
    if not (config.getoption("whole") or on_gpu):
        out += [item for item in items if LONG.fullmatch(item.name)]
    if out:
        left = set(map(id, out))
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if id(item) not in left]


VARIANTS = [("mu", 1), ("mu", 10), ("hals", 1), ("hals", 5), ("bpp", 1), ("apg", 10)]
SETTINGS = pytest.mark.parametrize(("solver", "inner"), VARIANTS)
"""Every solver, with and without inner repeats."""

THREADS = 3
# SciPy brings another one when it is imported, which NumPy does not use.
NUMPYS_BLAS = {x["filepath"] for x in threadpool_info() if x["user_api"] == "blas"}

CUPY = pytest.param("cupy", marks=[pytest.mark.gpu, pytest.mark.standin])
"""CuPy, on a GPU by ``pytest -m gpu``, and on the CPU by ``pytest -m standin``."""
BACKENDS = [CUPY if name == "cupy" else name for name in (*backends.names(), "strict")]

STANDIN = Path(__file__).parent / "standin"


def pytest_configure(config):
    """Put the stand-in for CuPy in CuPy's place, if its tests were asked for and not a GPU's."""
    asked = re.findall(r"(?:not )?\w+", config.getoption("markexpr"))
    if "standin" in asked and "gpu" not in asked:
        assert "cupy" not in sys.modules
        sys.path.insert(0, str(STANDIN))


def require_or_skip(name, usable, reason):
    """Skip unless `usable`; fail instead if NMF_ACCEL_REQUIRE, comma-separated, names it."""
    if usable:
        return
    required = [part.strip() for part in os.environ.get("NMF_ACCEL_REQUIRE", "").split(",")]
    if name in required:
        pytest.fail(f"NMF_ACCEL_REQUIRE names {name}: {reason}", pytrace=False)
    pytest.skip(f"{name}: {reason}")


def to_host(x):
    """The values of an array of any backend, in NumPy."""
    return backends.get(backends.owner(x)).to_numpy(x)


def assert_parity(actual, expected, rtol):
    """Same library, dtype and shape, and values equal to `rtol` in the Frobenius norm."""
    library, wanted = backends.owner(actual), backends.owner(expected)
    assert library == wanted, f"an array of {library}, not of {wanted}"
    assert actual.dtype == expected.dtype, f"{actual.dtype}, not {expected.dtype}"
    assert actual.shape == expected.shape, f"shape {actual.shape}, not {expected.shape}"
    x, y = to_host(actual).astype(np.float64), to_host(expected).astype(np.float64)
    difference = np.linalg.norm(x - y)
    assert difference <= rtol * np.linalg.norm(y), f"differs by {difference:.2e} in the norm"


def assert_histories_agree(actual, expected, rtol):
    """Each error within `rtol` of the one expected, relative to it."""
    assert actual.dtype == expected.dtype == np.float64
    assert actual.shape == expected.shape
    difference = np.abs(actual / expected - 1)
    worst = difference.argmax()
    assert difference[worst] <= rtol, f"differs by {difference[worst]:.2e} at iteration {worst + 1}"


def low_rank(m=40, n=30, rank=3, seed=0):
    """A = W H of that rank, and W and H."""
    rng = np.random.default_rng(seed)
    W, H = rng.uniform(size=(m, rank)), rng.uniform(size=(rank, n))
    return W @ H, W, H


def assert_equals_single_runs(result, A, backend, **settings):
    """Each run of a sweep that kept all is what `nmf` gives with its rank and seed."""
    for row in result.table:
        single = nmf(A, row["rank"], seed=row["seed"], backend=backend, **settings)
        packed = result.factorizations[row["rank"], row["seed"]]
        assert row["iterations"] == packed.n_iter == single.n_iter
        assert packed.stopped_because == row["stopped_because"] == single.stopped_because
        assert row["error"] == packed.error
        assert_parity(packed.W, single.W, FLOAT64)
        assert_parity(packed.H, single.H, FLOAT64)
        assert_histories_agree(packed.errors, single.errors[packed.iterations - 1], FLOAT64)


@pytest.fixture
def no_walks(monkeypatch):
    """Nothing goes through A in compiled walks: it goes through the generic iteration."""
    from nmf_accel.backends.numpy_backend import ways

    monkeypatch.setattr(ways, "SMALL", 0)
    monkeypatch.setattr(ways, "by_walks", lambda *_: None)


@pytest.fixture(scope="session", autouse=True)
def _strict_backend(tmp_path_factory):
    """Install the array-api-strict backend as a third party's package would be."""
    site = tmp_path_factory.mktemp("site")
    info = site / "nmf_accel_strict-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nmf-accel-strict\nVersion: 1.0\n")
    points = "[nmf_accel.backends]\nstrict = strict_backend:StrictBackend\n"
    (info / "entry_points.txt").write_text(points)
    sys.path.append(str(site))
    registry._installed.cache_clear()
    yield
    sys.path.remove(str(site))
    registry._installed.cache_clear()


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch):
    """Neither the user's choice of backend nor the network has a part in a test."""

    def refuse(*args, **options):
        raise AssertionError("a test tried to download something")

    monkeypatch.setattr(pooch, "retrieve", refuse)
    monkeypatch.delenv(backends.VARIABLE, raising=False)


@pytest.fixture
def cupy():
    """CuPy, imported where a test is marked for its stand-in or a GPU, and not before."""
    import cupy

    return cupy


@pytest.fixture
def torch():
    """PyTorch, where it is installed."""
    found = backends.probe("torch")
    require_or_skip("torch", found.usable, found.reason)
    import torch

    return torch


@pytest.fixture(scope="session")
def cnmf():
    """The package ``cnmf``, where it is installed; imported late, for that takes seconds."""
    require_or_skip("cnmf", find_spec("cnmf") is not None, "pip install cnmf")
    import cnmf

    return cnmf


@pytest.fixture
def kernel(cupy):
    """``kernel(source)``: a RawKernel of the one function `f`."""
    return lambda source, **options: cupy.RawKernel(
        f'extern "C" __global__ {source}', "f", **options
    )


@pytest.fixture
def ledger():
    """What the stand-in for CuPy counts and pretends; see ``tests/standin/ledger.py``."""
    import ledger

    yield ledger
    ledger.assert_no_errors()


@pytest.fixture(params=BACKENDS)
def backend(request):
    """The name of each backend that can run here; CuPy under ``-m gpu`` and ``-m standin`` only."""
    found = backends.probe(request.param)
    require_or_skip(request.param, found.usable, found.reason)
    return request.param


def read_only(A):
    A.flags.writeable = False
    return A


@pytest.fixture(scope="session")
def punks_file():
    """The CryptoPunks sheet, which is never downloaded by a test."""
    path = datasets.punks_path()
    require_or_skip("cryptopunks", path.exists(), f"{path} is not there")
    return path


@pytest.fixture(scope="session")
def punks(punks_file):
    """The first 500 CryptoPunks as a matrix, (1728, 500)."""
    return read_only(datasets.cryptopunks(500).A)


@pytest.fixture(scope="session")
def sprites():
    """The first 200 sprites as a matrix, (1728, 200)."""
    return read_only(datasets.sprites(200).A)


@pytest.fixture(scope="session")
def punk_run(punks):
    """``punk_run(backend, rank, dtype, max_iter)``: a factorization of 500 punks, run once."""

    @cache
    def run(backend, rank, dtype, max_iter):
        return nmf(punks, rank, dtype=dtype, max_iter=max_iter, delta=1e-9, backend=backend)

    return run


@pytest.fixture(scope="session")
def punk_oracle(punks):
    """``punk_oracle(rank, max_iter)``: W, H and errors of the oracle in float64, run once."""

    @cache
    def run(rank, max_iter):
        return reference_nmf(punks, rank, max_iter=max_iter)

    return run


def blas_threads():
    """How many threads a product of NumPy takes."""
    return max(x["num_threads"] for x in threadpool_info() if x["filepath"] in NUMPYS_BLAS)


@pytest.fixture
def three_threads(monkeypatch):
    """Threads as on a machine with three cores, where they cost nothing, whatever the size."""
    eager = {"handing": 1, "python": 0, "reading": 0}
    monkeypatch.setattr(ways, "here", lambda: ways.Machine(threads.available(), **eager))
    with threadpool_limits(THREADS, "blas"):
        assert blas_threads() == THREADS
        yield


@pytest.fixture(params=["compiled", "NumPy's own"])
def kernels(request, monkeypatch):
    """Both forms that NumPy's backend has of some kernels."""
    if request.param == "compiled":
        pytest.importorskip("numba")
    else:
        monkeypatch.setattr(numpy_backend, "compiled_kernels", dict)


def run_python(code, **variables):
    """Run a script in a fresh interpreter, with these environment variables on top."""
    environment = {**os.environ, **variables}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
