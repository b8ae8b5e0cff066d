"""A text that is read in parts, with a cache of keys and values: in every family it gives what one pass gives."""

from __future__ import annotations

import tracemalloc
from itertools import cycle

import numpy as np
import pytest
from golden_models import MODELS, load
from near import assert_states_near, assert_weights_near

from attnviz.core.errors import InputError
from attnviz.models.cache import KeyValueCache, TextReader
from attnviz.models.families.hooks import Hook, HookChain, hooked
from attnviz.models.families.rotary import scaling_state
from attnviz.models.forward import Network, Request

NAMES = sorted(folder.name for folder in MODELS.iterdir() if folder.is_dir())
DOUBLE = [name for name in NAMES if "text0_target_ids" in load(name)[2]]
CAUSAL = [  # that give words: CLIP's text side, which is causal, has no head
    name for name in NAMES if name not in (*DOUBLE, "clip_text_model") and Network(*load(name)[:2]).shape.causal
]
ALL = Request(layers=None, logits=True, traces=True)


def longest_text(answers, what="ids"):
    """The ids of the longest golden text."""
    return max((answers[key] for key in answers if key.endswith(f"_{what}") and "target" not in key), key=len)


def passes(name):
    """What reads ids [n] with a golden model, without a cache; a network, its ids, and what its decoder reads."""
    config, tensors, answers = load(name)
    network = Network(config, tensors)
    if name not in DOUBLE:
        ids = longest_text(answers).tolist()
        return network, ids, None, lambda ids: network.read(np.array(ids), ALL)
    hidden = network.encode(answers["text0_ids"])
    ids = max((answers[key] for key in answers if key.endswith("_target_ids")), key=len).tolist()
    return network, ids, hidden, lambda ids: network.decode(np.array(ids), hidden, ALL)


@pytest.mark.parametrize("name", CAUSAL + DOUBLE)
def test_a_text_in_parts_is_the_text(name):
    """Rows of weights, hidden states and logits are those of a pass over all tokens so far, after every part."""
    network, ids, hidden, read = passes(name)
    reader, done, steps = TextReader(network, hidden), 0, cycle((1, 1, 3))
    while done < len(ids):
        before, done = done, min(len(ids), done + next(steps))
        part, whole = reader(ids[:done], ALL), read(ids[:done])
        rows = part.hidden.shape[0]
        assert rows == done - before or rows == done
        assert_weights_near(part.weights, whole.weights[:, :, -rows:], whole.traces)
        assert_states_near(part.hidden, whole.hidden[-rows:])
        assert_states_near(part.logits, whole.logits[-rows:])
        if whole.allowed is None:
            assert part.allowed is None
        else:
            np.testing.assert_array_equal(part.allowed, whole.allowed[..., -rows:, :])


@pytest.mark.parametrize("name", CAUSAL + DOUBLE)
def test_only_new_tokens_are_read(name):
    """A token more runs one row, in every family but those whose earlier tokens depend on what follows."""
    network, ids, hidden, _ = passes(name)
    if len(ids) < 3:
        pytest.skip("its texts are too short")
    reader = TextReader(network, hidden)
    reader(ids[:-1], ALL)
    rows = len(reader(ids, ALL).hidden)
    again = network.cache_state(len(ids)) != network.cache_state(len(ids) - 1)
    assert rows == (len(ids) if again else 1)


@pytest.mark.parametrize("name", ["lfm2", "lfm2_moe", "qwen3_next", "qwen3_5", "qwen3_5_moe"])
def test_layers_without_attention_are_read_in_parts_too(name):
    """A hybrid reads one row a token, and each part ends where a part of other lengths ends."""
    network, ids, _, read = passes(name)
    reader = TextReader(network)
    for part in (1, 2, len(ids) - 1, len(ids)):
        output = reader(ids[:part], ALL)
    assert len(output.hidden) == 1
    assert_states_near(output.logits, read(ids).logits[-1:])


