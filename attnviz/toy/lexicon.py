"""The toy's lexicon: words in two languages, each with a few named features.

`lexicon.tsv` beside this file has a word, its language, its features and its frequency class on each line;
`projections.tsv` says what each feature asks for, answers and hands over. Both are read by people first; extend them
with an editor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from attnviz.core.errors import AttnvizError
from attnviz.core.types import Float32
from attnviz.i18n.messages import Message
from attnviz.text.tokenize import is_han, normal_form
from attnviz.toy import names

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
        "cause",
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
        "goal",
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
        "nation",
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
        "organization",
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
# Kinds of what there may be several of, and of what a word says of something.
THINGS = (*GROUPS["kind of thing"][: GROUPS["kind of thing"].index("idea")], "thing")
QUALITIES = ("quality", "color", "taste", "trait", "worth", "manner")
DEFAULT_FREQUENCY = 3
_INDEXED_FROM = 64  # so many units are searched for one by one
_COLUMN = {name: column for column, name in enumerate(FEATURES)}


class Entry(NamedTuple):
    """A word of the lexicon: its features as they are written (or =WORD), and its frequency class."""

    features: str
    frequency: int


class _Begun(NamedTuple):
    """What may begin with one unit: words of these lengths, a name; `alone` where what follows cannot matter."""

    lengths: tuple[int, ...]
    may_be_name: bool
    alone: list[tuple[int, int]] | None


class Lexicon:
    """The words of the toy, and perhaps words of a reader's own, which come first.

    The packaged file is not parsed as a whole until many words are asked for: what begins with one character or word is
    found by a search through its bytes, so that a short text costs little.
    """

    def __init__(self, own: Mapping[str, Entry] = MappingProxyType({}), notes: tuple[Message, ...] = ()) -> None:
        """Take words of a reader's own, in the form they are looked up under, and what to tell of them."""
        self.own = own
        self.notes = notes
        self._classes: dict[str, int] = {}
        self._words: dict[str, set[str]] = {}
        self._begun: dict[str, _Begun] = {}
        self._kinds: dict[str, str | None] = {}
        self._lacking: set[str] = set()
        self._is_indexed = False

    def entry(self, word: str) -> Entry | None:
        """Return the entry of a word, in any case and normal form, or of a form of one; None where there is none.

        A number and a run of punctuation have entries too, see `word_forms`.
        """
        found = self.listed(word)
        if found is None and word not in self._lacking:
            found = self._by_form(normal_form(word))
            if found is None:
                self._lacking.add(word)
        return found

    def _by_form(self, normal: str) -> Entry | None:
        """Return the entry of a word that is not listed: of another form of it, of a number or a mark."""
        from attnviz.toy import word_forms

        for form in word_forms.other_forms(normal):
            if (found := self.listed(form)) is not None:
                return found
        features = word_forms.features_by_form(normal)
        return None if features is None else Entry(features, DEFAULT_FREQUENCY)

    def simplified(self, text: str) -> str:
        """Return a text with its traditional Chinese characters replaced by simplified ones, as long as before."""
        from attnviz.toy import word_forms

        return word_forms.simplified(text)

    def listed(self, word: str) -> Entry | None:
        """Return the entry that a word itself has in a lexicon, in any case and normal form; None where it has none."""
        normal = normal_form(word)
        found = self.own.get(normal) or _packaged_entry(normal)
        if found is not None and found.features.startswith("="):
            target = self.own.get(found.features[1:]) or _packaged_entry(found.features[1:])
            return None if target is None else Entry(target.features, found.frequency)
        return found

    def words_at(self, line: str, start: int, unit: str) -> list[tuple[int, int]]:
        """Return the words and names of a line that begin at `start` with `unit`: lengths and ranks (see tokenize)."""
        begun = self._begun.get(unit)
        if begun is None:
            begun = self._load(unit)
        if begun.alone is not None:
            return begun.alone
        found = []
        for length in begun.lengths:
            word = line[start : start + length]
            frequency = self._classes.get(word)
            if frequency is not None and len(word) == length:
                found.append((length, frequency))
                if line.startswith("们", start + length) and self.is_thing(word):
                    found.append((length + 1, frequency))
                if line.startswith("儿", start + length) and self.takes_er(word):
                    found.append((length + 1, max(1, frequency - 2)))  # rather 妈妈|儿子 than 妈妈儿|子
        if begun.may_be_name:
            found += names.names_at(line, start, self.kind)
        return found

    def _load(self, unit: str) -> _Begun:
        """Find the words that begin with a unit; after many units, index the packaged file as a whole."""
        if len(self._begun) >= _INDEXED_FROM and not self._is_indexed:
            self._is_indexed = True
            for word, one in (entries() | dict(self.own)).items():
                self._classes[word] = one.frequency
                self._words.setdefault(_first_unit(word), set()).add(word)
        if not self._is_indexed:
            words = {word: one for word, one in self.own.items() if _first_unit(word) == unit}
            for word in _packaged_words(unit):
                entry = _packaged_entry(word)
                if word not in words and _first_unit(word) == unit and entry is not None:
                    words[word] = entry
            self._classes |= {word: one.frequency for word, one in words.items()}
            self._words[unit] = set(words)
        if not is_han(unit[0]) and unit not in self._classes and (formed := self.entry(unit)) is not None:
            self._classes[unit] = formed.frequency
            self._words.setdefault(unit, set()).add(unit)
        lengths = tuple(sorted({len(word) for word in self._words.get(unit, ())}))
        may_be_name = unit in names.STARTS
        alone = None
        if not (may_be_name or is_han(unit[0])) and lengths in ((), (len(unit),)):
            alone = [(length, self._classes[unit]) for length in lengths]
        self._begun[unit] = _Begun(lengths, may_be_name, alone)
        return self._begun[unit]

    def grades(self, word: str) -> dict[str, float]:
        """Return the features of a word with their grades; none where the lexicon lacks it."""
        entry = self.entry(word)
        return {} if entry is None else read_features(entry.features)

    def kind(self, word: str) -> str | None:
        """Return the kind of thing that a word is most, as animal; None where the lexicon lacks it."""
        if word not in self._kinds:
            grades = self.grades(word)
            most = max(GROUPS["kind of thing"], key=lambda name: grades.get(name, 0)) if grades else None
            self._kinds[word] = most
        return self._kinds[word]

    def is_thing(self, word: str) -> bool:
        """Return whether a word names somebody or something, of which there may be several."""
        return self.kind(word) in THINGS

    def takes_er(self, word: str) -> bool:
        """Return whether a word may stand before 儿 that changes nothing, as 花儿, 风儿 or 歌儿."""
        return self.kind(word) in (*THINGS, "idea", "weather")

    def vector(self, word: str) -> Float32 | None:
        """Return the word's features as a vector [104] of length 1, or None where the lexicon lacks it."""
        grades = self.grades(word)
        return vector_of(grades) if grades else None

    def is_known(self, word: str) -> bool:
        """Return whether the lexicon has the word, in any case and normal form."""
        return self.entry(word) is not None

    def is_grammar(self, word: str) -> bool:
        """Return whether the lexicon has the word as a function word or a punctuation mark."""
        features = self.vector(word)
        return features is not None and bool(features[_COLUMN["function"]] > 0.8)


