"""What a vocabulary lacks: marked by the id that stands for it, whatever kind of tokenizer gives that id."""

from __future__ import annotations

import json
import zipfile

import pytest
from paths import GOLDEN

pytest.importorskip("tokenizers")

from tokenizers import Tokenizer, models, pre_tokenizers

from attnviz.models.tokenizers.open import open_tokenizer

WORDS = ["[UNK]", "a", "b", "ab"]
NUMBERS = {word: number for number, word in enumerate(WORDS)}
SCORED = [("[UNK]", 0.0), *((word, -1.0) for word in WORDS[1:])]
BYTES = {**NUMBERS, "<0xE7>": 4}
MODELS = {
    "WordPiece": models.WordPiece(NUMBERS, unk_token="[UNK]"),
    "WordLevel": models.WordLevel(NUMBERS, unk_token="[UNK]"),
    "BPE": models.BPE(vocab=NUMBERS, merges=[("a", "b")], unk_token="[UNK]"),
    "BPE, fused": models.BPE(vocab=NUMBERS, merges=[("a", "b")], unk_token="[UNK]", fuse_unk=True),
    "BPE, bytes": models.BPE(vocab=BYTES, merges=[("a", "b")], unk_token="[UNK]", byte_fallback=True),
    "Unigram": models.Unigram(SCORED, unk_id=0),
    "Unigram, bytes": models.Unigram([*SCORED, ("<0xE7>", -1.0)], unk_id=0, byte_fallback=True),
}


def shown(encoded):
    """The tokens of a text: what the reader sees, the piece, whether it is unknown."""
    return [
        (token.text, token.piece, bool(unknown), token.is_unknown("[UNK]"))
        for token, unknown in zip(encoded.tokens, encoded.unknown, strict=True)
    ]


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("place", [0, 3])
def test_every_kind_of_tokenizer_json(tmp_path, kind, place):
    """The piece of an unknown token is the vocabulary's own, its text the reader's; other tokens are not marked."""
    made = Tokenizer(MODELS[kind])
    if kind == "Unigram" and place:  # another number than 0
        made = Tokenizer(models.Unigram([*SCORED[1:], SCORED[0]], unk_id=3))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    found = shown(open_tokenizer(tmp_path, {}).encode("ab 猫吃 a"))
    letters = ["猫", "吃"] if kind in ("BPE", "BPE, bytes") else ["猫吃"]
    unknown = [(letter, "[UNK]", True, True) for letter in letters]
    assert found == [("ab", "ab", False, False), *unknown, ("a", "a", False, False)]


def test_a_piece_that_is_named_as_the_setting(tmp_path):
    """Only the model's own unk_id counts, not a piece of the vocabulary that looks like it."""
    made = Tokenizer(models.Unigram([('"unk_id": 1', -1.0), ("[UNK]", 0.0), ("unk_id", -1.0), ("a", -1.0)], unk_id=1))
    made.save(str(tmp_path / "tokenizer.json"))
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")), indent=1), encoding="utf-8")
    assert open_tokenizer(tmp_path, {}).unknown == "[UNK]"


@pytest.mark.parametrize(
    ("name", "piece"), [("xlm-roberta", "<unk>"), ("t5", "<unk>"), ("albert", "<unk>"), ("marian", "<unk>")]
)
def test_sentencepiece_models(tmp_path, name, piece):
    """Unigram models of SentencePiece mark what they lack, one token for neighbouring letters, and Marian too."""
    with zipfile.ZipFile(GOLDEN / "tokenizers.zip") as archive:
        archive.extractall(tmp_path, [one for one in archive.namelist() if one.startswith(f"{name}/")])
    folder = tmp_path / name
    if not folder.is_dir():
        pytest.skip(f"no tiny tokenizer of {name}")
    tokenizer = open_tokenizer(folder, json.loads((folder / "config.json").read_text(encoding="utf-8")))
    encoded = tokenizer.encode("the ☃☃ cat")
    marked = [token for token, unknown in zip(encoded.tokens, encoded.unknown, strict=True) if unknown]
    assert [(token.text, token.piece) for token in marked] == [("☃☃", piece)]
    assert marked[0].id == tokenizer.id_of(piece)


def test_unigram_of_gguf(tmp_path):
    """A .gguf with a Unigram vocabulary marks what it lacks too, by its number or by the kind of the piece."""
    gguf = pytest.importorskip("gguf")
    from attnviz.models.formats.gguf import GgufFile
    from attnviz.models.tokenizers.gguf import gguf_tokenizer

    for told in (True, False):
        path = tmp_path / f"{told}.gguf"
        writer = gguf.GGUFWriter(path, "t5")
        writer.add_tokenizer_model("t5")
        writer.add_token_list(["</s>", "<unk>", "▁a", "b", "▁"])
        writer.add_token_scores([0.0, 0.0, -1.0, -1.0, -2.0])
        writer.add_token_types([3, 2, 1, 1, 1])
        writer.add_eos_token_id(0)
        if told:
            writer.add_unk_token_id(1)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        encoded = gguf_tokenizer(GgufFile(path)).encode("a ☃☃ ab")
        marked = [token for token, unknown in zip(encoded.tokens, encoded.unknown, strict=True) if unknown]
        assert [(token.text, token.piece, token.id) for token in marked] == [("☃☃", "<unk>", 1)]


@pytest.mark.parametrize(
    ("collapses", "pieces"), [(True, ["▁a", "▁a", "b"]), (False, ["▁", "▁a", "▁", "▁a", "b", "▁"])]
)
def test_spaces_of_a_unigram_of_gguf(tmp_path, collapses, pieces):
    """Spaces of a .gguf with a Unigram vocabulary stay where it says so (remove_extra_whitespaces)."""
    gguf = pytest.importorskip("gguf")
    from attnviz.models.formats.gguf import GgufFile
    from attnviz.models.tokenizers.gguf import gguf_tokenizer

    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "t5")
    writer.add_tokenizer_model("t5")
    writer.add_token_list(["</s>", "<unk>", "▁a", "b", "▁"])
    writer.add_token_scores([0.0, 0.0, -1.0, -1.0, -2.0])
    writer.add_token_types([3, 2, 1, 1, 1])
    writer.add_eos_token_id(0)
    writer.add_remove_extra_whitespaces(collapses)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    encoded = gguf_tokenizer(GgufFile(tmp_path / "x.gguf")).encode(" a  ab ")
    assert [token.piece for token in encoded.tokens] == [*pieces, "</s>"]
