"""Words of a reader's own for the toy, from files in the form of lexicon.tsv: every line is checked."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, NoReturn

from attnviz.core.errors import InputError
from attnviz.core.read_file import decode, read_bytes
from attnviz.i18n.messages import Listed, Message, listed, message
from attnviz.text.tokenize import normal_form
from attnviz.toy.lexicon import DEFAULT_FREQUENCY, FEATURES, GROUPS, Entry, Lexicon, packaged

LARGEST_FILE = 1 << 24  # bytes
MOST_WORDS = 100_000
LONGEST_WORD = 60
MOST_IN_A_GROUP = 6
_MOST_NAMED = 8


class _Line(NamedTuple):
    """Where a word stands."""

    file: str
    number: int


def open_lexicon(paths: Sequence[str]) -> Lexicon:
    """Read words of a reader's own; a later file wins over an earlier one, and both over the packaged lexicon.

    Raises InputError that names the file and the line, counted from 1, where something is wrong.
    """
    return _opened(tuple((path, read_bytes(Path(path), LARGEST_FILE)) for path in paths)) if paths else packaged()


@lru_cache(maxsize=8)
def _opened(files: tuple[tuple[str, bytes], ...]) -> Lexicon:
    found: dict[str, Entry] = {}
    lines: dict[str, _Line] = {}
    again: dict[str, None] = {}
    for path, data in files:
        for word, (entry, line) in _read(data, Path(path)).items():
            if word in found:
                again[word] = None
            found[word], lines[word] = entry, line
    resolved = {word: Entry(_features(word, found, lines), entry.frequency) for word, entry in found.items()}
    replaced = [word for word in found if packaged().listed(word)]
    notes = [_told_of_replaced(replaced)] if replaced else []
    notes += [_told_of_again(list(again))] if again else []
    return Lexicon(resolved, tuple(notes))


def _read(data: bytes, path: Path) -> dict[str, tuple[Entry, _Line]]:
    """Return the words of one file, each with its entry, aliases as they are written, and where it stands."""
    name = path.name
    found: dict[str, tuple[Entry, _Line]] = {}
    for number, line in enumerate(decode(data, path, chosen=False).splitlines(), 1):
        if not line.strip() or (line.startswith("#") and "\t" not in line):
            continue
        place = _Line(name, number)
        word, entry = _entry(line, place)
        if word in found:
            _refuse(place, message("{word!r} already stands in line {first}", word=word, first=found[word][1].number))
        if len(found) == MOST_WORDS:
            _refuse(place, message("a lexicon may have at most {most} words", most=f"{MOST_WORDS:,}"))
        found[word] = entry, place
    if not found:
        raise InputError(
            "{name!r} has no words: a word, its language and its features were expected on each line.", name=name
        )
    return found


def _entry(line: str, place: _Line) -> tuple[str, Entry]:
    """Return the word of a line, in the form it is looked up under, and its entry."""
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) not in (3, 4):
        _refuse(
            place,
            message(
                "a word, its language and its features, separated by tabs, were expected, not {count} columns",
                count=len(cells),
            ),
        )
    word = _word(cells[0], place)
    if cells[1] not in ("zh", "en"):
        _refuse(place, message("the language must be zh or en, not {value!r}", value=cells[1]))
    frequency = DEFAULT_FREQUENCY
    if len(cells) == 4:
        if cells[3] not in ("1", "2", "3", "4", "5"):
            _refuse(place, message("the frequency class must be a number from 1 to 5, not {value!r}", value=cells[3]))
        frequency = int(cells[3])
    if not cells[2].startswith("="):
        _check_features(cells[2], place)
    return word, Entry(cells[2], frequency)


def _word(written: str, place: _Line) -> str:
    if not written:
        _refuse(place, message("the word is missing"))
    if len(written) > LONGEST_WORD:
        _refuse(place, message("the word is longer than {most} characters", most=LONGEST_WORD))
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for letter in written):
        _refuse(place, message("the word {word!r} has a character that cannot be seen", word=written))
    return normal_form(" ".join(written.split()))


def _check_features(written: str, place: _Line) -> None:
    """Check that these are features with grades, each once, and not too many of one group."""
    seen: set[str] = set()
    for item in written.split():
        name, colon, grade = item.partition(":")
        if name not in FEATURES:
            _refuse_feature(name, place)
        if not colon or len(grade) != 1 or grade not in "123456789":
            _refuse(
                place, message("the grade of {feature} must be from 1 to 9, not {value!r}", feature=name, value=grade)
            )
        if name in seen:
            _refuse(place, message("the feature {feature} is given twice", feature=name))
        seen.add(name)
    if not seen:
        _refuse(place, message("the word has no features"))
    for group, names in GROUPS.items():
        if len(seen & set(names)) > MOST_IN_A_GROUP:
            _refuse(
                place,
                message(
                    "the word has {count} features of the group {group!r}; at most {most} were expected",
                    count=len(seen & set(names)),
                    group=group,
                    most=MOST_IN_A_GROUP,
                ),
            )


def _features(word: str, found: Mapping[str, Entry], lines: Mapping[str, _Line]) -> str:
    """Return the features of a word, those of the word that its =WORD leads to."""
    features = found[word].features
    passed = [word]
    while features.startswith("="):
        target = normal_form(features[1:].strip())
        if target in passed:
            _refuse(lines[word], message("={word} leads back to itself", word=target))
        entry = found.get(target) or packaged().entry(target)
        if entry is None:
            _refuse_target(target, found, lines[passed[-1]])
        features = entry.features
        passed.append(target)
    return features


def _refuse(place: _Line, problem: Message) -> NoReturn:
    raise InputError("{name!r}, line {line}: {problem}.", name=place.file, line=place.number, problem=problem)


def _refuse_feature(name: str, place: _Line) -> NoReturn:
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), FEATURES, n=1, cutoff=0.5)
    raise InputError(
        "{name!r}, line {line}: there is no feature {feature!r}.",
        hint="Did you mean {near}?" if near else "The table in docs/guide/words.md has their names.",
        name=place.file,
        line=place.number,
        feature=name,
        near=near[0] if near else "",
    )


def _refuse_target(target: str, found: Mapping[str, Entry], place: _Line) -> NoReturn:
    from difflib import get_close_matches

    near = get_close_matches(target, list(found), n=1, cutoff=0.5)
    raise InputError(
        "{name!r}, line {line}: ={word} leads to no word, neither of the file nor of the toy's lexicon.",
        hint="Did you mean {near}?" if near else "",
        name=place.file,
        line=place.number,
        word=target,
        near=near[0] if near else "",
    )


def _told_of_replaced(words: list[str]) -> Message:
    if len(words) == 1:
        return message("1 word of --lexicon replaces the one of the toy's lexicon: {words}", words=_named(words))
    return message(
        "{count} words of --lexicon replace those of the toy's lexicon: {words}", count=len(words), words=_named(words)
    )


def _told_of_again(words: list[str]) -> Message:
    if len(words) == 1:
        return message("1 word stands in several files of --lexicon; the last counts: {words}", words=_named(words))
    return message(
        "{count} words stand in several files of --lexicon; the last counts: {words}",
        count=len(words),
        words=_named(words),
    )


def _named(words: list[str]) -> Listed:
    return listed((*words[:_MOST_NAMED], *(["..."] if len(words) > _MOST_NAMED else [])))
