"""The forms in which libraries hand out attention, each read as [layers, heads, query, key].

transformers gives a tuple of one [batch, heads, query, key] a layer, and `generate` a tuple of these, one a step;
torch.nn.MultiheadAttention gives [batch, query, key] or [batch, heads, query, key]. What the numbers of dimensions do
not decide is told in a note. Nothing here imports these libraries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from attnviz.core.errors import MissingError, OptionError, ShapeError, unknown_choice
from attnviz.core.foreign_arrays import as_layers, as_numbers, dtype_of
from attnviz.core.generated_attention import join_steps
from attnviz.core.row_sums import Grid
from attnviz.core.types import Booleans, Floats
from attnviz.i18n.messages import Message, listed, message

ATTENTIONS = ("auto", "encoder", "decoder", "cross")
_NAMES = {"encoder": "encoder_attentions", "decoder": "decoder_attentions", "cross": "cross_attentions"}


class GivenStack(NamedTuple):
    """Weights [layers, heads, query, key] as they were given, not yet checked, and what their form tells.

    layers: their numbers, where some layers of `depth` have none; else None. allowed: the causal mask of what a model
    wrote, else None. grid: see row_sums.grid_of. text: which text of a batch of `texts` they are of. written: how many
    tokens `generate` wrote, None where nothing was written. padded: how many of its first rows are padding.
    """

    weights: Floats
    depth: int
    layers: tuple[int, ...] | None = None
    allowed: Booleans | None = None
    grid: Grid | None = None
    notes: tuple[Message, ...] = ()
    text: int = 0
    texts: int = 1
    written: int | None = None
    padded: int = 0


def read_stack(weights: Any, batch: int | None = None, *, attention: str = "auto", cross: bool = False) -> GivenStack:
    """Return the numbers of `weights`, whatever their form.

    One array: [query, key], [heads, query, key], [layers, heads, query, key] or [layers, batch, heads, query, key];
    with `batch`, the number of a text from 0, [batch, query, key] and [batch, heads, query, key] are one layer. A tuple
    of arrays: a layer each; one of tuples: a step of `generate` each. An output of transformers: the attention that
    `attention` names in it. cross: whether the keys are another text's.
    Raises ShapeError, or MissingError for a text or a layer that is not there.
    """
    if attention not in ATTENTIONS:
        raise unknown_choice("attention", attention, ATTENTIONS)
    if isinstance(weights, Mapping) and not _is_output(weights):
        weights = SimpleNamespace(**{str(name): value for name, value in weights.items()})
        if not _is_output(weights):
            raise _without_attention(weights)
    if batch is not None and (not isinstance(batch, Integral) or isinstance(batch, bool)):
        raise OptionError("batch is the number of a text, counted from 0, not {value!r}.", value=batch)
    if _is_output(weights):
        output = _from_output(weights, batch, attention, cross=cross)
        found = _read(output.weights, output.text, output, cross=cross)
        return found._replace(notes=(*output.notes, *found.notes))
    if attention != "auto":
        raise OptionError("attention chooses from an output of transformers; here is an array or a tuple.")
    return _read(_as_arrays(weights), batch, None, cross=cross)


def _is_output(weights: Any) -> bool:
    """Return whether this is an output object of transformers: it has attentions, and is no array and no tuple."""
    if hasattr(weights, "ndim") or isinstance(weights, list) or type(weights) is tuple:
        return False
    return any(hasattr(weights, name) for name in ("attentions", *_NAMES.values()))


def _without_attention(output: SimpleNamespace) -> MissingError:
    """Return the error for an output without attention of its own; parts of it, as CLIP's, may have some."""
    parts = [name for name, part in vars(output).items() if _is_output(part)]
    if parts:
        return MissingError(
            "The output has no attention of its own, but its parts may have: {parts}.",
            hint="Give one of them, as output.{first}.",
            parts=listed(parts),
            first=parts[0],
        )
    return _no_attention()


