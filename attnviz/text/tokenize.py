"""Text to tokens: each knows its span in the text exactly as it was given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

from attnviz.core.attention_data import Token
from attnviz.core.clusters import split_clusters
from attnviz.core.errors import MissingError, unknown_choice
from attnviz.core.plain import character_ranges, in_ranges, is_plain
from attnviz.core.read_file import need_text

Span = tuple[int, int]

# Ideographs and kana, each of which is a token by itself; the length mark ー and the repetition mark 々 count.
_BY_ITSELF = character_ranges(
    *("\u2e80\u2fdf", "\u3005\u3007", "\u3021\u3029", "\u3038\u303b", "\u3041\u3096", "\u309d\u309f", "\u30a1\u30fa"),
    *("\u30fc\u30ff", "\u31f0\u31ff", "\u3400\u4dbf", "\u4e00\u9fff", "\uf900\ufaff", "\uff66\uff9d"),
    *("\U0001b000\U0001b16f", "\U00020000\U0003fffd"),
)
_CLOSING = "\"'”’»›」』】〉》〕〗）)]}＂＇"
_MARKS = re.compile(rf"[。！？｡．.!?…]+[{re.escape(_CLOSING)}]*")
_NO_SPACE = re.compile(r"\S")
_LONGEST_ABBREVIATION = 32  # characters, with brackets and quotes before it
_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "vs",
        "etc",
        "e.g",
        "i.e",
        "cf",
        "no",
        "fig",
        "eq",
        "al",
        "inc",
        "ltd",
        "jr",
        "sr",
    ]
)


# What a word adds to the cost of a cut, by its rank: 1 to 5 is its frequency class, 0 a name, 6 a longer name, 7 a name
# that is only guessed. Fewest unknown characters come first, then fewest guesses, then fewest words, then commoner
# words: the classes are squared, so that one very common word counts more than two fairly common ones (草地|上).
_WORD, _GUESSED, _UNKNOWN, _NO_CUT = 1 << 24, 1 << 48, 1 << 72, 1 << 120
RANKS = (*(_WORD - frequency**2 for frequency in range(6)), _WORD + 1, _WORD + _GUESSED)


class KnownWords(Protocol):
    """The words that a text is cut by."""

    def words_at(self, line: str, start: int, unit: str) -> Sequence[tuple[int, int]]:
        """Return the words of a line of text that begin at `start` with `unit`: their lengths and ranks (see RANKS).

        line: words in lower case, "-" where a space or a hyphen stands between two. unit: the character or the word
        that stands at `start`.
        """
        ...

    def simplified(self, text: str) -> str:
        """Return a text with its traditional Chinese characters replaced by simplified ones, as long as before."""
        ...


def tokenize(text: str, how: str, known: KnownWords | None = None) -> tuple[Token, ...]:
    """Cut `text` the way `how` names: lexicon, char, word, space or sentence (see TOKENIZERS).

    known: the words that "lexicon" cuts by; without them it cuts as "han" does. Spans are code points of `text` as
    given, ascending, never overlapping; what lies between them is white space. Raises OptionError for an unknown name,
    InputError for what is no string, MissingError where an extra is not installed.

    >>> [token.text for token in tokenize("don't 猫吃鱼", "han")]
    ["don't", '猫', '吃', '鱼']
    """
    if how not in TOKENIZERS:
        raise unknown_choice("--tokens", how, ("auto", *TOKENIZERS))
    need_text(text)
    return tuple(Token(text[start:end], start, end) for start, end in TOKENIZERS[how](text, known))


def clusters(text: str) -> list[Span]:
    """Return the spans of the grapheme clusters, what a reader takes for one character; white space is left out."""
    if is_plain(text):
        return [(i, i + 1) for i, letter in enumerate(text) if not letter.isspace()]
    spans = []
    start = 0
    for cluster in split_clusters(text):
        end = start + len(cluster)
        if not cluster.isspace():
            spans.append((start, end))
        start = end
    return spans


@lru_cache(maxsize=1 << 14)
def _kind(letter: str) -> str:
    """Return a cluster's kind by its first code point: han, digit, letter, the mark itself, or other."""
    if in_ranges(letter, _BY_ITSELF):
        return "han"
    category = unicodedata.category(letter)
    if category == "Nd":
        return "digit"
    if category[0] in "LMN" or letter == "_":
        return "letter"
    if category[0] == "P" or category in ("Sm", "Sc", "Sk"):
        return letter
    return "other"