@cache
def packaged() -> Lexicon:
    """Return the lexicon as it comes with the program."""
    return Lexicon()


def vector(word: str) -> Float32 | None:
    """Return the features of a word of the packaged lexicon as a vector [104] of length 1, or None where it lacks it.

    >>> vector("dog").tolist() == vector("狗").tolist()
    True
    """
    return packaged().vector(word)


def read_features(written: str) -> dict[str, float]:
    """Read features and their grades, as `animal:9 mover:4`."""
    grades = {}
    for item in written.split():
        name, _, grade = item.partition(":")
        if name not in _COLUMN or not grade.isdecimal():
            raise AttnvizError("The lexicon has {item!r}, which is not a feature and its grade.", item=item)
        grades[name] = float(grade)
    return grades


def vector_of(grades: Mapping[str, float]) -> Float32:
    """Return features as a vector [104] of length 1."""
    features = np.zeros(DIM, dtype=np.float32)
    for name, grade in grades.items():
        features[_COLUMN[name]] = grade
    scaled: Float32 = features / np.linalg.norm(features)
    return scaled


@cache
def entries() -> dict[str, Entry]:
    """Return every word of the packaged lexicon with its entry."""
    found = {}
    for line in _lines("lexicon.tsv"):
        word, _, rest = line.split("\t", 2)
        found[word] = _entry(rest)
    return found


