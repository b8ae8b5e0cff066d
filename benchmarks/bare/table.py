"""A table of attention as one would write it by hand: typer, numpy and rich, three words, one command.

Most options do nothing: they stand for those that a hand-written program would have.
"""
# ruff: noqa: ARG001  the options that do nothing are meant

from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

VECTORS = {"猫": (0.9, 0.1, 0.8, 0.0), "吃": (0.7, 0.9, 0.0, 0.2), "鱼": (0.3, 0.2, 0.6, 0.9)}

app = typer.Typer(add_completion=True)


@app.callback()
def root() -> None:
    """See who looks at whom."""


@app.command()
def run(
    text: Annotated[str, typer.Argument(help="The text.")],
    file: Annotated[str | None, typer.Option(help="Read the text from this file.")] = None,
    vectors: Annotated[str | None, typer.Option(help="Read a matrix from this file.")] = None,
    tokens: Annotated[str, typer.Option(help="How the text is cut.")] = "auto",
    embedding: Annotated[str, typer.Option(help="What a word's vector is.")] = "toy",
    dim: Annotated[int | None, typer.Option(help="Dimensions.")] = None,
    heads: Annotated[int, typer.Option(help="How many heads.")] = 1,
    projection: Annotated[str, typer.Option(help="What makes queries, keys and values.")] = "identity",
    position: Annotated[str, typer.Option(help="What tells the order.")] = "none",
    mask: Annotated[str, typer.Option(help="Who may look at whom.")] = "none",
    temperature: Annotated[float, typer.Option(help="Divides the scores.")] = 1.0,
    seed: Annotated[int, typer.Option(help="For what is random.")] = 0,
    show: Annotated[list[str] | None, typer.Option(help="What is shown.")] = None,
    layer: Annotated[str | None, typer.Option(help="Which layer.")] = None,
    head: Annotated[str | None, typer.Option(help="Which head.")] = None,
    precision: Annotated[int, typer.Option(help="Decimal places.")] = 3,
    save: Annotated[str | None, typer.Option(help="Save to this file too.")] = None,
    json: Annotated[bool, typer.Option(help="Print JSON.")] = False,
) -> None:
    """Who looks at whom: the weights, as a table."""
    words = list(text)
    x = np.array([VECTORS[word] for word in words], dtype=np.float32)
    logits = x @ x.T / np.sqrt(x.shape[1]) / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)

    table = Table(box=None, caption="each row is one word's attention and sums to 1")
    table.add_column("")
    for word in words:
        table.add_column(word, justify="right")
    for word, row in zip(words, weights, strict=True):
        cells = [Text(f"{weight:.{precision}f}", style=f"black on rgb(0,{int(255 * weight)},128)") for weight in row]
        table.add_row(Text(word, "bold"), *cells)
    Console().print(table)


if __name__ == "__main__":
    app()
