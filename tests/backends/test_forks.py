"""In a process that was forked a backend works, or says why not; it never hangs."""

import os

import numpy as np
import pytest
from conftest import run_python

from nmf_accel import BackendError, backends, nmf
from nmf_accel.backends import Backend, Probe, forks, registry

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

BEGIN = """
import multiprocessing, time, warnings
warnings.simplefilter("ignore")  # Python and JAX warn of forks beside threads
import numpy as np
from nmf_accel import nmf, sweep
A = np.random.default_rng(0).random((300, 200))

def bits(**options):
    result = nmf(A, 8, max_iter=12, **{"backend": "numpy", **options})
    return result.W.sum(), result.settings["backend"]

def forked(function, **options):
    # What it gives in a forked child, or the error; within a minute.
    def work():
        try:
            into.send(function(**options))
        except Exception as error:
            into.send(f"{type(error).__name__}: {error}")
    fork = multiprocessing.get_context("fork")
    out, into = fork.Pipe(duplex=False)
    child = fork.Process(target=work)
    child.start()
    found = out.recv() if out.poll(60) else "it hangs"
    child.kill()
    child.join()
    return found
"""


def test_numpy_gives_the_same_bits_after_its_threads_have_worked():
    done = run_python(
        BEGIN
        + """
from nmf_accel.backends.numpy_backend import threads, ways
here = ways.here
ways.here = lambda: here()._replace(threads=3, holds=True, handing=1, python=1, reading=1, cache=1)
def both():
    swept = sweep(A, [4], seeds=6, max_iter=12, backend="numpy", keep="all", solver="hals")
    return bits(), bits(solver="hals"), [x.W.sum() for x in swept.factorizations.values()]
expected, during = both(), []
assert forked(both) == expected
within = {"callback": lambda *_: during.append(forked(both))}
bits(solver="hals", **within)
assert during == [expected] * 2, during

def of_a_crew():
    with threads.crew(3) as crew:
        return crew.each(lambda x: time.sleep(0.05) or int(x), "123")
with threads.keeping():
    of_a_crew()
    time.sleep(0.1)  # its threads are idle now
    assert forked(of_a_crew) == [1, 2, 3], "threads that are kept are not there"
""",
        OPENBLAS_NUM_THREADS="3",
    )
    assert done.returncode == 0, done.stderr


def test_jax_is_refused_where_anybody_has_started_it_before():
    done = run_python(
        BEGIN
        + """
import jax.numpy  # imported it may be
assert forked(bits, backend="jax")[1] == "jax"
jax.numpy.ones(3).sum()
found = forked(bits, backend="jax")
assert "BackendError: backend 'jax' cannot run here: jax was started before this" in found, found
assert "'spawn'" in found and "backend='numpy'" in found
assert forked(bits) == bits()
""",
        JAX_PLATFORMS="cpu",
    )
    assert done.returncode == 0, done.stderr


class Driven(type(backends.get("numpy"))):
    """NumPy, as if it had a driver, and a GPU."""

    name = "driven"
    lives_through_fork = False

    def _probe(self):
        return Probe(True, "", "a GPU", "1", accelerated=True)

    def can_accelerate(self):
        return True


@pytest.fixture
def elsewhere(monkeypatch):
    """A call of that puts this process into the place of a child."""
    monkeypatch.setattr(registry, "BACKENDS", {"driven": f"{__name__}:Driven", **registry.BACKENDS})
    registry._made.cache_clear()
    yield lambda: monkeypatch.setattr(os, "getpid", lambda: -1)
    registry._made.cache_clear()


@pytest.mark.parametrize("name", ["driven", "auto"])
def test_a_gpu_is_refused_in_a_child_and_never_changed_for_numpy(elsewhere, name):
    assert nmf(np.ones((3, 3)), 1, max_iter=2, backend=name).settings["backend"] == "driven"
    elsewhere()
    with pytest.raises(BackendError, match="driven was started before this process was forked"):
        nmf(np.ones((3, 3)), 1, max_iter=2, backend=name)
    assert not backends.probe("driven").usable


def test_a_gpu_that_the_parent_did_not_use_is_found_in_the_child(elsewhere):
    elsewhere()
    assert nmf(np.ones((3, 3)), 1, max_iter=2).settings["backend"] == "driven"


def test_what_lives_through_a_fork():
    alike = {name: backends.get(name).lives_through_fork for name in ("numpy", "jax", "cupy")}
    assert alike == {"numpy": True, "jax": False, "cupy": False}
    assert Backend.lives_through_fork


def test_a_jax_that_does_not_say_whether_it_was_started_is_taken_for_started(monkeypatch):
    monkeypatch.setitem(forks.sys.modules, "jax._src.xla_bridge", object())
    assert forks.jax_is_at_work()
    monkeypatch.delitem(forks.sys.modules, "jax._src.xla_bridge")
    assert not forks.jax_is_at_work()


def test_nothing_waits_for_what_another_thread_was_finding_when_the_process_was_forked():
    """Python 3.11 has one lock for a cached property of all objects."""
    code = """
import os, threading
class Slow:
    from nmf_accel.types import once
    @once
    def value(self):
        begun.set(), end.wait(60)
        return 1
begun, end = threading.Event(), threading.Event()
thread = threading.Thread(target=lambda: Slow().value)
thread.start()
begun.wait()
def value():
    end.set()
    return Slow().value
"""
    told = run_python(BEGIN + code + "print(forked(value)); end.set(); thread.join()")
    assert told.stdout.strip() == "1", told.stderr
