"""The forms in which libraries hand out attention: each becomes [layers, heads, query, key], or is named."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from near import assert_near

from attnviz import Attention
from attnviz.core.errors import AttnvizError, InputError, MissingError, OptionError, ShapeError
from attnviz.core.weight_forms import read_stack

GOLDEN = Path(__file__).parents[1] / "golden" / "generated.npz"


def rows(*shape):
    """Random rows that sum to 1, float32."""
    raw = np.random.default_rng(3).random(shape) + 0.01
    return (raw / raw.sum(axis=-1, keepdims=True)).astype(np.float32)


def generated(name):
    """What generate() gave in this run of golden/make_generated.py: its steps, and what goes with them."""
    with np.load(GOLDEN) as file:
        found = {part.removeprefix(f"{name}/"): file[part] for part in file.files if part.startswith(f"{name}/")}
    count = 1 + max(int(part.split("/")[0]) for part in found if part[0].isdigit())
    steps = tuple(tuple(found[f"{step}/{layer}"] for layer in range(2)) for step in range(count))
    return steps, int(found["text"]), found.get("beams"), found.get("mask"), found["expected"]


def output_of(name, kind="attentions"):
    """The output object that generate() returned in this run."""
    steps, text, beams, mask, expected = generated(name)
    sequences = np.zeros((len(beams) if beams is not None else len(steps[0][0]), 1))
    found = SimpleNamespace(**{kind: steps}, beam_indices=beams, sequences=sequences)
    return found, text, mask, expected


RUNS = (
    "greedy",
    "no cache",
    "static cache",
    "one token",
    "beams",
    "samples",
    "left padding",
    "padding, no cache",
    "padding, static cache",
    "padding, sliding window",
    "sliding window",
    "sliding static",
)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", RUNS)
def test_generate(name, whole):
    """The steps of generate() become the squares that one pass over the same tokens gives, with its causal mask."""
    output, text, mask, expected = output_of(name)
    if name == "beams" and not whole:
        pytest.skip("without beam_indices nobody can follow a beam")
    count = expected.shape[-1] + (0 if mask is None else int((mask[text] == 0).sum()))
    tokens = [f"w{i}" for i in range(count + 1)]  # generate() gives one more than it has read
    found = Attention.from_arrays(output if whole else output.attentions, tokens, batch=text, mask=mask)
    assert_near(found.weights, expected)
    assert found.allowed is not None
    assert not found.allowed[..., ~np.tri(len(found.query), dtype=bool)].any()
    assert [token.text for token in found.query] == tokens[count - expected.shape[-1] : -1]
    assert "generate()" in str(found.notes[0])


@pytest.mark.parametrize("name", [run for run in RUNS if "padding" in run])
def test_left_padding_is_told(name):
    """Rows of padding before what generate() wrote are named, with the mask that drops them; what follows is causal."""
    output, text, _, expected = output_of(name)
    try:
        found = Attention.from_arrays(output, None, batch=text)
    except InputError as error:
        said = str(error)
        assert "static" in name
    else:
        said = " ".join(map(str, found.notes))
        own = np.broadcast_to(found.allowed, found.weights.shape)[..., 2:, 2:]
        assert not own[..., ~np.tri(expected.shape[-1], dtype=bool)].any()
        assert_near(found.weights[..., 2:, 2:], expected)
    assert "begins with padding (2 rows" in said
    assert "mask=inputs.attention_mask" in said


def test_sliding_window_of_generate():
    """Keys that a sliding window has dropped are forbidden."""
    output, *_ = output_of("sliding window")
    found = Attention.from_arrays(output)
    assert found.allowed[0, 0].sum(axis=-1).tolist() == [1, 2, 3, 3, 3, 3]


@pytest.mark.parametrize("kind", ["decoder", "cross"])
def test_generate_with_an_encoder(kind):
    """Both attentions of a decoder are followed along a beam; cross-attention has the other text's keys."""
    output, text, _, expected = output_of(kind, f"{kind}_attentions")
    keys = [f"k{i}" for i in range(expected.shape[-1])] if kind == "cross" else None
    found = Attention.from_arrays(output, None, keys=keys, attention=kind, batch=text)
    assert_near(found.weights, expected)
    assert found.is_cross == (kind == "cross")


def test_cross_attention_of_generate_needs_keys():
    """Cross-attention is not taken for self-attention with a cache."""
    output, *_ = output_of("cross", "cross_attentions")
    with pytest.raises(ShapeError, match="this is cross-attention"):
        Attention.from_arrays(output.cross_attentions)
    steps, *_ = generated("greedy")
    with pytest.raises(ShapeError, match="Leave keys out"):
        Attention.from_arrays(steps, None, keys=["a"])


