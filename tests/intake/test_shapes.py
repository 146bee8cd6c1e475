"""An array that is no matrix is refused with the line that makes one of it."""

import numpy as np
import pytest
from conftest import require_or_skip

from nmf_accel import backends, nmf, project, sweep

RUN = {"max_iter": 2, "backend": "numpy"}
VIDEO = np.random.default_rng(0).random((10, 4, 3)) + 0.1
SOUND = VIDEO[:, 0, 0]


@pytest.mark.parametrize(
    ("A", "message", "shape"),
    [
        (
            VIDEO,
            r"\(10, 4, 3\); if its first axis is samples, pass A.reshape\(10, -1\).T",
            (12, 10),
        ),
        (VIDEO[..., None], r"\(10, 4, 3, 1\); if .*, pass A.reshape\(10, -1\).T", (12, 10)),
        (SOUND, r"\(10,\); pass A\[:, None\] for one sample", (10, 1)),
        (SOUND.tolist(), r"\(10,\); pass np.asarray\(A\)\[:, None\] for one sample", (10, 1)),
    ],
    ids=["3-D", "4-D", "1-D", "list"],
)
def test_what_to_type_is_said_and_works(A, message, shape):
    for call in (lambda A: nmf(A, 1, **RUN), lambda A: sweep(A, [1], 1, **RUN)):
        with pytest.raises(ValueError, match=r"^A must be a matrix \(2-D\), but.*" + message) as e:
            call(A)
    code = str(e.value).partition("pass ")[2].removesuffix(" for one sample")
    typed = eval(code, {"A": A, "np": np})
    assert typed.shape == shape
    assert nmf(typed, 1, **RUN).W.shape == (shape[0], 1)


def test_the_axis_of_samples_stays_that_of_samples():
    np.testing.assert_array_equal(VIDEO.reshape(10, -1).T[:, 3], VIDEO[3].ravel())


@pytest.mark.parametrize("device", ["strict", "jax"])
def test_arrays_of_other_libraries_are_refused_alike(device):
    found = backends.probe(device)
    require_or_skip(device, found.usable, found.reason)
    with pytest.raises(ValueError, match=r"shape is \(10, 4, 3\); if its first axis is samples"):
        nmf(backends.get(device).asarray(VIDEO, np.dtype("float32")), 1)


def test_factors_that_are_vectors_are_refused_with_their_own_lines():
    A = VIDEO[:, :, 0]
    for name, call, message in (
        ("W0", lambda x: nmf(A, 1, W0=x, **RUN), r"pass W0\[:, None\] for one component"),
        ("H0", lambda x: nmf(A, 1, H0=x[:4], **RUN), r"pass H0\[None, :\] for one component"),
        ("W", lambda x: project(A, x), r"pass W\[:, None\] for one component"),
    ):
        with pytest.raises(ValueError, match=rf"^{name} must be a matrix .*; {message}"):
            call(SOUND)
    assert nmf(A, 1, W0=SOUND[:, None], H0=SOUND[None, :4], **RUN).rank == 1


@pytest.mark.parametrize("shape", [(), (0, 3, 2), (2, 0, 0)])
def test_where_there_is_nothing_to_type_nothing_is_said(shape):
    with pytest.raises(ValueError, match=r"A must be a matrix \(2-D\), but its shape is .*\)$"):
        nmf(np.zeros(shape), 1)
