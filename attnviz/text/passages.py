"""Passages of a text, such as the question and the retrieved texts of a prompt, as rows and columns."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.core.provenance import PASSAGES, Passage
from attnviz.core.read_file import decode, read_bytes, why_no_json
from attnviz.text.merge_pieces import JoinedTokens, group_by_spans, join_groups, trim_span, with_sink_group

ANSWER = "answer"  # the row of what a model wrote
TEMPLATE = "template"  # what a chat template put around the messages
_SHOWN = 40  # characters of a passage in an error


class NamedPassage(NamedTuple):
    """A passage as it is given: its name and its text."""

    name: str
    text: str


def read_passages(path: Path, encoding: str | None = None) -> tuple[NamedPassage, ...]:
    """Read passages from a file: JSON, a list of texts or an object of names and texts; else a text.

    A text is parted by blank lines; one without them has a passage a line. A .json file is JSON, another one where it
    can be read as such. Passages without names are P1, P2 and so on.
    Raises InputError for a file that cannot be read or holds no passage, and as `name_passages` does.
    """
    text = decode(read_bytes(path), path, encoding)
    if path.suffix.lower() == ".json" or _is_json(text):
        return _from_json(text, path)
    parts = re.split(r"(?:\r\n|[\r\n])[^\S\r\n]*(?:\r\n|[\r\n])\s*", text.strip())
    if len(parts) == 1:
        parts = text.splitlines()
    given = [part.strip() for part in parts if part.strip()]
    if not given:
        raise InputError(
            "{path!r} holds no passage.",
            hint="Passages are lines, or parted by blank lines, or a JSON list of texts or object of names and texts.",
            path=str(path),
        )
    return name_passages(given)


def _is_json(text: str) -> bool:
    """Return whether this is a JSON list or object, and no text that begins with a bracket, such as [1]."""
    if text.lstrip()[:1] not in ("[", "{"):
        return False
    try:
        return bool(json.loads(text))
    except (ValueError, RecursionError):
        return False


def _from_json(text: str, path: Path) -> tuple[NamedPassage, ...]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for name, count in Counter(name for name, _ in pairs).items():
            if count > 1:
                raise InputError(
                    "{path!r} has two passages of the name “{name}”.",
                    hint="Give each a name of its own.",
                    path=str(path),
                    name=name,
                )
        return dict(pairs)

    try:
        given = json.loads(text, object_pairs_hook=unique)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(
            "{path!r} is no JSON: {why}.",
            hint="Passages are lines, or parted by blank lines, or a JSON list of texts or object of names and texts.",
            path=str(path),
            why=why_no_json(error),
        ) from None
    try:
        return name_passages(given)
    except OptionError as error:
        raise error.about(path) from None


def name_passages(given: object) -> tuple[NamedPassage, ...]:
    """Return passages that are given as a list of texts or as {name: text}; raises OptionError for what is none."""
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, list | tuple):
        pairs = [(f"P{number}", text) for number, text in enumerate(given, 1)]
        if all(isinstance(one, NamedPassage) for one in given):
            pairs = list(given)
    else:
        raise OptionError("Passages are a list of texts, or a mapping of names to texts, not {value!r}.", value=given)
    if not pairs:
        raise OptionError("There is no passage: a list of texts, or a mapping of names to texts, was expected.")
    for name, text in pairs:
        if not isinstance(name, str) or not name.strip():
            raise OptionError("A passage has the name {name!r}; a word was expected.", name=name)
        if not isinstance(text, str):
            raise OptionError(
                "The passage {name} is of type {kind}; a text was expected.", name=name, kind=type(text).__name__
            )
        if not text.strip():
            raise OptionError("The passage {name} is blank.", hint="Leave it out.", name=name)
    return tuple(NamedPassage(name.strip(), text.strip()) for name, text in pairs)


def find_passages(passages: Iterable[NamedPassage], source: str) -> list[tuple[str, int, int]]:
    """Return where each passage stands in a text, as (name, start, end), in the text's order.

    White space may be of another kind or length. A passage that is given once stands there once.
    Raises InputError, which says what to do, for one that is not there, or in several places, and for two that overlap.
    """
    given = list(passages)
    count = Counter(" ".join(one.text.split()) for one in given)
    reached: dict[str, int] = {}
    found = []
    for one in given:
        words = " ".join(one.text.split())
        places = [match.span() for match in re.finditer(_pattern(words), source)]
        fields = {"name": one.name, "text": words[:_SHOWN] + ("…" if len(words) > _SHOWN else "")}
        if not places:
            other_case = re.search(_pattern(words), source, re.IGNORECASE)
            raise InputError(
                "The passage {name} is not in the text: “{text}”.",
                hint="It is there in another case: write it as in the text."
                if other_case
                else "A passage is copied from the text, word by word.",
                **fields,
            )
        if len(places) != count[words]:
            raise InputError(
                "The passage {name} stands in the text {places} times, not {count}: “{text}”.",
                hint="Give it with more of the words around it, or once for each place.",
                places=len(places),
                count=count[words],
                **fields,
            )
        found.append((one.name, *places[reached.get(words, 0)]))
        reached[words] = reached.get(words, 0) + 1
    found.sort(key=lambda each: each[1:])
    for (before, _, end), (name, start, _) in pairwise(found):
        if start < end:
            raise InputError(
                "The passages {before} and {name} overlap at character {start}.",
                hint="Give each word in one passage.",
                before=before,
                name=name,
                start=start,
            )
    return found


def find_for_answer(passages: Iterable[NamedPassage], source: str) -> list[tuple[str, int, int]]:
    """Return where passages stand as `find_passages` does; raises InputError for one of the name of the answer too."""
    found = find_passages(passages, source)
    if ANSWER in [name for name, _, _ in found]:
        raise InputError("A passage is called “{name}”, as what the model writes.", hint="Rename it.", name=ANSWER)
    return found


def passages_of(
    tokens: tuple[Token, ...], source: str, found: list[tuple[str, int, int]]
) -> tuple[tuple[Passage, ...], list[str | None]]:
    """Return passages with their numbers of tokens, and for each token its passage's name; None for other tokens.

    found: as `find_passages` returns them. Raises InputError as `join_passages` does.
    """
    placed, (groups, joined) = _named_groups(tokens, source, found)
    names = {(one.start, one.end): one.name for one in placed}
    of_group = [None if one.start is None else names.get((one.start, one.end or 0)) for one in joined]
    return placed, [name for name, (start, end) in zip(of_group, groups, strict=True) for _ in range(start, end)]


def _pattern(words: str) -> str:
    """Return the pattern of a passage: its words, with any white space between them, and not as parts of others."""
    inside = r"\s+".join(map(re.escape, words.split(" ")))
    before = "(?<![A-Za-z0-9])" if words[0].isascii() and words[0].isalnum() else ""
    after = "(?![A-Za-z0-9])" if words[-1].isascii() and words[-1].isalnum() else ""
    return before + inside + after


def join_passages(
    attention: Attention, passages: Iterable[NamedPassage], written_from: int | None = None, *, templated: bool = False
) -> Attention:
    """Join tokens to passages: weights are summed over those of a key, rows averaged over those of a query.

    What stands between passages is joined too, under its own text; tokens that stand for no text stay. written_from:
    where in the source begins what a model wrote, which is the passage ANSWER. In cross-attention the passages are
    those of the keys, and the queries are the answer. The answer's name, else the last passage's, is kept as
    provenance.answer. templated: a chat template rendered the text; neighbours of its tokens, which stand for no text,
    are joined as TEMPLATE. Contributions are shares then, of what all heads of the layer added to a row.
    Raises InputError for passages that are not in the text, or have no token of their own.
    """
    if attention.is_cross:
        written_from = None
    source = attention.key_source if attention.is_cross else attention.source
    tokens = attention.key if attention.is_cross else attention.query
    if source is None:
        raise MissingError("--parts finds passages in a text, and there is no text here.", hint="Leave --parts out.")
    if written_from is None and not attention.is_cross:
        found = find_passages(passages, source)
    else:
        found = find_for_answer(passages, source[:written_from])
    if written_from is not None and source[written_from:].strip():
        found.append((ANSWER, *trim_span(source, written_from, len(source))))
    placed, key_side = _named_groups(tokens, source, found, templated=templated)
    query_side, answer = key_side, placed[-1].name
    if attention.is_cross:
        text = attention.source or ""
        whole = [(ANSWER, *trim_span(text, 0, len(text)))] if text.strip() else []
        query_side, answer = _named_groups(attention.query, text, whole)[1], ANSWER
    if attention.has_sink:
        key_side = with_sink_group(attention, *query_side)
    joined = join_groups(attention, query_side, key_side, PASSAGES)
    if joined.contributions is not None:
        sums = joined.contributions.sum(axis=(1, 3), keepdims=True)
        shares = (joined.contributions / np.where(sums > 0, sums, 1)).astype(np.float32, copy=False)
        joined = replace(joined, contributions=shares)
    about = replace(joined.provenance, joined=PASSAGES, passages=placed, answer=answer)
    return replace(joined, traces=(), provenance=about)


def _named_groups(
    tokens: tuple[Token, ...], source: str, found: list[tuple[str, int, int]], *, templated: bool = False
) -> tuple[tuple[Passage, ...], JoinedTokens]:
    """Return the passages with their numbers of tokens, and the groups of tokens with a token for each."""
    spans, names, reached = list[tuple[int, int]](), dict[int, str](), 0
    for name, start, end in [*found, (None, len(source), len(source))]:
        if source[reached:start].strip():
            spans.append(trim_span(source, reached, start))
        if name is not None:
            names[len(spans)] = name
            spans.append((start, end))
        reached = end
    groups, numbers = group_by_spans(tokens, spans)
    counts = Counter(number for number, (start, end) in zip(numbers, groups, strict=True) for _ in range(start, end))
    parted = Counter(number for number in numbers if number is not None)
    for number, name in names.items():
        if counts[number] == 0:
            raise InputError("The passage {name} has no token of its own.", hint="Give more of its text.", name=name)
        if parted[number] > 1:
            raise InputError(
                "A token that stands for no text parts the passage {name}.",
                hint="Give its halves as two passages.",
                name=name,
            )
    if templated:
        starts = [i for i, number in enumerate(numbers) if i == 0 or number is not None or numbers[i - 1] is not None]
        groups = [(groups[a][0], groups[b - 1][1]) for a, b in pairwise([*starts, len(groups)])]
        numbers = [numbers[i] for i in starts]
    joined = []
    for of_group, (first, _) in zip(numbers, groups, strict=True):
        if of_group is None:
            joined.append(Token(TEMPLATE) if templated else tokens[first])
            continue
        begin, after = spans[of_group]
        joined.append(Token(names.get(of_group, source[begin:after]), begin, after))
    placed = tuple(Passage(name, *spans[number], counts[number]) for number, name in sorted(names.items()))
    return placed, (groups, tuple(joined))


def as_given(parts: object) -> object:
    """Return passages given in Python as named ones, a file as its path; None as it is."""
    if parts is None or isinstance(parts, Path):
        return parts
    return Path(parts) if isinstance(parts, str) else name_passages(parts)


def open_passages(parts: object, encoding: str | None = None) -> tuple[NamedPassage, ...] | None:
    """Return the passages of `as_given`, those of a file read; None for None."""
    given = as_given(parts)
    return read_passages(given, encoding) if isinstance(given, Path) else given  # type: ignore[return-value]
