"""How results are presented, as one value that travels from the command line to the prepared form."""

from __future__ import annotations

from dataclasses import dataclass, field

from attnviz.views.prepared.labels import Medium
from attnviz.views.prepared.style import Style

DIGITS = 3


@dataclass(frozen=True)
class Presentation:
    """Decimal places, what is drawn on, and how a picture looks.

    digits: decimal places of a number, 1 to 9; None is what the form itself has by default. medium: terminal or picture
    (a page is one), which write control characters differently. style: of a picture.
    """

    digits: int | None = None
    medium: Medium = "terminal"
    style: Style = field(default_factory=Style)

    def digits_or(self, default: int) -> int:
        """Return the decimal places, or those of a form that has a default of its own."""
        return default if self.digits is None else self.digits


TERMINAL = Presentation()
PICTURE = Presentation(medium="picture")
