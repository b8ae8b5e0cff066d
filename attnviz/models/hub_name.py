"""The name of a model on the hub."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HubName:
    """A model on the hub: owner/name, a revision where one was asked for, and a file where there are several."""

    name: str
    revision: str | None = None
    file: str | None = None
