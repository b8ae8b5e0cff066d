"""Text as LaTeX prints it, and what a document needs for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from attnviz.i18n.messages import message
from attnviz.views.prepared.labels import visible

_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\rightarrow$",
    "·": r"$\cdot$",
    "−": "$-$",
    "†": r"\dag{}",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "⋯": r"\ldots{}",
    "…": r"\ldots{}",
    "␣": r"\textvisiblespace{}",
    "√": r"$\surd$",
    "[": "{[}",  # after the end of a row it would begin an argument, and * would be part of the command
    "*": "{*}",
    **{letter: "\\" + letter for letter in "&%$#_{}"},
}
_LIGATURES = frozenset(["--", "''", "``", ",,", "?`", "!`"])  # what fonts join to another sign
_IN_PDFLATEX = frozenset("‘’“”–—…•€†‡")
_CJK = (
    ("\u2e80", "\ua4cf"),
    ("\uac00", "\ud7af"),
    ("\uf900", "\ufaff"),
    ("\uff00", "\uffef"),
    ("\U00020000", "\U0003ffff"),
)
_MOST_LETTERS = 20
MOST_ROWS = 45


def in_tex(text: str) -> str:
    """Return text as LaTeX prints it, with every character that means something to it escaped.

    >>> in_tex("a--b")
    'a-{}-b'
    """
    letters = pairwise(visible(text, "picture") + " ")
    return "".join(_TEX.get(one, one) + "{}" * (one + after in _LIGATURES) for one, after in letters)


def tex_preamble(body: Sequence[str], *packages: str) -> Iterator[str]:
    """Yield, as comments, what a document needs for these lines: packages, and an engine that has their letters."""
    yield from (f"% {package}" for package in packages)
    if any(line.startswith(r"\begin{longtable}") for line in body):
        yield r"% \usepackage{longtable}"
    letters = {letter for line in body for letter in line if letter > "\u024f"} - _IN_PDFLATEX
    if any(map(_is_cjk, letters)):
        yield r"% \usepackage{ctex}"
    if letters:
        yield f"% {message('Compile with XeLaTeX or LuaLaTeX.').localized()}"
    if others := sorted(letter for letter in letters if not _is_cjk(letter))[:_MOST_LETTERS]:
        yield f"% {message('Set a font that has {letters}.', letters=' '.join(others)).localized()}"


def table_rows(columns: str, header: str, rows: Sequence[str]) -> Iterator[str]:
    """Yield a table; one of more rows than a page has is a longtable, which repeats its header on each page."""
    if len(rows) <= MOST_ROWS:
        yield from (rf"\begin{{tabular}}{{{columns}}}", header, *rows, r"\end{tabular}")
    else:
        yield from (rf"\begin{{longtable}}[l]{{{columns}}}", header, r"\endhead", *rows, r"\end{longtable}")


def _is_cjk(letter: str) -> bool:
    return any(first <= letter <= last for first, last in _CJK)
