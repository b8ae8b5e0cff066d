"""How long a command takes from its call to its end, beside the least script that does the same by hand.

Run it as `python benchmarks/startup.py`, with the Python that has attnviz installed. "cpu" is user and system time
together. The scripts in `bare/` are what they are compared with; how it is measured stands in `processes.py`.
"""

from __future__ import annotations

import argparse
import tempfile

from processes import BARE, HEADINGS, Case, measure, row

SENTENCE = "the small cat eats the big fish in the garden "  # ten words


def cases(folder: str) -> list[Case]:
    """Return the cases to compare; pictures are written into `folder`."""
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
        Case(
            "explain / run, 10 words",
            [*attnviz, "explain", SENTENCE.strip(), "--token", "eats"],
            [*attnviz, "run", SENTENCE.strip()],
        ),
        Case(
            "blocks 100 / table 10",
            [*attnviz, "run", SENTENCE * 10, "--view", "blocks"],
            [*attnviz, "run", SENTENCE, "--view", "table"],
            environment={"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color", "COLUMNS": "200"},
        ),
        Case("run --lang zh / run", [*attnviz, "run", "猫吃鱼", "--lang", "zh"], [*attnviz, "run", "猫吃鱼"]),
        Case("--help --lang zh / --help", [*attnviz, "--lang", "zh", "--help"], [*attnviz, "--help"]),
        Case("compare / run", [*attnviz, "compare", "猫吃鱼", "鱼吃猫"], [*attnviz, "run", "猫吃鱼"]),
        Case("lab of 10 words / run", [*attnviz, "lab", SENTENCE.strip()], [*attnviz, "run", SENTENCE.strip()]),
    ]


def main() -> None:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description="Compare attnviz with bare scripts, as whole processes.")
    parser.add_argument("--runs", type=int, default=15, metavar="N", help="pairs for each case (15 if not given)")
    runs = parser.parse_args().runs
    if runs < 1:
        parser.error("--runs must be at least 1")
    print(f"{'ours / theirs':<22} {HEADINGS}")
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(folder):
            pairs = measure(case, runs, folder)
            for kind in ("wall", "cpu"):
                ours, theirs = ([getattr(side, kind) for side in sides] for sides in zip(*pairs, strict=True))
                print(row(case.name, kind, ours, theirs), flush=True)


if __name__ == "__main__":
    main()
