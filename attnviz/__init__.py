"""attnviz: see who looks at whom. Importing it loads no rich, typer or matplotlib."""

from attnviz._version import __version__
from attnviz.attention import merge_heads, scaled_dot_product_attention, softmax, split_heads
from attnviz.compare import Comparison
from attnviz.data import Attention, Token, Trace
from attnviz.errors import AttnvizError
from attnviz.pipeline import Settings, compare, run

__all__ = [
    "Attention",
    "AttnvizError",
    "Comparison",
    "Settings",
    "Token",
    "Trace",
    "__version__",
    "compare",
    "merge_heads",
    "run",
    "scaled_dot_product_attention",
    "softmax",
    "split_heads",
]