@pytest.mark.parametrize("name", ["llama-yarn", "lfm2", "qwen3_next"])
def test_another_text_is_read_anew(name):
    """A text that does not continue the last one, or is the same, is read from its beginning."""
    network, ids, _, read = passes(name)
    reader = TextReader(network)
    for text in (ids, ids, ids[:4], [*ids[:3], ids[0], *ids[4:]], ids[2:]):
        whole = read(text)
        part = reader(text, ALL)
        assert_states_near(part.logits, whole.logits[-len(part.logits) :])
        assert len(part.logits) == len(text)


def test_an_interrupted_pass_is_not_continued():
    """A token that the model does not have leaves nothing behind that a later text would be added to."""
    network, ids, _, read = passes("llama-yarn")
    reader = TextReader(network)
    reader(ids[:4], ALL)
    with pytest.raises(InputError):
        reader([*ids[:4], 10**6], ALL)
    assert_states_near(reader(ids[:6], ALL).logits, read(ids[:6]).logits)


def test_positions_count_the_cached_tokens():
    """A text beyond the model's positions is refused with the number of all its tokens."""
    network, ids, _, _ = passes("gpt2")
    most = network.shape.positions
    text = (ids * most)[: most + 1]
    reader = TextReader(network)
    reader(text[:-1], ALL)
    with pytest.raises(InputError, match=f"{most + 1} tokens"):
        reader(text, ALL)


@pytest.mark.parametrize("name", ["llama-yarn", "gemma3", "t5", "gpt2", "lfm2", "qwen3_5"])
def test_a_step_grows_with_the_text_and_not_with_its_square(name):
    """The memory that one more token takes is at most twice as much where the text is twice as long."""
    config, tensors, answers = load(name)
    config = config | dict.fromkeys(("max_position_embeddings", "n_positions"), 2000)
    if name == "gpt2":
        tensors["transformer.wpe.weight"] = np.resize(tensors["transformer.wpe.weight"], (2000, config["n_embd"]))
    network = Network(config, tensors)
    hidden = network.encode(answers["text0_ids"]) if name in DOUBLE else None
    last = Request(layers=None, logits=[-1], traces=False)
    taken = []
    for count in (400, 800):
        ids = (answers["text0_ids"].tolist() * count)[:count]
        reader = TextReader(network, hidden)
        reader(ids[:-2], last)
        reader(ids[:-1], last)  # makes room in the cache
        tracemalloc.start()
        reader(ids, last)
        taken.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert taken[1] < 2.2 * taken[0]


def test_a_chain_of_hooks():
    """Hooks of a chain see the same pass, each what the one before it returned."""
    network, ids, _, read = passes("llama-yarn")
    seen = []

    class Lengths(Hook):
        def keys_and_values(self, at, key, value):
            seen.append((at.layer, key.shape[1]))
            return key, value

    chain = HookChain(KeyValueCache(), Lengths())
    with hooked(chain):
        network.read(np.array(ids[:3]), ALL)
        part = network.read(np.array(ids[3:5]), ALL, start=3)
    assert seen == [(0, 3), (1, 3), (0, 5), (1, 5)]
    assert_states_near(part.hidden, read(ids[:5]).hidden[3:])


@pytest.mark.parametrize(
    ("config", "lengths", "same"),
    [
        ({}, (3, 9000), True),
        ({"rope_scaling": {"type": "linear", "factor": 2}}, (3, 9000), True),
        ({"rope_scaling": {"type": "dynamic", "factor": 2}, "max_position_embeddings": 10}, (3, 10), True),
        ({"rope_scaling": {"type": "dynamic", "factor": 2}, "max_position_embeddings": 10}, (10, 11), False),
        ({"rope_parameters": {"full_attention": {"rope_type": "dynamic"}}}, (3, 4), False),
        ({"rope_scaling": {"rope_type": "longrope"}, "original_max_position_embeddings": 9}, (8, 9), True),
        ({"rope_scaling": {"rope_type": "su"}, "original_max_position_embeddings": 9}, (9, 10), False),
        ({"rope_scaling": {"rope_type": "longrope"}}, (4096, 4097), False),
    ],
)
def test_when_a_rotation_depends_on_the_length(config, lengths, same):
    """Dynamic scaling changes with each token beyond the model's positions, LongRoPE once."""
    from attnviz.models.families.config import Configuration

    first, second = (scaling_state(Configuration(config), length) for length in lengths)
    assert (first == second) is same
