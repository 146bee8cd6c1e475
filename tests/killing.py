"""A kill at each file event of a process, played in one: nothing is tidied up after it."""

import os
from collections.abc import Callable

import pytest

EVENTS = ("replace", "fsync", "unlink", "mkdir")


class Killed(BaseException):
    """Stands for SIGKILL; every event after it fails likewise, as those of the dead do."""


def killed_at(number: int, act: Callable[[], object]) -> bool:
    """Do something that is killed instead of its file event of that number; whether it was."""
    real, left = {name: getattr(os, name) for name in EVENTS}, number

    def event(name: str) -> Callable[..., object]:
        def do(*given: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed(name)
            return real[name](*given, **options)

        return do

    with pytest.MonkeyPatch.context() as patch:
        for name in EVENTS:
            patch.setattr(os, name, event(name))
        try:
            act()
        except Killed:
            return True
    return False
