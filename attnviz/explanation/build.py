"""Which row is explained: the token, the head and the layer that were asked for, or those that tell most."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.entropy import least_even, unevenness
from attnviz.analysis.passages import answer_row
from attnviz.core.attention_data import Attention, Token, find_head
from attnviz.core.errors import InputError, OptionError
from attnviz.core.selection import names_several
from attnviz.explanation import output, qkv, scores
from attnviz.explanation.elements import Explanation, Step
from attnviz.explanation.row import Row, name_of
from attnviz.i18n.messages import Message, Name, message
from attnviz.text.find_token import find_token
from attnviz.text.merge_pieces import why_no_traces

# Sheets of one command: more are more than anyone reads.
MOST_SHEETS = 64


def explain_attention(
    attention: Attention,
    *,
    token: str | int | None = None,
    cell: str | int | None = None,
    head: str | int | Iterable[str | int] | None = None,
    layer: str | int | None = None,
) -> Explanation:
    """Explain one row of `attention` step by step; with `cell`, one weight of it; with head="all", compare the heads.

    token, cell: a word, `猫#2` or an index; see find_token. Without a token, the word whose row is least even over what
    it may look at; of passages the answer's. head: a number or a name; several are compared; without it, of several,
    the one whose row is least even. layer: a number, or "mean", of which only the weights are known; without it the
    last. What was chosen is told in the notes.
    Where only the weights are known, the row's weights, their entropy and the heads beside each other are all there is.
    Raises MissingError for what is not there, InputError where no row can be explained.
    """
    return _explain_layer(attention, attention.select(layer=_layer(attention, layer)), token, cell, head, [])


def explain_layers(
    attention: Attention,
    *,
    token: str | int | None = None,
    cell: str | int | None = None,
    head: str | int | Iterable[str | int] | None = None,
    layer: str | None = None,
) -> tuple[Explanation, ...]:
    """Explain one row in each layer that `layer` names, as "0,2-4" or "all"; see `explain_attention`.

    Without a token, the same word is explained in every layer: the one whose row is least even in any of them. Without
    a head, each layer's own.
    Raises OptionError for more than MOST_SHEETS layers, which are more than anyone reads.
    """
    if not names_several(layer) or layer in [str(each) for each in attention.layers]:
        return (explain_attention(attention, token=token, cell=cell, head=head, layer=layer),)
    numbers = attention.select(layer=layer).layers
    if len(numbers) > MOST_SHEETS:
        raise OptionError(
            "explain prints a sheet for each layer, at most {most}, and {count} layers are chosen.",
            hint="Choose fewer, for example: --layer {example}.",
            most=MOST_SHEETS,
            count=len(numbers),
            example=Name(",".join(map(str, numbers[:3]))),
        )
    head = list(head) if isinstance(head, Iterable) and not isinstance(head, str) else head
    layers = [attention.select(layer=number) for number in numbers]
    if len(layers) == 1:
        return (_explain_layer(attention, layers[0], token, cell, head, []),)
    told: list[Message] = []
    token = answer_row(attention) if token is None else token
    if token is None:
        token = _least_even_of_all(layers, head)
        if len(attention.query) > 1:
            told.append(_token_note(attention, token))
    one_head = head is None and len(attention.heads) > 1
    if one_head:
        told.append(
            message(
                "Of {count} heads, each layer shows the one whose row is the least even. --head N chooses one, "
                "--head all compares them.",
                count=len(attention.heads),
            )
        )
    return tuple(_explain_layer(attention, one, token, cell, head, list(told), head_told=one_head) for one in layers)


def _explain_layer(
    attention: Attention,
    chosen: Attention,
    token: str | int | None,
    cell: str | int | None,
    head: str | int | Iterable[str | int] | None,
    notes: list[Message],
    *,
    head_told: bool = False,
) -> Explanation:
    """Explain a row of `chosen`, one layer of `attention`. head_told: whether the notes say how the head is chosen."""
    head = list(head) if isinstance(head, Iterable) and not isinstance(head, str) else head
    if not chosen.traces and head == "mean":
        chosen, head = chosen.mean(), None
    if attention.provenance.hidden is not None:
        raise InputError(
            "Hidden words have a part in every row: a row cannot be redone without them.",
            hint="Leave --no-special out.",
        )
    _refuse_switched_off(chosen)
    token = answer_row(attention) if token is None else token
    wanted = None if token is None else _find(attention.query, token, notes)
    asked = None if cell is None else _find(attention.key, cell, notes)
    if _chooses_several(head, chosen):
        if not head:
            raise OptionError("No head is chosen: at least one was expected.")
        chosen, head = chosen.select(head=head), "all"
    if head == "all":
        return _explain_heads(chosen, wanted, asked, notes)
    own = None if head is None else _head(chosen, head if isinstance(head, str | int) else str(head))
    place, at = _least_even(chosen, own, wanted)
    notes += _choice_notes(chosen, place if own is None and not head_told else None, at, token is None)
    explain = _explain_computed if chosen.traces else _explain_weights
    return explain(chosen, place, at, asked, notes)


def _chooses_several(head: str | int | Iterable[str | int] | None, attention: Attention) -> bool:
    """Return whether `head` is a list or a range of heads, and no head's name."""
    several = head != "all" and names_several(head) if isinstance(head, str) else isinstance(head, Iterable)
    return several and head not in attention.heads


