"""Where scores are large: weights against an oracle in long double, verdicts that hold, and equal words alike."""

import json
import os
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from near import assert_near
from stress import oracle

from attnviz import compare, lab, run
from attnviz.analysis.order_blindness import LARGEST_ROUNDING, Blindness
from attnviz.io.write_data import comparison_document, to_json
from attnviz.toy.layer import LARGE_LOGIT
from attnviz.views.prepared.comparison import prepare_comparison

TEMPERATURES = (1e-3, 1e-4, 1e-5, 1e-7, 1e-9)
WORDS = "the sees cat the the cat red cat cat"
pytestmark = pytest.mark.skipif(
    np.finfo(np.longdouble).eps == np.finfo(np.float64).eps, reason="long double is float64 here"
)


@pytest.mark.parametrize("temperature", [1, 0.25, *TEMPERATURES])
@pytest.mark.parametrize("mask", ["none", "causal", "window:1"])
@pytest.mark.parametrize("position", ["none", "sinusoidal", "alibi"])
def test_weights_against_the_oracle(temperature, mask, position):
    """Every weight is that of long double, where the softmax is sharp too: two equal logits stay equal."""
    for text, embedding, projection in (
        (WORDS, "toy", "auto"),
        (WORDS, "hash", "random"),
        ("猫吃鱼", "toy", "identity"),
    ):
        options = {"mask": mask, "position": position, "embedding": embedding, "projection": projection}
        found = run(text, temperature=temperature, **options)
        size = np.clip(found.traces[0].logits, -LARGE_LOGIT, LARGE_LOGIT)  # beyond, all is computed in float64
        assert_near(found.weights[0, 0], oracle(found), size=size)


@pytest.mark.parametrize("temperature", [1, 1e-2, *TEMPERATURES, 1e-15, 1e-30])
@pytest.mark.parametrize("projection", ["identity", "random", "auto"])
def test_equal_words_get_equal_weights(temperature, projection):
    """Without positions equal words look and are looked at alike, to the last bit, at every temperature."""
    for embedding in ("toy", "hash"):
        if embedding == "hash" and projection == "auto":
            continue
        found = run(WORDS, temperature=temperature, projection=projection, embedding=embedding)
        words = WORDS.split()
        for i, one in enumerate(words):
            for j, other in enumerate(words):
                if one == other:
                    assert (found.weights[0, 0, :, i] == found.weights[0, 0, :, j]).all()
                    assert (found.weights[0, 0, i] == found.weights[0, 0, j]).all()


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_verdicts_hold(temperature):
    """What compare and lab say of the order is what all orders of the words show, however sharp the softmax is."""
    for mask in ("none", "causal"):
        seen = [run("".join(order), mask=mask, temperature=temperature) for order in permutations("猫吃鱼")]
        by_word = []
        for each in seen:
            texts = [token.text for token in each.tokens]
            order = [texts.index(word) for word in "猫吃鱼"]
            by_word.append(each.weights[0, 0][np.ix_(order, order)])
        changes = max(float(np.abs(one - by_word[0]).max()) for one in by_word)
        cell = lab("猫吃鱼", vary=[f"mask={mask}", f"temperature={temperature}"]).cells[0]
        assert cell.blind_to == (Blindness.ANY_ORDER if changes <= LARGEST_ROUNDING else Blindness.NOTHING)
        (first, *_) = compare("猫吃鱼", "鱼吃猫", mask=mask, temperature=temperature).runs
        assert first.order_blind == (float(np.abs(first.delta).max()) <= LARGEST_ROUNDING)
        assert first.threshold <= LARGEST_ROUNDING


def test_what_cannot_be_told():
    """Where rounding could change a weight no verdict claims anything: in words, in JSON and in the laboratory."""
    found = compare("猫吃鱼", "鱼吃猫", temperature=1e-20)
    assert [each.order_blind for each in found.runs] == [None] * len(found.runs)
    assert "cannot be told" in str(found.verdicts()[0])
    assert "cannot tell “" not in str(found.verdicts()[0])
    document = comparison_document(found)["runs"][0]
    assert (document["order_blind"], document["blind_to"]) == (None, "unknown")
    assert {cell.blind_to for cell in lab("猫吃鱼", vary=["temperature=1e-20"]).cells} == {Blindness.UNKNOWN}


def test_large_vectors():
    """Vectors of about a million see order where a mask or positions tell it, and are said to."""
    rows = np.array([[1, 0], [2, 1], [3, 1]]) * 1e6
    blind = {cell.values[1]: cell.blind_to for cell in lab(vectors=rows).cells if cell.values[0] == "none"}
    assert blind["causal"] is Blindness.NOTHING
    assert blind["none"] in (Blindness.ANY_ORDER, Blindness.UNKNOWN)


@pytest.mark.parametrize("size", [1e-6, 1e3, 1e12])
def test_outputs_of_any_size(size):
    """What rounding changes in an output grows with the vectors: large ones see no order, where small ones see none."""
    rows = (np.random.default_rng(1).normal(size=(9, 4)) * size).astype(np.float32)
    found = lab(vectors=rows, vary=["position=none", "mask=none,causal,window:1"], temperature=size**2)
    assert [cell.blind_to for cell in found.cells] == [Blindness.ANY_ORDER, Blindness.NOTHING, Blindness.MIRROR_IMAGE]


@pytest.mark.parametrize("temperature", [1, 1e-5, 1e-8, 1e-9, 1e-12, 1e-20])
def test_documents_of_any_temperature(temperature):
    """A comparison is written as JSON, whatever precision its verdict was found in."""
    for each in comparison_document(compare("猫吃鱼", "鱼吃猫", temperature=temperature))["runs"]:
        assert json.loads(to_json(each))["order_blind"] in (True, False, None)


def test_usual_scores_stay_in_float32():
    """The usual path computes once, in float32."""
    assert run("猫吃鱼").traces[0].logits.dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["Haswell", "Nehalem", "Sandybridge", "Prescott"])
def test_every_kernel(kernel):
    """All of this holds with OpenBLAS's other kernels, whose last bits differ."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(Path(__file__))],
        env=os.environ | {"OPENBLAS_CORETYPE": kernel},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()[-3000:]


@pytest.mark.parametrize("temperature", [1e-30, 1e-12, 1e-6])
def test_one_verdict(temperature):
    """What a caption says of rounding does not contradict the sentence above it, nor lab's words the cells it shows."""
    for form in prepare_comparison(compare("猫吃鱼", "鱼吃猫", temperature=temperature)):
        told = " ".join(str(part) for part in (*form.notes, *form.caption))
        assert not ("cannot be told" in told and "are rounding errors" in told)
        assert ("cannot be told" in told) == ("are shown as 0" in told)
    found = lab("猫吃鱼", vary=["position=none,sinusoidal"], temperature=temperature)
    if "sees order" in str(found):
        assert "gives other weights or other outputs" in " ".join(str(found).split())
