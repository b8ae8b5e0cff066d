"""What type the value of an option must have, checked by name: settings come from Python as well as from typer."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import NamedTuple

from attnviz.core.errors import OptionError
from attnviz.i18n.messages import Message, message


class OptionKind(NamedTuple):
    """The type of an option's value, what an error calls it, and whether None is a value too."""

    type: type
    words: Message
    optional: bool = False

    def or_none(self) -> OptionKind:
        """Return the same kind, with None allowed."""
        return self._replace(optional=True)

    def fits(self, value: object) -> bool:
        """Return whether a value is of this kind; True is no whole number."""
        if value is None:
            return self.optional
        return isinstance(value, self.type) and (self.type is bool or not isinstance(value, bool))


TEXT = OptionKind(str, message("a text"))
WHOLE = OptionKind(Integral, message("a whole number"))
NUMBER = OptionKind(Real, message("a number"))
FLAG = OptionKind(bool, message("true or false"))


def check_kinds(options: object, kinds: Mapping[str, OptionKind]) -> None:
    """Raise OptionError for the first of these attributes whose value is of another kind."""
    for name, kind in kinds.items():
        value = getattr(options, name)
        if not kind.fits(value):
            raise OptionError(
                "{option} must be {expected}, not {value!r}.",
                option=option_name(name),
                expected=kind.words,
                value=value,
            )


def option_name(name: str) -> str:
    """Return a field's name as the command line spells it.

    >>> option_name("no_special")
    '--no-special'
    """
    return f"--{name.replace('_', '-')}"