def _words(text: str, split_han: Callable[[str, list[Span]], Iterator[Span]]) -> Iterator[Span]:
    """Yield the spans of words, numbers and runs of one mark; ideographs and kana go through `split_han`."""
    found = clusters(text)
    kinds = [_kind(text[start]) for start, _ in found]
    i = 0
    while i < len(found):
        end = _run_end(text, found, kinds, i)
        if kinds[i] == "han":
            yield from split_han(text, found[i:end])
        else:
            yield found[i][0], found[end - 1][1]
        i = end


def _run_end(text: str, clusters: list[Span], kinds: list[str], first: int) -> int:
    """Return the index of the cluster after the token (or run of ideographs) that begins at cluster `first`."""
    kind = kinds[first]
    i = first + 1
    while i < len(clusters) and clusters[i][0] == clusters[i - 1][1]:
        inside = kinds[i]
        if kind in ("letter", "digit") and inside in ("letter", "digit"):
            i += 1
        elif kind in ("letter", "digit") and _joins(text, clusters, kinds, i):
            i += 2
        elif inside == kind and kind != "other":
            i += 1
        else:
            break
    return i


def _joins(text: str, clusters: list[Span], kinds: list[str], i: int) -> bool:
    """Return whether a mark belongs to the word: an apostrophe in don't, a point or comma in 3.14."""
    if i + 1 >= len(clusters) or clusters[i + 1][0] != clusters[i][1]:
        return False
    mark = text[slice(*clusters[i])]
    around = {kinds[i - 1], kinds[i + 1]}
    return (mark in "'’" and around == {"letter"}) or (mark in ".,:" and around == {"digit"})


def _known_words(text: str, known: KnownWords | None) -> Iterator[Span]:
    """Yield the spans of words: where words or characters stand side by side, the cut that costs least (see RANKS)."""
    if known is None:
        yield from _words(text, _one_by_one)
        return
    chunk: list[Span] = []
    end = 0
    for span in _words(text, _one_by_one):
        is_part = _may_be_part(text[span[0]])
        if chunk and not (is_part and text[end : span[0]] in ("", " ")):
            yield from chunk if len(chunk) == 1 else _cheapest(text, chunk, known)
            chunk = []
        if is_part:
            chunk.append(span)
        else:
            yield span
        end = span[1]
    if chunk:
        yield from _cheapest(text, chunk, known)


@lru_cache(maxsize=1 << 14)
def _may_be_part(letter: str) -> bool:
    """Return whether what begins so may be a part of a longer word: no mark other than a hyphen is."""
    return letter == "-" or _kind(letter) in ("han", "digit", "letter", "other")


def _cheapest(text: str, spans: list[Span], known: KnownWords) -> Iterator[Span]:
    """Yield the cut of units into words that costs least; of equals the one whose last words are the longest.

    Where something is unknown and the text has traditional characters, its simplified form is cut if that costs less.
    """
    units = [text[start:end] for start, end in spans]
    line, starts = _line(text, spans, units)
    cost, cuts = _cut_line(line, starts, units, known)
    if cost >= _UNKNOWN and (plain := known.simplified(line)) != line:
        again = _cut_line(plain, starts, [known.simplified(unit) for unit in units], known)
        cuts = again[1] if again[0] < cost else cuts
    for begin, end in pairwise(cuts):
        yield spans[begin][0], spans[end - 1][1]


def _cut_line(line: str, starts: Sequence[int], units: list[str], known: KnownWords) -> tuple[int, list[int]]:
    """Return what the cheapest cut of a line costs, and the units that its words begin with, then how many units.

    Dynamic programming: cost[i] is the least of the units before i, begins[i] where the last word of that cut begins.
    """
    count = len(units)
    unit_ending_at = [0] * (len(line) + 1)
    for i in range(count):
        unit_ending_at[starts[i] + len(units[i])] = i + 1
    cost = [0, *[_NO_CUT] * count]
    begins = [0] * (count + 1)
    for i in range(count):
        start, so_far = starts[i], cost[i]
        if so_far + _UNKNOWN < cost[i + 1]:
            cost[i + 1], begins[i + 1] = so_far + _UNKNOWN, i
        for length, rank in known.words_at(line, start, units[i]):
            after = unit_ending_at[start + length]
            if after and so_far + RANKS[rank] < cost[after]:
                cost[after], begins[after] = so_far + RANKS[rank], i
    cuts = [count]
    while cuts[-1]:
        cuts.append(begins[cuts[-1]])
    return cost[count], cuts[::-1]


