"""A row by hand: what is printed is what was computed, and can be redone from what is printed."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from golden_models import load
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from near import assert_near
from paths import ROOT
from redo import Equation, equations, without_powers

from attnviz import explain, run
from attnviz.analysis.entropy import entropy
from attnviz.core.attention import attend
from attnviz.core.attention_data import Attention, Token, Trace
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.core.positions import SCHEMES
from attnviz.core.provenance import ModelOrigin, Provenance
from attnviz.explanation.build import explain_attention
from attnviz.explanation.elements import Number
from attnviz.explanation.row import Row
from attnviz.io.write_data import explanation_document, to_json
from attnviz.models.forward import forward
from attnviz.views.prepared.worksheet import as_rounded, make_sheet
from attnviz.views.terminal.worksheet import render_steps

WORDS = ["猫", "吃", "鱼", "the", "cat", "eats", "big", "fish", "昨天", "qwert", "3", ",", "(", "在"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
LONG = " ".join(WORDS[i % len(WORDS)] + ("" if i % 3 else "s") for i in range(60))

CASES = st.fixed_dictionaries(
    {
        "text": TEXTS | st.just(LONG),
        "position": st.sampled_from(list(SCHEMES)),
        "mask": st.sampled_from(["none", "causal", "window:1", "window:0,causal"]),
        "embedding": st.sampled_from(["toy", "hash", "onehot"]),
        "projection": st.sampled_from(["auto", "identity", "random"]),
        "heads": st.sampled_from([1, 2, 4]),
        "temperature": st.sampled_from([0.1, 0.5, 1.0, 3.0]),
        "offset": st.sampled_from([0, 7]),
    }
)


def attention_of(case):
    """The attention of a case, where it can be: one-hot vectors are not always cut into equal heads."""
    case = dict(case)
    try:
        return run(case.pop("text"), **case)
    except OptionError:
        assume(False)


def page(explanation, digits=4, width=400, **options):
    """The sheet as a terminal shows it."""
    return render_steps(make_sheet(explanation, digits, **options), width).plain


@settings(max_examples=60)
@given(case=CASES, digits=st.sampled_from([1, 3, 4, 6, 9]), data=st.data())
@example(case={"text": "猫吃鱼"}, digits=4, data=None)
@example(case={"text": "猫吃鱼", "keys": "the cat eats fish"}, digits=4, data=None)
@example(case={"text": "猫 qwert 吃鱼", "position": "rope"}, digits=4, data=None)
@example(case={"text": LONG, "embedding": "hash", "temperature": 1e-40}, digits=1, data=None)
@example(case={"text": LONG, "embedding": "hash", "temperature": 1e9}, digits=9, data=None)
@example(case={"text": LONG, "embedding": "hash", "dim": 256, "heads": 4, "projection": "random"}, digits=5, data=None)
def test_every_printed_equation_holds(case, digits, data):
    """Each equation of a sheet comes out again from its printed numbers, within their rounding; of a weight's too."""
    attention = attention_of(case)
    token = data.draw(st.integers(0, len(attention.query) - 1)) if data else 0
    cell = data.draw(st.none() | st.integers(0, len(attention.key) - 1)) if data else None
    explanation = explain_attention(attention, token=token, cell=cell)
    found = equations(page(explanation, digits))
    asked = sum(len(entry.answers) for step in explanation.steps for line in step.lines for entry in line.entries)
    assert len(found) == asked, "every answer is the end of an equation"
    assert [equation for equation in found if not equation.holds(digits)] == []


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("options", [{}, {"position": "rope", "embedding": "hash"}, {"heads": 4, "position": "alibi"}])
def test_equations_hold_in_any_width(width, options):
    """Broken lines hold the same equations as whole ones."""
    explanation = explain("the cat eats the fish", token="cat", **options)
    whole = {Equation(e.expression.replace(" ", ""), e.result) for e in equations(page(explanation))}
    broken = {Equation(e.expression.replace(" ", ""), e.result) for e in equations(page(explanation, width=width))}
    assert broken == whole
    assert len(whole) > 15


