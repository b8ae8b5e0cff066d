"""Weights from elsewhere: whatever their make, the same numbers in [layers, heads, query, key]; unsound rows named."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from near import assert_within

from attnviz import Attention, Token, run
from attnviz.core.errors import AttnvizError, InputError, MissingError, OptionError, ShapeError
from attnviz.core.foreign_arrays import as_numbers, check_rows
from attnviz.core.weight_forms import read_stack


def rows(*shape):
    """Random rows that sum to 1, float32."""
    raw = np.random.default_rng(7).random(shape)
    return (raw / raw.sum(axis=-1, keepdims=True)).astype(np.float32)


class Tensor:
    """As torch's: not an array before it has left its graph and its device; NumPy has no bfloat16."""

    def __init__(self, array, dtype="float32", steps=()):
        self.array, self.dtype, self.steps, self.ndim, self.shape = array, dtype, steps, array.ndim, array.shape

    def detach(self):
        return Tensor(self.array, self.dtype, (*self.steps, "detach"))

    def cpu(self):
        return Tensor(self.array, self.dtype, (*self.steps, "cpu"))

    def float(self):
        return Tensor(self.array, "float32", self.steps)

    def numpy(self):
        if self.steps != ("detach", "cpu"):
            raise RuntimeError("Can't call numpy() on a tensor that requires grad.")
        if self.dtype == "bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.array

    def __array__(self, *_, **__):
        raise RuntimeError("Can't call numpy() on a tensor that requires grad.")


class Arrayed:
    """Anything that hands out an array."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)


WHOLE = rows(2, 3, 4, 4)
MAKES = {
    "array": (WHOLE, WHOLE),
    "float16": (WHOLE.astype(np.float16), WHOLE.astype(np.float16)),
    "float64": (WHOLE.astype(np.float64), WHOLE),
    "one layer": (WHOLE[0], WHOLE[:1]),
    "one head": (WHOLE[0, 0], WHOLE[:1, :1]),
    "nested list": (WHOLE[0].tolist(), WHOLE[:1]),
    "list of heads": (list(WHOLE[0]), WHOLE[:1]),
    "list of layers": (list(WHOLE), WHOLE),
    "whole numbers": ([[1, 0], [0, 1]], np.eye(2)[None, None]),
    "booleans": (np.eye(2, dtype=bool), np.eye(2)[None, None]),
    "__array__": (Arrayed(WHOLE), WHOLE),
    "tensor": (Tensor(WHOLE), WHOLE),
    "bfloat16": (Tensor(WHOLE, "bfloat16"), WHOLE),
    "attentions": (tuple(Tensor(layer[None]) for layer in WHOLE), WHOLE),
    "attentions of one layer": ((Tensor(WHOLE[:1]),), WHOLE[:1]),
    "arrays of attentions": ([layer[None] for layer in WHOLE], WHOLE),
    "attentions stacked": (WHOLE[:, None], WHOLE),
}


@pytest.mark.parametrize("make", MAKES)
def test_makes(make):
    """However the weights come, they are [layers, heads, query, key] with the same numbers."""
    weights, expected = MAKES[make]
    found = Attention.from_arrays(weights, [f"w{i}" for i in range(expected.shape[-1])])
    assert found.weights.dtype == np.float32
    assert np.array_equal(found.weights, expected.astype(np.float32))
    assert (found.provenance.layers, found.provenance.heads) == expected.shape[:2]


@pytest.mark.parametrize("names", [{"heads": ["a", "a"]}, {"heads": [0, "0"]}, {"layers": [3, 3]}])
def test_names_are_different(names):
    """Two heads or layers of one name could not be told apart."""
    weights = np.full((1, 2, 2, 2), 0.5) if "heads" in names else np.full((2, 1, 2, 2), 0.5)
    with pytest.raises(InputError, match="different names"):
        Attention.from_arrays(weights, ["a", "b"], **names)


def test_no_batch():
    """A text of a batch cannot be chosen where there is none, nor by what is no number."""
    with pytest.raises(MissingError, match="without a batch"):
        Attention.from_arrays(np.eye(2), ["a", "b"], batch=1)
    for batch in ("a", 0.5, True):
        with pytest.raises(OptionError, match="batch is the number of a text"):
            Attention.from_arrays(np.eye(2)[None, None, None], ["a", "b"], batch=batch)


@pytest.mark.parametrize("stacked", [False, True])
def test_batch(stacked):
    """`batch` picks a text of a batch, and one that is not there is named."""
    batch = [rows(3, 2, 4, 4), rows(3, 2, 4, 4)[::-1]]
    weights = np.stack(batch) if stacked else tuple(batch)
    for i in range(3):
        found = Attention.from_arrays(weights, list("abcd"), batch=i)
        assert np.array_equal(found.weights, np.stack([layer[i] for layer in batch]))
    for i in (3, -1):
        with pytest.raises(MissingError, match=f"text {i} in a batch of 3"):
            Attention.from_arrays(weights, list("abcd"), batch=i)


def test_torch():
    """Torch's own tensors come in, on a graph or in half precision."""
    torch = pytest.importorskip("torch")
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        weights = torch.softmax(torch.randn(1, 2, 3, 3, requires_grad=True), dim=-1).to(dtype)
        found = Attention.from_arrays((weights, weights), list("abc"), normalize=True)
        assert found.weights.shape == (2, 2, 3, 3)
        expected = weights[0].detach().float().numpy()
        assert_within(found.weights[0], expected, 2**-8, "a row of bfloat16 may miss 1 by so much")