def _least_even_of_all(layers: list[Attention], head: str | int | Iterable[str | int] | None) -> int:
    """Return the word whose row is least even in any head that is chosen of any of these layers."""
    if head not in (None, "all", "mean"):
        layers = [one.select(head=head) for one in layers]
    rows = np.concatenate([_uneven_words(one) for one in layers])
    if not np.isfinite(rows).any():
        raise InputError("The mask forbids every cell: no row can be explained.")
    word: int = least_even(rows) % rows.shape[1]
    return word


def _refuse_switched_off(attention: Attention) -> None:
    """Raise InputError for a layer with heads that were switched off, whose output no calculation by hand gives."""
    model = attention.provenance.model
    off = () if model is None or model.switched_off is None else model.switched_off.heads
    for layer in attention.layers:
        if any(layer == each for each, _ in off):
            raise InputError(
                "Layer {layer} has heads that are switched off: its output cannot be redone by hand.",
                hint="Leave --ablate out, or explain another layer with --layer.",
                layer=layer,
            )


def _explain_heads(attention: Attention, token: int | None, cell: int | None, notes: list[Message]) -> Explanation:
    """Compare the heads of the one layer on a token's row, or on the one that is least even."""
    from attnviz.explanation.heads import compare_heads

    _, at = _least_even(attention, None, token)
    notes += _choice_notes(attention, None, at, token is None)
    if len(attention.heads) == 1:
        notes.append(message("There is only 1 head here; --heads N gives more."))
    return compare_heads(attention, at, cell, tuple(notes))


def _explain_weights(
    attention: Attention, head: int, token: int, cell: int | None, notes: list[Message]
) -> Explanation:
    """Explain a row of which only the weights are known; the notes say why, where that is known."""
    from attnviz.explanation.weights_only import explain_given

    reason = why_no_traces(attention)
    if reason is not None:
        notes.append(message("{problem} {hint}", problem=reason.message, hint=reason.hint))
    return explain_given(attention, head, token, cell, tuple(notes))


def _explain_computed(
    attention: Attention, head: int, token: int, cell: int | None, notes: list[Message]
) -> Explanation:
    """Explain a row of which every intermediate is known."""
    row = Row(attention, attention.traces[0], attention.layers[0], head, token, cell)
    return Explanation(
        title=_title(row),
        query=attention.query,
        key=attention.key,
        token=token,
        cell=cell,
        layer=attention.layers[0],
        head=attention.heads[head],
        steps=_steps(row),
        features=row.trace.features,
        provenance=attention.provenance,
        heads=(attention.heads[head],),
        notes=tuple(notes),
    )


def _steps(row: Row) -> tuple[Step, ...]:
    made = (
        qkv.embedding_step,
        qkv.position_step,
        qkv.query_step,
        qkv.key_step,
        qkv.value_step,
        _rotation,
        *scores.SCORE_STEPS,
        output.context_step,
        output.gate_step,
        output.content_step,
        output.output_step,
    )
    found = (make(row) for make in made)
    return tuple(step for step in found if step is not None)


