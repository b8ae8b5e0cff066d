"""Whole processes, run in turn and measured: what the benchmarks share.

Ours and theirs alternate (ours, theirs, ours, theirs) after one warm-up each, so that a slow minute of the machine
meets both. A ratio is ours divided by theirs within one such pair; a table has its median, least and largest.

Children compile nothing that a user would not: they keep bytecode in a temporary folder, which the warm-up fills, even
where the shell forbids bytecode. Otherwise an editable attnviz would be compiled anew in every run and the libraries
would not. It measures and judges nothing; only a child that fails stops it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import NamedTuple

BARE = Path(__file__).parent / "bare"
# Tuning of one machine's numpy, and what would forbid the bytecode.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")
HEADINGS = f"{'time':<6} {'ours':>8} {'theirs':>8} {'ratio':>8} {'min':>6} {'max':>6}"


class Spent(NamedTuple):
    """Seconds that one process took, on the clock and on the processors, its largest memory, and what it printed."""

    wall: float
    cpu: float
    mebibytes: float
    printed: str


class Case(NamedTuple):
    """Two commands to compare: what follows `python` on the command line, which Python runs theirs, and what both find
    in the environment.
    """

    name: str
    ours: list[str]
    theirs: list[str]
    their_python: str = sys.executable
    environment: Mapping[str, str] = MappingProxyType({})


def spend(
    arguments: list[str], folder: str, python: str = sys.executable, changed: Mapping[str, str] = MappingProxyType({})
) -> Spent:
    """Run one process to its end and read what it prints."""
    environment = {name: value for name, value in os.environ.items() if name not in UNSET} | dict(changed)
    environment["PYTHONPYCACHEPREFIX"] = f"{folder}/bytecode"
    started = time.perf_counter()
    process = subprocess.Popen(
        [python, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process.stdout as stream:
        printed = stream.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(arguments)} failed ({process.returncode}):\n{printed}")
    return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed)


def measure(case: Case, runs: int, folder: str) -> list[tuple[Spent, Spent]]:
    """Pairs of ours and theirs, in turn, after one warm-up each."""
    ours = partial(spend, case.ours, folder, changed=case.environment)
    theirs = partial(spend, case.theirs, folder, case.their_python, case.environment)
    pairs = [(ours(), theirs()) for _ in range(runs + 1)]
    return pairs[1:]


def row(name: str, kind: str, ours: list[float], theirs: list[float], width: int = 22) -> str:
    """One line of a table."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return (
        f"{name:<{width}} {kind:<6} {median(ours):8.3f} {median(theirs):8.3f}"
        f" {median(ratios):8.3f} {min(ratios):6.3f} {max(ratios):6.3f}"
    )