def test_the_calculator_can_fail():
    """The check itself: a result that is off by a few units of its last place is found out, for each equation."""
    found = equations(page(explain("猫吃鱼", token="猫"), 7))
    wrong = [e._replace(result=f"{float(e.result) * 1.00001 + 1e-5:.7f}") for e in found]
    assert len(found) > 40
    assert [e for e in wrong if e.holds(7)] == []


@settings(max_examples=60)
@given(case=CASES)
def test_dots_and_exponentials_are_those_of_the_path(case):
    """What a trace does not keep comes from the body's own steps, on the same arrays: the rest follows from it."""
    attention = attention_of(case)
    trace = attention.traces[0]
    for head in range(len(attention.heads)):
        for token in range(min(3, len(attention.query))):
            row = Row(attention, trace, 0, head, token)
            scaled = row.dots * row.dots.dtype.type(trace.scale)
            biased = scaled if trace.bias is None else scaled + trace.bias[head, token]
            np.testing.assert_array_equal(biased / biased.dtype.type(trace.temperature), trace.logits[head, token])
            total = row.exponentials.sum() or 1
            assert_near(row.exponentials / total, trace.weights[head, token])
            assert row.is_complete


def numbers(explanation, name):
    """The array of a step by its name."""
    return next(step.arrays[name] for step in explanation.steps if name in step.arrays)


@pytest.mark.parametrize("embedding", ["toy", "hash"])
@pytest.mark.parametrize("position", ["none", "sinusoidal", "rope", "alibi"])
@pytest.mark.parametrize("head", [0, 1])
def test_arrays_are_the_trace(embedding, position, head):
    """Every array of a step is that of the trace, bit for bit."""
    options = {"embedding": embedding, "position": position, "heads": 2, "mask": "window:2"}
    found, trace = explain("猫吃鱼狗喝水", token=2, head=head, **options), run("猫吃鱼狗喝水", **options).traces[0]
    for name, wanted in {
        "x": trace.embedded[2],
        "v": trace.value[head],
        "scores": trace.logits[head, 2],
        "weights": trace.weights[head, 2],
        "z": trace.context[head, 2],
        "output": trace.output[2],
    }.items():
        np.testing.assert_array_equal(numbers(found, name), wanted, err_msg=name)


def test_the_article():
    """The article's row, in seven digits: its weights and its new vector are on the sheet."""
    text = page(explain(vectors=np.loadtxt("samples/article.csv", delimiter=","), token=0), 7)
    for wanted in (".2693075", ".3289329", ".4017596", ".5529808", "/ √4"):
        assert wanted in text
    assert "1.1" in text
    assert "1.1000000" not in text


def test_steps_are_in_the_order_of_the_path():
    """From embedding to output, each once; what there is not has no step."""
    names = [
        step.name
        for step in explain("猫吃鱼", token=0, heads=2, position="sinusoidal", mask="causal", projection="random").steps
    ]
    assert names == [
        "embedding",
        "position",
        "query",
        "key",
        "value",
        "dot",
        "scores",
        "mask",
        "exp",
        "weights",
        "new",
        "content",
        "output",
    ]
    assert [step.name for step in explain("猫吃鱼", token=0, position="rope").steps].index("rotation") == 4
    names = [step.name for step in explain("猫吃鱼", token=0).steps]
    assert not {"position", "mask", "output", "rotation"} & set(names)


def test_terms_have_names():
    """A query card says what asked for what; a dot product which feature met."""
    text = page(explain("猫吃鱼", token="猫"))
    assert re.search(r"eating +1\.2 × 2\.4838 \(eater\) += 2\.9805", text)
    assert "2.9805 × 2.6211 (eating) =" in text


def test_a_product_without_terms_says_so():
    """Where a query and a key have no feature in common, their product says that and is 0, and so on a worksheet."""
    for worksheet, ending in ((False, "= 0"), (True, "= ____")):
        sheet = make_sheet(explain("猫啃骨头", token="猫"), 4, worksheet=worksheet)
        (section,) = (section for section in sheet.sections if section.formula == "q · k")
        (last,) = section.lines[-1].entries
        assert " ".join(last) == f"no feature in common {ending}"


def test_long_sums_are_shortened_honestly():
    """Of a long sum four terms are shown, the rest is one number, and how many terms that is."""
    text = page(explain("猫吃鱼", embedding="hash", dim=100, token=0))
    assert re.search(r"[-+] [\d.]+ from 96 smaller terms = ", text)
    assert re.search(r"96 smaller ones, length of all [\d.]+", text)


