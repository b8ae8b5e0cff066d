"""Fill in the frequency classes of attnviz/toy/lexicon.tsv, the last column, where a line has none.

    pip download --no-deps jieba && tar xf jieba-*.tar.gz         the Chinese counts (MIT): jieba/dict.txt
    apt-get download scowl && dpkg -x scowl_*.deb scowl           the English lists (SCOWL 2020.12.07, free licence)
    python tools/word_frequency.py PATH/dict.txt PATH/usr/share/dict/scowl
    python tools/word_frequency.py PATH/dict.txt PATH/usr/share/dict/scowl --again      replace those there are, too

Chinese words go by their count in the dictionary of jieba 0.42.1, English words by the smallest of SCOWL's lists that
has them. A word that neither has is in class 1, a mark or a number in class 5. The classes are looked up once, here:
neither source is needed to run attnviz. Where two branches changed the same lines, keep the lines of the one that
changed more than classes, and run this again.
"""

from __future__ import annotations

import argparse
from bisect import bisect_right
from pathlib import Path

LEXICON = Path(__file__).resolve().parent.parent / "attnviz" / "toy" / "lexicon.tsv"
COUNTS = (20, 200, 2_000, 10_000)  # from so many on a Chinese word is in class 2, 3, 4 and 5
LISTS = {10: 5, 20: 4, 35: 3, 40: 2, 50: 2}  # the class of each of SCOWL's sizes


def chinese_classes(dictionary: Path) -> dict[str, int]:
    """Return the class of each word of jieba's dictionary: a word, its count and its part of speech a line."""
    rows = (line.split(" ") for line in dictionary.read_text(encoding="utf-8").splitlines())
    return {row[0]: 1 + bisect_right(COUNTS, int(row[1])) for row in rows}


def english_classes(folder: Path) -> dict[str, int]:
    """Return the class of each word of SCOWL's lists, which are in Latin-1, a word a line."""
    found: dict[str, int] = {}
    for size, number in LISTS.items():
        for kind in ("english", "american", "british"):
            for path in sorted(folder.glob(f"{kind}-*.{size}")):
                for word in path.read_text(encoding="latin-1").split("\n"):
                    found[word.casefold()] = max(number, found.get(word.casefold(), 0))
    return found


def main() -> None:
    """Rewrite the lexicon."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jieba", type=Path, help="jieba's dict.txt")
    parser.add_argument("scowl", type=Path, help="SCOWL's folder of lists")
    parser.add_argument("--again", action="store_true", help="look up every word, also where a class is there")
    options = parser.parse_args()
    classes = {"zh": chinese_classes(options.jieba), "en": english_classes(options.scowl)}
    lines = []
    for line in LEXICON.read_text(encoding="utf-8").splitlines():
        cells = line.split("\t")
        if not line.startswith("# ") and (len(cells) == 3 or (len(cells) == 4 and options.again)):
            word, language = cells[:2]
            own = classes[language]
            parts = [own.get(part, 1) for part in word.replace("-", " ").split()]
            is_mark = not any(letter.isalpha() for letter in word)
            cells[3:] = [str(5 if is_mark else own.get(word) or min(parts))]
        lines.append("\t".join(cells))
    LEXICON.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