def _no_attention() -> MissingError:
    return MissingError(
        "The output has no attention: the model did not return it.",
        hint='Load it with attn_implementation="eager" and call it with output_attentions=True.',
    )


class _OfOutput(NamedTuple):
    """The attention of an output that is meant, and the text; beams: in which row each step has it, None for all in it.

    notes: on what is not known. texts: how many were written, where that is known.
    """

    weights: Any
    text: int | None
    beams: Sequence[int] | None = None
    notes: tuple[Message, ...] = ()
    texts: int | None = None


def _from_output(output: Any, batch: int | None, attention: str, *, cross: bool) -> _OfOutput:
    """Return the attention of an output that is meant."""
    if getattr(output, "global_attentions", None) is not None:
        raise _local_windows()
    there = {kind: found for kind, name in _NAMES.items() if (found := getattr(output, name, None)) is not None}
    alone = getattr(output, "attentions", None)
    if alone is not None:
        there.setdefault("decoder", alone)
    if not there:
        raise _no_attention()
    if attention == "auto":
        attention = "cross" if cross and "cross" in there else "decoder" if alone is not None else ""
    if attention == "" and len(there) == 1:
        attention = next(iter(there))
    if attention not in there:
        raise OptionError(
            "The output has several attentions: choose one with attention=, of {kinds}."
            if attention == ""
            else "The output has no {attention} attention; it has {kinds}.",
            attention=attention,
            kinds=listed(there),
        )
    beams = getattr(output, "beam_indices", None)
    sequences = getattr(output, "sequences", None)
    rows = None if sequences is None else len(sequences)
    chosen = 0 if batch is None else batch
    if rows is not None and not 0 <= chosen < rows:
        raise _no_text(chosen, rows)
    if attention == "encoder":
        size = next((layer.shape[0] for layer in there["encoder"] if layer is not None), 1)
        batch = batch if rows is None or batch is None else batch // max(rows // size, 1)
        return _OfOutput(there["encoder"], batch)
    found = None if beams is None else [int(beam) for beam in as_numbers(beams)[chosen].tolist() if beam >= 0]
    if not there[attention]:
        raise _no_attention()
    states = getattr(output, "hidden_states", None)
    steps = bool(there[attention]) and isinstance(there[attention][0], tuple | list)
    states = states if not steps or states is None else states[0]
    notes: tuple[Message, ...] = ()
    count = _depth(output) if states is None else len(states) - 1
    if count and attention == "decoder":
        layers = len(there[attention][0] if steps else there[attention])
        if layers < count:
            notes = (
                message(
                    "The output has {found} attentions and {count} layers: they are numbered from 0; layers=[...] "
                    "gives them their own numbers.",
                    found=layers,
                    count=count,
                ),
            )
    return _OfOutput(there[attention], batch, found, notes, rows)


def _depth(output: Any) -> int:
    """Return how many layers the cache of an output has; 0 where that is not known."""
    layers = getattr(getattr(output, "past_key_values", None), "layers", None)
    return len(layers) if isinstance(layers, list | tuple) else 0


def _as_arrays(weights: Any) -> Any:
    """Return nested lists of five or six levels, as JSON has them, as lists of arrays [batch, heads, query, key]."""
    levels, inside = 0, weights
    while isinstance(inside, tuple | list) and inside:
        levels, inside = levels + 1, inside[0]
    if levels not in (5, 6) or hasattr(inside, "ndim"):
        return weights
    if levels == 5:
        return [None if layer is None else as_numbers(layer) for layer in weights]
    return [[None if layer is None else as_numbers(layer) for layer in step] for step in weights]