@pytest.mark.parametrize("position", ["rope", "rope-half"])
def test_rotation_angles(position):
    """The word at position 2 turns its second pair of 8 features by 2 x 10000^(-1/4) = .2 radians."""
    text = page(explain("猫吃鱼", embedding="hash", dim=8, position=position, token=2))
    assert "cos .2 " in text
    assert "cos 2 " in text
    assert "cos 0 " in text  # the key at position 0 is not turned


def test_mask_names_the_forbidden():
    """Who may not be looked at is named and gets no weight; a row without a word to look at has a vector of zeros."""
    text = page(explain("猫吃鱼", token="吃", mask="causal"))
    assert re.search(r"forbidden +鱼", text)
    attention = run("猫", keys="鱼", mask="window:0")
    assert "forbidden" not in page(explain_attention(attention))
    attention = run("猫吃鱼狗水", keys="鱼", mask="window:1")
    text = page(explain_attention(attention, token="水"))
    assert "its weights are all 0" in text
    assert re.search(r"New vector of “水”[^=]*= sum[^=]*\n +水 +0\n", text)
    blind = Attention(
        attention.query, attention.key, np.zeros((1, 1, 5, 1)), np.zeros((5, 1), bool), traces=attention.traces
    )
    with pytest.raises(InputError, match="no row can be explained"):
        explain_attention(blind)


def test_cell():
    """One weight: only its key's lines, the other words as one number, and what it hands over."""
    found = explain("猫吃鱼", token="猫", cell="吃")
    text = page(found)
    assert found.cell == 1
    assert "from 2 other words = 1.7155" in text
    assert re.search(r"吃 +1 / 1\.7155 = \.5829", text)
    assert [step.name for step in found.steps][-1] == "handed"
    assert page(explain("猫吃鱼", token="吃", cell="鱼", mask="causal")).count("forbidden") == 1


def test_without_a_token_the_least_even_row():
    """The row with the lowest entropy; of equals the first; never one without choice or without permission."""
    assert explain("猫吃鱼").token == 1
    assert explain("the the the").token == 0
    assert explain("猫吃鱼", mask="causal").token == 2
    note = str(explain("猫吃鱼").notes[0])
    assert "“吃” is explained" in note
    assert explain_attention(run("猫吃鱼狗水", keys="鱼吃", mask="window:1")).token in (0, 1, 2)


def test_without_a_head_the_least_even_one():
    """Of several heads one is chosen, and the note says which and how to choose another."""
    found = explain("the cat eats the fish", heads=4, token="eats")
    assert found.head == "what is acted on"
    assert "head 1 (what is acted on)" in str(found.notes[0])
    assert explain("the cat eats the fish", heads=4, token="eats", head="who acts").head == "who acts"
    assert explain("the cat eats the fish", heads=4, token="eats", head="3").head == "kind of thing"
    assert explain("a b", embedding="hash", heads=8, head=5).head == 5


def test_compare_heads():
    """A row for each head: its weights, what it looks at most, its entropy."""
    found = explain("the cat eats the fish", heads=4, token="eats", head="all")
    text = page(found)
    assert re.search(r"1 what is acted on.* \.0115 +\.0390 .* \.9265 +fish +\.5071", text)
    assert re.search(r"3 kind of thing.* all alike +2\.3219", text)
    narrow = page(found, width=40)
    assert "fish .9265" in narrow
    assert max(map(len, narrow.splitlines())) <= 40
    many = page(explain(LONG, embedding="hash", heads=16, head="all", token=0))
    assert many.count("   head ") == 16
    assert "others" in many


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"token": "狗"}, MissingError, "“猫”, “吃”, “鱼”"),
        ({"token": "猫#2"}, MissingError, "once"),
        ({"token": "99"}, MissingError, "from 0 to 2"),
        ({"token": 99}, MissingError, "from 0 to 2"),
        ({"token": -1}, MissingError, "from 0 to 2"),
        ({"cell": "狗"}, MissingError, "“猫”, “吃”, “鱼”"),
        ({"head": 3}, MissingError, "there is only 0"),
        ({"head": "x"}, MissingError, "there is only 0"),
        ({"head": "mean"}, OptionError, "head all"),
        ({"layer": 1}, MissingError, "layer 1"),
        ({"layer": "x"}, OptionError, "one layer"),
    ],
)
def test_bad_choices(options, error, words):
    """What is not there is named with what there is."""
    with pytest.raises(error, match=words):
        explain("猫吃鱼", **options)


