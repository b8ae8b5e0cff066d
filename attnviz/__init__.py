"""attnviz: see who looks at whom.

The public names load when they are first used: importing attnviz loads no numpy, rich, typer or matplotlib.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from attnviz._version import __version__

if TYPE_CHECKING:
    from attnviz.ablation import Ablation
    from attnviz.attention import merge_heads, scaled_dot_product_attention, softmax, split_heads
    from attnviz.comparison import Comparison
    from attnviz.costs import Cost, Costs, cost
    from attnviz.data import Attention, Token, Trace
    from attnviz.display import View, show
    from attnviz.errors import AttnvizError
    from attnviz.experiments import ablate, by_distance, lab
    from attnviz.explanation import Explanation
    from attnviz.laboratory import Distances, Lab
    from attnviz.messages import set_language
    from attnviz.models.loaded import Model, load
    from attnviz.pipeline import Settings, compare, explain, load_weights, run

__all__ = [
    "Ablation",
    "Attention",
    "AttnvizError",
    "Comparison",
    "Cost",
    "Costs",
    "Distances",
    "Explanation",
    "Lab",
    "Model",
    "Settings",
    "Token",
    "Trace",
    "View",
    "__version__",
    "ablate",
    "by_distance",
    "compare",
    "cost",
    "explain",
    "lab",
    "load",
    "load_weights",
    "merge_heads",
    "run",
    "scaled_dot_product_attention",
    "set_language",
    "show",
    "softmax",
    "split_heads",
]

_HOMES = {
    "ablation": ("Ablation",),
    "attention": ("merge_heads", "scaled_dot_product_attention", "softmax", "split_heads"),
    "comparison": ("Comparison",),
    "costs": ("Cost", "Costs", "cost"),
    "data": ("Attention", "Token", "Trace"),
    "display": ("View", "show"),
    "errors": ("AttnvizError",),
    "experiments": ("ablate", "by_distance", "lab"),
    "explanation": ("Explanation",),
    "laboratory": ("Distances", "Lab"),
    "messages": ("set_language",),
    "models.loaded": ("Model", "load"),
    "pipeline": ("Settings", "compare", "explain", "load_weights", "run"),
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


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext attnviz`: an Attention and a Comparison show themselves, also where IPython came after attnviz."""
    import_module("attnviz.display").register(shell)


def _show_in_notebooks() -> None:
    """In a running IPython, register what draws the results; elsewhere nothing is loaded for it."""
    running = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = None if running is None else running()
    if shell is not None:
        load_ipython_extension(shell)


_show_in_notebooks()