def _read(weights: Any, batch: int | None, output: _OfOutput | None, *, cross: bool) -> GivenStack:
    if weights is None or (isinstance(weights, tuple) and not weights):
        raise _no_attention()
    if not isinstance(weights, tuple | list) or not len(weights):
        return _one_array(as_numbers(weights), batch, dtype_of([weights]))
    if all(isinstance(each, tuple | list) and _has_arrays(each) for each in weights):
        return _steps(weights, batch, output, cross=cross)
    if any(each is None for each in weights):
        return _some_layers(weights, batch, cross=cross)
    dimensions = {getattr(each, "ndim", 0) for each in weights}
    if len(dimensions) == 1 and min(dimensions) >= 2:
        return _layers(weights, dimensions.pop(), batch)
    if len(dimensions) > 1 and min(dimensions) >= 2:
        raise ShapeError(
            "The layers have other numbers of dimensions: {shapes}.",
            shapes=listed(_shapes(weights)),
            hint="Give one layer, or several of the same shape [batch, heads, query, key].",
        )
    return _one_array(as_numbers(weights), batch, dtype_of(weights))


def _has_arrays(each: Sequence[Any]) -> bool:
    """Return whether this is a step of generate(): an array a layer, or None for it."""
    return bool(len(each)) and all(one is None or getattr(one, "ndim", 0) >= 3 for one in each)


def _some_layers(weights: Sequence[Any], batch: int | None, *, cross: bool) -> GivenStack:
    """Return the layers that have attention under their own numbers."""
    numbers = tuple(number for number, each in enumerate(weights) if each is not None)
    if not numbers:
        raise MissingError(
            "Layer {layer} of the weights is None: the model did not return its attention.",
            hint='Load it with attn_implementation="eager" and call it with output_attentions=True.',
            layer=0,
        )
    found = _read([weights[number] for number in numbers], batch, None, cross=cross)
    without = [number for number in range(len(weights)) if number not in numbers]
    note = message("These layers have no attention and are left out: {layers}.", layers=listed(without))
    return found._replace(layers=numbers, depth=len(weights), notes=(*found.notes, note))


def _layers(weights: Sequence[Any], dimensions: int, batch: int | None) -> GivenStack:
    """Return a list of arrays of the same number of dimensions, one a layer; of two dimensions, one a head."""
    if dimensions == 5:
        raise _blocks(_shapes(weights)[0])
    if dimensions > 5:
        raise ShapeError(
            "A layer has {count} dimensions; [batch, heads, query, key] was expected.",
            count=dimensions,
            hint="Give one layer, or several of the same shape [batch, heads, query, key].",
        )
    shapes = _shapes(weights)
    if len(shapes) > 1:
        raise _ragged(shapes)
    grid = dtype_of(weights)
    notes: tuple[Message, ...] = ()
    if dimensions == 4:
        count = shapes[0][0]
        text = _text(batch, count)
        stacked = np.stack([_row(layer, text) for layer in weights])
        notes = _which_text(batch, count)
        return GivenStack(stacked, len(weights), grid=grid, notes=notes, text=text, texts=count)
    if dimensions == 3 and batch is not None:
        text = _text(batch, shapes[0][0])
        stacked = np.stack([_row(layer, text)[None] for layer in weights])
        return GivenStack(stacked, len(weights), grid=grid, text=text, texts=shapes[0][0])
    if batch:
        raise _no_batch(batch)
    if dimensions == 3 and shapes[0][0] > 1:
        notes = (
            message(
                "Read as {layers} layers x {heads} heads; with batch=0 the first axis of each layer is a batch, and "
                "the "
                "heads are averaged already.",
                layers=len(weights),
                heads=shapes[0][0],
            ),
        )
    found = as_layers(np.stack([as_numbers(each) for each in weights]))
    return GivenStack(found, len(found), grid=grid, notes=notes)


