"""The options that only a real model understands: which model, and what to do with its tokens and windows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Options of a run with a real model; change them with dataclasses.replace.

    model: a reference to the model, see models.model.load; download: fetch it from the hub where it is not here.
    pair: a second text segment. merge: how pieces of a word are joined: none, char or word. no_special: hide [CLS]
    and other tokens that stand for no text; renormalize: make the rows over the remaining tokens sum to 1.
    window, stride: tokens of a sliding window and of its step, for a text that is longer than the model can take.
    attention: which attention of an encoder-decoder: auto, encoder, decoder or cross.
    """

    model: str | None = None
    download: bool = False
    pair: str | None = None
    merge: str = "char"
    no_special: bool = False
    renormalize: bool = False
    window: int | None = None
    stride: int | None = None
    attention: str = "auto"
