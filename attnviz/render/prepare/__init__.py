"""What is drawn, decided once: the cells, their place on the colour scale, the labels, the words of the caption.

Table, picture and page draw a `Prepared` and decide nothing, so they cannot disagree. The forms of costs, ablations and
laboratories are in modules of their own, loaded where they are needed.
"""

from attnviz.render.prepare.attention import ROWS_ARE_WHOLE, SHOWS, UNKNOWN, check_show, label, one_row, prepare
from attnviz.render.prepare.caption import describe, describe_settings, setting_words
from attnviz.render.prepare.comparison import prepare_comparison, title_of
from attnviz.render.prepare.heads import MOST_HEADS, choose_heads, head_name, head_title
from attnviz.render.prepare.model import hidden_words, unknown_words
from attnviz.render.prepare.panels import FORBIDDEN, Panel, Prepared, join, number

__all__ = [
    "FORBIDDEN",
    "MOST_HEADS",
    "ROWS_ARE_WHOLE",
    "SHOWS",
    "UNKNOWN",
    "Panel",
    "Prepared",
    "check_show",
    "choose_heads",
    "describe",
    "describe_settings",
    "head_name",
    "head_title",
    "hidden_words",
    "join",
    "label",
    "number",
    "one_row",
    "prepare",
    "prepare_comparison",
    "setting_words",
    "title_of",
    "unknown_words",
]
