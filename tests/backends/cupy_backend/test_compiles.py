"""The kernels of CuPy's backend compile for GPUs of four generations, which needs none."""

import re

import nvrtc
import pytest
from conftest import require_or_skip
from nvrtc import ARCHITECTURES, assembly, compiled

from nmf_accel.backends.cupy_backend import sources

KERNELS = {
    *("descend", "products", "violation", "goes_on", "triangles", "systems", "record"),
    *("squares", "mean_curvature", "residual", "divergence"),
}
MANY = "".join(f"double x{k} = p[{k}];" for k in range(300))
SPILLING = f"""extern "C" __global__ void __launch_bounds__(1024) f(volatile double* p) {{
    {MANY} {"".join(f"p[{k}] = x{299 - k} * x{k};" for k in range(300))} }}"""


@pytest.fixture(autouse=True)
def _compiler():
    require_or_skip("nvrtc", nvrtc.library() is not None, "pip install nvidia-cuda-nvrtc-cu12")


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("dtype", sources.NUMBERS)
@pytest.mark.parametrize("tile", sources.TILES)
def test_no_kernel_spills(dtype, arch, tile):
    found = compiled(sources.source(), arch, sources.options(dtype, tile))
    assert found.log == ""
    assert found.local == dict.fromkeys(KERNELS, 0)
    assert max(found.registers.values()) <= 128


@pytest.mark.parametrize("dtype", sources.NUMBERS)
def test_a_divergence_of_floats_takes_doubles_for_its_sum_alone(dtype):
    text = assembly(sources.source(), "divergence", sources.options(dtype))
    doubles = re.findall(r"^\s*(?:@\S+\s+)?([a-z0-9]+)[a-z0-9._]*\.f64", text, re.MULTILINE)
    reckoned = [name for name in doubles if name not in ("ld", "st", "mov", "cvt", "add")]
    if dtype == "float32":
        assert reckoned == ["fma"]  # the sum, scaled
        assert "add" in doubles
    else:
        assert len(reckoned) > 100


def test_spills_would_be_seen():
    found = compiled(SPILLING, "sm_90")
    assert found.local["f"] > 0
    assert found.registers["f"] <= 64


def test_errors_would_be_seen():
    with pytest.raises(AssertionError, match="nothing"):
        compiled('extern "C" __global__ void f(double* p) { p[0] = nothing; }', "sm_90")


def test_ptxas_says_the_same():
    found = compiled(SPILLING, "sm_90", ("--ptxas-options=-v",))
    ((frame, stores, loads),) = nvrtc.spilled(found.log)
    assert frame == found.local["f"]
    assert min(stores, loads) > 0
