"""Text and settings in, Attention out: the wiring, its defaults and its refusals."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from near import assert_apart, assert_near, assert_rows_sum_to_one
from paths import SAMPLES

import attnviz
from attnviz import Settings, run
from attnviz.core.errors import AttnvizError, InputError, OptionError
from attnviz.models.options import OPTION_KINDS, Options
from attnviz.toy.lexicon import FEATURES, GROUPS
from attnviz.toy.settings import MOST_TOKENS, SETTING_KINDS, check_settings, check_size


def texts(attention) -> list[str]:
    """The texts of the tokens that look."""
    return [token.text for token in attention.tokens]


def test_defaults():
    """猫吃鱼 as it stands: the toy's 104 features, one head, its own projection, no positions, no mask."""
    attention = run("猫吃鱼")
    assert texts(attention) == ["猫", "吃", "鱼"]
    assert attention.weights.shape == (1, 1, 3, 3)
    assert attention.output.shape == (3, 104)
    assert (attention.allowed, attention.layers, attention.heads, attention.notes) == (None, (0,), (0,), ())
    assert attention.source == "猫吃鱼"
    assert attention.query is attention.key
    chosen = {"tokens": "lexicon", "embedding": "toy", "dim": 104, "heads": 1, "projection": "lexicon"}
    assert chosen.items() <= attention.provenance.to_settings().items()
    assert (attention.provenance.position, attention.provenance.mask) == ("none", "none")
    assert attention.traces[0].features == FEATURES


@given(
    st.text(min_size=1).filter(lambda text: text.strip()),
    st.sampled_from([("toy", 1), ("toy", 4), ("hash", 1), ("hash", 8), ("onehot", 1)]),
    st.sampled_from(["none", "sinusoidal"]),
    st.sampled_from(["none", "causal", "window:1"]),
    st.sampled_from(["auto", "char", "space"]),
)
def test_any_text(text, embedding, position, mask, tokens):
    """Any text under any setting: rows sum to 1, forbidden cells are 0, and all is finite."""
    name, heads = embedding
    attention = run(text, embedding=name, heads=heads, position=position, mask=mask, tokens=tokens)
    assert_rows_sum_to_one(attention.weights)
    assert np.isfinite(attention.output).all()
    if attention.allowed is not None:
        assert (attention.weights[:, :, ~attention.allowed] == 0).all()


@pytest.mark.parametrize(("embedding", "how"), [("toy", "lexicon"), ("hash", "han"), ("onehot", "han")])
def test_auto_tokens(embedding, how):
    """`auto` cuts by the lexicon for the toy, and by ideograph for the rest."""
    assert run("红烧狮子头", embedding=embedding).provenance.toy.tokens == how


@pytest.mark.parametrize(("embedding", "how"), [("toy", "lexicon"), ("hash", "identity"), ("onehot", "identity")])
def test_auto_projection(embedding, how):
    """`auto` projects by the toy's cards for the toy, and not at all for the rest."""
    attention = run("猫吃鱼", embedding=embedding)
    assert attention.provenance.toy.projection == how
    same = run("猫吃鱼", embedding=embedding, projection=how)
    np.testing.assert_array_equal(attention.weights, same.weights)


@pytest.mark.parametrize(("heads", "names"), [(1, (0,)), (2, (0, 1)), (4, tuple(GROUPS))])
def test_head_names(heads, names):
    """A head is named only where it is exactly one of the toy's groups."""
    attention = run("猫吃鱼", heads=heads)
    assert attention.heads == names
    assert run("猫吃鱼", heads=4, embedding="hash").heads == (0, 1, 2, 3)
    assert sum(attention.traces[0].head_features, ()) == FEATURES


def test_options_are_fields_of_settings():
    """Options given by name are the fields of Settings; both ways give the same numbers."""
    options = {"heads": 2, "position": "sinusoidal", "mask": "causal", "temperature": 0.5}
    named, settings = run("猫吃鱼", **options), run("猫吃鱼", replace(Settings(), **options))
    np.testing.assert_array_equal(named.weights, settings.weights)
    assert named.provenance == settings.provenance
    assert run("猫吃鱼", Settings(heads=2), heads=4).provenance.heads == 4


