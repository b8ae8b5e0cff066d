"""What every result can do: be saved, drawn, shown and turned into data.

A result knows no view. `attnviz` tells `views_from` where those are that draw and write; they load when a method is
first called.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from attnviz.core.argument_kinds import AXES, check_arguments

if TYPE_CHECKING:
    from pandas import DataFrame


class ResultViews(Protocol):
    """What draws and writes results: a function for each method of `Result`."""

    def save(self, result: Any, path: str | Path, **options: Any) -> None: ...

    def figure(self, result: Any, ax: Any = None, **options: Any) -> Any: ...

    def show(self, result: Any, view: str | None = None, **options: Any) -> None: ...

    def as_text(self, result: Any) -> str: ...

    def as_json(self, result: Any) -> str: ...

    def as_frame(self, result: Any) -> Any: ...

    def bundle(self, result: Any, wanted: Callable[[str], bool]) -> dict[str, Any]: ...


_load: Callable[[], Any] | None = None


def views_from(load: Callable[[], Any]) -> None:
    """Name the function that returns the views; it is called when a result is first drawn or written."""
    global _load
    _load = load


def _views() -> ResultViews:
    if _load is None:  # only where attnviz.core was loaded without attnviz
        raise RuntimeError("Nothing here can draw a result: import attnviz first.")
    views: ResultViews = _load()
    return views


def need_pandas() -> Any:
    """Return pandas' DataFrame; raise MissingError where pandas is not installed."""
    try:
        from pandas import DataFrame
    except ImportError:
        from attnviz.core.errors import MissingError

        raise MissingError("to_frame() needs pandas.", hint="Install it with: pip install pandas.") from None
    return DataFrame


class Result:
    """What a computation gives; `str()` of it is what the command line prints with -v.

    In all methods `options` say how it looks, by the names that the command line has: layer, head and digits (of an
    attention or a comparison); kind, style, width, dpi, title (False for none), cmap, annotate, mass, token and font of
    a picture; scale and sinks. One that a result or a file cannot have is refused.
    """

    @check_arguments()
    def save(self, path: str | Path, **options: Any) -> None:
        """Write a picture, a page or data, as the suffix says; the file is whole or untouched.

        Pictures: .png, .svg, .pdf, .eps. Page or sheet: .html, of an explanation also .md. Tables: .tex,
        .md. Data: .json, .csv, .npz. What a reader should know (a label that had no room, a letter that no font has) is
        a warning. Raises OptionError for a suffix or option that the result cannot have, and OutputError where the file
        cannot be written.

        Examples:
            >>> attnviz.run("猫吃鱼").save("cat.png", kind="arcs", style="dark", width="8.5cm")
        """
        _views().save(self, path, **options)

    @check_arguments(ax=AXES)
    def figure(self, *, ax: Any = None, **options: Any) -> Any:
        """Draw a picture, and return matplotlib's Figure.

        ax: draw one head, or one chart, into these Axes instead; then what was drawn is returned: the AxesImage of a
        heatmap (which `colorbar` takes), else a list of artists.

        Examples:
            >>> figure = attnviz.run("猫吃鱼", heads=4).figure(head="who acts", vmax=1)
            >>> figure.savefig("cat.png")
        """
        return _views().figure(self, ax, **options)

    @check_arguments()
    def show(self, view: str | None = None, **options: Any) -> None:
        """Show it now: in a notebook as a page, a figure or a table (`view`), elsewhere as the terminal prints it.

        Examples:
            >>> attnviz.run("猫吃鱼").show()
            who looks ↓   at whom →
            ...
        """
        _views().show(self, view, **options)

    def to_json(self) -> str:
        """Return the document that `--json` prints.

        Examples:
            >>> json.loads(attnviz.run("猫吃鱼").to_json())["tokens"][0]["text"]
            '猫'
        """
        return _views().as_json(self)

    def to_frame(self) -> DataFrame:
        """Return a pandas DataFrame of the rows that a .csv has; raises MissingError where pandas is not installed.

        Examples:
            >>> len(attnviz.run("猫吃鱼", heads=4).to_frame())  # 4 heads of 3 x 3 weights
            36
        """
        frame: DataFrame = _views().as_frame(self)
        return frame

    def __str__(self) -> str:
        """Return what the terminal prints with -v, without colours."""
        return _views().as_text(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return what a notebook shows: light HTML, a PNG and text, those of these MIME types that are wanted."""
        return _views().bundle(self, lambda name: (not include or name in include) and name not in (exclude or ()))
