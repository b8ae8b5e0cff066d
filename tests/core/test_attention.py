"""The kernel: laws of softmax and of scaled dot-product attention, an oracle in plain Python, PyTorch's numbers."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from near import assert_between, assert_near, assert_near64, assert_rows_sum_to_one, assert_within
from paths import GOLDEN

from attnviz.core.attention import attend, merge_heads, scaled_dot_product_attention, softmax, split_heads
from attnviz.core.errors import InputError, ShapeError

LARGEST = float(np.finfo(np.float32).max)
ARTICLE = np.arange(1, 13).reshape(3, 4) / 10
ANSWERS = np.load(GOLDEN / "attention.npz")

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
small = st.floats(-2, 2, width=32)


@st.composite
def problems(draw, elements=small):
    """A query, key, value and mask that fit together."""
    queries, keys, d, d_v = (draw(st.integers(1, 5)) for _ in range(4))
    shapes = (queries, d), (keys, d), (keys, d_v)
    q, k, v = (draw(arrays(np.float32, shape, elements=elements)) for shape in shapes)
    return q, k, v, draw(arrays(bool, (queries, keys)))


def oracle(q, k, v, allowed=None, bias=None, scale=None, temperature=1.0, cap=None, sink=None):
    """The same equation with lists and math.exp, in float64; returns output, weights, logits."""
    factor = 1 / math.sqrt(len(q[0])) if scale is None else scale
    outputs, table, every_logit = [], [], []

    def capped(score):
        return score if cap is None else cap * math.tanh(score / cap)

    for i, asks in enumerate(q):
        logits = [
            (
                capped(sum(a * b for a, b in zip(asks, answers, strict=True)) * factor)
                + (bias[i][j] if bias is not None else 0)
            )
            / temperature
            for j, answers in enumerate(k)
        ]
        seen = [j for j in range(len(k)) if allowed is None or allowed[i][j]]
        if sink is not None:
            seen.append(len(k))
            logits.append(sink)
        top = max((logits[j] for j in seen), default=0)
        raw = [math.exp(logits[j] - top) if j in seen else 0.0 for j in range(len(logits))]
        row = [one / (sum(raw) or 1) for one in raw]
        table.append(row)
        every_logit.append(logits)
        outputs.append([sum(w * value[c] for w, value in zip(row, v, strict=False)) for c in range(len(v[0]))])
    return outputs, table, every_logit


@given(arrays(np.float32, array_shapes(min_dims=1, max_dims=4, max_side=6), elements=finite))
def test_softmax_rows_sum_to_one(x):
    """Softmax of any finite float32 is at least 0, sums to 1 along the last axis and stays float32."""
    weights = softmax(x)
    assert weights.dtype == np.float32
    assert (weights >= 0).all()
    assert_rows_sum_to_one(weights)


@given(arrays(np.float64, (3, 5), elements=st.floats(-30, 30)), st.floats(-1e3, 1e3))
def test_softmax_ignores_a_constant(x, constant):
    """Adding one constant to all logits changes no weight."""
    assert_near64(softmax(x + constant), softmax(x), size=x + constant)


@given(arrays(np.float32, (4, 5), elements=finite), arrays(bool, (4, 5)))
def test_softmax_masks(x, allowed):
    """A masked cell is exactly 0, a row with nothing allowed is all 0, every other row sums to 1."""
    weights = softmax(x, allowed)
    assert (weights[~allowed] == 0).all()
    assert_rows_sum_to_one(weights, allowed)


@given(arrays(np.float64, (3, 4), elements=st.floats(-5, 5)), arrays(bool, (3, 4)))
def test_softmax_along_another_axis(x, allowed):
    """axis=0 is the last axis of the transposed problem."""
    np.testing.assert_array_equal(softmax(x, allowed, axis=0), softmax(x.T, allowed.T).T)


@pytest.mark.parametrize(("given_type", "expected"), [("f4", "f4"), ("f8", "f8"), ("i8", "f8"), ("?", "f8")])
def test_softmax_dtype(given_type, expected):
    """float32 stays float32, float64 float64, and whole numbers become float64."""
    assert softmax(np.ones((2, 2), dtype=given_type)).dtype == expected


def test_softmax_of_nothing():
    """Where there is nothing to share, there are no weights."""
    assert softmax(np.zeros((2, 0))).shape == (2, 0)


def test_softmax_mask_that_does_not_fit():
    """A mask that does not broadcast raises ShapeError with both shapes."""
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(4, 5\)"):
        softmax(np.zeros((4, 5)), np.ones((2, 3), dtype=bool))


@given(problems())
def test_attention_equals_plain_python(problem):
    """Output, weights and logits are those of a float64 oracle made of lists and math.exp, mask and all."""
    q, k, v, allowed = problem
    output, weights, logits = oracle(q.tolist(), k.tolist(), v.tolist(), allowed.tolist())
    got = attend(q, k, v, allowed=allowed)
    assert_near(got.logits, logits)
    assert_near(got.weights, weights, size=logits)
    assert_near(got.output, output, size=[*np.ravel(logits), *np.ravel(output)])


@given(problems(), st.floats(-2, 2), st.floats(0.25, 4), st.data())
def test_every_option_equals_plain_python(problem, scale, temperature, data):
    """Scale, bias and temperature together: temperature divides the bias too."""
    q, k, v, _ = problem
    bias = data.draw(arrays(np.float32, (len(q), len(k)), elements=small))
    _, weights, logits = oracle(
        q.tolist(), k.tolist(), v.tolist(), bias=bias.tolist(), scale=scale, temperature=temperature
    )
    got = attend(q, k, v, bias=bias, scale=scale, temperature=temperature)
    assert_near(got.logits, logits)
    assert_near(got.weights, weights, size=logits)


@given(problems(), st.floats(0.1, 60), st.floats(-4, 4, width=32), st.booleans(), st.data())
def test_a_cap_and_a_sink_equal_plain_python(problem, cap, sink, has_sink, data):
    """A cap bends the scaled scores before the bias; a sink is a last column that no mask forbids, without a value."""
    q, k, v, allowed = problem
    bias = data.draw(arrays(np.float32, (len(q), len(k)), elements=small))
    given_sink = sink if has_sink else None
    lists = [array.tolist() for array in (q, k, v, allowed, bias)]
    output, weights, logits = oracle(*lists, temperature=1.5, cap=cap, sink=given_sink)
    got = attend(q, k, v, allowed=allowed, bias=bias, temperature=1.5, cap=cap, sink=given_sink)
    assert_near(got.logits, logits)
    assert_near(got.weights, weights, size=logits)
    assert_near(got.output, output, size=[*np.ravel(logits), *np.ravel(output)])
    if has_sink:
        assert_rows_sum_to_one(got.weights)


@given(problems(elements=finite), st.floats(1e-3, 1e6))
def test_a_cap_holds(problem, cap):
    """No score goes beyond the cap, whatever the inputs, and the order of the scores stays."""
    q, k, v, _ = problem
    got, plain = attend(q, k, v, cap=cap), attend(q, k, v)
    assert np.isfinite(got.logits).all()
    assert_between(got.logits / cap, -1, 1)
    order = np.argsort(plain.logits, axis=-1)
    assert (np.diff(np.take_along_axis(got.logits, order, -1), axis=-1) >= 0).all()


@given(problems(), st.floats(-4, 4, width=32))
def test_a_sink_scales_the_rows(problem, sink):
    """Next to a sink the keys share what it leaves, in the same proportions; a very low sink takes nothing."""
    q, k, v, _ = problem
    plain, beside = attend(q, k, v), attend(q, k, v, sink=sink)
    left = 1 - beside.weights[:, -1:]
    assert_near(beside.weights[:, :-1], plain.weights * left, size=plain.logits)
    assert_near(beside.output, plain.output * left, size=[*np.ravel(plain.logits), *np.ravel(plain.output)])
    np.testing.assert_array_equal(attend(q, k, v, sink=-3e38).weights[:, :-1], plain.weights)


@pytest.mark.parametrize("allowed", [True, [[True]], [[True], [False]], [[True, False, True]]])
def test_a_sink_beside_a_mask_that_broadcasts(allowed):
    """A mask of fewer dimensions or of size 1 leaves the sink its column."""
    q, k = np.ones((2, 3)), np.ones((3, 3))
    got = attend(q, k, k, allowed=allowed, sink=0.0)
    whole = attend(q, k, k, allowed=np.broadcast_to(allowed, (2, 3)), sink=0.0)
    np.testing.assert_array_equal(got.weights, whole.weights)
    assert (got.weights[:, -1] > 0).all()


def test_sinks_of_heads():
    """Each head has its own sink; one of another shape, or one that is not finite, is refused."""
    q = np.ones((2, 3, 4), np.float32)
    got = attend(q, q, q, sink=[0, 1])
    for head in (0, 1):
        np.testing.assert_array_equal(got.weights[head], attend(q[head], q[head], q[head], sink=head).weights)
    with pytest.raises(ShapeError, match=r"sink .* does not broadcast to \(2,\)"):
        attend(q, q, q, sink=[0, 1, 2])
    with pytest.raises(InputError, match="sink must hold finite"):
        attend(q, q, q, sink=[0, math.inf])


@pytest.mark.parametrize("cap", [0, -1, math.nan, math.inf])
def test_wrong_cap(cap):
    """A cap is a number above 0."""
    with pytest.raises(InputError, match="cap of the scores must be a number above 0"):
        attend([[1.0]], [[1.0]], [[1.0]], cap=cap)


@given(problems())
def test_rows_sum_to_one_or_nothing(problem):
    """Each row sums to 1; forbidden cells are exactly 0; a fully masked row, and its output, are zeros."""
    q, k, v, allowed = problem
    output, weights = scaled_dot_product_attention(q, k, v, allowed=allowed)
    seen = allowed.any(axis=-1)
    assert_rows_sum_to_one(weights, allowed)
    assert (weights[~allowed] == 0).all()
    assert (output[~seen] == 0).all()


@given(problems(elements=finite))
def test_finite_for_any_finite_input(problem):
    """Any finite float32 gives finite float32 weights that sum to 1, and outputs that lie between the values."""
    q, k, v, _ = problem
    output, weights = scaled_dot_product_attention(q, k, v)
    assert output.dtype == weights.dtype == np.float32
    assert_rows_sum_to_one(weights)
    size = np.maximum(np.abs(v).max(axis=0), np.finfo(np.float32).tiny)  # half of the smallest number is 0
    assert_between(output / size, v.min(axis=0) / size, v.max(axis=0) / size)


@pytest.mark.parametrize("temperature", [1e-320, 0.1, 1, 1e300])
@pytest.mark.parametrize("scale", [None, 0.0, 1e-320, 1e300, -1e300])
@pytest.mark.parametrize("size", [3e19, LARGEST, -LARGEST])
def test_finite_at_the_limit(size, scale, temperature):
    """Logits that overflow float32, or even float64, still give finite weights that sum to 1."""
    x = np.full((3, 4), size, dtype=np.float32)
    output, weights = scaled_dot_product_attention(x, x, x, scale=scale, temperature=temperature)
    assert_near(weights, 1 / 3)
    assert_near(output / np.float64(size), 1)


def test_overflow_keeps_the_winner():
    """A key of 3e19 looks at itself alone: the logits that overflowed are computed again, not clipped to a tie."""
    x = np.array([[3e19, 0], [0, 3e19]], dtype=np.float32)
    _, weights = scaled_dot_product_attention(x, x, x)
    np.testing.assert_array_equal(weights, np.eye(2))


@given(problems(), st.randoms())
def test_order_of_the_keys_does_not_matter(problem, random):
    """Keys and values in another order give the same output, and the weights in that order."""
    q, k, v, _ = problem
    order = random.sample(range(len(k)), len(k))
    plain, moved = attend(q, k, v), attend(q, k[order], v[order])
    assert_near(moved.weights, plain.weights[:, order], size=plain.logits)
    assert_near(moved.output, plain.output, size=plain.logits)


@pytest.mark.parametrize(
    ("q", "k", "v", "output"),
    [
        ((3, 4), (5, 4), (5, 2), (3, 2)),
        ((2, 3, 4), (5, 4), (5, 2), (2, 3, 2)),
        ((2, 1, 3, 4), (7, 5, 4), (5, 2), (2, 7, 3, 2)),
        ((3, 4), (5, 4), (6, 5, 2), (6, 3, 2)),
        ((0, 4), (5, 4), (5, 2), (0, 2)),
        ((3, 4), (0, 4), (0, 2), (3, 2)),
        ((3, 4), (5, 4), (5, 0), (3, 0)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_shapes_and_dtype(q, k, v, output, dtype):
    """Leading dimensions broadcast, 0 is a size too; output and weights are float32, inside as precise as the input."""
    generator = np.random.default_rng(0)
    given_arrays = [generator.integers(-3, 3, shape).astype(dtype) for shape in (q, k, v)]
    got = attend(*given_arrays)
    assert got.output.shape == output
    assert got.weights.shape == (*np.broadcast_shapes(q[:-2], k[:-2]), q[-2], k[-2])
    assert got.output.dtype == np.float32
    assert got.weights.dtype == got.logits.dtype == (np.float64 if dtype in (np.float64, np.int64) else np.float32)
    assert scaled_dot_product_attention(*given_arrays)[1].dtype == np.float32


@given(st.integers(1, 3), st.integers(1, 3), st.data())
def test_batch_is_a_loop(batch, heads, data):
    """Each leading index is computed as if it were alone, and a single mask and bias serve all."""
    q, k, v = (data.draw(arrays(np.float32, (batch, heads, 3, 2), elements=small)) for _ in range(3))
    bias, allowed = data.draw(arrays(np.float32, (3, 3), elements=small)), np.tri(3, dtype=bool)
    output, weights = scaled_dot_product_attention(q, k, v, allowed=allowed, bias=bias)
    for at in np.ndindex(batch, heads):
        alone = scaled_dot_product_attention(q[at], k[at], v[at], allowed=allowed, bias=bias)
        assert_near(output[at], alone[0])
        assert_near(weights[at], alone[1])


@pytest.mark.parametrize(
    ("shapes", "options", "named"),
    [
        (((3, 4), (3, 5), (3, 4)), {}, [(3, 4), (3, 5)]),
        (((3, 4), (5, 4), (6, 4)), {}, [(5, 4), (6, 4)]),
        (((3, 0), (3, 0), (3, 4)), {}, [(3, 0)]),
        (((4,), (3, 4), (3, 4)), {}, [(4,)]),
        (((3, 4), (3, 4), (3,)), {}, [(3,)]),
        (((2, 3, 4), (3, 3, 4), (3, 4)), {}, [(2, 3, 4), (3, 3, 4)]),
        (((3, 4), (3, 4), (3, 4)), {"allowed": (2, 2)}, [(2, 2), (3, 3)]),
        (((3, 4), (3, 4), (3, 4)), {"bias": (3, 4)}, [(3, 4), (3, 3)]),
        (((1, 4), (3, 4), (3, 4)), {"allowed": (2, 3)}, [(2, 3), (1, 3)]),
        (((3, 4), (3, 4), (2, 3, 4)), {"bias": (5, 3, 3)}, [(5, 3, 3), (2, 3, 3)]),
        (((3, 4), (3, 4), (2, 3, 4)), {"allowed": (5, 3, 3)}, [(5, 3, 3), (2, 3, 3)]),
    ],
)
def test_shapes_that_do_not_fit(shapes, options, named):
    """A wrong shape raises ShapeError, and the message holds the shapes that do not fit each other."""
    given_options = {name: np.ones(shape) for name, shape in options.items()}
    with pytest.raises(ShapeError) as caught:
        scaled_dot_product_attention(*(np.ones(shape) for shape in shapes), **given_options)
    assert all(str(shape) in str(caught.value) for shape in named)


def test_a_mask_and_a_bias_that_do_not_fit_each_other():
    """A bias and a mask whose leading dimensions do not broadcast raise ShapeError with both shapes."""
    x = np.ones((3, 4))
    with pytest.raises(ShapeError, match=r"allowed \(2, 3, 3\) .* logits \(5, 3, 3\)"):
        scaled_dot_product_attention(x, x, x, bias=np.ones((5, 3, 3)), allowed=np.ones((2, 3, 3)))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e39])
@pytest.mark.parametrize("name", ["query", "key", "value", "bias"])
def test_numbers_that_are_not_finite(name, bad):
    """nan, inf and what is beyond float32 in query, key or value, or nan and inf in the bias, raise InputError."""
    parts = {part: np.ones((2, 2)) for part in ("query", "key", "value", "bias")}
    parts[name][0, 1] = bad
    if (name, bad) == ("bias", 1e39):
        assert np.isfinite(attend(**parts).weights).all()
    else:
        with pytest.raises(InputError, match=name):
            attend(**parts)


@pytest.mark.parametrize("value", ["word", [[1j]], [["a"]], [[1], [1, 2]], [[None]]])
def test_what_is_not_an_array_of_numbers(value):
    """Text, complex numbers and ragged lists raise InputError that names the argument."""
    with pytest.raises(InputError, match="key must be an array of real numbers"):
        scaled_dot_product_attention([[1.0]], value, [[1.0]])


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_wrong_temperature(temperature):
    """A temperature is a number above 0."""
    with pytest.raises(InputError, match="temperature"):
        scaled_dot_product_attention([[1.0]], [[1.0]], [[1.0]], temperature=temperature)


@pytest.mark.parametrize("scale", [math.nan, math.inf])
def test_wrong_scale(scale):
    """A scale is a finite number."""
    with pytest.raises(InputError, match="scale"):
        scaled_dot_product_attention([[1.0]], [[1.0]], [[1.0]], scale=scale)


def test_temperature_sharpens_and_flattens():
    """A low temperature gives the best key nearly everything, a high one shares evenly."""
    cold = scaled_dot_product_attention(ARTICLE, ARTICLE, ARTICLE, temperature=0.01)[1]
    hot = scaled_dot_product_attention(ARTICLE, ARTICLE, ARTICLE, temperature=1e6)[1]
    assert (cold[:, 2] > 0.99).all()
    assert_within(hot, 1 / 3, 1e-5, "the logits still differ by a millionth")


def test_inputs_are_left_alone():
    """The arrays that were given are neither changed nor handed back."""
    x = np.ones((2, 2), dtype=np.float32)
    got = attend(x, x, x, bias=x, allowed=x > 0)
    assert (x == 1).all()
    assert not any(np.shares_memory(x, part) for part in got)


def test_the_article():
    """The worked example of samples/article.csv, Q = K = V = X, to seven digits."""
    got, (output, weights, _) = attend(ARTICLE, ARTICLE, ARTICLE), oracle(ARTICLE, ARTICLE, ARTICLE)
    assert got.weights.dtype == np.float64
    assert_near64(got.weights, weights)
    assert_near(got.output, output)
    expected = [[0.2693075, 0.3289329, 0.4017596], [0.1814472, 0.3051992, 0.5133536], [0.1151819, 0.2668035, 0.6180147]]
    assert_near(scaled_dot_product_attention(ARTICLE, ARTICLE, ARTICLE)[1], expected)
    assert_near(got.output[:, 0], [0.5529808, 0.6327625, 0.7011331])


@pytest.mark.parametrize("name", ["plain", "allowed", "bias", "both", "scale"])
def test_pytorch_gives_the_same(name):
    """torch.nn.functional.scaled_dot_product_attention gives the same output and weights."""
    options = {
        "plain": {},
        "allowed": {"allowed": ANSWERS["allowed"]},
        "bias": {"bias": ANSWERS["bias"]},
        "both": {"allowed": ANSWERS["allowed"], "bias": ANSWERS["bias"]},
        "scale": {"scale": 0.5},
    }[name]
    output, weights = scaled_dot_product_attention(ANSWERS["q"], ANSWERS["k"], ANSWERS["v"], **options)
    assert_near(output, ANSWERS[f"output_{name}"])
    assert_near(weights, ANSWERS[f"weights_{name}"])


@pytest.mark.parametrize(("name", "option"), [("cap", {"cap": 1.5}), ("sink", {"sink": ANSWERS["sink"]})])
def test_transformers_gives_the_same(name, option):
    """The functions of Gemma 2 and gpt-oss in transformers give the same output and weights under a mask."""
    got = attend(ANSWERS["q"], ANSWERS["k"], ANSWERS["v"], allowed=ANSWERS["allowed"], **option)
    assert_near(got.output, ANSWERS[f"output_{name}"])
    assert_near(got.weights[..., :7], ANSWERS[f"weights_{name}"])


def test_pytorch_broadcasts_the_same():
    """One key and value shared by every batch and head give PyTorch's output."""
    output, _ = scaled_dot_product_attention(ANSWERS["q"], ANSWERS["k"][0, 0], ANSWERS["v"][0, 0])
    assert_near(output, ANSWERS["output_shared"])


