"""attnviz: see who looks at whom.

The public names load when they are first used: importing attnviz loads no numpy, rich, typer or matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from attnviz.core.result import views_from
from attnviz.core.version import __version__

if TYPE_CHECKING:
    from attnviz.analysis.ablation import Ablation
    from attnviz.analysis.comparison import Comparison
    from attnviz.analysis.contacts import Contacts, contacts
    from attnviz.analysis.cost import Cost, Costs, cost
    from attnviz.analysis.distances import by_distance
    from attnviz.analysis.head_ablation import HeadAblation, ablate_heads
    from attnviz.analysis.heads import Heads
    from attnviz.analysis.lab import Distances, Lab
    from attnviz.analysis.lens import Lens, lens
    from attnviz.analysis.model_lab import lab_model
    from attnviz.analysis.next_tokens import FilledText, NextTokens
    from attnviz.analysis.passages import PassageShare, PassageShares, passage_shares
    from attnviz.analysis.patch import Patching, patch
    from attnviz.analysis.run_ablation import ablate
    from attnviz.analysis.run_lab import lab
    from attnviz.api.compare import compare, compare_models
    from attnviz.api.explain import explain
    from attnviz.api.heads import heads
    from attnviz.api.language import set_language
    from attnviz.api.next_tokens import fill, next_tokens
    from attnviz.api.notebook import View, show
    from attnviz.api.run import load_weights, run
    from attnviz.api.tokens import tokens
    from attnviz.core.attention import merge_heads, scaled_dot_product_attention, softmax, split_heads
    from attnviz.core.attention_data import Attention, Token, Trace
    from attnviz.core.errors import AttnvizError
    from attnviz.core.tokenized_text import TokenizedText
    from attnviz.explanation.elements import Explanation
    from attnviz.models.continuation import GeneratedToken
    from attnviz.models.model import Model, load
    from attnviz.toy.settings import Settings

__all__ = [
    "Ablation",
    "Attention",
    "AttnvizError",
    "Comparison",
    "Contacts",
    "Cost",
    "Costs",
    "Distances",
    "Explanation",
    "FilledText",
    "GeneratedToken",
    "HeadAblation",
    "Heads",
    "Lab",
    "Lens",
    "Model",
    "NextTokens",
    "PassageShare",
    "PassageShares",
    "Patching",
    "Settings",
    "Token",
    "TokenizedText",
    "Trace",
    "View",
    "__version__",
    "ablate",
    "ablate_heads",
    "by_distance",
    "compare",
    "compare_models",
    "contacts",
    "cost",
    "explain",
    "fill",
    "heads",
    "lab",
    "lab_model",
    "lens",
    "load",
    "load_weights",
    "merge_heads",
    "next_tokens",
    "passage_shares",
    "patch",
    "run",
    "scaled_dot_product_attention",
    "set_language",
    "show",
    "softmax",
    "split_heads",
    "tokens",
]

_HOMES = {
    "analysis.ablation": ("Ablation",),
    "analysis.comparison": ("Comparison",),
    "analysis.cost": ("Cost", "Costs", "cost"),
    "analysis.distances": ("by_distance",),
    "analysis.contacts": ("Contacts", "contacts"),
    "analysis.heads": ("Heads",),
    "analysis.head_ablation": ("HeadAblation", "ablate_heads"),
    "analysis.lab": ("Distances", "Lab"),
    "analysis.model_lab": ("lab_model",),
    "analysis.next_tokens": ("FilledText", "NextTokens"),
    "analysis.lens": ("Lens", "lens"),
    "analysis.passages": ("PassageShare", "PassageShares", "passage_shares"),
    "analysis.patch": ("Patching", "patch"),
    "analysis.run_ablation": ("ablate",),
    "analysis.run_lab": ("lab",),
    "api.notebook": ("View", "show"),
    "api.compare": ("compare", "compare_models"),
    "api.explain": ("explain",),
    "api.heads": ("heads",),
    "api.language": ("set_language",),
    "api.next_tokens": ("fill", "next_tokens"),
    "api.run": ("load_weights", "run"),
    "core.attention": ("merge_heads", "scaled_dot_product_attention", "softmax", "split_heads"),
    "core.attention_data": ("Attention", "Token", "Trace"),
    "api.tokens": ("tokens",),
    "core.errors": ("AttnvizError",),
    "core.tokenized_text": ("TokenizedText",),
    "explanation.elements": ("Explanation",),
    "models.continuation": ("GeneratedToken",),
    "models.model": ("Model", "load"),
    "toy.settings": ("Settings",),
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


views_from(lambda: import_module("attnviz.api.result_methods"))
