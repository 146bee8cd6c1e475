"""Products are in full precision whatever the process has set, which is as it was afterwards."""

import os
import threading

import numpy as np
import pytest
from conftest import run_python

from nmf_accel import nmf
from nmf_accel.backends.torch_backend.precision import FullPrecision

A = np.random.default_rng(0).random((12, 10))


def level(torch, name):
    torch.set_float32_matmul_precision(name)


def cublas(torch, name):
    torch.backends.cuda.matmul.fp32_precision = name


def onednn(torch, name):
    torch.backends.mkldnn.matmul.fp32_precision = name


def everything(torch, name):
    torch.backends.fp32_precision = name


def flag(torch, name):
    torch.backends.cuda.matmul.allow_tf32 = name == "tf32"


WAYS = {
    "nothing": [],
    "a level": [(level, "high")],
    "the lowest level": [(level, "medium")],
    "the flag": [(flag, "tf32")],
    "cuBLAS alone": [(cublas, "tf32")],
    "oneDNN alone": [(onednn, "bf16")],
    "all at once": [(everything, "tf32")],
    "all at once, but for cuBLAS": [(everything, "tf32"), (cublas, "ieee")],
    "a level, and then another of oneDNN": [(level, "medium"), (onednn, "tf32")],
    "a level, and then none of cuBLAS": [(level, "high"), (cublas, "ieee")],
}


def settings(torch):
    """All that there is, as PyTorch tells it; what it refuses to tell is a setting too."""
    found = [
        torch.backends.fp32_precision,
        torch.backends.cuda.matmul.fp32_precision,
        torch.backends.mkldnn.matmul.fp32_precision,
    ]
    for ask in (
        torch.get_float32_matmul_precision,
        lambda: torch.backends.cuda.matmul.allow_tf32,
    ):
        try:
            found.append(ask())
        except RuntimeError as error:
            found.append(str(error)[:60])
    return found


@pytest.fixture
def as_new(torch):
    """Settings of a new process, before and after."""
    if not hasattr(torch.backends.mkldnn, "matmul"):
        pytest.skip("before PyTorch 2.9 there is the level alone")

    def reset():
        torch.set_float32_matmul_precision("highest")
        for set_it in (everything, cublas, onednn):
            set_it(torch, "none")

    reset()
    yield
    reset()


@pytest.mark.parametrize("way", WAYS)
def test_what_was_set_is_set_again_and_full_within(torch, as_new, way):
    for set_it, name in WAYS[way]:
        set_it(torch, name)
    before, within = settings(torch), []

    def look(iteration, error):
        within.append(settings(torch)[1:])

    nmf(A, 2, max_iter=3, backend="torch", callback=look, check_every=1)
    assert settings(torch) == before
    assert within
    for cublas_has, onednn_has, told, allowed in within:
        assert {cublas_has, onednn_has} <= {"none", "ieee"}
        assert (told, allowed) == ("highest", False) or way in ("nothing",)

    def fail(iteration, error):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        nmf(A, 2, max_iter=3, backend="torch", callback=fail, check_every=1)
    assert settings(torch) == before


def test_what_is_set_for_all_afterwards_still_counts(torch, as_new):
    everything(torch, "tf32")
    nmf(A, 2, max_iter=3, backend="torch")
    everything(torch, "ieee")
    assert torch.backends.cuda.matmul.fp32_precision == "ieee"


def test_the_first_of_two_threads_to_end_does_not_end_it_for_the_other(torch, as_new):
    level(torch, "high")
    shared, began, go_on = FullPrecision(), threading.Event(), threading.Event()
    found = []

    def other():
        with shared.held():
            began.set()
            go_on.wait(60)
            found.append(torch.get_float32_matmul_precision())

    thread = threading.Thread(target=other)
    with shared.held():
        thread.start()
        began.wait(60)
    assert torch.get_float32_matmul_precision() == "highest"
    go_on.set()
    thread.join()
    assert found == ["highest"]
    assert torch.get_float32_matmul_precision() == "high"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_in_a_forked_process_nobody_waits_for_threads_that_are_not_there(torch):
    done = run_python(
        """
import os, threading, warnings
warnings.simplefilter("ignore")
import torch
from nmf_accel.backends.torch_backend.precision import full_precision as shared
torch.set_float32_matmul_precision("high")
began, end = threading.Event(), threading.Event()
def hold():
    with shared.held():
        began.set(), end.wait(60)
thread = threading.Thread(target=hold)
thread.start()
began.wait()
shared._lock.acquire()  # as another thread may have it just then
if not (child := os.fork()):
    told = [torch.get_float32_matmul_precision()]
    with shared.held():
        told.append(torch.get_float32_matmul_precision())
    told.append(torch.get_float32_matmul_precision())
    os._exit(told != ["high", "highest", "high"])
shared._lock.release()
end.set(), thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    )
    assert done.stdout.strip() == "0", done.stderr
