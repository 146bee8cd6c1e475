"""NVIDIA's compiler by ctypes, which needs no GPU: what it says, and what its code takes."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import struct
from functools import cache
from pathlib import Path
from typing import NamedTuple

ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100")
# Attributes in .nv.info: https://docs.nvidia.com/cuda/cuda-binary-utilities, and LLVM's names.
FRAME_SIZE, REGISTERS = 0x11, 0x2F


class Compiled(NamedTuple):
    """A binary; and of each kernel the bytes of local memory and the registers of a thread."""

    log: str
    local: dict[str, int]
    registers: dict[str, int]


@cache
def library():
    """NVRTC of the wheel nvidia-cuda-nvrtc-cu12 or -cu13, or None."""
    spec = importlib.util.find_spec("nvidia")
    folders = spec.submodule_search_locations if spec else []
    found = [p for folder in folders for p in Path(folder).glob("*/lib/libnvrtc.so.*")]
    return ctypes.CDLL(str(min(found))) if found else None


def compiled(source, arch, options=()):
    """Compile CUDA C for an architecture; raise with the log if that fails."""
    lib, program, log = _program(source, arch, options)
    cubin = _text(lib.nvrtcGetCUBINSize, lib.nvrtcGetCUBIN, program)
    lib.nvrtcDestroyProgram(ctypes.byref(program))
    return Compiled(log, *_resources(cubin))


def assembly(source, name, options=()):
    """What a kernel is in PTX, which has the type of its numbers with each instruction."""
    lib, program, _ = _program(source, "compute_80", options)
    text = _text(lib.nvrtcGetPTXSize, lib.nvrtcGetPTX, program).decode()
    lib.nvrtcDestroyProgram(ctypes.byref(program))
    start = text.index(f".entry {name}(")
    return text[start : text.index("\n}", start)]


def _program(source, arch, options):
    lib, program = library(), ctypes.c_void_p()
    flags = [f"--gpu-architecture={arch}", "--std=c++17", *options]
    assert (
        lib.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"f.cu", 0, None, None) == 0
    )
    encoded = (ctypes.c_char_p * len(flags))(*(flag.encode() for flag in flags))
    status = lib.nvrtcCompileProgram(program, len(flags), encoded)
    log = _text(lib.nvrtcGetProgramLogSize, lib.nvrtcGetProgramLog, program).decode().strip("\0\n ")
    assert status == 0, log
    return lib, program, log


def _text(size_of, read, program):
    size = ctypes.c_size_t()
    assert size_of(program, ctypes.byref(size)) == 0
    buffer = ctypes.create_string_buffer(size.value)
    assert read(program, buffer) == 0
    return buffer.raw


def _sections(elf):
    """(name, link, bytes) of each section of a 64-bit ELF file."""
    (at,) = struct.unpack_from("<Q", elf, 40)
    size, count, names = struct.unpack_from("<HHH", elf, 58)
    heads = [struct.unpack_from("<IIQQQQII", elf, at + size * k) for k in range(count)]
    strings = elf[heads[names][4] :]
    for name, _, _, _, offset, length, link, _ in heads:
        yield (
            strings[name : strings.index(b"\0", name)].decode(),
            link,
            elf[offset : offset + length],
        )


def _resources(elf):
    """What the driver would say of each kernel: its local memory, and its registers."""
    sections = list(_sections(elf))
    (table,) = [(link, data) for name, link, data in sections if name == ".symtab"]
    strings = sections[table[0]][2]
    names = []
    for k in range(0, len(table[1]), 24):
        (start,) = struct.unpack_from("<I", table[1], k)
        names.append(strings[start : strings.index(b"\0", start)].decode())
    (info,) = [data for name, _, data in sections if name == ".nv.info"]
    found = {FRAME_SIZE: {}, REGISTERS: {}}
    at = 0
    while at < len(info):
        form, attribute, size = struct.unpack_from("<BBH", info, at)
        if form == 4 and attribute in found:
            symbol, value = struct.unpack_from("<II", info, at + 4)
            if not names[symbol].startswith("$"):  # a division, say, which ptxas calls
                found[attribute][names[symbol]] = value
        at += 4 + (size if form == 4 else 0)
    return found[FRAME_SIZE], found[REGISTERS]


def spilled(log):
    """Bytes of spill stores and loads that ptxas reported, kernel by kernel."""
    pattern = r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
    return [tuple(map(int, found)) for found in re.findall(pattern, log)]