@pytest.mark.parametrize("temperature", [1e-40, 1e-4, 0.123456789, 3, 1e9, 1e30])
def test_temperature_as_it_was_given(temperature):
    """A temperature has every digit that was given: no line divides by .0000, and each still holds."""
    text = page(explain("猫吃鱼", token="猫", temperature=temperature))
    written = {float(number) for number in re.findall(r"\) / ([-+.e\d]+)", without_powers(text))}
    assert written == {temperature}
    assert [equation for equation in equations(text) if not equation.holds(4)] == []


def test_decimal_places_are_counted():
    """One place is 1 decimal place, on a sheet and on a worksheet."""
    found = explain("猫吃鱼", token="猫")
    assert "rounded to 1 decimal place:" in page(found, 1)
    assert "with 1 decimal place;" in page(found, 1, worksheet=True)
    assert "rounded to 2 decimal places:" in page(found, 2)


def test_nothing_to_choose_from():
    """The only word there is was not chosen, and no note says so; one head beside itself is told of others."""
    assert explain("猫").notes == ()
    assert "--heads N gives more" in str(explain("猫吃鱼", token=0, head="all").notes[-1])
    assert explain("猫吃鱼", token=0, head="all", heads=2).notes == ()


def test_ambiguous_token():
    """Of two words the first is meant, and a note says so; #2 picks the second; a token 3 wins over the index 3."""
    found = explain("the cat eats the fish", token="the")
    assert found.token == 0
    assert "the#2" in str(found.notes[0])
    assert explain("the cat eats the fish", token="the#2").token == 3
    assert explain("5 4 3 2 1", tokens="space", token="3").token == 2


def given_weights(rows, columns, heads=1, *, causal=False, power=3, seed=0):
    """Weights of which nothing else is known."""
    raw = np.random.default_rng(seed).random((1, heads, rows, columns)) ** power + 1e-9
    allowed = np.tri(rows, columns, dtype=bool) if causal else None
    raw = raw if allowed is None else raw * allowed
    keys = None if rows == columns else [f"k{j}" for j in range(columns)]
    names = [WORDS[i % len(WORDS)] for i in range(rows)]
    return Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), names, keys=keys, allowed=allowed)


@settings(max_examples=60)
@given(
    st.integers(1, 30),
    st.sampled_from([0, 4]),
    st.sampled_from([1, 3]),
    st.booleans(),
    st.sampled_from([1, 4, 7]),
    st.sampled_from([1, 30]),
    st.data(),
)
def test_given_weights(rows, more, heads, causal, digits, power, data):
    """Of weights alone the row, its sum and its entropy are shown, and can be redone; and what is not known is said."""
    attention = given_weights(rows, rows + more, heads, causal=causal, power=power)
    token = data.draw(st.integers(0, rows - 1))
    found = explain_attention(attention, token=token, head=heads - 1)
    row = attention.weights[0, heads - 1, token]
    by_name = {step.name: step for step in found.steps}
    assert list(by_name) == ["weights", "entropy", "heads"][: 2 + (heads > 1)]
    assert np.array_equal(by_name["weights"].arrays["weights"], row)
    assert by_name["entropy"].arrays["entropy"] == entropy(row)
    assert "only the weights are known" in str(by_name["weights"].words[0]).lower()
    redone = equations(page(found, digits))
    assert len(redone) >= 2
    assert all(equation.holds(digits) for equation in redone)
    json.dumps(explanation_document(found), allow_nan=False)


