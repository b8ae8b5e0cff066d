"""How a result is asked to look: the options of its methods and of the command line's pictures."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from attnviz.core.argument_kinds import check_looks
from attnviz.core.selection import spell_choice
from attnviz.views.prepared.presentation import DIGITS, Presentation, check_digits
from attnviz.views.prepared.refine import AS_IS, Refining
from attnviz.views.prepared.style import Style

PICTURE_OPTIONS = tuple(one.name for one in fields(Style) if one.name != "no_title")
REFINING_OPTIONS = tuple(one.name for one in fields(Refining))


@dataclass(frozen=True)
class Look:
    """How a result is asked to look: the options of its methods, checked."""

    layer: str | None = None
    head: str | None = None
    digits: int | None = None
    style: Style = field(default_factory=Style)
    refining: Refining = AS_IS
    worksheet: bool = False

    @property
    def shows_special(self) -> bool:
        """Whether tokens that stand for no text stay where the least even head is shown: sinks, or one word's row."""
        return self.refining.sinks != "keep" or self.style.token is not None

    def presentation(self, usual: int | None = DIGITS) -> Presentation:
        """Return the presentation of a picture; usual: the decimal places where none were chosen."""
        return Presentation(
            usual if self.digits is None else self.digits, "picture", self.style, self.digits is not None
        )


def make_look(options: dict[str, Any]) -> Look:
    """Check the options of a method. Raises OptionError for a value that it cannot take.

    A head or a layer may be a number or a name; width a number of inches; title False for none; annotate true or false;
    font one or several.
    """
    check_looks(options)
    given = {name: value for name, value in options.items() if value is not None}
    digits = given.get("digits")
    style = {name: given[name] for name in PICTURE_OPTIONS if name in given}
    if style.get("title") is False:
        style |= {"title": None, "no_title": True}
    if isinstance(style.get("width"), int | float):
        style["width"] = f"{style['width']:g}in"
    if isinstance(style.get("annotate"), bool):
        style["annotate"] = "on" if style["annotate"] else "off"
    if isinstance(style.get("font"), str | Path):
        style["font"] = [str(style["font"])]
    if "token" in style:
        style["token"] = str(style["token"])
    look = Look(
        layer=spell_choice(given.get("layer")),
        head=spell_choice(given.get("head")),
        digits=None if digits is None else check_digits(digits),
        style=Style(**style),
        refining=Refining(**{name: given[name] for name in REFINING_OPTIONS if name in given}),
        worksheet=bool(given.get("worksheet", False)),
    )
    look.style.check()
    look.refining.check()
    return look
