"""What a reader chooses of a terminal view."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.views.prepared.refine import AS_IS, Refining


@dataclass(frozen=True, eq=False, repr=False)
class Choice:
    """How a reader wants to look: the view and what it takes.

    all_heads: whether every head was asked for. brief: whether the caption is a first one, of one line. patches:
    whether the tokens are the patches of a picture.
    """

    view: str = "auto"
    squeeze: bool = False
    top: int | None = None
    refining: Refining = AS_IS
    token: str | None = None
    all_heads: bool = False
    brief: bool = False
    patches: bool = False