def _one_array(found: Floats, batch: int | None, grid: Grid | None) -> GivenStack:
    """Return one array of 2 to 5 dimensions as layers."""
    count = found.ndim
    if count == 5:
        if found.shape[-1] > 2 * found.shape[-2] and batch is None:
            raise _blocks(found.shape)
        text = _text(batch, found.shape[1])
        notes = _which_text(batch, found.shape[1])
        shown = as_layers(found[:, text])
        return GivenStack(shown, len(found), grid=grid, notes=notes, text=text, texts=found.shape[1])
    if count in (3, 4) and batch is not None and found.size:
        text = _text(batch, len(found))
        return GivenStack(as_layers(found[text]), 1, grid=grid, text=text, texts=len(found))
    if batch:
        raise _no_batch(batch)
    layers = as_layers(found)
    read = (_reading(layers.shape, count),) if count in (3, 4) and len(found) > 1 else ()
    return GivenStack(layers, len(layers), grid=grid, notes=read)


def _reading(shape: tuple[int, ...], dimensions: int) -> Message:
    """Say how an array was read that may also be one layer of a batch."""
    layers, heads = shape[:2]
    if dimensions == 4:
        return message(
            "Read as {layers} layers x {heads} heads; with batch=0 it is one layer of {layers} texts.",
            layers=layers,
            heads=heads,
        )
    return message(
        "Read as {heads} heads of one layer; with batch=0 it is {heads} texts of one head, as averaged heads are.",
        heads=heads,
    )


def _steps(steps: Sequence[Sequence[Any]], batch: int | None, output: _OfOutput | None, *, cross: bool) -> GivenStack:
    """Return what `generate` gave, a tuple of layers a step, as one square a layer."""
    present = tuple(number for number, each in enumerate(steps[0]) if each is not None)
    unequal = any(len(step) != len(steps[0]) for step in steps)
    if unequal or not present or any(step[number] is None for step in steps for number in present):
        raise MissingError(
            "A step of generate() has no attention, or not of all layers.",
            hint='Load the model with attn_implementation="eager" and call generate with output_attentions=True.',
        )
    chosen = [[step[number] for number in present] for step in steps]
    if any(getattr(layer, "ndim", 0) != 4 for step in chosen for layer in step):
        raise ShapeError(
            "The weights are tuples of arrays of other shapes than [batch, heads, query, key]: {shapes}.",
            shapes=listed(_shapes([layer for step in chosen for layer in step])),
            hint="Give one layer, or several of the same shape [batch, heads, query, key].",
        )
    count = min(layer.shape[0] for layer in chosen[0])
    text = 0 if batch is None else int(batch)
    beams = None if output is None else output.beams
    if beams is None:
        text = _text(batch, count)
        rows = [text] * len(chosen)
    else:
        chosen, rows = chosen[: len(beams)], [int(beam) for beam in beams][: len(chosen)]
    numbers = [[_row(layer, row) for layer in step] for step, row in zip(chosen, rows, strict=True)]
    joined = join_steps(numbers, cross=cross)
    notes = [joined.note]
    if output is None and count > 1:
        notes.append(
            message(
                "Text {text} of {count} is followed through the steps; if beam search wrote them, give the whole "
                "output "
                "of generate(), which has the beam_indices.",
                text=text,
                count=count,
            )
        )
    layers = None if len(present) == len(steps[0]) else present
    return GivenStack(
        joined.weights,
        len(steps[0]),
        layers,
        joined.allowed,
        dtype_of([layer for step in chosen for layer in step]),
        tuple(notes),
        text,
        max(count, text + 1) if output is None or output.texts is None else output.texts,
        joined.written,
        joined.padded,
    )


def _row(layer: Any, text: int) -> Floats:
    """Return one text of [batch, ...] as numbers."""
    if not 0 <= text < layer.shape[0]:
        raise _no_text(text, layer.shape[0])
    found: Floats = as_numbers(layer)[text]
    return found


def _text(batch: int | None, count: int) -> int:
    """Return the number of the text that is meant, of `count`."""
    text = 0 if batch is None else int(batch)
    if not 0 <= text < count:
        raise _no_text(text, count)
    return text