def test_earlier_cache():
    """Tokens that a cache held before the first step are keys alone."""
    first, second = np.zeros((1, 1, 2, 4)), np.zeros((1, 1, 1, 5))
    first[0, 0] = [[0.5, 0.25, 0.25, 0], [0.25] * 4]
    second[0, 0] = 0.2
    found = Attention.from_arrays(((first,), (second,)), list("abcdef"))
    assert ("".join(t.text for t in found.query), "".join(t.text for t in found.key)) == ("cde", "abcde")
    assert found.allowed.astype(int).tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]


def test_steps_in_json():
    """Nested lists, as JSON has them, are read as the arrays are."""
    steps, _, _, _, expected = generated("greedy")
    lists = [[layer.tolist() for layer in step] for step in steps]
    assert_near(read_stack(lists).weights, expected)


class Output(SimpleNamespace):
    """An output of transformers."""


def test_outputs():
    """An output object is asked for the attention that is meant; what it has is told where that is not clear."""
    layers = tuple(rows(2, 3, 4, 4) for _ in range(2))
    plain = Attention.from_arrays(Output(attentions=layers), list("abcd"), batch=1)
    assert np.array_equal(plain.weights, np.stack([layer[1] for layer in layers]))
    both = Output(encoder_attentions=layers, decoder_attentions=layers, cross_attentions=(rows(2, 3, 4, 5),))
    with pytest.raises(OptionError, match="encoder, decoder, cross"):
        Attention.from_arrays(both, list("abcd"))
    assert Attention.from_arrays(both, list("abcd"), keys=list("vwxyz")).weights.shape == (1, 3, 4, 5)
    assert Attention.from_arrays(both, list("abcd"), attention="encoder").weights.shape == (2, 3, 4, 4)
    for nothing in (Output(attentions=None), Output(attentions=()), ()):
        with pytest.raises(MissingError, match="eager"):
            Attention.from_arrays(nothing, list("abcd"))
    with pytest.raises(OptionError, match="no cross attention; it has decoder"):
        Attention.from_arrays(Output(attentions=layers), list("abcd"), attention="cross")
    with pytest.raises(OptionError, match="from an output"):
        Attention.from_arrays(layers, list("abcd"), attention="cross")
    with pytest.raises(OptionError, match="Did you mean cross"):
        Attention.from_arrays(layers, list("abcd"), attention="corss")
    with pytest.raises(MissingError, match="no text 2 in a batch of 2"):
        Attention.from_arrays(Output(attentions=layers, sequences=[[0], [0]]), list("abcd"), batch=2)


def test_layers_without_attention():
    """Layers that have none are left out, and the others keep their numbers; names may be for all or for those."""
    layers = (None, rows(1, 2, 3, 3), None, rows(1, 2, 3, 3))
    found = Attention.from_arrays(layers, list("abc"))
    assert (found.layers, found.provenance.layers) == ((1, 3), 4)
    assert any("left out: 0, 2" in str(note) for note in found.notes)
    assert Attention.from_arrays(layers, list("abc"), layers=[10, 11, 12, 13]).layers == (11, 13)
    assert Attention.from_arrays(layers, list("abc"), layers=[5, 7]).layers == (5, 7)
    with pytest.raises(MissingError, match="eager"):
        Attention.from_arrays((None, None), list("abc"))


def test_fewer_attentions_than_layers():
    """A hybrid that leaves layers out is told to be one, where its hidden states show it; layers= numbers them."""
    layers, states = (rows(1, 2, 3, 3),), (None,) * 3
    output = Output(attentions=layers, hidden_states=states)
    assert "1 attentions and 2 layers" in str(Attention.from_arrays(output, list("abc")).notes[0])
    assert Attention.from_arrays(output, list("abc"), layers=[1]).layers == (1,)
    cached = Output(attentions=layers, past_key_values=Output(layers=[None] * 4))
    assert "1 attentions and 4 layers" in str(Attention.from_arrays(cached, list("abc")).notes[0])


@pytest.mark.parametrize(
    ("shape", "batch", "layers", "heads"),
    [
        ((4, 4), None, 1, 1),
        ((4, 4), 0, 1, 1),
        ((3, 4, 4), None, 1, 3),
        ((3, 4, 4), 2, 1, 1),
        ((2, 3, 4, 4), None, 2, 3),
        ((2, 3, 4, 4), 1, 1, 3),
        ((2, 3, 5, 4, 4), 2, 2, 5),
    ],
)
def test_batches(shape, batch, layers, heads):
    """With `batch` three and four dimensions are one layer of a batch; without it they are heads, and layers."""
    weights = rows(*shape)
    found = Attention.from_arrays(weights, list("abcd"), batch=batch)
    assert found.weights.shape == (layers, heads, 4, 4)
    chosen = weights
    if batch is not None and len(shape) > 2:
        chosen = weights[:, batch] if len(shape) == 5 else weights[batch]
    assert np.array_equal(found.weights.ravel(), chosen.ravel())


