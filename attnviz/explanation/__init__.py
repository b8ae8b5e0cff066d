"""One row of attention, every number of it: from the trace of the path that computed it, never by a second one.

Shown numbers are the trace's, and those of `attention.every_step`, the same body, for the dot products and
exponentials that a trace does not keep. A step's lines can be redone from what is printed.
"""

from attnviz.explanation.choosing import explain_attention
from attnviz.explanation.parts import Entry, Explanation, Line, Number, Piece, Step, Word

__all__ = ["Entry", "Explanation", "Line", "Number", "Piece", "Step", "Word", "explain_attention"]
