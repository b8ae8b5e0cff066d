"""What the methods of every result do: `core.result.Result` calls the functions here by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from attnviz.api import notebook
from attnviz.api.result_kinds import as_text, draw, kind_of, lines_of, read_look, save_by_suffix, speaking_of
from attnviz.core.errors import OptionError, in_python
from attnviz.core.result import need_pandas
from attnviz.i18n.messages import Message

__all__ = ["as_frame", "as_json", "as_text", "bundle", "figure", "save", "show"]


def save(result: Any, path: str | Path, **options: Any) -> None:
    """See `Result.save`."""
    look = read_look(result, "save()", options)
    with speaking_of(result):
        _warn(save_by_suffix(result, Path(path), look))


def figure(result: Any, ax: Any = None, **options: Any) -> Any:
    """See `Result.figure`."""
    look = read_look(result, "figure()", options)
    with speaking_of(result):
        drawn, notes = draw(result, look, ax)
        _warn(notes)
    return drawn


def show(result: Any, view: str | None = None, **options: Any) -> None:
    """See `Result.show`."""
    if notebook.is_open():
        with speaking_of(result):
            notebook.display(notebook.show(result, view or notebook.views_of(result)[0], **options))
        return
    if view not in (None, "text"):
        raise OptionError(
            "Outside a notebook there is no view {view!r}: the terminal prints text.",
            hint="Save a picture or a page with save().",
            view=view,
        )
    from attnviz.views.terminal.plain_text import render_colored

    look = read_look(result, "show()", options)
    with speaking_of(result):
        print(render_colored(lambda screen: lines_of(result, look, screen)))


def _warn(notes: Iterable[Message]) -> None:
    """Warn of each note, at the line that called the result's method, with options by their names in Python."""
    for note in notes:
        warnings.warn(in_python(note.localized()), stacklevel=5)  # beyond the method and what checks its arguments


def as_json(result: Any) -> str:
    """See `Result.to_json`."""
    from attnviz.io.write_data import to_json

    with speaking_of(result):
        return to_json(kind_of(result).document(result))


def as_frame(result: Any) -> Any:
    """See `Result.to_frame`."""
    frame, rows = need_pandas(), kind_of(result).rows
    assert rows is not None  # an Attention has a to_frame of its own
    return frame(rows(result))


def bundle(result: Any, wanted: Callable[[str], bool]) -> dict[str, Any]:
    """Return what a notebook shows, of the MIME types that are wanted; only text where an IPython without HTML asks."""
    with speaking_of(result):
        return notebook.bundle(result, wanted)
