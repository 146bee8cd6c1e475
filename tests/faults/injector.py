"""What goes wrong at a file event of a process, and processes to which it happens.

`faulty.c` is loaded before the C library, so only a process that was started with `environment()`
can inject; its forks then begin at once, with everything imported.
"""

import ctypes
import errno
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parent / "faulty.c"
LIBRARY = "FAULTY_LIBRARY"
"""Names, in the environment, the library that is loaded before the C library."""

NEVER, BEFORE, HALF, INSTEAD, FROM_NOW_ON, AFTER = range(6)


class Fault(NamedTuple):
    """What goes wrong at an event.

    Attributes
    ----------
    when : int
        Before it, in the middle of it, instead of it (the call fails), instead of it and of all
        that follow, or after it.
    signal : int
        Sent to the process.
    error : int
        With which the call fails.
    """

    when: int
    signal: int = 0
    error: int = 0

    def allows(self, status):
        """Whether a process may end so: told to stop, or refused, but never by a traceback."""
        if self.signal == signal.SIGKILL:
            return status == -signal.SIGKILL
        # What is not needed may fail, and what is done may be done before a signal is looked at.
        return status in ({0, 128 + self.signal} if self.signal else {0, 1, 2})


FAULTS = {
    "killed before": Fault(BEFORE, signal.SIGKILL),
    "killed in the middle": Fault(HALF, signal.SIGKILL),
    "killed after": Fault(AFTER, signal.SIGKILL),
    "disk full": Fault(INSTEAD, error=errno.ENOSPC),
    "disk full in the middle": Fault(HALF, error=errno.ENOSPC),
    "disk full from then on": Fault(FROM_NOW_ON, error=errno.ENOSPC),
    "input/output error": Fault(INSTEAD, error=errno.EIO),
    "not permitted": Fault(INSTEAD, error=errno.EACCES),
    "Ctrl-C before": Fault(BEFORE, signal.SIGINT),
    "Ctrl-C after": Fault(AFTER, signal.SIGINT),
    "SIGTERM before": Fault(BEFORE, signal.SIGTERM),
    "SIGTERM after": Fault(AFTER, signal.SIGTERM),
}
"""By name; every one is tried at every file event."""


class Ended(NamedTuple):
    """How a process ended: its status, what it printed, and the file events that it came to."""

    status: int
    printed: str
    events: int


def environment(build):
    """The environment of a process that can inject, the library being built in that folder."""
    library = Path(build) / "faulty.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, SOURCE, "-ldl"],
        check=True,
    )
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    return {**os.environ, **alone, "LD_PRELOAD": str(library), LIBRARY: str(library)}


NOTHING = Fault(NEVER)


def run(work, folder, at=-1, fault=NOTHING):
    """Do `work()` in a fork, in which `fault` happens at file event number `at` under a folder."""
    shim = ctypes.CDLL(os.environ[LIBRARY])
    outcome, told = os.pipe()
    output, printed = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        os.close(output)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  as long as the process
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        log = os.environ.get("FAULTY_LOG", "").encode()
        where = os.fsencode(Path(folder).resolve())
        shim.faulty_arm(where, at, fault.when, fault.signal, fault.error, log)
        status = ended(work)
        os.write(told, str(shim.faulty_count()).encode())
        os._exit(status)
    os.close(told)
    os.close(printed)
    with open(output, errors="replace") as file:
        text = file.read()
    with open(outcome) as file:
        events = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(status, text, int(events or -1))


TRACEBACK = 70
"""Status of work that ended by an exception which nobody told in words."""


def ended(work):
    """The status with which a process that does this work would end."""
    try:
        work()
        status = 0
    except SystemExit as end:
        status = end.code or 0
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001  it is told by the status
        traceback.print_exc()
        status = TRACEBACK
    sys.stdout.flush()
    sys.stderr.flush()
    return status