@cache
def _bytes() -> bytes:
    return b"\n" + Path(__file__).with_name("lexicon.tsv").read_bytes().replace(b"\r\n", b"\n") + b"\n"


@cache
def _packaged_entry(word: str) -> Entry | None:
    """Find a word's line in the packaged file."""
    data = _bytes()
    key = b"\n%b\t" % word.encode("utf-8", "surrogatepass")
    at = data.find(key)
    if at < 0 or b"\n" in key[1:]:
        return None
    _, _, rest = data[at + len(key) : data.index(b"\n", at + 1)].decode("utf-8").partition("\t")
    return _entry(rest)


def _packaged_words(beginning: str) -> Iterator[str]:
    """Find the words of the packaged file that begin so."""
    data = _bytes()
    key = b"\n" + beginning.encode("utf-8", "surrogatepass")
    at = data.find(key)
    while at >= 0:
        word, tab, _ = data[at + 1 : data.index(b"\n", at + 1)].partition(b"\t")
        if tab:
            yield word.decode("utf-8")
        at = data.find(key, at + 1)


def _entry(rest: str) -> Entry:
    """Read the last columns of a line: features, and the frequency class where there is one."""
    features, tab, frequency = rest.partition("\t")
    return Entry(features, int(frequency) if tab else DEFAULT_FREQUENCY)


def _first_unit(word: str) -> str:
    """Return the character or the word that a text with this word would be cut at first.

    >>> _first_unit("狮子头"), _first_unit("ice-cream"), _first_unit("t恤"), _first_unit("don't")
    ('狮', 'ice', 't', "don't")
    """
    if is_han(word[0]):
        return word[0]
    if word.isascii() and word.isalpha():
        return word
    end = 1
    while end < len(word) and word[end] != "-" and not is_han(word[end]):
        end += 1
    return word[:end]


@cache
def projections() -> tuple[Float32, Float32, Float32]:
    """Read the hand-made W_q, W_k, W_v over the features, each [104, 104], from `projections.tsv`.

    A line `query eater eating 1.0` says: a word that is an eater asks, with strength 1, for eating; key and value
    lines say what a feature answers to and what it hands over. `* *` is every feature to itself; a later line wins.
    """
    tables = {card: np.zeros((DIM, DIM), dtype=np.float32) for card in ("query", "key", "value")}
    for line in _lines("projections.tsv"):
        card, source, target, strength = line.split("\t")
        for name in FEATURES if source == "*" else (source,):
            tables[card][_COLUMN[name], _COLUMN[name if target == "*" else target]] = float(strength)
    return tables["query"], tables["key"], tables["value"]


PROJECTIONS_FILE = "attnviz/toy/projections.tsv"


@cache
def projection_lines() -> dict[tuple[str, str, str], int]:
    """Return the line of `projections.tsv`, counted from 1, that each number of the matrices stands in.

    The keys are matrix ("query", "key", "value"), row and column, by the names of their features.
    """
    found: dict[tuple[str, str, str], int] = {}
    text = Path(__file__).with_name("projections.tsv").read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if "\t" in line:
            card, source, target, _ = line.split("\t")
            for name in FEATURES if source == "*" else (source,):
                found[card, name, name if target == "*" else target] = number
    return found


def _lines(name: str) -> list[str]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if "\t" in line]