def test_every_run_is_the_same():
    """Nothing is random that is not seeded: a run twice gives the same numbers, another seed others."""
    one, again, other = (run("猫吃鱼", projection="random", seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.weights, again.weights)
    assert_apart(one.weights, other.weights)


def test_positions_change_the_weights():
    """Sinusoidal positions change who looks at whom."""
    assert_apart(run("猫吃鱼").weights, run("猫吃鱼", position="sinusoidal").weights, by=0.01)


def test_logits_explain_the_weights():
    """What the trace holds is what was computed: softmax of its logits, and weights of its values."""
    attention = run("猫吃鱼", heads=4, position="sinusoidal", mask="causal", temperature=0.5)
    trace = attention.traces[0]
    dots = trace.query @ trace.key.swapaxes(-1, -2) / np.sqrt(26) / 0.5
    assert_near(trace.logits, dots)
    assert_near(attnviz.softmax(trace.logits, attention.allowed), attention.weights[0])
    assert_near(attention.weights[0] @ trace.value, trace.context)
    np.testing.assert_array_equal(attnviz.merge_heads(trace.context), attention.output)


def test_vectors():
    """Rows of one's own: the article's example by array and by file, with labels or x0, x1, ..."""
    expected = [0.2693075, 0.3289329, 0.4017596]
    array = np.arange(1, 13).reshape(3, 4) / 10
    for vectors in (array, array.tolist(), str(SAMPLES / "article.csv"), SAMPLES / "article.csv"):
        attention = run(vectors=vectors)
        assert_near(attention.weights[0, 0, 0], expected)
        assert_near(attention.output[:, 0], [0.5529808, 0.6327625, 0.7011331])
        assert texts(attention) == ["x0", "x1", "x2"]
        assert attention.source is None
        assert {token.start for token in attention.tokens} == {None}
        assert {
            "embedding": "vectors",
            "dim": 4,
            "tokens": "given",
        }.items() <= attention.provenance.to_settings().items()
    assert texts(run(vectors=array, labels=["a", "b", "c"])) == ["a", "b", "c"]
    assert texts(run(vectors=SAMPLES / "article.csv", labels="猫吃鱼")) == ["猫", "吃", "鱼"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_vectors_of_any_type(dtype):
    """Real numbers of any type are taken, and weights and output come back as float32."""
    attention = run(vectors=np.arange(6, dtype=dtype).reshape(3, 2), heads=2)
    assert attention.weights.dtype == attention.output.dtype == np.float32
    assert attention.heads == (0, 1)


@pytest.mark.parametrize(
    ("vectors", "line"),
    [
        ([1, 2], r"shape \(2,\)"),
        ([], r"shape \(0,\)"),
        ([[]], r"shape \(1, 0\)"),
        (np.ones((2, 2, 2)), "2, 2, 2"),
        ([[float("nan")]], "finite"),
        ([[float("inf")]], "finite"),
        ([["a"]], "matrix"),
        ([[1j]], "matrix"),
        ([[None]], "matrix"),
        ([[1, 2], [3]], "equally long"),
        ([[1e39]], "up to 3.4e38"),
    ],
)
def test_bad_vectors(vectors, line):
    """What is no matrix of finite numbers is refused."""
    with pytest.raises(InputError, match=line):
        run(vectors=vectors)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"labels": ["a"]}, r"labels \(1\) must be that of the rows \(2\)"),
        ({"dim": 3}, "The vectors have 2 dimensions, not 3"),
        ({"heads": 3}, "divide the 2 dimensions"),
        ({"projection": "lexicon"}, "does not fit embedding vectors"),
    ],
)
def test_options_that_do_not_fit_the_vectors(options, line):
    """Labels, dim, heads and projection must fit the matrix."""
    with pytest.raises(AttnvizError, match=line):
        run(vectors=[[1, 2], [3, 4]], **options)


@pytest.mark.parametrize("given_", [{}, {"text": "猫", "vectors": [[1]]}])
def test_text_or_vectors(given_):
    """Either a text or vectors, not none and not both."""
    with pytest.raises(InputError, match="either a text or vectors"):
        run(**given_)


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
@pytest.mark.parametrize("tokens", ["auto", "char", "space", "sentence"])
def test_blank(text, tokens):
    """A blank text is refused."""
    with pytest.raises(InputError, match="empty or blank"):
        run(text, tokens=tokens)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"tokens": "words"}, r"tokens takes one of auto, lexicon, .*'words'. Did you mean word\?"),
        ({"projection": "identy"}, r"projection takes one of auto, identity, .* Did you mean identity\?"),
        ({"position": "sinus"}, r"position takes one of none, sinusoidal, .* Did you mean sinusoidal\?"),
        ({"mask": "causl"}, r"mask takes one of .* Did you mean causal\?"),
        ({"mask": "window:x"}, "whole number"),
        ({"heads": 0}, "heads must be at least 1, not 0"),
        ({"heads": -4}, "not -4"),
        ({"heads": 3}, "heads must be 1, 2 or 4, not 3. For other numbers use embedding hash"),
        ({"heads": 8}, "not 8"),
        ({"temperature": 0.0}, "temperature must be a number above 0, not 0.0"),
        ({"temperature": -1.0}, "not -1.0"),
        ({"temperature": float("nan")}, "not nan"),
        ({"temperature": float("inf")}, "not inf"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
        ({"heads": "2"}, "heads must be a whole number, not '2'"),
        ({"heads": 2.0}, "whole number, not 2.0"),
        ({"heads": True}, "whole number, not True"),
        ({"dim": "8"}, "dim must be a whole number"),
        ({"temperature": "hot"}, "temperature must be a number, not 'hot'"),
        ({"mask": 3}, "mask must be a text, not 3"),
        ({"projection": "lexicon", "embedding": "hash"}, "does not fit embedding hash. Use projection identity"),
    ],
)
def test_check(changed, line):
    """Each value that cannot be is wrong usage, refused before anything is computed."""
    with pytest.raises(OptionError, match=line):
        check_settings(replace(Settings(), **changed))
    with pytest.raises(OptionError, match=line):
        run("猫吃鱼", **changed)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"embedding": "toys"}, r"embedding takes one of .* Did you mean toy\?"),
        ({"embedding": "hash", "heads": 3}, "divide the 32 dimensions; 3 does not"),
        ({"embedding": "hash", "dim": 0}, "dim must be from 1"),
        ({"dim": 32}, "The toy embedding has 104 dimensions, not 32"),
        ({"tokens": "given"}, "tokens takes one of"),
        ({"head": 1}, r"Did you mean heads\?"),
        ({"model": 3}, "model must be a text, not 3"),
        ({"no_special": 1}, "no_special must be true or false, not 1"),
        ({"merge": "word"}, "merge goes with model"),
        ({"model": "x", "heads": 2}, "heads is for the toy: a model has its own"),
    ],
)
def test_wrong_usage(changed, line):
    """What only the tokens or the vectors can tell is wrong usage all the same."""
    with pytest.raises(OptionError, match=line):
        run("猫吃鱼", **changed)


