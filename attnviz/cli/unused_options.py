"""Refuse options that would change nothing: one table says what each is for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any

from attnviz.api.save import PAGE, PICTURES, TABLES
from attnviz.core.errors import OptionError
from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.style import AUTO, OF_ONE_WORD

_PICTURES = message("pictures (.png .svg .pdf .eps), and none is saved")
_TABLES = message("pictures and tables (.tex .md .html), and none is saved")
_DRAWN = message("views, pictures and pages")
_SEEN = message("what is shown in the terminal")


@dataclass(frozen=True, eq=False, repr=False)
class Outputs:
    """What a command will produce: files, a sentence (alt), and a view in the terminal, or none where that is None.

    kind: of the pictures. shows: what the terminal shows.
    """

    files: Iterable[Path] = ()
    alt: bool = False
    kind: str = AUTO
    view: str | None = None
    shows: tuple[str, ...] = ("weights",)

    def refuse_unused(self, *options: Any, alone: str | None = None) -> None:
        """Raise OptionError for the first option, of these dataclasses of options, that changes nothing of it.

        alone: the one that is looked at, where others of the same name do something else.
        """
        uses = self._uses()
        for group in options:
            for one in fields(group):
                if alone not in (None, one.name):
                    continue
                works, words = uses.get(one.name, (True, message("")))
                if not works and getattr(group, one.name) != _default(one):
                    raise OptionError(
                        "{option} changes nothing here: it is for {use}.",
                        hint="Leave it out.",
                        option=f"--{one.name.replace('_', '-')}",
                        use=words,
                    )

    def _uses(self) -> dict[str, tuple[bool, Message]]:
        """Return for each option whether it changes anything, and what it is for."""
        suffixes = {path.suffix.lower() for path in self.files}
        pictures, view = self.alt or not suffixes.isdisjoint(PICTURES), self.view
        tables = not suffixes.isdisjoint((*TABLES, *((PAGE,) if self.kind == "table" else ())))
        drawn = pictures or PAGE in suffixes or tables
        words = any(show in ("weights", "scores") for show in self.shows)
        of_pictures = ("style", "width", "title", "no_title", "cmap", "font")
        return {
            **dict.fromkeys(of_pictures, (pictures, _PICTURES)),
            **dict.fromkeys(("kind", "vmin", "vmax"), (pictures or tables, _TABLES)),
            "dpi": (".png" in suffixes, message("a .png")),
            "overlay": (pictures and self.kind in ("arcs", "text"), message("pictures with --kind arcs or text")),
            "svg_text": (".svg" in suffixes, message("an .svg")),
            "mass": (pictures and self.kind == "arcs", message("a picture with --kind arcs")),
            "annotate": (pictures and self.kind in (AUTO, "heatmap", "bars"), message("a picture's heatmap or bars")),
            "precision": (drawn or view is not None, message("numbers that are shown; data files have every digit")),
            "scale": (drawn or view is not None, _DRAWN),
            "sinks": (
                drawn or (view is not None and words),
                message("weights and scores in views, pictures and pages"),
            ),
            "view": (view is not None, _SEEN),
            "show": (view is not None, _SEEN),
            "verbose": (view is not None, _SEEN),
            "top": (view in ("auto", "top"), message("--view top")),
            "squeeze": (view in ("auto", "table"), message("--view table")),
            "token": (
                view in ("auto", "table", "top", "text", "patches")
                or ((pictures or tables) and self.kind in (*OF_ONE_WORD, AUTO)),
                message("--view text, table, top and patches, and for --kind arcs, bars, text and patches"),
            ),
        }


def _default(one: Field[Any]) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()
