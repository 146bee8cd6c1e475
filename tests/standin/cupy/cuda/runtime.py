"""Those calls of the CUDA runtime that CuPy has and nmf_accel makes."""

import ledger

from .. import _stream
from .._stream import CUDARuntimeError, Device, Stream

is_hip = False
streamCaptureModeGlobal, streamCaptureModeThreadLocal, streamCaptureModeRelaxed = range(3)
streamCaptureStatusNone, streamCaptureStatusActive, streamCaptureStatusInvalidated = range(3)


def getDeviceCount():
    return ledger.machine.devices


def getDevice():
    return _stream.current_device()


def setDevice(device):
    Device(device).use()


def getDeviceProperties(device):
    if not 0 <= device < ledger.machine.devices:
        raise CUDARuntimeError(101)
    return {
        "name": b"Stand-in",
        "major": 9,
        "minor": 0,
        "multiProcessorCount": 132,
        "sharedMemPerBlock": 48 * 1024,
        "sharedMemPerBlockOptin": 227 * 1024,
        "sharedMemPerMultiprocessor": 228 * 1024,
        "regsPerBlock": 65536,
        "warpSize": 32,
        "maxThreadsPerBlock": 1024,
        "maxThreadsPerMultiProcessor": 2048,
        "l2CacheSize": 50 * 2**20,
        "totalGlobalMem": ledger.machine.memory,
    }


def runtimeGetVersion():
    return 12090


def driverGetVersion():
    return 12090


def memGetInfo():
    return Device().mem_info


def deviceSynchronize():
    _stream.synchronize("device")


def streamSynchronize(stream):
    for other in list(Stream._all):
        if other.ptr == stream:
            other.synchronize()


__all__ = [
    "CUDARuntimeError",
    "deviceSynchronize",
    "driverGetVersion",
    "getDevice",
    "getDeviceCount",
    "getDeviceProperties",
    "is_hip",
    "memGetInfo",
    "runtimeGetVersion",
    "setDevice",
    "streamCaptureModeGlobal",
    "streamCaptureModeRelaxed",
    "streamCaptureModeThreadLocal",
    "streamCaptureStatusActive",
    "streamCaptureStatusInvalidated",
    "streamCaptureStatusNone",
    "streamSynchronize",
]
