"""A line of styled stretches: what a heatmap of thousands of cells is built of, where rich's Text would take long."""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment
from rich.style import Style

from attnviz.views.terminal.cell_width import cell_len

BOLD, DIM = Style(bold=True), Style(dim=True)


class StyledLine:
    """Stretches of text that stand on one line as they are; nothing is wrapped or measured again."""

    def __init__(self, text: str = "", style: Style | None = None) -> None:
        self.segments = [Segment(text, style)] if text else []

    def append(self, text: str, style: Style | None = None) -> StyledLine:
        """Put a stretch at the end."""
        if text:
            self.segments.append(Segment(text, style))
        return self

    def extend(self, line: StyledLine) -> StyledLine:
        """Put another line at the end."""
        self.segments.extend(line.segments)
        return self

    @property
    def plain(self) -> str:
        """The line without its styles."""
        return "".join(segment.text for segment in self.segments)

    @property
    def cell_len(self) -> int:
        """How many cells it takes."""
        return sum(cell_len(segment.text) for segment in self.segments)

    def __rich_console__(self, *_: object) -> Iterable[Segment]:
        """Yield the stretches, and the end of the line."""
        yield from self.segments
        yield Segment.line()
