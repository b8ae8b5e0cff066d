"""Words that a lexicon cannot list: numbers, punctuation, and other forms of the words that it has.

A form is looked up under another spelling and never printed: full-width letters and digits as the usual ones (Unicode's
NFKC), traditional Chinese characters as simplified ones, English plurals and verb forms as their stems. This module
loads when a text has a word that the lexicon lacks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attnviz.toy.names import own_features

# 88, 2.5, 1,000, 12:30, and with what is written behind: 2nd, 1990s, 10am, 5kg.
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*[a-z]{0,3}")
_ENDINGS = (  # of English words, and what stands for them in the stem; the first stem that is known counts
    *(("ies", "y"), ("es", ""), ("es", "e"), ("s", ""), ("ied", "y"), ("ed", ""), ("ed", "e")),
    *(("ing", ""), ("ing", "e")),
)
_SHORTEST_STEM = 3


def features_by_form(word: str) -> str | None:
    """Return the features of a number or of punctuation, as a lexicon writes them; None for another word.

    >>> features_by_form("。。。"), features_by_form("2.5").startswith("number:9 "), features_by_form("猫")
    ('function:9', True, None)
    """
    if _NUMBER.fullmatch(unicodedata.normalize("NFKC", word)):
        own = own_features(unicodedata.normalize("NFKC", word))
        return " ".join(("number:9", *(f"{name}:{grade:.0f}" for name, grade in own.items())))
    return "function:9" if word and all(unicodedata.category(mark)[0] == "P" for mark in word) else None


def other_forms(word: str) -> Iterator[str]:
    """Yield other spellings under which a word may be found, the likeliest first.

    >>> list(other_forms("貓")), list(other_forms("ｃａｔ")), list(other_forms("。。。"))
    (['猫'], ['cat'], ['。'])
    """
    plain = unicodedata.normalize("NFKC", word).casefold()
    if plain != word:
        yield plain
    if simplified(word) != word:
        yield simplified(word)
    if len(set(word)) == 1 and len(word) > 1 and unicodedata.category(word[0])[0] in "PS":
        yield word[0]
    if word.isascii() and word.isalpha():
        yield from _stems(word)


def _stems(word: str) -> Iterator[str]:
    """Yield the words of which an English word may be a form: arrows, carries, baked, running."""
    for ending, instead in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST_STEM:
            yield stem + instead
            if not instead and len(stem) > _SHORTEST_STEM and stem[-1] == stem[-2]:
                yield stem[:-1]


def simplified(text: str) -> str:
    """Return a text with its traditional characters replaced by simplified ones, each by one.

    >>> simplified("小貓喜歡吃魚")
    '小猫喜欢吃鱼'
    """
    return text if text.isascii() else text.translate(_table())


@cache
def _table() -> dict[int, str]:
    lines = Path(__file__).with_name("traditional.tsv").read_text(encoding="utf-8").splitlines()
    return {ord(line[0]): line[2] for line in lines if not line.startswith("#")}