def _line(text: str, spans: list[Span], units: list[str]) -> tuple[str, Sequence[int]]:
    """Return the units as one line in the form words are looked up in, and where each starts; `units` follow it."""
    whole = text[spans[0][0] : spans[-1][1]]
    if len(whole) == len(spans) and normal_form(whole) == whole:
        return whole, range(len(spans))
    pieces: list[str] = []
    starts = []
    length = 0
    for i, unit in enumerate(units):
        if i and spans[i][0] > spans[i - 1][1]:
            pieces.append("-")
            length += 1
        units[i] = normal_form(unit)
        starts.append(length)
        pieces.append(units[i])
        length += len(units[i])
    return "".join(pieces), starts


def is_han(letter: str) -> bool:
    """Return whether a character is an ideograph or kana, which is a token by itself unless a word has it."""
    return in_ranges(letter, _BY_ITSELF)


@lru_cache(maxsize=1 << 14)
def normal_form(word: str) -> str:
    """Return the form a word is looked up under: composed (NFC), case folded, its parts joined by hyphens.

    >>> normal_form("Ice cream")
    'ice-cream'
    """
    return unicodedata.normalize("NFC", word).casefold().replace(" ", "-")


def _one_by_one(_: str, clusters: list[Span]) -> Iterator[Span]:
    yield from clusters


def _segmented(text: str, clusters: list[Span]) -> Iterator[Span]:
    try:
        import rjieba
    except ImportError:
        raise MissingError(
            "Cutting Chinese into words needs the extra [zh].",
            hint="In the project's folder, install it with: pip install '.[zh]'; or use --tokens lexicon, which needs "
            "nothing.",
        ) from None
    ends = {end for _, end in clusters}
    start = end = clusters[0][0]
    for word in rjieba.cut(text[start : clusters[-1][1]]):
        end += len(word)
        if end in ends:  # rjieba may cut before a combining mark, inside a cluster: such words stay together
            yield start, end
            start = end


def _sentences(text: str) -> Iterator[Span]:
    """Yield the spans of sentences: up to 。！？.!? and closing quotes, or a line's end; no white space around."""
    for line in re.finditer(r"[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+", text):
        start, end = line.span()
        while start < end:
            stop = _sentence_end(text, start, end)
            sentence = text[start:stop]
            if sentence.strip():
                left = len(sentence) - len(sentence.lstrip())
                yield start + left, start + len(sentence.rstrip())
            start = stop


def _sentence_end(text: str, start: int, end: int) -> int:
    for found in _MARKS.finditer(text, start, end):
        wide = any(mark in "。！？｡" for mark in found.group())
        if wide or _ends_here(text, start, found.start(), found.end(), end):
            return found.end()
    return end


def _ends_here(text: str, start: int, mark: int, after: int, end: int) -> bool:
    """Return whether a narrow mark before white space ends a sentence: it may abbreviate, or the sentence may go on."""
    if after == end:
        return True
    if not text[after].isspace():
        return text[mark] == "…" and in_ranges(text[after], _BY_ITSELF)
    # Of both sides no more than is needed: a line of a megabyte has thousands of marks.
    before = text[max(start, mark - _LONGEST_ABBREVIATION) : mark].split()
    last = before[-1].lstrip("([\"'“‘").lower() if before else ""
    abbreviates = text[mark:after] == "." and (
        last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha() and last != "i")
    )
    following = _NO_SPACE.search(text, after, end)
    goes_on = text[mark] in ".…" and following is not None and following.group().islower()
    return not abbreviates and not goes_on


TOKENIZERS: dict[str, Callable[[str, KnownWords | None], Iterator[Span]]] = {
    "lexicon": _known_words,
    "char": lambda text, _: iter(clusters(text)),
    "han": lambda text, _: _words(text, _one_by_one),
    "word": lambda text, _: _words(text, _segmented),
    "space": lambda text, _: (match.span() for match in re.finditer(r"\S+", text)),
    "sentence": lambda text, _: _sentences(text),
}