def test_readings_are_told():
    """Where the number of dimensions does not decide, the reading that was taken is told; where it does, nothing is."""

    def notes(weights, **options):
        return [str(note) for note in Attention.from_arrays(weights, list("abcd"), **options).notes]

    assert notes(rows(2, 3, 4, 4)) == ["Read as 2 layers x 3 heads; with batch=0 it is one layer of 2 texts."]
    assert "3 texts of one head" in notes(rows(3, 4, 4))[0]
    assert "first of a batch of 2" in notes((rows(2, 3, 4, 4), rows(2, 3, 4, 4)))[0]
    assert "the first axis of each layer is a batch" in notes([rows(2, 4, 4), rows(2, 4, 4)])[0]
    assert notes(rows(1, 3, 4, 4)) == notes(rows(2, 3, 4, 4), batch=0) == notes(rows(1, 4, 4)) == []
    assert notes((rows(1, 3, 4, 4),)) == notes((rows(2, 3, 4, 4),), batch=0) == []


def test_averaged_heads_of_layers():
    """MultiheadAttention's [batch, query, key], a list of one a layer, is read with `batch`."""
    layers = [rows(2, 4, 4), rows(2, 4, 4)[::-1]]
    found = Attention.from_arrays(layers, list("abcd"), batch=1)
    assert np.array_equal(found.weights, np.stack([layer[1:] for layer in layers]))


FOREIGN = {
    "Swin": (rows(16, 2, 4, 4), rows(4, 4, 4, 4)),
    "Funnel": (rows(1, 2, 8, 8), rows(1, 2, 4, 4)),
    "pooled": (rows(1, 2, 6, 6), rows(1, 2, 3, 6)),
    "Segformer": (rows(1, 1, 16, 4), rows(1, 2, 4, 4)),
    "Perceiver": (rows(1, 2, 3, 7), rows(1, 2, 3, 3)),
    "LongT5": (rows(1, 2, 2, 3, 9), rows(1, 2, 2, 3, 9)),
    "Reformer": (rows(1, 2, 2, 3, 4), rows(1, 2, 2, 3, 4)),
    "Longformer": (rows(1, 2, 8, 5), rows(1, 2, 8, 5)),
    "XLNet": ((rows(1, 2, 4, 4), rows(1, 2, 4, 4)), (rows(1, 2, 4, 4), rows(1, 2, 4, 4))),
    "dimensions": (rows(2, 4, 4), rows(1, 2, 4, 4)),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_forms_are_named(name):
    """Attention that is not over whole texts is refused by what it is, in one line."""
    with pytest.raises(AttnvizError, match=name) as error:
        Attention.from_arrays(FOREIGN[name])
    assert "\n" not in str(error.value)


def test_longformer_output():
    """An output with global attention is Longformer's."""
    with pytest.raises(ShapeError, match="Longformer"):
        Attention.from_arrays(Output(attentions=(rows(1, 2, 8, 5),), global_attentions=(rows(1, 2, 8, 1),)))


@pytest.mark.parametrize(
    "steps",
    [((rows(1, 2, 3, 3),), (None,)), ((rows(1, 2, 3, 3),), (rows(1, 2, 1, 4), rows(1, 2, 1, 4))), ((None,), (None,))],
)
def test_steps_without_attention(steps):
    """A step that has no attention tells how to get it."""
    with pytest.raises(AttnvizError, match="output_attentions=True"):
        Attention.from_arrays(steps)


def test_steps_that_do_not_continue():
    """Steps whose rows look ahead are none of generate()."""
    with pytest.raises(ShapeError, match="does not continue"):
        Attention.from_arrays(((rows(1, 2, 3, 3),), (rows(1, 2, 1, 9),)))


def test_outputs_without_attention():
    """An output that has none says so, or names its parts that have some; one that is a dictionary is read as any."""
    for nothing in (None, (), {}, {"last_hidden_state": 1}):
        with pytest.raises(MissingError, match="did not return it"):
            Attention.from_arrays(nothing)
    parts = {"text_embeds": 1, "text_model_output": SimpleNamespace(attentions=(rows(1, 1, 2, 2),))}
    with pytest.raises(MissingError, match="Give one of them, as output"):
        Attention.from_arrays(parts)
    assert Attention.from_arrays({"attentions": (rows(1, 1, 2, 2),) * 3}).weights.shape == (3, 1, 2, 2)


def test_torch_tensors():
    """Torch's tensors, one layer of a batch too, are read the same way."""
    torch = pytest.importorskip("torch")
    weights = torch.softmax(torch.randn(2, 3, 4, 4), dim=-1)
    found = Attention.from_arrays(weights, list("abcd"), batch=1)
    assert np.array_equal(found.weights[0], weights[1].numpy())
    attention = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    inputs = torch.randn(3, 4, 8)
    for average in (True, False):
        _, given = attention(inputs, inputs, inputs, average_attn_weights=average)
        found = Attention.from_arrays(given, list("abcd"), batch=2)
        assert found.weights.shape == (1, 1 if average else 2, 4, 4)