@pytest.mark.parametrize("wrong", [3, b"x", ["x"]])
def test_texts_are_strings(wrong):
    """What is no string is told in a line, wherever a text is expected."""
    calls = (
        lambda: run([wrong]),
        lambda: run("猫", keys=wrong),
        lambda: attnviz.compare("猫", wrong),
        lambda: attnviz.lab(wrong),
    )
    for call in calls:
        with pytest.raises(attnviz.AttnvizError, match=r"A text is a string|must be a text"):
            call()
    with pytest.raises(OptionError, match="by its text or by its index"):
        attnviz.explain("猫吃鱼", token=[wrong])


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(heads=np.int64(2), temperature=np.float32(2)),
        Settings(heads=4),
        Settings(embedding="hash", heads=3, dim=9),
    ],
)
def test_check_passes(settings):
    """What can be, passes."""
    check_settings(settings)


@pytest.mark.parametrize(("group", "kinds"), [(Settings, SETTING_KINDS), (Options, OPTION_KINDS)])
def test_every_option_has_a_kind(group, kinds):
    """Each field of the toy's settings and of a model's options is checked for its type."""
    assert {one.name for one in fields(group)} == set(kinds)


def test_check_size():
    """4096 tokens are the most; one more is refused with what it would cost and what to do."""
    check_size(MOST_TOKENS, MOST_TOKENS, 4)
    with pytest.raises(
        InputError, match=r"4,097 tokens are more than 4,096: .* 16,785,409 weights \(67 MB\)\. Use view top"
    ):
        check_size(4097, 4097, 1)
    with pytest.raises(InputError, match=r"\(40\.0 GB\)"):
        check_size(100_000, 100_000, 1)


def test_too_long_a_text():
    """A text, or a matrix, of 4097 tokens is refused before its weights are computed."""
    with pytest.raises(InputError, match="4,097 tokens"):
        run("猫" * 4097)
    with pytest.raises(InputError, match="4,097 tokens"):
        run(vectors=np.ones((4097, 1)))
    with pytest.raises(InputError, match=r"4 tokens are more than 3.*Give a shorter"):
        run("猫吃鱼猫", most=3)
    for most in (0, -1):
        with pytest.raises(OptionError, match=f"most must be a whole number above 0, not {most}"):
            run("猫", most=most)


@pytest.mark.parametrize(
    ("code", "libraries"),
    [
        ("", ["numpy", "rich", "typer", "matplotlib", "wcwidth", "rjieba"]),
        ("attnviz.run('the cat'); attnviz.compare('the cat', 'cat the')", ["rich", "typer", "matplotlib", "rjieba"]),
    ],
)
def test_import_is_light(code, libraries):
    """Importing attnviz loads no library at all, and computing loads none of the renderers or the command line."""
    program = f"import sys, attnviz; {code}\nprint(*[name for name in {libraries} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout == "\n"


TERMS = ["手机", "屏幕", "电池", "茶", "书", "顾客", "价格", "退货", "天气", "仓库", "健康", "医生", "计划"]


@pytest.mark.parametrize(("projection", "least"), [("auto", 0.98), ("lexicon", 0.75)])
def test_sentences_look_at_their_topic(projection, least):
    """Cut into sentences, the report's sentences look more at those that share a key term than at the others."""
    attention = run((SAMPLES / "report.txt").read_text(encoding="utf-8"), tokens="sentence", projection=projection)
    terms = [{term for term in TERMS if term in text} for text in texts(attention)]
    kept = []
    for s, row in enumerate(attention.weights[0, 0]):
        sharing = [row[t] for t in range(len(row)) if t != s and terms[s] & terms[t]]
        others = [row[t] for t in range(len(row)) if t != s and not terms[s] & terms[t]]
        if sharing and others:
            kept.append(np.mean(sharing) > np.mean(others))
    assert len(kept) > 70
    assert np.mean(kept) > least
