"""The name of a model on the hub."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False, repr=False)
class HubName:
    """The name of a model on the hub: owner/name, a revision if one was given, and a file where there are several."""

    name: str
    revision: str | None = None
    file: str | None = None