def test_given_weights_of_several_heads():
    """Without --head the head whose row is least even is taken; the mean is a row too; the heads stand beside it."""
    attention = given_weights(4, 4, 3)
    chosen = explain_attention(attention, token=1)
    assert chosen.head == int(np.argmin(entropy(attention.weights[0, :, 1])))
    mean = explain_attention(attention, token=1, head="mean").steps[0].arrays["weights"]
    assert_near(np.squeeze(mean), attention.weights[0, :, 1].mean(axis=0))
    together = explain_attention(attention, token=1, head="all")
    assert np.array_equal(together.steps[0].arrays["weights"], attention.weights[0, :, 1])
    one = explain_attention(attention, token=1, head=0, cell=2)
    assert [step.name for step in one.steps] == ["weights", "heads"]
    blank = page(explain_attention(attention, token=1), worksheet=True).split("Answers")[0]
    assert re.search(r"sum +[.\d]+ \+ .* = _+$", blank, flags=re.MULTILINE)
    assert re.search(r"head 0 +[.\d]+ .* _+$", blank, flags=re.MULTILINE)


def test_a_given_row_of_zeros():
    """A word that may look nowhere has no entropy, and that is said."""
    allowed = np.tri(3, k=-1, dtype=bool)
    weights = allowed / np.maximum(allowed.sum(axis=1, keepdims=True), 1)
    found = explain_attention(Attention.from_arrays(weights, ["a", "b", "c"], allowed=allowed), token=0)
    assert [step.name for step in found.steps] == ["weights"]
    assert "may look at nothing" in page(found)


def model(heads=3, tokens=20, dim=96, width=64, *, causal=True, cap=False, seed=0):
    """A layer as a real model brings it: no features, no matrices, wide heads, an unknown rotation."""
    random = np.random.default_rng(seed)
    query, key, value = random.standard_normal((3, heads, tokens, width)).astype(np.float32)
    allowed = np.tril(np.ones((tokens, tokens), bool)) if causal else None
    done = attend(query, key, value, allowed=allowed)
    logits = np.tanh(done.logits) * 5 if cap else done.logits
    inputs = random.standard_normal((tokens, dim)).astype(np.float32)
    trace = Trace(
        inputs=inputs,
        key_inputs=inputs,
        query=query,
        key=key,
        value=value,
        logits=logits,
        weights=done.weights,
        context=done.output,
        output=inputs,
        scale=1 / np.sqrt(width),
        unrotated_query=query[..., ::-1],
        unrotated_key=key[..., ::-1],
    )
    words = tuple(Token(f"Ġw{i % 7}") for i in range(tokens))
    return Attention(
        words,
        words,
        done.weights[None],
        allowed,
        (5,),
        output=inputs,
        traces=(trace,),
        provenance=Provenance(ModelOrigin("some", "llama", 6, 2, "none")),
    )


@pytest.mark.parametrize("causal", [True, False])
def test_a_real_model(causal):
    """A trace without features, matrices or settings is explained too, and its equations hold."""
    found = explain_attention(model(causal=causal), head=2)
    text = page(found)
    assert [equation for equation in equations(text) if not equation.holds(4)] == []
    assert len(equations(text)) > 30
    assert "60 smaller" in text
    assert found.layer == 5
    assert "As the model computed it" in text
    assert "layer 5" in text


def test_a_model_that_does_more():
    """Where the scores are not what the lines say, the sheet says so."""
    assert "did more" in page(explain_attention(model(cap=True), head=0))
    assert "did more" not in page(explain_attention(model(), head=0))


def with_cap_and_sink(cap, sink, bias, temperature):
    """A layer of 5 words and 3 heads with a cap, a sink, a bias and a temperature, where they are given."""
    made = model(tokens=5, width=8, seed=3)
    trace = made.traces[0]
    options = {"cap": cap, "sink": None if sink is None else np.float32([-1, 0.5, 2]), "temperature": temperature}
    added = np.random.default_rng(1).standard_normal((3, 5, 5)).astype(np.float32) if bias else None
    done = attend(trace.query, trace.key, trace.value, allowed=made.allowed, bias=added, **options)
    pad = ((0, 0), (0, 0 if sink is None else 1), (0, 0))
    rotated = {"unrotated_query": None, "unrotated_key": None}
    trace = replace(
        trace,
        **options | rotated,
        key=np.pad(trace.key, pad),
        value=np.pad(trace.value, pad),
        logits=done.logits,
        weights=done.weights,
        context=done.output,
        bias=None if added is None else np.pad(added, ((0, 0), (0, 0), pad[1])),
    )
    key = made.query if sink is None else (*made.query, Token("<sink>"))
    allowed = np.pad(made.allowed, ((0, 0), (0, len(key) - 5)), constant_values=True)
    return replace(made, key=key, weights=done.weights[None], allowed=allowed, traces=(trace,))


