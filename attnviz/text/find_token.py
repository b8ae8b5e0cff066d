"""Which token is meant: by its text, by its text and occurrence, or by its index."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from numbers import Integral

from attnviz.core.errors import MissingError, OptionError
from attnviz.core.token import Token
from attnviz.i18n.messages import Message, listed, message

_MOST_LISTED = 40


def find_token(tokens: tuple[Token, ...], wanted: str | int) -> tuple[int, Message | None]:
    """Return the index of the token that `wanted` names, and a note where several have that text.

    In this order: a token with exactly this text (so a token 3 wins over the index 3); `猫#2`, the second 猫; an index
    from 0; a token with this text in another case or normal form. Of several tokens with the text the first is meant,
    and the note says so. Of a picture, "3,5" is the patch r3c5; CLS is [CLS]. An int is an index and nothing else.
    Raises MissingError, which lists the tokens, where there is none.

    >>> find_token((Token("猫"), Token("吃"), Token("猫")), "猫#2")
    (2, None)
    """
    if isinstance(wanted, Integral):
        return _index(len(tokens), int(wanted)), None
    if not isinstance(wanted, str):
        raise OptionError("A word is given by its text or by its index, not by {value!r}.", value=wanted)
    texts = [token.text for token in tokens]
    place = re.fullmatch(r"\s*([0-9]{1,5})\s*,\s*([0-9]{1,5})\s*", wanted)
    if place and wanted not in texts and (patch := f"r{int(place[1])}c{int(place[2])}") in texts:
        wanted = patch
    for form, name in ((texts, wanted), (list(map(_loosely, texts)), _loosely(wanted))):
        places = [index for index, text in enumerate(form) if text == name]
        if places:
            return places[0], _ambiguous(tokens, places)
        numbered = re.fullmatch(r"(.+)#([0-9]{1,9})", name, flags=re.DOTALL)
        if numbered and (places := [index for index, text in enumerate(form) if text == numbered[1]]):
            return _occurrence(tokens, places, int(numbered[2])), None
        if re.fullmatch(r"[0-9]{1,9}", name) and int(name) < len(tokens):
            return int(name), None
        if f"[{name}]" in form:  # CLS for [CLS], which a shell would read as a pattern
            return form.index(f"[{name}]"), None
    from attnviz.text.merge_pieces import number_pieces

    pieces = [token.text for token in number_pieces(tokens)]
    if wanted in pieces:  # 鱼₂, as lists and maps name the second piece of 鱼
        return pieces.index(wanted), None
    raise _missing(texts, wanted)


def occurrences(tokens: Sequence[Token]) -> tuple[int, ...]:
    """Return, for each token, its number among the tokens with the same text, from 1.

    >>> occurrences((Token("猫"), Token("吃"), Token("猫")))
    (1, 1, 2)
    """
    seen: Counter[str] = Counter()
    found = []
    for token in tokens:
        seen[token.text] += 1
        found.append(seen[token.text])
    return tuple(found)


def with_occurrence(text: str, occurrence: int) -> str:
    """Return a word with its occurrence, as people name it: the second 猫 is 猫#2.

    >>> with_occurrence("猫", 1), with_occurrence("猫", 2)
    ('猫', '猫#2')
    """
    return text if occurrence == 1 else f"{text}#{occurrence}"


def named_token(tokens: Sequence[Token], index: int) -> str:
    """Return a token's text, with its occurrence where it is not the first with that text."""
    return with_occurrence(tokens[index].text, occurrences(tokens)[index])


def _index(count: int, wanted: int) -> int:
    if 0 <= wanted < count:
        return wanted
    raise MissingError("There is no token {wanted}: they are counted from 0 to {last}.", wanted=wanted, last=count - 1)


def _loosely(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).casefold()


def _ambiguous(tokens: tuple[Token, ...], places: list[int]) -> Message | None:
    if len(places) == 1:
        return None
    spans = [(tokens[place].start, tokens[place].end) for place in places]
    if len(set(spans)) < len(spans) and None not in spans[0]:
        return message(
            "“{token}” is {count} tokens of the text: the first one is used; {token}₂ is the second.",
            token=tokens[places[0]].text,
            count=len(places),
        )
    return message(
        "“{token}” occurs {count} times in the text: the first one is used; {token}#2 is the second.",
        token=tokens[places[0]].text,
        count=len(places),
    )


def _occurrence(tokens: tuple[Token, ...], places: list[int], number: int) -> int:
    if 1 <= number <= len(places):
        return places[number - 1]
    text = tokens[places[0]].text
    if len(places) == 1:
        raise MissingError(
            "There is no {token}#{number}: “{token}” occurs once in the text.", token=text, number=number
        )
    raise MissingError(
        "There is no {token}#{number}: “{token}” occurs {count} times in the text, as {token}#1 to {token}#{count}.",
        token=text,
        number=number,
        count=len(places),
    )


def _missing(texts: list[str], wanted: str) -> MissingError:
    """Return the error for a token that is not there; it lists those that are, and of very many the first."""
    fields = {"wanted": wanted, "last": len(texts) - 1}
    distinct = list(dict.fromkeys(texts))
    tokens = listed(message("“{text}”", text=text) for text in distinct[:_MOST_LISTED])
    if len(distinct) > _MOST_LISTED:
        return MissingError(
            "There is no token “{wanted}”: the first {shown} of {count} are {tokens}.",
            hint="A number from 0 to {last} chooses one by its position.",
            shown=_MOST_LISTED,
            count=len(distinct),
            tokens=tokens,
            **fields,
        )
    return MissingError(
        "There is no token “{wanted}” among {tokens}.",
        hint="A number from 0 to {last} chooses one by its position.",
        tokens=tokens,
        **fields,
    )
