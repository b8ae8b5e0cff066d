"""`attnviz.explain`: one row of a text's attention, every number of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attnviz.api.run import run
from attnviz.core.argument_kinds import check_arguments
from attnviz.models.options import Options
from attnviz.toy.settings import Settings

if TYPE_CHECKING:
    from attnviz.explanation.elements import Explanation


@check_arguments()
def explain(
    text: str | None = None,
    settings: Settings | Options | None = None,
    *,
    token: str | int | None = None,
    cell: str | int | None = None,
    head: str | int | Iterable[str | int] | None = None,
    layer: str | int | None = None,
    **given: Any,
) -> Explanation:
    """Explain one row of `run(text, settings, **given)`, every number of it, from embedding to output.

    token: whose row, by its text, as `猫#2` or by index; without it, the word whose row is least even. cell: explain
    only the weight of this key. head: a number or a name; several, or "all", are compared; layer: a number, or
    "mean".
    Raises an AttnvizError, a MissingError for a token, head or layer that is not there among them.

    Examples:
        >>> [step.name for step in explain("猫吃鱼", token="猫", cell="吃").steps][:3]
        ['embedding', 'query', 'key']
    """
    from attnviz.explanation.build import explain_attention

    attention = run(text, settings, **given)
    return explain_attention(attention, token=token, cell=cell, head=head, layer=layer)