@pytest.mark.parametrize("cell", [None, 0, "<sink>"])
@pytest.mark.parametrize("head", [0, 2, "all"])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("sink", [None, 1])
@pytest.mark.parametrize("cap", [None, 2.0])
def test_caps_and_sinks(cap, sink, bias, temperature, head, cell):
    """A cap has a step of its own and a sink a line of its own, and every equation can be redone."""
    if sink is None and cell == "<sink>":
        return
    found = explain_attention(with_cap_and_sink(cap, sink, bias, temperature), head=head, token=3, cell=cell)
    text = page(found)
    assert [equation for equation in equations(text) if not equation.holds(4)] == []
    if head == "all":
        return
    names = [step.name for step in found.steps]
    assert ("cap" in names) == (cap is not None)
    assert "did more" not in text
    assert ("× tanh(" in text) == (cap is not None and cell != "<sink>")
    assert ("a number that the head has learned" in text) == (sink is not None)
    assert ("“<sink>”" in text) or not sink
    document = json.loads(to_json(explanation_document(found)))
    arrays = {name: value for step in document["steps"] for name, value in step["arrays"].items()}
    assert ("cap" in arrays) == (cap is not None)
    assert ("sink" in arrays) == (sink is not None)
    assert ("scaled" in arrays) == (cap is not None)


@pytest.mark.parametrize("cell", [None, 2])
@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("deberta", ["content_to_position", "position_to_content"]),
        ("deberta-authors", ["position_to_content"]),
        ("deberta-places", []),
        ("xlnet", ["position", "segment"]),
    ],
)
def test_terms_of_the_scores(name, terms, cell):
    """The terms that a model adds to the dot products have a step; with the products they give the scores."""
    config, tensors, answers = load(name)
    passed = forward(config, tensors, answers["text0_ids"], segments=[0] * 8 + [1] * 3 if name == "xlnet" else None)
    words = tuple(Token(f"w{number}") for number in range(passed.weights.shape[-1]))
    attention = Attention(words, words, passed.weights, None, traces=passed.traces)
    found = explain_attention(attention.select(head=[1, 3]), head=3, token=4, cell=cell)
    text = page(found)
    assert [equation for equation in equations(text) if not equation.holds(4)] == []
    assert "did more" not in text
    steps = {step.name: step.arrays for step in found.steps}
    assert list(steps.get("terms", {})) == ([*terms, "bias"] if terms else [])
    for term in terms:
        assert f"{term.replace('_', ' ')}:" in text
    added = sum(steps["terms"][term] for term in terms) if terms else 0
    scale = passed.traces[0].scale
    assert_near(scale, (5 * (1 + len(config.get("pos_att_type", [])))) ** -0.5)
    assert_near(steps["dot"]["dots"] * scale + added, steps["scores"]["scores"])
    document = json.loads(to_json(explanation_document(found)))
    (step,) = [one for one in document["steps"] if one["name"] == "terms"] or [{"arrays": {}}]
    schema = json.loads((ROOT / "docs" / "schemas" / "explanation.schema.json").read_text(encoding="utf-8"))
    assert set(step["arrays"]) <= set(schema["x-arrays"]["terms"])


@pytest.mark.parametrize("options", [{}, {"heads": 4, "position": "sinusoidal"}, {"projection": "random"}, {"cell": 1}])
def test_worksheet(options):
    """On a worksheet no answer is to be seen before "Answers", and each is there after it."""
    explanation = explain("猫吃鱼", token="猫", **options)
    plain, sheet = make_sheet(explanation, 6), make_sheet(explanation, 6, worksheet=True)
    before, _, after = page(explanation, 6, worksheet=True).partition("Answers\n")
    entries = [entry for step in explanation.steps for line in step.lines for entry in line.entries]
    asked = [number for entry in entries for number in entry.answers]
    assert len(asked) > 5
    given_numbers = {
        as_rounded(piece.value, 6)
        for entry in entries
        for atom in entry.atoms
        for piece in atom
        if isinstance(piece, Number) and not piece.blank
    }
    for number in asked:
        shown = as_rounded(number.value, 6)
        assert re.search(rf"(?<![\d.]){re.escape(shown)}(?![\d])", after), shown
        if shown not in given_numbers and len(shown) > 5:
            assert not re.search(rf"(?<![\d.]){re.escape(shown)}(?![\d])", before), shown
    assert len(sheet.sections) == len(plain.sections)
    assert "____" in before
    assert "____" not in after


