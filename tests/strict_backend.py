"""array-api-strict as a backend, on a device that NumPy cannot see into.

What runs here uses nothing but the array API, mixes no dtypes, and moves nothing to the host
behind the backend's back: it vouches for CuPy where there is no GPU. The tests install it as a
third party would (see conftest.py).
"""

from functools import partial

import array_api_strict
import numpy as np

from nmf_accel.backends import Backend, Probe

DEVICE = array_api_strict.Device("device1")
HOST = array_api_strict.Device("CPU_DEVICE")


class Namespace:
    """array-api-strict, with new arrays on the device, as inside a CuPy device context."""

    def __getattr__(self, name):
        found = getattr(array_api_strict, name)
        return (
            partial(found, device=DEVICE)
            if name in ("asarray", "empty", "zeros", "ones", "full", "eye", "arange")
            else found
        )


class StrictBackend(Backend):
    name = "strict"
    install = "pip install array-api-strict"
    xp = Namespace()

    def _probe(self):
        return Probe(True, device=str(DEVICE), version=array_api_strict.__version__)

    def owns(self, x):
        # Those on the host are of a library that no backend stands for, as MLX's are.
        return type(x).__module__.startswith("array_api_strict") and x.device == DEVICE

    def asarray(self, x, dtype):
        dtype = getattr(array_api_strict, str(dtype).rpartition(".")[2])
        if self.owns(x):
            return array_api_strict.astype(x, dtype, copy=False)
        return array_api_strict.asarray(x, dtype=dtype, device=DEVICE)

    def to_numpy(self, x):
        return np.asarray(x.to_device(HOST))