def _which_text(batch: int | None, count: int) -> tuple[Message, ...]:
    """Say that the first text of several is taken where none was chosen."""
    if batch is not None or count == 1:
        return ()
    return (message("The first of a batch of {count} texts is shown; batch=1 is the second.", count=count),)


def _no_text(batch: int, count: int) -> MissingError:
    return MissingError("There is no text {batch} in a batch of {count}, counted from 0.", batch=batch, count=count)


def _no_batch(batch: int) -> MissingError:
    return MissingError("There is no text {batch}: the weights are of one text, without a batch.", batch=batch)


def _shapes(weights: Iterable[Any]) -> list[tuple[int, ...]]:
    return list(dict.fromkeys(tuple(map(int, each.shape)) for each in weights))


def _ragged(shapes: Sequence[tuple[int, ...]]) -> ShapeError:
    """Return the error for layers of several shapes: it names what gives such shapes, where that is known."""
    fields: dict[str, Any] = {"first": shapes[0], "second": shapes[1]}
    if any(len(shape) < 4 for shape in shapes):
        return ShapeError("All layers must have one shape; here are {first} and {second}.", **fields)
    square = all(shape[-1] == shape[-2] for shape in shapes)
    if square and len({shape[-1] for shape in shapes}) == 1 and len({shape[0] for shape in shapes}) > 1:
        return ShapeError(
            "The layers are stages of windows, [windows, heads, query, key], as Swin's: {first} and {second}.",
            hint="Give one layer of them, with batch= for the window.",
            **fields,
        )
    if square and len({shape[-1] for shape in shapes}) > 1:
        return ShapeError(
            "The layers have other numbers of tokens, as a model that pools them has (Funnel, Swin, Segformer): "
            "{first} "
            "and {second}.",
            hint="Give the layers of one shape.",
            **fields,
        )
    if not square and len({shape[1] for shape in shapes}) > 1:
        return ShapeError(
            "The layers have other numbers of heads, queries and keys, as the stages of an image model have "
            "(Segformer, "
            "PVT): {first} and {second}.",
            hint="Give the layers of one shape, and keys= for their columns.",
            **fields,
        )
    if not square:
        return ShapeError(
            "The layers have other numbers of queries or keys, as where tokens are pooled (Funnel) or where "
            "self-attention stands beside cross-attention (Perceiver): {first} and {second}.",
            hint="Give the layers of one shape, and keys= for their columns.",
            **fields,
        )
    return ShapeError(
        "All layers must have one shape; here are {first} and {second}.", hint="Give the layers of one shape.", **fields
    )


def _blocks(shape: tuple[int, ...]) -> ShapeError:
    """Return the error for layers of five dimensions: attention in blocks, chunks or at points."""
    if len(shape) == 5 and shape[-1] >= 3 * shape[-2] > 0:
        return ShapeError(
            "A layer of shape {shape} is local attention in blocks, [batch, blocks, heads, block, 3 blocks], as "
            "LongT5's: "
            "its columns are no tokens.",
            hint="Only weights over whole texts can be shown.",
            shape=shape,
        )
    return ShapeError(
        "A layer of shape {shape} has five dimensions, as attention in chunks (Reformer) or at points of an image "
        "(Deformable DETR): its columns are no tokens.",
        hint="Only weights over whole texts, [batch, heads, query, key], can be shown.",
        shape=shape,
    )


def _local_windows() -> ShapeError:
    return ShapeError(
        "The output is of local attention, as Longformer's and LED's: its columns are distances, not tokens.",
        hint="Only weights over whole texts, [batch, heads, query, key], can be shown.",
    )


def dense_needed(queries: int, keys: int) -> ShapeError:
    """Return the error for weights that are not square while the keys have no names of their own."""
    return ShapeError(
        "Weights of {queries} queries and {count} keys are cross-attention: the keys need names of their own.",
        hint="Give keys, one a column (in a file `keys`, or --labels a second time). If the columns are distances, as "
        "in Longformer's local attention, they cannot be shown.",
        queries=queries,
        count=keys,
    )
