"""The toy's lexicon: words in two languages, each with a few named features.

`lexicon.tsv` beside this file has a word, its language, its features and its frequency class on each line;
`projections.tsv` says what each feature asks for, answers and hands over. Both are read by people first; extend them
with an editor.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

import numpy as np

from attnviz.core.errors import AttnvizError
from attnviz.core.types import Float32

GROUPS: dict[str, tuple[str, ...]] = {
    "who acts": (
        "actor",
        "eater",
        "mover",
        "maker",
        "trader",
        "speaker",
        "watcher",
        "feeler",
        "knower",
        "changer",
        "user",
        "helper",
        "acting",
        "eating",
        "moving",
        "making",
        "trading",
        "speaking",
        "watching",
        "feeling",
        "knowing",
        "changing",
        "using",
        "helping",
        "means",
    ),
    "what is acted on": (
        "object",
        "edible",
        "movable",
        "makable",
        "tradable",
        "sayable",
        "visible",
        "feelable",
        "knowable",
        "changeable",
        "usable",
        "helpable",
        "done",
        "eat-it",
        "move-it",
        "make-it",
        "trade-it",
        "say-it",
        "watch-it",
        "feel-it",
        "know-it",
        "change-it",
        "use-it",
        "help-it",
        "receiver",
    ),
    "when and where": (
        "event",
        "when",
        "where",
        "past",
        "present",
        "future",
        "day",
        "hour",
        "season",
        "often",
        "lasting",
        "direction",
        "home",
        "table",
        "school",
        "work",
        "market",
        "health",
        "play",
        "net",
        "town",
        "road",
        "land",
        "water",
        "sky",
    ),
    "kind of thing": (
        "person",
        "animal",
        "plant",
        "food",
        "body",
        "furniture",
        "clothing",
        "vehicle",
        "device",
        "matter",
        "place",
        "idea",
        "occasion",
        "weather",
        "action",
        "quality",
        "color",
        "taste",
        "trait",
        "worth",
        "manner",
        "emotion",
        "number",
        "thing",
        "function",
    ),
}
FEATURES: tuple[str, ...] = tuple(name for group in GROUPS.values() for name in group)
DIM = len(FEATURES)
DEFAULT_FREQUENCY = 3
_COLUMN = {name: column for column, name in enumerate(FEATURES)}


@cache
def entries() -> dict[str, str]:
    """Return every word of the lexicon with its features as text, not yet parsed; the file is read once."""
    found: dict[str, str] = {}
    for line in _lines("lexicon.tsv"):
        word, _, found[word] = line.split("\t")[:3]
    return found


@cache
def frequencies() -> dict[str, int]:
    """Return the frequency class of every word, from 1 (rare) to 5 (very common)."""
    cells = (line.split("\t") for line in _lines("lexicon.tsv"))
    return {one[0]: int(one[3]) if len(one) == 4 else DEFAULT_FREQUENCY for one in cells}


@cache
def words() -> frozenset[str]:
    """Return every word of the lexicon."""
    return frozenset(entries())


def normal_form(word: str) -> str:
    """Return the form a word is looked up under: composed (NFC), case folded."""
    return unicodedata.normalize("NFC", word).casefold()


def is_known(word: str) -> bool:
    """Return whether the lexicon has the word, in any case and normal form."""
    return normal_form(word) in entries()


def vector(word: str) -> Float32 | None:
    """Return the word's features as a vector [100] of length 1, or None where the lexicon lacks it.

    >>> vector("dog").tolist() == vector("狗").tolist()
    True
    """
    written = entries().get(normal_form(word))
    if written is None:
        return None
    if written.startswith("="):
        written = entries()[written[1:]]
    features = np.zeros(DIM, dtype=np.float32)
    for item in written.split():
        name, _, grade = item.partition(":")
        try:
            features[_COLUMN[name]] = float(grade)
        except (KeyError, ValueError):
            raise AttnvizError(
                "The lexicon's entry for {word!r} has {item!r}, which is not a feature and its grade.",
                word=word,
                item=item,
            ) from None
    return features / np.linalg.norm(features)


def is_grammar(word: str) -> bool:
    """Return whether the lexicon has the word as a function word or a punctuation mark."""
    features = vector(word)
    return features is not None and bool(features[_COLUMN["function"]] > 0.8)


@cache
def projections() -> tuple[Float32, Float32, Float32]:
    """Read the hand-made W_q, W_k, W_v over the features, each [100, 100], from `projections.tsv`.

    A line `query eater eating 1.0` says: a word that is an eater asks, with strength 1, for eating; key and value
    lines say what a feature answers to and what it hands over. `* *` is every feature to itself; a later line wins.
    """
    tables = {card: np.zeros((DIM, DIM), dtype=np.float32) for card in ("query", "key", "value")}
    for line in _lines("projections.tsv"):
        card, source, target, strength = line.split("\t")
        for name in FEATURES if source == "*" else (source,):
            tables[card][_COLUMN[name], _COLUMN[name if target == "*" else target]] = float(strength)
    return tables["query"], tables["key"], tables["value"]


def _lines(name: str) -> list[str]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if "\t" in line]
