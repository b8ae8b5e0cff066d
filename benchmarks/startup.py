"""How long a command takes from its call to its end, beside the least script that does the same by hand.

Run it as `python benchmarks/startup.py`, with the Python that has attnviz installed. Both sides are whole processes,
run in turn (ours, theirs, ours, theirs) after one warm-up each, so that a slow minute of the machine meets both. A
ratio is ours divided by theirs within one such pair; the table has its median, least and largest. "cpu" is user and
system time together. The scripts in `bare/` are what they are compared with.

Children compile nothing that a user would not: they keep bytecode in a temporary folder, which the warm-up fills, even
where the shell forbids bytecode. Otherwise an editable attnviz would be compiled anew in every run and the libraries
would not. It measures and judges nothing; only a child that fails stops it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

BARE = Path(__file__).parent / "bare"
# Tuning of one machine's numpy, and what would forbid the bytecode.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")


class Spent(NamedTuple):
    """Seconds that one process took."""

    wall: float
    cpu: float


class Case(NamedTuple):
    """Two commands to compare: what follows `python` on the command line."""

    name: str
    ours: list[str]
    theirs: list[str]


def cases(folder: str) -> list[Case]:
    """What is compared; pictures are written into `folder`."""
    attnviz = ["-m", "attnviz"]
    return [
        Case("run / bare table", [*attnviz, "run", "猫吃鱼"], [str(BARE / "table.py"), "run", "猫吃鱼"]),
        Case("--help / bare typer", [*attnviz, "--help"], [str(BARE / "commands.py"), "--help"]),
        Case(
            "export / bare picture",
            [*attnviz, "export", "猫吃鱼", f"{folder}/ours.png"],
            [str(BARE / "picture.py"), f"{folder}/theirs.png"],
        ),
        Case("explain / run", [*attnviz, "explain", "猫吃鱼", "--token", "猫"], [*attnviz, "run", "猫吃鱼"]),
        Case("compare / run", [*attnviz, "compare", "猫吃鱼", "鱼吃猫"], [*attnviz, "run", "猫吃鱼"]),
    ]


def spend(arguments: list[str], folder: str) -> Spent:
    """Run one process to its end, read what it prints, and throw that away."""
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    environment["PYTHONPYCACHEPREFIX"] = f"{folder}/bytecode"
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process.stdout as stream:
        printed = stream.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(arguments)} failed ({process.returncode}):\n{printed.decode(errors='replace')}")
    return Spent(wall, usage.ru_utime + usage.ru_stime)


def measure(case: Case, runs: int, folder: str) -> list[tuple[Spent, Spent]]:
    """Pairs of ours and theirs, in turn, after one warm-up each."""
    spend(case.ours, folder)
    spend(case.theirs, folder)
    return [(spend(case.ours, folder), spend(case.theirs, folder)) for _ in range(runs)]


def row(name: str, kind: str, ours: list[float], theirs: list[float]) -> str:
    """One line of the table."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return (
        f"{name:<22} {kind:<4} {median(ours):8.3f} {median(theirs):8.3f}"
        f" {median(ratios):8.2f} {min(ratios):6.2f} {max(ratios):6.2f}"
    )


def main() -> None:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description="Compare attnviz with bare scripts, as whole processes.")
    parser.add_argument("--runs", type=int, default=15, metavar="N", help="pairs for each case (15 if not given)")
    runs = parser.parse_args().runs
    if runs < 1:
        parser.error("--runs must be at least 1")
    print(f"{'ours / theirs':<22} {'time':<4} {'ours s':>8} {'theirs s':>8} {'ratio':>8} {'min':>6} {'max':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(folder):
            pairs = measure(case, runs, folder)
            for kind in Spent._fields:
                ours, theirs = ([getattr(side, kind) for side in sides] for sides in zip(*pairs, strict=True))
                print(row(case.name, kind, ours, theirs), flush=True)


if __name__ == "__main__":
    main()
