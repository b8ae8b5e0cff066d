"""What can go wrong for a reader: each error says what was expected, what came, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from attnviz.i18n.messages import Listed, Message, Name, listed, message, phrase, sentences, toy_name

_LONGEST, _KEPT = 400, 60  # a text of more characters is none that people wrote, and its beginning is enough


class AttnvizError(Exception):
    """A mistake in the input or the system, told in one line: a template, its fields, and a hint of what to do.

    A text in the fields that is too long for a line is cut, but for a path.
    """

    exit_code = 1

    def __init__(self, template: str, /, *, hint: str = "", **fields: Any) -> None:
        fields = {name: value if name == "path" else _cut(value) for name, value in fields.items()}
        self.message = Message(template, fields)
        self.hint = Message(hint, fields)
        super().__init__(template)

    def __str__(self) -> str:
        """Return the line in English, with options by the names that they have in Python."""
        return in_python(self.for_command_line())

    def for_command_line(self) -> str:
        """Return the line in English, with options as the command line spells them."""
        return f"{self.message} {self.hint}".strip()

    def about(self, path: str | Path) -> Self:
        """Return the same error with the file that it is about before it, unless it names one itself."""
        if "path" in self.message.fields:
            return self
        return self._with(message("{path!r}: {problem}", path=str(path), problem=self.message))

    def of_model(self, name: str) -> Self:
        """Return the same error with the name of the one of two models that it is about before it."""
        return self._with(message("{name}: {problem}", name=name, problem=self.message))

    def _with(self, whole: Message) -> Self:
        named = type(self)(self.message.template)
        named.message, named.hint = whole, self.hint
        return named

    def localized(self) -> str:
        """Return the line in the language in use, with options as the command line spells them."""
        return sentences(self.message.localized(), self.hint.localized())


# A whole command stays as it is; else an option becomes the name of an argument.
_COMMAND = r"\b(?:attnviz|pip|iconv|python3?) [^`]*?(?=`|\. [A-Z]|$)"
_OPTION = rf"{_COMMAND}|(?<![\w-])--(?P<name>[a-z][a-z0-9-]*)"
_IN_PYTHON = {"precision": "digits", "no-title": "title=False"}


def in_python(text: str) -> str:
    """Return a text with the command line's options by their names in Python.

    >>> in_python("--no-special goes with --model. For example: attnviz run cat --heads 4")
    'no_special goes with model. For example: attnviz run cat --heads 4'
    """

    def named(found: re.Match[str]) -> str:
        name = found["name"]
        return found[0] if name is None else _IN_PYTHON.get(name, name.replace("-", "_"))

    return re.sub(_OPTION, named, text)


def cut_long_fields(value: Any) -> Any:
    """Return a field, or a message with its fields, with the beginning of a text that is too long for a line."""
    return _cut(value)


def _cut(value: Any) -> Any:
    if isinstance(value, Message):
        return replace(value, fields={name: _cut(each) for name, each in value.fields.items()})
    if isinstance(value, Listed):
        return Listed(tuple(map(_cut, value.items)))
    if isinstance(value, str):
        return value if len(repr(value)) <= _LONGEST else value[:_KEPT] + "…"
    return value if type(value) in _SHORT else _in_one_line(value)


_SHORT = {int, float, bool, type(None)}


class _Written(str):
    """What Python writes of a value, cut: the same with !r as without."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _in_one_line(value: Any) -> Any:
    """Return a value of a field as it is; what Python writes of it, cut, where that is long or has several lines.

    A value that Python cannot write is named by its type.
    """
    if isinstance(value, Path):
        return value
    try:
        text = repr(value)
        str(value)
    except Exception:
        return _Written(f"<{type(value).__name__}>")
    if len(text) <= _LONGEST and "\n" not in text:
        return value
    short = " ".join(text.split())
    return _Written(short if len(short) <= _KEPT else short[:_KEPT] + "…")


def written(value: Any) -> str:
    """Return what Python writes of a value, in one short line, as an item of a list in an error.

    >>> written("a"), written([0] * 1000)
    ("'a'", '[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,…')
    """
    return repr(_in_one_line(value))


class InputError(AttnvizError, ValueError):
    """The text, the file or the numbers that were given cannot be used."""


class ShapeError(AttnvizError, ValueError):
    """Arrays do not fit together; the message holds both shapes."""


class MissingError(AttnvizError, LookupError):
    """A layer, head, token or optional package that was asked for is not there."""


class OutputError(AttnvizError, OSError):
    """A file cannot be written; nothing was left half-written."""


class OptionError(AttnvizError, ValueError):
    """An option has a value it cannot take: wrong usage."""

    exit_code = 2


def unknown_choice(option: str | Message, value: object, choices: Iterable[str]) -> OptionError:
    """Return the error for a value outside a closed list, with the nearest right one where there is one."""
    from difflib import get_close_matches

    from attnviz.core.everyday_names import EVERYDAY_NAMES

    known, named = list(choices), value.lower() if isinstance(value, str) else ""
    meant = [name for name in EVERYDAY_NAMES.get(named.replace("_", "-"), ()) if name in known]
    alike = 0.7 if all(name.startswith(".") for name in known) else 0.5  # the dot of two suffixes is always alike
    near = meant or get_close_matches(named, known, n=1, cutoff=alike)
    return OptionError(
        "{option} takes one of {choices}, not {value!r}.",
        hint="Did you mean {near}?" if near else "",
        option=option,
        value=value,
        choices=listed(known),
        near=near[0] if near else "",
    )


def no_such(kind: Message, wanted: Any, known: Iterable[Any]) -> MissingError:
    """Return the error for a layer or a head that is not there; it names those that are.

    >>> str(no_such(Message("head"), 3, [0]))
    'There is no head 3: there is only 0.'
    """
    found = [toy_name(name) for name in known]
    fields: dict[str, Any] = {"kind": kind, "wanted": "''" if wanted == "" else wanted}
    if len(found) == 1:
        return MissingError("There is no {kind} {wanted}: there is only {only}.", only=found[0], **fields)
    return MissingError("There is no {kind} {wanted}: there are {names}.", names=listed(found), **fields)


def misnamed(layers: int, heads: int, shape: tuple[int, ...]) -> ShapeError:
    """Return the error for another number of names than there are layers and heads."""
    return ShapeError(
        "The numbers of layer names ({layers}) and head names ({heads}) do not fit the weights' shape {shape}.",
        layers=layers,
        heads=heads,
        shape=shape,
    )


# What a system says where a file cannot be read or written; other words of it stay as they are.
_REASONS = (
    phrase("Permission denied"),
    phrase("No such file or directory"),
    phrase("Is a directory"),
    phrase("Not a directory"),
    phrase("No space left on device"),
    phrase("Read-only file system"),
    phrase("File name too long"),
    phrase("Too many levels of symbolic links"),
    phrase("Disk quota exceeded"),
    phrase("Input/output error"),
    phrase("File too large"),
    phrase("Operation not permitted"),
    phrase("Too many open files"),
    phrase("Invalid argument"),
    phrase("Device or resource busy"),
    phrase("embedded null byte"),
    phrase("Broken pipe"),
    phrase("Bad file descriptor"),
)


def reason_of(error: Exception) -> Name:
    """Return why the system refused, as a field of a message."""
    return Name(getattr(error, "strerror", None) or str(error))