def test_no_torch_is_loaded():
    """Nothing that makes tensors is imported for them."""
    assert not {"torch", "jax", "transformers"} & set(sys.modules) or "torch" in sys.modules


@pytest.mark.parametrize(
    ("weights", "kind", "words"),
    [
        ((None, None), MissingError, ["Layer 0", "None", "eager"]),
        ([], ShapeError, ["(0,)"]),
        ([[]], ShapeError, ["empty"]),
        (np.zeros((0, 2, 3, 3)), ShapeError, ["empty"]),
        (0.5, ShapeError, ["()"]),
        ([0.5, 0.5], ShapeError, ["(2,)"]),
        (np.ones((1, 1, 1, 1, 2, 2)), ShapeError, ["(1, 1, 1, 1, 2, 2)"]),
        ([[0.5, 0.5], [1]], ShapeError, ["equally long"]),
        ((rows(1, 2, 3, 3), rows(1, 2, 4, 4)), ShapeError, ["(1, 2, 3, 3)", "(1, 2, 4, 4)"]),
        ([["a", "b"], ["c", "d"]], InputError, ["real numbers"]),
        (np.array([[1, None], [2, 3]], dtype=object), InputError, ["object"]),
        (np.eye(2) * 1j, InputError, ["complex"]),
        (Tensor(rows(2, 2), "float32", ("wrong",)), InputError, ["numpy()"]),
    ],
)
def test_what_is_no_weights(weights, kind, words):
    """What cannot be weights is an error that says what came."""
    with pytest.raises(kind) as error:
        Attention.from_arrays(weights, ["a", "b"])
    assert [word for word in words if word not in str(error.value)] == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, ["layer 1, head 2, row 3, column 0 is nan"]),
        (np.inf, ["layer 1, head 2, row 3, column 0 is inf"]),
        (-0.5, ["layer 1, head 2, row 3, column 0 is -0.5"]),
        (1e300, ["layer 1, head 2, row 3, column 0 is 1e+300"]),
        (0.9, ["layer 1, head 2, row 3 sums to", "not to 1", "model.eval()", "--normalize"]),
    ],
)
def test_unsound_rows_are_named(value, words):
    """A row that is not sound is named by layer, head and row, all counted from 0, with what is in it."""
    weights = rows(2, 3, 4, 4).astype(np.float64)
    weights[1, 2, 3, 0] = value
    with pytest.raises(InputError) as error:
        Attention.from_arrays(weights, list("abcd"))
    assert [word for word in words if word not in error.value.for_command_line().replace("Layer", "layer")] == []


def test_rows_are_named_as_their_layers_are():
    """A row is named by the layer's and the head's own names."""
    weights = rows(1, 1, 2, 2) * 2
    with pytest.raises(InputError, match="Layer 7, head who acts, row 0 sums to 2"):
        Attention.from_arrays(weights, list("ab"), layers=[7], heads=["who acts"])


def test_rows_of_zeros():
    """A row of zeros is right where nothing is allowed, and nowhere else, normalized or not."""
    weights = np.array([[0, 0], [0.5, 0.5]])
    found = Attention.from_arrays(weights, list("ab"), allowed=[[False, False], [True, True]])
    assert np.array_equal(found.weights[0, 0], weights)
    for normalize in (False, True):
        with pytest.raises(InputError, match="row 0 sums to 0"):
            Attention.from_arrays(weights, list("ab"), normalize=normalize)


def test_a_weight_where_nothing_is_allowed():
    """A weight on a forbidden cell contradicts itself."""
    with pytest.raises(InputError, match=r"row 0, column 1 is 0\.5, where `allowed` is false"):
        Attention.from_arrays([[0.5, 0.5], [0.5, 0.5]], list("ab"), allowed=np.tril(np.ones((2, 2))))


@pytest.mark.parametrize("allowed", [np.ones((3, 3)), np.ones(2)])
def test_allowed_has_the_shape_of_a_head(allowed):
    """`allowed` is [query, key]."""
    with pytest.raises(ShapeError, match="allowed"):
        Attention.from_arrays(np.eye(2), list("ab"), allowed=allowed)


