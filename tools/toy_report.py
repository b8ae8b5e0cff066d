"""Print the share of the toy's statements that hold, by family and language.

python tools/toy_report.py [-v] [FILE.tsv ...]: the statements of tests/toy/statements.tsv and those of other files.
A statement says that in a sentence one word looks at a second word more than at a third. Its line has the columns
sentence, word, looks more at, than at, head, or before them when and family as in tests/toy/statements.tsv; a head may
be left out. -v prints the failing ones, with the weights of the row.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import attnviz  # noqa: E402
from attnviz.core.errors import AttnvizError  # noqa: E402

STATEMENTS = ROOT / "tests" / "toy" / "statements.tsv"
_WHEN = ("earlier", "before", "after")


@dataclass(frozen=True)
class Statement:
    """In the sentence, `query` looks at `more` more than at `less`, in a head of four or with one head."""

    family: str
    sentence: str
    query: str
    more: str
    less: str
    head: int | None

    @property
    def language(self) -> str:
        """The sentence's language, en or zh."""
        return "en" if self.sentence.isascii() else "zh"

    def check(self) -> tuple[bool, str]:
        """Return whether the statement holds, and the row of weights that says so."""
        attention = attnviz.run(self.sentence, heads=1 if self.head is None else 4)
        texts = [token.text for token in attention.tokens]
        lower = [text.casefold() for text in texts]
        missing = [word for word in (self.query, self.more, self.less) if word.casefold() not in lower]
        if missing:
            return False, f"no word {' '.join(missing)}: {' | '.join(texts)}"
        query, more, less = (lower.index(word.casefold()) for word in (self.query, self.more, self.less))
        row = attention.weights[0, self.head or 0, query]
        return bool(row[more] > row[less]), " ".join(f"{text} {w:.3f}" for text, w in zip(texts, row, strict=True))


def read_statements(path: Path) -> list[Statement]:
    """Read a file of statements; raise ValueError that names the line where one is malformed."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        family = path.stem
        if cells[0] in _WHEN:
            _, family, *cells = cells
        head = cells.pop() if len(cells) == 5 else ""
        if len(cells) != 4 or head not in ("", "0", "1", "2", "3"):
            raise ValueError(
                f"{path}, line {number}: sentence, word, looks more at, than at and head (0 to 3) were expected."
            )
        found.append(Statement(family, *cells, int(head) if head else None))
    return found


def report(path: Path, *, verbose: bool) -> None:
    """Print the shares of one file, and with `verbose` the statements that do not hold."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    failing = []
    for statement in read_statements(path):
        try:
            holds, weights = statement.check()
        except AttnvizError as error:
            holds, weights = False, str(error)
        for key in ((statement.family, statement.language), ("", statement.language), ("", "")):
            counts[key][0] += holds
            counts[key][1] += 1
        if not holds:
            failing.append((statement, weights))
    print(path)
    width = max((len(family) for family, _ in counts), default=0)
    for family, language in sorted(counts, key=lambda key: (not key[0], key)):
        held, all_of_them = counts[family, language]
        name = family or ("in all" if not language else "all")
        print(f"  {name:<{width}}  {language:<2}  {held:>4} of {all_of_them:<4}  {held / all_of_them:6.1%}")
    for statement, weights in failing if verbose else ():
        head = "" if statement.head is None else f", head {statement.head}"
        print(
            f"  {statement.sentence}\n    {statement.query}: {statement.more} > {statement.less}{head}\n    {weights}"
        )


def main() -> None:
    """Report on each file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-v", "--verbose", action="store_true", help="print the statements that do not hold")
    parser.add_argument("files", nargs="*", type=Path, help="other files of statements")
    chosen = parser.parse_args()
    for path in (STATEMENTS, *chosen.files):
        report(path, verbose=chosen.verbose)


if __name__ == "__main__":
    main()
