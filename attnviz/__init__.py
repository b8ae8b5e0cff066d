"""attnviz: see who looks at whom.

The public names load when they are first used: importing attnviz loads no numpy, rich, typer or matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from attnviz._version import __version__

if TYPE_CHECKING:
    from attnviz.attention import merge_heads, scaled_dot_product_attention, softmax, split_heads
    from attnviz.comparison import Comparison
    from attnviz.data import Attention, Token, Trace
    from attnviz.errors import AttnvizError
    from attnviz.explanation import Explanation
    from attnviz.pipeline import Settings, compare, explain, run

__all__ = [
    "Attention",
    "AttnvizError",
    "Comparison",
    "Explanation",
    "Settings",
    "Token",
    "Trace",
    "__version__",
    "compare",
    "explain",
    "merge_heads",
    "run",
    "scaled_dot_product_attention",
    "softmax",
    "split_heads",
]

_HOMES = {
    "attention": ("merge_heads", "scaled_dot_product_attention", "softmax", "split_heads"),
    "comparison": ("Comparison",),
    "data": ("Attention", "Token", "Trace"),
    "errors": ("AttnvizError",),
    "explanation": ("Explanation",),
    "pipeline": ("Settings", "compare", "explain", "run"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name's module when the name is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'attnviz' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"attnviz.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
