"""A line of ``runs.jsonl``: a row, of which settings it is, and what proves it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from .kept import Seal
from .rows import Key, Row, fault_of, key_of

LONGEST = 2**16
"""Bytes of a line; ours have some 500."""


@dataclass(frozen=True)
class Line:
    """A finished run.

    Attributes
    ----------
    row : dict
    settings : str, optional
        The digest of its settings; lines of format 1 have none.
    seal : Seal, optional
        Of its factors, if they were kept.
    """

    row: Row
    settings: str | None = None
    seal: Seal | None = None

    @property
    def key(self) -> Key:
        """Rank and seed."""
        return key_of(self.row)

    @cached_property
    def encoded(self) -> bytes:
        """It as it is written; of format 1, as it was."""
        held = dict(self.row)
        if self.settings is not None:
            held["settings"] = self.settings
            held |= {} if self.seal is None else {"factors": asdict(self.seal)}
            held["sum"] = digest(held)
        return json.dumps(held, allow_nan=False).encode() + b"\n"

    @classmethod
    def decoded(cls, line: bytes) -> Line:
        """What `encoded` wrote, or format 1.

        Raises
        ------
        ValueError
            Saying what is wrong with it.
        """
        held = parsed(line)
        proof, settings, seal = (held.pop(name, None) for name in ("sum", "settings", "factors"))
        fault = fault_of(held)
        if proof is None and settings is None and seal is None:
            if fault is not None:
                raise ValueError(fault)
            return cls(held)
        signed = {"settings": settings, **({} if seal is None else {"factors": seal})}
        if proof != digest({**held, **signed}):
            raise ValueError("its sum is not that of what it says")
        if fault is not None or not isinstance(settings, str):
            raise ValueError(fault or "it does not say of which settings it is")
        return cls(held, settings, None if seal is None else _sealed(seal))


def _sealed(seal: Any) -> Seal:
    found = Seal(**seal) if isinstance(seal, dict) and seal.keys() == {"size", "sha256"} else None
    if found is None or type(found.size) is not int or not isinstance(found.sha256, str):
        raise ValueError("its factors are no size and sha256")
    return found


def parsed(text: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises
    ------
    ValueError
        If it is none, or has numbers that are none.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST:,} bytes")
    return json_object(text)


def json_object(text: bytes) -> dict[str, Any]:
    """The same of any length."""
    try:
        held = json.loads(text.decode(), parse_constant=_refuse)
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    if not isinstance(held, dict):
        raise ValueError("it is no JSON object")
    return held


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number")


def digest(held: Mapping[str, Any]) -> str:
    """The first 16 digits of the SHA-256 of an object as JSON, its keys in order."""
    canonical = json.dumps(held, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
