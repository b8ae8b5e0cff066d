"""Every command with a model tells what concerns a reader of its tokens: settings of its files, entries without one."""

from __future__ import annotations

import json

import pytest
from tiny_models import model_of

COMMANDS = [
    ("run", "the cat"),
    ("explain", "the cat"),
    ("compare", "the cat", "cat the"),
    ("heads", "the cat"),
    ("next", "the cat"),
    ("next", "the cat", "--steps", "2"),
    ("lens", "the cat"),
    ("patch", "the cat", "cat the", "--answer", "cat"),
    ("ablate", "the cat", "--layer", "0", "--head", "0"),
    ("lab", "the cat", "--vary", "mask=own"),
    ("tokens", "the cat"),
]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A tiny Llama that is as it should be, and one with a setting of its own and more entries."""
    folder = tmp_path_factory.mktemp("notes")
    sound = model_of(folder / "sound", "llama")
    odd = model_of(folder / "odd", "llama", count=1000)
    settings = json.loads((odd / "tokenizer_config.json").read_text("utf-8")) | {"split_special_tokens": True}
    (odd / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return {"sound": str(sound), "odd": str(odd)}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command)[:30])
def test_notes_on_a_tokenizer(call, models, command, tmp_path, monkeypatch):
    """Each of the notes stands once in standard error, in every command; a sound model has none of them."""
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*command, "--model", models["odd"])
    assert code == 0
    assert err.count("special tokens in a text are cut like words") == 1
    assert err.count("added tokens may be missing") == 1
    code, _, err = call(*command, "--model", models["sound"])
    assert code == 0
    assert "cut like words" not in err
    assert "missing" not in err


def test_notes_of_fill(call, tmp_path):
    """`fill` has them too."""
    odd = model_of(tmp_path / "bert", "bert", count=1000)
    code, _, err = call("fill", "the [MASK] eats", "--model", str(odd))
    assert code == 0
    assert err.count("added tokens may be missing") == 1
