"""The three commands as a bare typer program: names and one line of help each."""

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def root() -> None:
    """See who looks at whom: attention in your terminal, with a few lines of NumPy."""


@app.command()
def run(text: str) -> None:
    """Who looks at whom: the weights, as a table that fits the terminal."""


@app.command()
def compare(first: str, second: str) -> None:
    """Compare the same words in another order: what changes, and what does not."""


@app.command()
def export(text: str, file: str) -> None:
    """Save pictures (.png .svg .pdf) and data (.json .csv .npz), without a table."""


if __name__ == "__main__":
    app()
