"""`attnviz.explain`: one row of a text's attention, every number of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, overload

from attnviz.api.run import run
from attnviz.core.argument_kinds import check_arguments
from attnviz.core.selection import chooses_several, spell_choice
from attnviz.models.options import Options
from attnviz.toy.settings import Settings

if TYPE_CHECKING:
    from attnviz.explanation.elements import Explanation


@overload
def explain(
    text: str | None = None,
    settings: Settings | Options | None = None,
    *,
    token: str | int | None = None,
    cell: str | int | None = None,
    head: str | int | Iterable[str | int] | None = None,
    layer: int | None = None,
    **given: Any,
) -> Explanation: ...


@overload
def explain(
    text: str | None = None,
    settings: Settings | Options | None = None,
    *,
    token: str | int | None = None,
    cell: str | int | None = None,
    head: str | int | Iterable[str | int] | None = None,
    layer: str,
    **given: Any,
) -> Any: ...


@overload
def explain(
    text: str | None = None,
    settings: Settings | Options | None = None,
    *,
    token: str | int | None = None,
    cell: str | int | None = None,
    head: str | int | Iterable[str | int] | None = None,
    layer: Iterable[str | int],
    **given: Any,
) -> tuple[Explanation, ...]: ...


@check_arguments()
def explain(
    text: str | None = None,
    settings: Settings | Options | None = None,
    *,
    token: str | int | None = None,
    cell: str | int | None = None,
    head: str | int | Iterable[str | int] | None = None,
    layer: str | int | Iterable[str | int] | None = None,
    **given: Any,
) -> Any:
    """Explain one row of `run(text, settings, **given)`, every number of it, from embedding to output.

    token: whose row, by its text, as `猫#2` or by index; without it, the word whose row is least even. cell: explain
    only the weight of this key. head: a number or a name; several, or "all", are compared; layer: a number, or
    "mean"; of several, in a list or as "0,2-4" or "all", the same row is explained in each, and a tuple of Explanations
    comes back.
    Raises an AttnvizError, a MissingError for a token, head or layer that is not there among them.

    Examples:
        >>> [step.name for step in explain("猫吃鱼", token="猫", cell="吃").steps][:3]
        ['embedding', 'query', 'key']
    """
    from attnviz.explanation.build import explain_attention, explain_layers

    attention = run(text, settings, **given)
    one: Any = layer
    if chooses_several(layer):
        return explain_layers(attention, token=token, cell=cell, head=head, layer=spell_choice(layer))
    return explain_attention(attention, token=token, cell=cell, head=head, layer=one)
