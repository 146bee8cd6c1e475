from .._stream import Device
from .._stream import current_device as get_device_id


def get_cublas_handle():
    """CuPy's own handle for the current device."""
    return Device().cublas_handle


def get_compute_capability():
    return Device().compute_capability


__all__ = ["Device", "get_compute_capability", "get_cublas_handle", "get_device_id"]
