"""Words over a model's pieces: where they lie in a text, Chinese ones among them, or as they are given by hand."""

from __future__ import annotations

from itertools import pairwise

from attnviz.core.errors import MissingError, OptionError
from attnviz.text.tokenize import KnownWords, Span, tokenize


def word_spans(source: str, known: KnownWords | None = None) -> list[Span]:
    """Return the spans of a text's words: Chinese by rjieba, else by `known`, else each character by itself."""
    found = plain_word_spans(source)
    if not _has_run(found, source):
        return found
    try:
        return _spans(source, "word")
    except MissingError:  # the extra [zh] is not installed
        return (
            found if known is None else [(one.start or 0, one.end or 0) for one in tokenize(source, "lexicon", known)]
        )


def plain_word_spans(source: str) -> list[Span]:
    """Return the spans of a text's words, each Han character by itself."""
    return _spans(source, "han")


def _spans(source: str, how: str) -> list[Span]:
    return [(token.start or 0, token.end or 0) for token in tokenize(source, how)]


def _has_run(spans: list[Span], source: str) -> bool:
    """Return whether two words stand side by side: then they may be characters of one Chinese word."""
    return any(a[1] == b[0] and not source[a[0]].isascii() for a, b in pairwise(spans))


def spell_words(words: str, source: str) -> list[Span]:
    """Return the spans in a text of words that are given with white space between them; together they spell it.

    White space of the text does not count. Raises OptionError, which says where they differ.

    >>> spell_words("手机 碎了", "手机碎了")
    [(0, 2), (2, 4)]
    """
    spans, at = [], 0
    for word in words.split():
        start = at
        for letter in word:
            while at < len(source) and source[at].isspace():
                at += 1
                start += start == at - 1
            if source[at : at + 1] != letter:
                raise _not_spelled(source, at, word)
            at += 1
        spans.append((start, at))
    left = source[at:].lstrip()
    if left or not spans:
        raise _not_spelled(source, len(source) - len(left), "")
    return spans


def _not_spelled(source: str, at: int, word: str) -> OptionError:
    """Return the error for words that are not those of the text, with the place where they differ."""
    rest = source[at : at + 12].strip()
    if not word:
        return OptionError(
            "--words must spell the text: they end where “{rest}” follows, at character {at}.", rest=rest, at=at
        )
    if not rest:
        return OptionError("--words must spell the text: it ends where they have “{word}”.", word=word)
    return OptionError(
        "--words must spell the text: at character {at} it has “{rest}”, and they have “{word}”.",
        hint='For example, for 手机屏幕碎了: --words "手机 屏幕 碎 了".',
        at=at,
        rest=rest,
        word=word,
    )


def reorder_words(words: str, source: str) -> str | None:
    """Return these words in the order in which they make up another text, or None where they do not.

    Each word may stand there as often as it likes; of several cuts one into the fewest words is taken.

    >>> reorder_words("猫 吃 鱼", "鱼吃猫")
    '鱼 吃 猫'
    """
    text = "".join(source.split())
    known = sorted(set(words.split()), key=lambda word: (-len(word), word))
    best: list[tuple[int, str] | None] = [(0, "")] + [None] * len(text)
    for at in range(len(text)):
        reached = best[at]
        for word in known if reached is not None else ():
            end = at + len(word)
            other = best[end] if end <= len(text) else None
            if text.startswith(word, at) and (other is None or other[0] > (reached or (0, ""))[0] + 1):
                best[end] = ((reached or (0, ""))[0] + 1, word)
    if best[-1] is None or not text:
        return None
    found, at = list[str](), len(text)
    while at:
        _, word = best[at] or (0, "")
        found.append(word)
        at -= len(word)
    return " ".join(reversed(found))