@given(array_shapes(min_dims=0, max_dims=2, max_side=3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_split_and_merge_are_inverse(leading, heads, tokens, width):
    """merge_heads undoes split_heads, and head h holds the h-th slice of the features."""
    shape = (*leading, tokens, heads * width)
    x = np.arange(math.prod(shape)).reshape(shape)
    cut = split_heads(x, heads)
    assert cut.shape == (*leading, heads, tokens, width)
    for head in range(heads):
        np.testing.assert_array_equal(cut[..., head, :, :], x[..., head * width : (head + 1) * width])
    np.testing.assert_array_equal(merge_heads(cut), x)


@pytest.mark.parametrize(("shape", "heads"), [((3, 4), 3), ((3, 4), 0), ((3, 4), -1), ((4,), 2), ((), 1)])
def test_heads_that_do_not_divide(shape, heads):
    """A number of heads that does not divide the features, or too few dimensions, raises ShapeError."""
    with pytest.raises(ShapeError, match=re.escape(str(shape)) if len(shape) < 2 else f"4 features .* {heads} equal"):
        split_heads(np.zeros(shape), heads)


@pytest.mark.parametrize("shape", [(), (4,), (3, 4)])
def test_heads_that_are_not_there(shape):
    """merge_heads without a head dimension raises ShapeError with the shape."""
    with pytest.raises(ShapeError, match=re.escape(str(shape))):
        merge_heads(np.zeros(shape))
