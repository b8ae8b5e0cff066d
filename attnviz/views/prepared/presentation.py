"""How results are presented, as one value that travels from the command line to the prepared form."""

from __future__ import annotations

from dataclasses import dataclass, field

from attnviz.core.errors import OptionError
from attnviz.core.provenance import Provenance
from attnviz.views.prepared.labels import Medium
from attnviz.views.prepared.style import Style

DIGITS, MATRIX_DIGITS, REDONE_DIGITS = 3, 7, 4


@dataclass(frozen=True)
class Presentation:
    """Decimal places, what is drawn on, and how a picture looks.

    digits: decimal places of a number, 1 to 9; None is what the form itself has by default. medium: terminal or picture
    (a page is one), which write control characters differently. style: of a picture. chosen: whether a reader has
    chosen the digits; then a picture's cells have as many.
    """

    digits: int | None = None
    medium: Medium = "terminal"
    style: Style = field(default_factory=Style)
    chosen: bool = False

    def digits_or(self, default: int) -> int:
        """Return the decimal places, or those of a form that has a default of its own."""
        return default if self.digits is None else self.digits

    @property
    def cell_digits(self) -> int | None:
        """The decimal places in a picture's cells, where they were chosen."""
        return self.digits if self.chosen else None


TERMINAL = Presentation()
PICTURE = Presentation(medium="picture")


def usual_digits(provenance: Provenance, keys: int) -> int:
    """Return the decimal places of weights over so many keys: 7 of a matrix (to check arithmetic), else 3 or more.

    Of more than 100 words each gets so small a weight that it takes more places.
    """
    if provenance.toy is not None and provenance.toy.embedding == "vectors":
        return MATRIX_DIGITS
    return max(DIGITS, len(str(keys - 1)) + 1)


def redone_digits(provenance: Provenance, keys: int) -> int:
    """Return the decimal places of a row redone by hand: one more than a table has, so that it gives the table's."""
    return max(usual_digits(provenance, keys), REDONE_DIGITS)


def check_digits(digits: int) -> int:
    """Return the decimal places; raise OptionError for more or fewer than a number can have."""
    if not 1 <= digits <= 9:
        raise OptionError("--precision must be from 1 to 9, not {value}.", value=digits)
    return digits
