"""Sentences that users read: an English template in the code, and its fields.

The catalogue that puts templates into Chinese is read when that language is first used; English needs none.
`tools/catalogue.py` finds the templates in the code, so each must stand there as a literal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gettext import GNUTranslations

LANGUAGES = ("en", "zh")

TOY = "toy"  # the context of the names that the toy gives to heads and features: "work" is a place there

_CATALOGUES = {"zh": "zh_CN"}
_language = "en"
_replaced: Mapping[str, str] | None = None  # what is said in place of other templates


def use_language(name: str) -> None:
    """Set the language of what users read: en or zh. Data and str() of a message or an error stay English."""
    global _language
    if name not in LANGUAGES:
        raise ValueError(f"The language must be one of {', '.join(LANGUAGES)}, not {name!r}.")
    if name != "en":
        _catalogue(name)
    _language = name


def language() -> str:
    """Return the language in use: en or zh."""
    return _language


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Use this language inside the `with` block."""
    before = _language
    use_language(name)
    try:
        yield
    finally:
        use_language(before)


def replace_sentences(others: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Say other sentences in place of these templates, or for None none; return what was said in place before."""
    global _replaced
    before, _replaced = _replaced, others
    return before


def translate(template: str, context: str = "") -> str:
    """Return the template in the language in use; English where the catalogue has no entry.

    context: tells two meanings of one English word apart (gettext's msgctxt).
    """
    if _replaced is not None:
        template = _replaced.get(template, template)
    return template if _language == "en" else in_language(template, _language, context)


def in_language(template: str, name: str, context: str = "") -> str:
    """Return the template in this language, whatever the language in use; English where the catalogue has no entry."""
    if name == "en" or not template:
        return template
    catalogue = _catalogue(name)
    return catalogue.pgettext(context, template) if context else catalogue.gettext(template)


def phrase(text: str) -> str:
    """Mark a text for the catalogue and return it unchanged; `translate` gets it later."""
    return text


@cache
def _catalogue(name: str) -> GNUTranslations:
    """Return the catalogue of a language; read once."""
    import gettext

    path = Path(__file__).parent / "locale" / _CATALOGUES[name] / "LC_MESSAGES" / "attnviz.mo"
    with path.open("rb") as file:
        return gettext.GNUTranslations(file)


@dataclass(frozen=True)
class Message:
    """A template and its fields, formatted when it is printed; what acts or hides in a field is made visible then."""

    template: str
    fields: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the sentence in English."""
        template = self.template if _replaced is None else _replaced.get(self.template, self.template)
        return template.format(**{name: _printable(value) for name, value in self.fields.items()})

    def localized(self) -> str:
        """Return the sentence in the language in use, its fields too where they are messages."""
        fields = {name: _localized(value) for name, value in self.fields.items()}
        template = translate(self.template)
        if _language != "en":
            own = [name for name, value in self.fields.items() if isinstance(value, Message | Name)]
            template = _without_spaces(template, {name: fields[name] for name in own})
        return template.format(**fields)


def _without_spaces(template: str, fields: Mapping[str, str]) -> str:
    """Return a Chinese template without the spaces beside fields that are Chinese there: they are for other letters.

    >>> _without_spaces("与 {a} 相比", {"a": "头 3"}), _without_spaces("与 {a} 相比", {"a": "BERT"})
    ('与{a} 相比', '与 {a} 相比')
    """
    for name, text in fields.items():
        before, field, after = template.partition(f"{{{name}}}")
        if not field or not text:
            continue
        if before[-1:] == " " and _is_han(before[-2:-1]) and _is_han(text[0]):
            before = before[:-1]
        if after[:1] == " " and _is_han(after[1:2]) and _is_han(text[-1]):
            after = after[1:]
        template = before + field + after
    return template


def _is_han(letter: str) -> bool:
    return "\u4e00" <= letter <= "\u9fff"


@dataclass(frozen=True)
class Listed:
    """A list as a field of a message: with commas in English, 、 in Chinese."""

    items: tuple[Any, ...]

    def __str__(self) -> str:
        """Return the items in English."""
        return ", ".join(str(_printable(item)) for item in self.items)

    def localized(self) -> str:
        """Return the items in the language in use where they are messages."""
        return translate(", ").join(str(_localized(item)) for item in self.items)


@dataclass(frozen=True)
class Name:
    """A name that is data in English and may have a translation, as a message's field; braces in it mean nothing."""

    text: str
    context: str = ""

    def __str__(self) -> str:
        """Return the name in English, safe to print."""
        return str(_printable(self.text))

    def localized(self) -> str:
        """Return the name in the language in use, safe to print."""
        return str(_printable(translate(self.text, self.context)))


def message(template: str, /, **fields: Any) -> Message:
    """Return a Message: `message("{count} words", count=3)` is a template that the catalogue finds, and its fields."""
    return Message(template, fields)


def listed(items: Iterable[Any]) -> Listed:
    """Return a list as a field of a message; never join it yourself, since languages use other separators."""
    return Listed(tuple(items))


def toy_name(name: Any) -> Any:
    """Mark the name of a head or feature of the toy for translation; a number stays as it is."""
    return Name(name, TOY) if isinstance(name, str) else name


def sentences(*parts: str) -> str:
    """Join sentences that are already in the language in use; Chinese has no space between them."""
    return (" " if _language == "en" else "").join(part for part in parts if part)


class _Shown(str):
    """A text with something in it that acts or hides: written out where it is formatted; its repr() is as it was."""

    __slots__ = ()

    def __str__(self) -> str:
        from attnviz.i18n.visible_text import visible

        return visible(str.__str__(self))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


def _printable(value: Any) -> Any:
    """Return a field that is safe to format; a text or a path whose characters are all printable is itself."""
    if isinstance(value, PurePath):
        value = str(value)
    return _Shown(value) if isinstance(value, str) and not value.isprintable() else value


def _localized(value: Any) -> Any:
    return value.localized() if isinstance(value, Message | Listed | Name) else _printable(value)
