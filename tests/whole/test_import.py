"""``import nmf_accel`` loads NumPy and nothing else."""

import json

import pytest
from conftest import run_python

LOADED = """
import json, sys
import numpy, numpy.random
before = {name.partition(".")[0] for name in sys.modules}
import nmf_accel
names = {name.partition(".")[0] for name in sys.modules} - before
print(json.dumps(sorted(names - set(sys.stdlib_module_names))))
"""


def test_importing_loads_numpy_alone():
    done = run_python(LOADED)
    assert json.loads(done.stdout) == ["nmf_accel"], done.stderr


def test_a_run_on_numpy_loads_no_other_array_library():
    script = LOADED.replace(
        "import nmf_accel\n", "import nmf_accel\nnmf_accel.nmf(numpy.eye(3), 2, max_iter=3)\n"
    )
    done = run_python(script, NMF_ACCEL_BACKEND="numpy")
    assert json.loads(done.stdout) == ["nmf_accel", "threadpoolctl"], done.stderr


@pytest.mark.parametrize("name", ["nmf", "Factorization", "Interrupted", "BackendError"])
def test_public_names(name):
    import nmf_accel

    assert name in nmf_accel.__all__
    assert getattr(nmf_accel, name).__doc__
