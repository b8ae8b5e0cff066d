"""Files with more names than any model has are refused before they are parsed, whichever file it is."""

from __future__ import annotations

import json

import pytest
from tiny_models import model_of

import attnviz
from attnviz.core.errors import InputError, ShapeError
from attnviz.models.formats import files
from attnviz.models.tokenizers import added_tokens, legacy

FEW = 2000
NAMES = {f"name{number}": 512 + number for number in range(FEW)}


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


CASES = {
    "added_tokens.json": ("bert", NAMES),
    "special_tokens_map.json": ("bert", {"additional_special_tokens": list(NAMES)}),
    "tokenizer_config.json": ("bert", {"added_tokens_decoder": {str(v): {"content": k} for k, v in NAMES.items()}}),
    "config.json": ("bert", {"model_type": "bert", **NAMES}),
    "vocab.json": ("gpt2", NAMES),
    "vocab.txt": ("bert", "\n".join(NAMES) + "\n"),
    "merges.txt": ("gpt2", "\n".join(f"{name} x" for name in NAMES)),
    "tokenizer.json": ("bert", {"model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": NAMES}}),
    "model.safetensors.index.json": ("bert", {"weight_map": dict.fromkeys(NAMES, "model.safetensors")}),
}
LISTS = {
    "unigram": {"model": {"type": "Unigram", "vocab": [[name, -1.0] for name in NAMES]}},
    "spaced": '{"model": {"vocab": {%s}}}' % ", ".join(f'"{name}" : 1' for name in NAMES),  # noqa: UP031
    "strings": {"names": list(NAMES) * 3},
}


@pytest.mark.parametrize("name", CASES)
def test_more_names_than_a_model_has(name, tmp_path, monkeypatch):
    """Each file with names is refused by its name, and parsed by nothing."""
    family, value = CASES[name]
    folder = model_of(tmp_path / "model", family)
    if name.endswith("index.json"):
        (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    write(folder / name, value)
    for module in (files, legacy):
        monkeypatch.setattr(module, "MOST_NAMES", 1000)
    monkeypatch.setattr(files.json, "loads", _refuse_large(json.loads))
    with pytest.raises(InputError, match="has more than 1,000 names") as error:
        attnviz.run("the cat", model=str(folder))
    assert name in str(error.value)


def _refuse_large(loads):
    """json.loads that fails for a document with more names than the limit."""

    def checked(text, **options):
        assert text.count("name") < 1500, "parsed before it was refused"
        return loads(text, **options)

    return checked


@pytest.mark.parametrize("name", LISTS)
def test_names_in_lists_and_with_spaces(name, tmp_path, monkeypatch):
    """Entries in lists, keys with a space after them and plain strings count too; a file within the limit is read."""
    write(tmp_path / "x.json", LISTS[name])
    files.check_names_of(tmp_path / "x.json")
    monkeypatch.setattr(files, "MOST_NAMES", 1000)
    with pytest.raises(InputError, match="has more than 1,000 names"):
        files.check_names_of(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"])
def test_more_added_tokens_than_a_model_has(name, tmp_path, monkeypatch):
    """Tokens beside a vocabulary have a limit of their own, since each costs time whenever a model is opened."""
    folder = model_of(tmp_path / "model", "bert")
    write(folder / name, CASES[name][1])
    monkeypatch.setattr(added_tokens, "MOST_ADDED", 1000)
    with pytest.raises(InputError, match="has more than 1,000 names"):
        attnviz.run("the cat", model=str(folder))


def test_far_more_names_than_weights(tmp_path, monkeypatch):
    """Names of given weights are counted before each is read."""
    write(tmp_path / "w.json", {"weights": [[[1.0]]], "tokens": list(NAMES)})
    monkeypatch.setattr("attnviz.io.read_data.checked_tokens", None)
    with pytest.raises(ShapeError, match=r"number of tokens \(2000\)"):
        attnviz.load_weights(tmp_path / "w.json")


def test_an_index_of_many_names(tmp_path):
    """A file that an index names many times is looked at once, and what leads elsewhere is refused as before."""
    folder = model_of(tmp_path / "model", "bert")
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    for file in ("../x", 7, ["x"]):
        write(folder / "model.safetensors.index.json", {"weight_map": {"a": "model-1.safetensors", "b": file}})
        with pytest.raises(InputError, match="which is not beside it"):
            attnviz.run("the cat", model=str(folder))
