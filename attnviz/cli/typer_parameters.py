"""Typer's parameters, converted and shown in the same way with every version of typer.

Typer 0.29 converts each value with pydantic, whose import takes longer than a table of three words. The commands here
take texts, whole numbers, numbers and paths, singly or in lists: these are converted without it. Any other is left to
typer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import typer
from typer.core import TyperArgument, TyperOption

from attnviz.i18n.messages import translate

_CONVERTED = (str, int, float, Path)


def adopt_parameters(command: Any, function: Callable[..., None]) -> None:
    """Replace the parameters of `command`, which typer made from the hints of `function`, by the classes below."""
    hints = get_type_hints(function)
    command.params = [adopt_parameter(parameter, hints.get(parameter.name)) for parameter in command.params]


def adopt_parameter(parameter: Any, hint: Any = None) -> Any:
    """Return one of the classes below with the attributes of a parameter that typer made from this hint."""
    cls = ConvertedArgument if isinstance(parameter, TyperArgument) else ConvertedOption
    adopted: Any = cls.__new__(cls)
    adopted.__dict__.update(parameter.__dict__, item_type=item_type(hint))
    if getattr(adopted, "is_flag", False):
        adopted.metavar = ""  # typer 0.29 would show <bool>
    return adopted


def item_type(hint: Any) -> type | None:
    """Return the type of one value of a parameter with this hint; None where typer has to convert it.

    >>> item_type(list[int] | None), item_type(str), item_type(bool)
    (<class 'int'>, <class 'str'>, None)
    """
    while parts := [part for part in get_args(hint) if part is not NoneType]:
        hint = parts[0]
    return hint if hint in _CONVERTED else None


class _Converted:
    """How values are converted, for an option or an argument of typer."""

    item_type: type | None
    if TYPE_CHECKING:
        callback: Any
        multiple: bool
        nargs: int
        required: bool

    def process_value(self, ctx: Any, value: Any) -> Any:
        """Return the converted value, or a tuple of them, as the callback leaves it; raise BadParameter for a bad one.

        A flag's value is a bool already, and None stands for nothing given.
        """
        if self.required or not (self.item_type or value is None or isinstance(value, bool)):
            return super().process_value(ctx, value)  # type: ignore[misc]
        if self.multiple or self.nargs == -1:
            value = tuple(self._convert(ctx, one) for one in value or ())
        elif value is not None:
            value = self._convert(ctx, value)
        return self.callback(ctx, self, value) if self.callback else value

    def _convert(self, ctx: Any, value: Any) -> Any:
        if self.item_type is None:
            return value
        try:
            return self.item_type(value)
        except ValueError:
            words = f"{value!r} is not a valid {self.item_type.__name__}."  # typer's own, which typer_text translates
            parameter: Any = self
            raise typer.BadParameter(words, ctx=ctx, param=parameter) from None


class ConvertedOption(_Converted, TyperOption):
    """An option."""


class ConvertedArgument(_Converted, TyperArgument):
    """An argument: its metavar is what the usage line shows of it."""

    def get_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the metavar in square brackets, which typer 0.29 would double."""
        if self.required or self.metavar is None:
            return super().get_usage_pieces(ctx)
        return [self.metavar if self.metavar.startswith("[") else f"[{self.metavar}]"]

    def display_type(self, ctx: Any) -> str:  # noqa: ARG002
        """Return the type of one value for the help, as `<str>`; typer before 0.29 has it from its own type."""
        name = self.item_type.__name__.lower() if self.item_type else ""
        return f"<{translate(name)}>" if name else ""
