"""Damaged models: whatever stands in their files, they are read or refused in one line, quickly.

Files of tiny whole models are changed at random places, the same ones every time.
"""

from __future__ import annotations

import json
import os
import random
import time
import tracemalloc
import warnings

import numpy as np
import pytest
from near import assert_rows_sum_to_one
from tiny_models import gguf_of, model_of

from attnviz.core.errors import AttnvizError, InputError
from attnviz.models.model import load

pytest.importorskip("tokenizers")
pytest.importorskip("safetensors")

FAMILIES = ("bert", "gpt2", "llama-yarn", "marian")
TEXT = "the cat eats 鱼 𠜎"
ROUNDS = 60
MOST_SECONDS = 5  # a shared machine may be slow; a file that makes work takes minutes
MOST_BYTES = 150 * 2**20
STRANGE = (
    None,
    True,
    0,
    -1,
    3,
    7,
    1e12,
    2**63,
    10**30,
    -2.5,
    float("nan"),
    float("inf"),
    1e-30,
    "",
    "x",
    "gelu",
    [],
    [1, 2],
    {},
    {"rope_type": "yarn"},
    {"type": "linear", "factor": 0},
    {"rope_type": "longrope", "short_factor": [1]},
)


def flipped(data, chance):
    """The bytes cut short, or with a few of them changed, most of these near the beginning."""
    if chance.random() < 0.15:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    reach = min(len(data), chance.choice([8, 600, 4000, len(data)]))
    for _ in range(chance.choice([1, 1, 2, 8])):
        changed[chance.randrange(reach)] = chance.randrange(256)
    return bytes(changed)


def estranged(data, chance):
    """The JSON object with one of its values, at any depth, gone or something else."""
    document = json.loads(data)
    places = [(document, key) for key in document]
    for inside, key in places:
        value = inside[key]
        if isinstance(value, dict | list) and len(value) < 50:
            places += [(value, each) for each in (value if isinstance(value, dict) else range(len(value)))]
    inside, key = chance.choice(places)
    if chance.random() < 0.15 and isinstance(inside, dict):
        del inside[key]
    else:
        inside[key] = chance.choice(STRANGE)
    return json.dumps(document).encode()


def read_or_refused(path):
    """Run a text through the model; True where that works, False where it is refused as it should be."""
    began = time.perf_counter()
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = load(str(path))
            attention = model.attend(TEXT, keys="a" if model.shape.encoder_decoder else None)
        assert_rows_sum_to_one(attention.weights)
        return True
    except AttnvizError as error:
        line = str(error)
        assert "\n" not in line
        assert len(line.replace(str(path), "")) < 600
        assert path.name in line, line
        return False
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < MOST_BYTES
        assert time.perf_counter() - began < MOST_SECONDS


@pytest.mark.parametrize("family", FAMILIES)
def test_damaged_folders(tmp_path, family):
    """Config, weights or tokenizer changed at random: the model is read or refused, and left as it was."""
    folder = model_of(tmp_path / f"tiny-{family}", family)
    files = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
    chance = random.Random(family)
    assert read_or_refused(folder)
    outcomes = set()
    for _ in range(ROUNDS):
        name = chance.choice(["config.json", "model.safetensors", *files])
        change = estranged if name.endswith(".json") and chance.random() < 0.8 else flipped
        damaged = change(files[name], chance)
        (folder / name).write_bytes(damaged)
        outcomes.add(read_or_refused(folder))
        assert (folder / name).read_bytes() == damaged
        (folder / name).write_bytes(files[name])
    assert outcomes == {True, False}
    assert sorted(file.name for file in folder.iterdir()) == sorted(files)


def test_damaged_gguf(tmp_path):
    """A .gguf file changed at random is read or refused, nothing else."""
    path = gguf_of(tmp_path / "tiny.gguf")
    data = path.read_bytes()
    chance = random.Random("gguf")
    assert read_or_refused(path)
    outcomes = set()
    for _ in range(2 * ROUNDS):
        path.write_bytes(flipped(data, chance))
        outcomes.add(read_or_refused(path))
    assert outcomes == {True, False}


@pytest.mark.parametrize(
    ("family", "ending"),
    [("bert", "query.weight"), ("gpt2", "c_attn.weight"), ("llama-yarn", "v_proj.weight"), ("mpnet", "bias.weight")],
)
def test_weights_that_are_no_numbers(tmp_path, family, ending):
    """The model's weights are named, not an argument of the function that met them first."""
    numpy_files = pytest.importorskip("safetensors.numpy")
    path = model_of(tmp_path / "tiny", family) / "model.safetensors"
    arrays = numpy_files.load_file(path)
    for name in arrays:
        if name.endswith(ending):
            arrays[name] = np.full_like(arrays[name], np.nan)
    numpy_files.save_file(arrays, path)
    with pytest.raises(InputError, match=r"tiny.*model's weights give numbers beyond"):
        load(str(path.parent)).attend("the cat")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to nothing"])
def test_no_files(tmp_path, name, kind):
    """A pipe or a device in a file's place is not waited for, and one that never ends is not read."""
    path = model_of(tmp_path / "tiny-bert", "bert") / name
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else tmp_path / "nothing")
    assert not read_or_refused(path.parent)


def test_a_link_out_of_the_folder_is_read(tmp_path):
    """As in the hub's cache, a file may be a link to another place; nothing is written at either."""
    folder = model_of(tmp_path / "tiny-bert", "bert")
    elsewhere = tmp_path / "blob"
    (folder / "model.safetensors").rename(elsewhere)
    (folder / "model.safetensors").symlink_to(elsewhere)
    before = elsewhere.stat()
    assert read_or_refused(folder)
    after = elsewhere.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["blob", "tiny-bert"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden_size": 24}, r"embeddings.word_embeddings.weight has the shape .*config needs"),
        ({"num_hidden_layers": 9}, "no tensor encoder.layer.3"),
        ({"num_attention_heads": 3}, "heads, which do not divide its 20 dimensions"),
        ({"hidden_act": "x"}, "activation 'x' is not supported"),
        ({"model_type": "zebra"}, "zebra"),
        ({"max_position_embeddings": 10**18}, "max_position_embeddings"),
        ({"vocab_size": "many"}, "vocab_size"),
        ({"layer_norm_eps": -1}, "layer_norm_eps"),
    ],
)
def test_configs_that_do_not_fit(tmp_path, change, words):
    """A config that is not that of the weights is refused with the file, the name, and what does not fit."""
    folder = model_of(tmp_path / "tiny-bert", "bert")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | change), encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        load(str(folder)).attend("cat")
    assert "tiny-bert" in str(caught.value)
