"""--source-language and --target-language, for translators between many languages."""

from __future__ import annotations

import json
import lzma
import shutil

import pytest
from golden_models import MODELS
from paths import GOLDEN

FILES = json.loads(lzma.decompress((GOLDEN / "languages.json.xz").read_bytes()))["cases"]["nllb"]["files"]
COMMANDS = {
    "run": ["run", "猫", "--keys", "the", "--target-language", "fra_Latn", "--json"],
    "next": ["next", "猫", "--target-language", "fra_Latn", "--json"],
    "tokens": ["tokens", "猫", "--json"],
    "explain": ["explain", "猫", "--keys", "the", "--target-language", "fra_Latn", "--token", "fra_Latn"],
    "export": ["export", "猫", "FILE", "--keys", "the", "--target-language", "fra_Latn"],
    "compare": ["compare", "猫", "鱼", "--json"],
}


@pytest.fixture
def nllb(tmp_path):
    """The folder of a tiny NLLB, which knows eng_Latn, fra_Latn and zho_Hans."""
    config = json.loads((MODELS / "m2m_100" / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "decoder_start_token_id": 2}))
    shutil.copy(MODELS / "m2m_100" / "model.safetensors", tmp_path)
    for file, text in FILES.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    return str(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_take_languages(call, nllb, tmp_path, command):
    """Every command that reads a text with a model takes them; the tokens of both stand in what it prints."""
    file = tmp_path / "weights.json"
    given = [str(file) if one == "FILE" else one for one in COMMANDS[command]]
    code, out, err = call(*given, "--model", nllb, "--source-language", "zho_Hans")
    assert code == 0, err
    out += file.read_text(encoding="utf-8") if command == "export" else ""
    assert command == "next" or "zho_Hans" in out
    assert "--target-language" not in COMMANDS[command] or "fra_Latn" in out


def test_an_unknown_language_is_refused(call, nllb):
    """One line lists what the model knows."""
    code, _, err = call("run", "猫", "--model", nllb, "--source-language", "xx")
    assert code == 2
    assert "it has eng_Latn, fra_Latn, zho_Hans" in err


def test_the_toy_has_no_languages(call):
    """Without a model they are refused as the other options of a model are."""
    code, _, err = call("run", "猫", "--source-language", "zho_Hans")
    assert code == 2
    assert "--model" in err
