"""A sentence people read: its English template stands in the code, its numbers beside it."""

from __future__ import annotations

import gettext
from dataclasses import dataclass, field
from typing import Any

_catalogue: gettext.NullTranslations = gettext.NullTranslations()


def translate(template: str) -> str:
    """The template in the language in use; English where the catalogue has no entry."""
    return _catalogue.gettext(template)


@dataclass(frozen=True)
class Message:
    """A template and its fields, put together only when someone reads it."""

    template: str
    fields: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The sentence in English."""
        return self.template.format(**self.fields)

    def localized(self) -> str:
        """The sentence in the language in use; fields that are messages are put in it too."""
        fields = {
            name: value.localized() if isinstance(value, Message) else value for name, value in self.fields.items()
        }
        return translate(self.template).format(**fields)


def message(template: str, /, **fields: Any) -> Message:
    """Write `message("{count} words", count=3)`: a template that extraction tools find, and its fields."""
    return Message(template, fields)