def _rotation(row: Row) -> Step | None:
    if row.trace.unrotated_query is None or row.trace.unrotated_key is None:
        return None
    from attnviz.explanation.rotation import rotation

    return rotation(row, row.trace.unrotated_query[row.head], row.trace.unrotated_key[row.head])


def _title(row: Row) -> Message:
    if row.cell is None:
        return message("How “{word}” looks at the words, redone by hand", word=row.word)
    return message("How much “{word}” looks at “{key}”, redone by hand", word=row.word, key=row.keys[row.cell])


def _layer(attention: Attention, layer: str | int | None) -> int | str:
    if layer is None:
        return attention.layers[-1]
    if isinstance(layer, str) and layer == "mean":
        return layer
    one = isinstance(layer, str) and layer.lstrip("-").isdecimal()
    if not one and (not isinstance(layer, Integral) or isinstance(layer, bool)):
        raise OptionError(
            "explain takes the number of one layer, not {layer!r}.",
            hint="Give one layer at a time, for example: --layer {last}.",
            layer=layer,
            last=attention.layers[-1],
        )
    return int(layer)


def _head(attention: Attention, head: str | int) -> int:
    """Return the index of the head, given its name or number."""
    if head == "mean":
        raise OptionError(
            "The mean of several heads has no query, keys and values of its own.",
            hint="Choose one with --head N, or --head all.",
        )
    return find_head(attention.heads, head)


def _find(tokens: tuple[Token, ...], wanted: str | int, notes: list[Message]) -> int:
    index, note = find_token(tokens, wanted)
    if note is not None:
        notes.append(note)
    return index


def _least_even(attention: Attention, head: int | None, token: int | None) -> tuple[int, int]:
    """Return the head and the token whose row lies furthest below an even one; never a forbidden row."""
    rows = _uneven(attention)[:, token : token + 1] if token is not None else _uneven_words(attention)
    rows = rows if head is None else rows[head : head + 1]
    if token is None and not np.isfinite(rows).any():
        raise InputError("The mask forbids every cell: no row can be explained.")
    # Heads first, then tokens: of equals, the first token of the first head.
    place, at = divmod(least_even(rows), rows.shape[1])
    return (place if head is None else head), (at if token is None else token)


def _uneven(attention: Attention) -> NDArray[np.float64]:
    """Return how far below an even row each row of the one layer lies, [head, query]."""
    weights = attention.traces[0].weights if attention.traces else attention.weights[0]
    return unevenness(weights, None if attention.masks is None else attention.masks[0])


def _uneven_words(attention: Attention) -> NDArray[np.float64]:
    """Return the same, minus infinity for what stands for no text, [head, query]."""
    return np.where(_words(attention), _uneven(attention), -np.inf)


def _words(attention: Attention) -> NDArray[np.bool_]:
    """Return which tokens stand for text, bool [query]; all of them where none does."""
    of_text = np.array([token.start is not None for token in attention.query])
    return of_text if of_text.any() else ~of_text


def _choice_notes(attention: Attention, head: int | None, token: int, token_chosen: bool) -> list[Message]:
    notes = []
    if token_chosen and len(attention.query) > 1:
        notes.append(_token_note(attention, token))
    if head is not None and len(attention.heads) > 1:
        notes.append(_head_note(head, attention.heads))
    return notes


def _token_note(attention: Attention, token: int) -> Message:
    return message(
        "“{word}” is explained: its row is the least even. --token chooses another.", word=attention.query[token].text
    )


def _head_note(index: int, heads: tuple[int | str, ...]) -> Message:
    name, count = heads[index], len(heads)
    if isinstance(name, int):
        return message(
            "Of {count} heads, head {head} is explained: its row is the least even. --head N chooses another, "
            "--head all compares them.",
            count=count,
            head=name,
        )
    return message(
        "Of {count} heads, head {head} ({name}) is explained: its row is the least even. --head N chooses another, "
        "--head all compares them.",
        count=count,
        head=index,
        name=name_of(name),
    )