@pytest.mark.parametrize("width", [20, 33, 60, 80, 120, 400])
@pytest.mark.parametrize(
    "text", ["猫吃鱼", "the cat eats the fish", "红烧狮子头 和 " + "supercalifragilistic" * 3, LONG]
)
def test_no_line_is_wider_than_the_terminal(width, text):
    """From 20 to 400 columns, Han or Latin, every line fits."""
    from rich.cells import cell_len

    for options in ({}, {"head": "all", "heads": 4}, {"position": "sinusoidal", "worksheet": True}):
        options = dict(options)
        worksheet = options.pop("worksheet", False)
        lines = page(explain(text, **options), width=width, worksheet=worksheet).splitlines()
        assert max(map(cell_len, lines)) <= width


def test_hostile_words_stay_text():
    """A word's own controls, brackets and braces are shown and never obeyed."""
    text = page(explain("[/INST] \x1b[2J {x} \u202e b" + "\u0301" * 40, tokens="space", embedding="onehot", token=1))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "{x}" in text


def test_ascii_terminal():
    """A terminal without Unicode gets every line in ASCII."""
    sheet = make_sheet(explain("猫吃鱼", heads=4), 4)
    text = render_steps(sheet, 60, "ascii").plain
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 60


def test_document():
    """As data: every array under its name with its shape, and no number is lost."""
    found = explain("猫吃鱼", token="吃", position="alibi", heads=2, head=1)
    document = json.loads(to_json(explanation_document(found)))
    assert set(document) == {
        "schema",
        "tokens",
        "token",
        "cell",
        "layer",
        "head",
        "heads",
        "features",
        "steps",
        "settings",
    }
    trace = run("猫吃鱼", position="alibi", heads=2).traces[0]
    arrays = {name: array for step in document["steps"] for name, array in step["arrays"].items()}
    np.testing.assert_array_equal(np.float32(arrays["weights"]["values"]), trace.weights[1, 1])
    np.testing.assert_array_equal(np.float32(arrays["bias"]["values"]), trace.bias[1, 1])
    for array in arrays.values():
        assert list(np.shape(array["values"])) == array["shape"]


def test_written():
    """A number that ends early is written to its end; one that only looks so keeps its zeros."""
    assert [as_rounded(x, 4) for x in (0.5, -0.5, 1.6, 1, 0, 0.49999, -2, 1e-9, 100)] == [
        ".5",
        "-.5",
        "1.6",
        "1",
        "0",
        ".5000",
        "-2",
        ".0000",
        "100",
    ]
    assert as_rounded(np.float32(0.1), 7) == ".1"
    assert as_rounded(1.5e20, 3) == "1.500×10²⁰"


@pytest.mark.parametrize(("mask", "after"), [("window:1", False), ("window:1,causal", True)])
def test_only_a_causal_window_forbids_what_comes_after(mask, after):
    """A window on both sides knows no wrong side."""
    (step,) = [step for step in explain("猫吃鱼", token=0, mask=mask).steps if step.name == "mask"]
    assert ("after" in str(step.words[0])) == after


@pytest.mark.parametrize(("row", "zero"), [("1 2 3 4", False), ("0 0 0 0", True)])
def test_a_files_vector_is_scaled(tmp_path, row, zero):
    """An explanation says to what length a file's vector is scaled, which its numbers have; one of zeros stays so."""
    (tmp_path / "a.vec").write_text(f"猫 {row}\n吃 1 0 0 0\n", encoding="utf-8")
    step = explain("猫吃", embedding=str(tmp_path / "a.vec"), token=0).steps[0]
    assert [str(words).endswith("which no scaling changes.") for words in step.words[1:]] == [zero]
    assert_near((step.arrays["x"] ** 2).sum(), 0 if zero else 4)