@pytest.mark.parametrize("low", [-np.inf, -3.4e38, -1e4])
def test_a_mask_that_is_added_is_named(low):
    """`allowed` is true or false; of a mask that is added to the scores the error has the line that converts it."""
    added = np.where(np.tri(3, dtype=bool), 0, low)
    weights = np.tri(3) / np.arange(1, 4)[:, None]
    with pytest.raises(InputError, match="allowed=mask > -1"):
        Attention.from_arrays(weights, allowed=added)
    assert Attention.from_arrays(weights, allowed=added > -1).allowed.tolist() == np.tri(3, dtype=bool).tolist()
    with pytest.raises(InputError, match="true where a query may attend"):
        Attention.from_arrays(weights, allowed=np.full((3, 3), 2))


def test_rows_are_divided_or_partial():
    """Normalize and partial are two answers to one question: both together are refused."""
    with pytest.raises(OptionError, match="choose one of them"):
        Attention.from_arrays(np.eye(2) / 2, normalize=True, partial=True)


def test_tokens():
    """Tokens are strings or Token; None numbers them and says so; their places are found in the source, in order."""
    token = Token("猫", 0, 1, piece="猫", id=5)
    assert Attention.from_arrays(np.eye(2), [token, "吃"]).query == (token, Token("吃"))
    found = Attention.from_arrays(np.eye(3), ["a", "b", "a"], source="a b a")
    assert [(each.start, each.end) for each in found.query] == [(0, 1), (2, 3), (4, 5)]
    numbered = Attention.from_arrays(np.full((2, 3), 1 / 3), None, keys=np.array(["x", "y", "z"]))
    assert [each.text for each in numbered.query] == ["x0", "x1"]
    assert "x0" in str(numbered.notes[0])


@pytest.mark.parametrize(
    ("tokens", "keys", "shape", "words"),
    [
        (["a"], None, (2, 2), ["(1)", "(2)"]),
        (["a", "b"], ["x"], (2, 2), ["(1)", "(2)"]),
        (["a", "b"], None, (2, 3), ["2 queries and 3 keys", "keys"]),
        ("ab", None, (2, 2), ["string or Token"]),
        ([1, 2], None, (2, 2), ["ids", "tokenizer"]),
        ([1.5, 2.5], None, (2, 2), ["string or Token"]),
    ],
)
def test_wrong_tokens(tokens, keys, shape, words):
    """Names that do not fit the weights are an error that holds both numbers."""
    with pytest.raises(AttnvizError) as error:
        Attention.from_arrays(rows(*shape), tokens, keys=keys)
    assert [word for word in words if word not in str(error.value)] == []


@pytest.mark.parametrize("names", [{"layers": [0, 1]}, {"heads": []}, {"heads": ["a", "b", "c"]}])
def test_wrong_names(names):
    """As many layer and head names as there are layers and heads."""
    with pytest.raises(ShapeError, match="names"):
        Attention.from_arrays(rows(1, 2, 3, 3), list("abc"), **names)


def test_numbers_are_not_copied_twice():
    """float32 stays float32, anything wider float64; the row check gives float32."""
    assert as_numbers(WHOLE).dtype == np.float32
    assert as_numbers(WHOLE.astype(np.float64)).dtype == np.float64
    assert read_stack(WHOLE).weights.shape == WHOLE.shape
    checked = check_rows(WHOLE, None, (0, 1), (0, 1, 2))
    assert (checked.weights.dtype, checked.normalized) == (np.float32, False)


@pytest.mark.parametrize("options", [{}, {"heads": 4}, {"mask": "causal"}])
def test_frame(options):
    """to_frame() has a row a weight with every number exactly, nan where it cannot look."""
    pytest.importorskip("pandas")
    computed = run("the cat eats fish", **options)
    frame = computed.to_frame()
    assert list(frame) == ["layer", "head", "query_index", "query", "key_index", "key", "weight"]
    assert len(frame) == computed.weights.size
    assert frame["weight"].dtype == np.float32
    back = frame["weight"].to_numpy().reshape(computed.weights.shape)
    allowed = np.ones(back.shape[2:], dtype=bool) if computed.allowed is None else computed.allowed
    assert np.array_equal(back[..., allowed], computed.weights[..., allowed])
    assert np.isnan(back[..., ~allowed]).all()
    assert frame["query"].tolist()[:4] == ["the"] * 4
    assert frame["key"].tolist()[:4] == ["the", "cat", "eats", "fish"]
    assert list(dict.fromkeys(frame["head"])) == list(computed.heads)


def test_frame_without_pandas(monkeypatch):
    """Without pandas the error says how to get it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingError, match="pip install pandas"):
        run("猫").to_frame()
