"""Inject every fault at every file event of every scenario, and count what came of it.

``python tests/faults/every.py`` takes hours, most of them the study; ``--sample 50`` tries a random
fifty of each scenario. It ends with status 1 if anything was lost, false, or not told in words.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from injector import FAULTS, LIBRARY, environment, run
from scenarios import SCENARIOS, made


def inject(name, base, sample, seed):
    """Inject faults in a scenario, all or a sample; how many of each, and what was wrong."""
    scenario = made(name, base)
    out = scenario.base / "out"
    scenario.set_up(out)
    undisturbed = run(scenario.work(out), out)
    assert undisturbed.status == 0, undisturbed.printed
    whole = scenario.state(out)
    assert not whole["litter"], whole
    pairs = [(fault, at) for fault in FAULTS for at in range(undisturbed.events)]
    if sample is not None:
        pairs = random.Random(seed).sample(pairs, min(sample, len(pairs)))
    tried, wrong = Counter(), []
    for fault, at in pairs:
        scenario.set_up(out)
        ended = run(scenario.work(out), out, at, FAULTS[fault])
        tried[fault] += 1
        if fault_of := what_is_wrong(scenario, out, ended, FAULTS[fault], whole):
            wrong.append([fault, at, fault_of])
    return {"events": undisturbed.events, "tried": dict(tried), "wrong": wrong}


def what_is_wrong(scenario, out, ended, fault, whole):
    """What is wrong after a fault, or after the same work was done again; None where nothing is."""
    if not scenario.allows(ended, fault):
        return f"ended with status {ended.status}: {ended.printed[-2000:]}"
    try:
        state = scenario.state(out)
        scenario.check_kept(state, whole)
        if ended.status == 0 and told(state) != told(whole):
            return f"it ended well, but {difference(state, whole)}"
        age(out, state["litter"])
        again = run(scenario.work(out), out)
        if again.status != 0:
            return f"the same work ended with status {again.status}: {again.printed[-2000:]}"
        after = scenario.state(out)
        if told(after) != told(whole) or after["litter"]:
            return f"after the same work, {difference(after, whole)}"
        if not scenario.goes_on(state, after):
            return "what was done was done again"
    except Exception as error:  # noqa: BLE001  whatever it is, it is wrong
        return f"{type(error).__name__}: {error}"
    return None


def told(state):
    """A state without what differs from time to time, or may be there after a fault."""
    return {name: x for name, x in state.items() if name not in ("seconds", "litter")}


def age(out, litter):
    """Let what a writer left behind be two hours old; it is swept away after one."""
    for name in litter:
        then = (out / name).stat().st_mtime - 7200
        os.utime(out / name, (then, then))


def difference(state, whole):
    """What differs between two states, in words."""
    names = [x for x in whole if x != "seconds" and state.get(x) != whole[x]]
    return "; ".join(f"{x} is {state.get(x)} and not {whole.get(x)}" for x in names)


def in_a_process(name, sample=None, seed=0):
    """`inject` in a process that can, whose folder is in memory where that is possible."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as base:
        script = [sys.executable, __file__, "--within", base, "--only", name]
        script += ["--seed", str(seed)]
        script += [] if sample is None else ["--sample", str(sample)]
        done = subprocess.run(script, env=environment(base), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SCENARIOS)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--within", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if LIBRARY in os.environ:
        found = inject(given.only, given.within, given.sample, given.seed)
        print(json.dumps(found))
        return 0
    bad = 0
    for name in [given.only] if given.only else SCENARIOS:
        found = in_a_process(name, given.sample, given.seed)
        count = sum(found["tried"].values())
        bad += len(found["wrong"])
        print(
            f"{name:22} {found['events']:4} events {count:6} faults {len(found['wrong']):4} wrong"
        )
        for fault, at, what in found["wrong"]:
            print(f"  {fault} at event {at}: {what}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
