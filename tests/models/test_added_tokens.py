"""Tokens beside a vocabulary, begin and end tokens, and tokenizer classes: as transformers 5 has them."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import zipfile

import pytest
import tiny_models
from paths import GOLDEN

from attnviz.core.errors import InputError
from attnviz.models.model import load
from attnviz.models.model_base import pads_embeddings
from attnviz.models.tokenizers.open import open_tokenizer

pytest.importorskip("tokenizers")

CASES = json.loads((GOLDEN / "added_tokens.json").read_text(encoding="utf-8"))["cases"]
FLAGS = json.loads((GOLDEN / "token_flags.json").read_text(encoding="utf-8"))["cases"]
ENDS = list(csv.DictReader((GOLDEN / "ends.tsv").read_text(encoding="utf-8").splitlines(), delimiter="\t"))


def script(name, monkeypatch):
    """The script that made a golden file, without transformers: for the folders that it writes."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    source = (GOLDEN / f"{name}.py").read_text(encoding="utf-8").replace("import transformers\n", "")
    found = {"__file__": str(GOLDEN / f"{name}.py"), "__name__": name}
    exec(compile(source, name, "exec"), found)
    return found


def opened(folder):
    """A folder's tokenizer."""
    return open_tokenizer(folder, json.loads((folder / "config.json").read_text(encoding="utf-8")))


def base(place, kind, made):
    """One tiny tokenizer, by the script's name; json is BERT's as a tokenizer.json."""
    if kind != "json":
        return made["base"](place, kind)
    folder = made["base"](place, "bert")
    opened(folder)._tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").unlink()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}', encoding="utf-8")
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['tokenizer']}-{case['case']}")
def test_added_tokens(tmp_path, monkeypatch, case):
    """Listed tokens are found in a text as transformers 5 finds them, wherever they are listed, with their flags."""
    made = script("make_added_tokens", monkeypatch)
    folder = base(tmp_path, case["tokenizer"], made)
    made["add_files"](folder, made["listings"](case["first"])[case["case"]])
    tokenizer = opened(folder)
    found = [tokenizer.encode(text).ids.tolist() for text in made["TEXTS"]]
    assert found == case["ids"]


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        *(("bert", 11), ("json", 13)),
        *(pytest.param(kind, 1, marks=pytest.mark.slow) for kind in sorted({case["tokenizer"] for case in FLAGS})),
    ],
)
def test_flags_given_in_several_places(tmp_path, monkeypatch, kind, step):
    """Of several places that name a token, that one gives its flags whose flags count in transformers 5."""
    flags = script("make_token_flags", monkeypatch)
    files, texts = flags["cases"], flags["TEXTS"]
    made = script("make_added_tokens", monkeypatch)
    rows = [case for case in FLAGS if case["tokenizer"] == kind]
    folder, chosen = base(tmp_path, kind, made), dict(files(rows[0]["first"]))
    assert list(chosen) == [row["case"] for row in rows]
    for row in rows[::step]:
        case = shutil.copytree(folder, tmp_path / "case")
        made["add_files"](case, chosen[row["case"]])
        tokenizer = opened(case)
        assert [tokenizer.encode(text).ids.tolist() for text in texts] == row["ids"], row["case"]
        shutil.rmtree(case)


def test_a_list_beside_tokenizer_json_changes_no_flags(tmp_path, monkeypatch):
    """The added tokens of tokenizer.json go before added_tokens.json, and after added_tokens_decoder."""
    folder = base(tmp_path, "json", script("make_added_tokens", monkeypatch))
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    plain = dict.fromkeys(("special", "lstrip", "rstrip", "normalized"), False)
    content["added_tokens"].append({"id": 500, "content": "[E1]", **plain, "single_word": True})
    path.write_text(json.dumps(content), encoding="utf-8")
    (folder / "added_tokens.json").write_text('{"[E1]": 500}', encoding="utf-8")
    assert 500 not in opened(folder).encode("x[E1]y").ids
    decoder = {"added_tokens_decoder": {"500": {"content": "[E1]", **plain, "single_word": False}}}
    (folder / "tokenizer_config.json").write_text(json.dumps(decoder), encoding="utf-8")
    assert 500 in opened(folder).encode("x[E1]y").ids


@pytest.mark.parametrize("name", sorted({row["class"] for row in ENDS}))
def test_ends(tmp_path, monkeypatch, name):
    """Begin and end tokens are transformers 5's, for every template and every pair of flags."""
    made = script("make_ends", monkeypatch)
    for number, row in enumerate(row for row in ENDS if row["class"] == name):
        flags = (row["add_bos_token"], row["add_eos_token"])
        if row["template"] == "older":
            folder = made["older_folder_of"](tmp_path / str(number), name, *flags)
        else:
            folder = made["folder_of"](tmp_path / str(number), name, row["template"], *flags)
        ids = opened(folder).encode("the cat").ids.tolist()
        found = ("b" * (ids[0] == 1) + "e" * (ids[-1] == 2)) or "-"
        assert found == row["transformers 5"], row


def folder_of(path, files, config=None):
    """A folder with these files, texts or JSON, and a config."""
    for name, content in {"config.json": {"model_type": "bert", **(config or {})}, **files}.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (path / name).write_text(text, encoding="utf-8")
    return path


VOCABULARY = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\n"


@pytest.mark.parametrize("where", ["tokenizer_config.json", "config.json"])
@pytest.mark.parametrize(
    "name",
    ["BertJapaneseTokenizer", "PhobertTokenizer", "BertweetTokenizer", "KoBertTokenizer", "HerbertTokenizerFast"],
)
def test_unknown_classes_are_refused(tmp_path, name, where):
    """A class that is not known to cut by vocab.txt is refused by its name, wherever it is named, with the way out."""
    files = {"vocab.txt": VOCABULARY}
    if where == "tokenizer_config.json":
        folder = folder_of(tmp_path, {**files, where: {"tokenizer_class": name}})
    else:
        folder = folder_of(tmp_path, files, {"tokenizer_class": name})
    with pytest.raises(InputError, match=f"{where}.*{name.removesuffix('Fast')}.*(from_arrays|save_pretrained)"):
        opened(folder)


@pytest.mark.parametrize(
    "name", ["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "PreTrainedTokenizerFast", None]
)
def test_known_classes_are_read(tmp_path, name):
    """Classes that cut by vocab.txt are read, and a folder that names none."""
    folder = folder_of(tmp_path, {"vocab.txt": VOCABULARY, "tokenizer_config.json": {"tokenizer_class": name}})
    assert opened(folder).encode("the cat").ids.tolist() == [2, 5, 6, 3]


@pytest.mark.parametrize(
    "auto_map",
    [
        {"AutoTokenizer": ["tokenization_own.OwnTokenizer", None]},
        {"AutoTokenizer": "tokenization_own.OwnTokenizer"},
        ["tokenization_own.OwnTokenizer", None],
    ],
)
def test_tokenizers_of_their_own_code_are_refused(tmp_path, auto_map):
    """A tokenizer whose code comes with the model is refused, with or without tokenizer.json."""
    files = {"vocab.txt": VOCABULARY, "tokenizer_config.json": {"auto_map": auto_map}}
    folder = folder_of(tmp_path, files)
    with pytest.raises(InputError, match=r"tokenization_own\.OwnTokenizer.*never run.*from_arrays"):
        opened(folder)
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="never run"):
        opened(folder)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"vocab.txt": "[CLS]\n[SEP]\n[UNK]\n▁한국\n▁어\n가\n"}, "SentencePiece’s pieces.*save_pretrained"),
        ({"vocab.txt": "the 10\ncat 9\n", "bpe.codes": "t h 1\n"}, r"bpe\.codes.*from_arrays"),
        ({}, "no tokenizer"),
    ],
)
def test_other_vocabularies_are_refused(tmp_path, files, words):
    """A vocab.txt that is none of WordPiece's is refused, though no class is named."""
    with pytest.raises(InputError, match=words):
        opened(folder_of(tmp_path, files))


def test_classes_beside_tokenizer_json(tmp_path, monkeypatch):
    """tokenizer.json is not read for a class that does not cut by it; for own fast code a note says that it is."""
    made = script("make_added_tokens", monkeypatch)
    folder = base(tmp_path, "json", made)
    settings = folder / "tokenizer_config.json"
    settings.write_text('{"tokenizer_class": "BertJapaneseTokenizer"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"BertJapaneseTokenizer, which does not cut a text by tokenizer\.json"):
        opened(folder)
    settings.write_text('{"auto_map": {"AutoTokenizer": ["own.Slow", "own.Fast"]}}', encoding="utf-8")
    assert "own.Fast, is not run" in str(opened(folder).notes[0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"added_tokens_decoder": {"7": {"special": True}}}, "the token 7 without its text"),
        ({"added_tokens_decoder": {"x": {"content": "[E1]"}}}, r"gives '\[E1\]' the number 'x'"),
        ({"added_tokens_decoder": {"-1": {"content": "[E1]"}}}, r"gives '\[E1\]' the number '-1'"),
    ],
)
def test_broken_lists_are_refused(tmp_path, settings, words):
    """An entry without a text or an id is refused in one line."""
    with pytest.raises(InputError, match=words):
        opened(folder_of(tmp_path, {"vocab.txt": VOCABULARY, "tokenizer_config.json": settings}))


def test_a_flag_that_only_transformers_4_follows(tmp_path, monkeypatch):
    """Where transformers 4 puts other ends around a text by its flags, a note of the tokenizer says so."""
    made = script("make_ends", monkeypatch)
    folder = made["folder_of"](tmp_path, "LlamaTokenizerFast", "b", "", "true")
    (note,) = opened(folder).notes
    assert str(note).startswith("add_eos_token: transformers 4 puts <s>, </s> around a text; here it is <s>")
    assert opened(made["folder_of"](tmp_path, "LlamaTokenizerFast", "b", "true", "false")).notes == ()
    assert opened(made["folder_of"](tmp_path, "PreTrainedTokenizerFast", "b", "", "true")).notes == ()


@pytest.mark.parametrize(
    ("count", "size", "pads"),
    [
        (30522, 30519, False),  # three added tokens
        (30528, 30522, True),  # a multiple of 64
        (30720, 30519, True),  # within a hundredth of a multiple of 128
        (32000, 30522, False),  # a multiple of 256, but not by that little
        (32064, 32011, True),  # Phi-3
        (50400, 50257, False),  # GPT-J without its added tokens: a multiple of 32
        (50272, 50265, True),  # OPT
        (128100, 128001, False),  # DeBERTa-v2
        (151936, 151669, True),  # Qwen3
        (201088, 200019, True),  # gpt-oss
        (250880, 250680, True),  # BLOOM
        (256000, 255029, True),  # Command R
        (262208, 262145, True),  # Gemma 3
    ],
)
def test_what_pads_a_vocabulary(count, size, pads):
    """Entries beyond the tokenizer's are padding below the multiple that their number is of; others are told."""
    assert pads_embeddings(count, size) is pads


@pytest.mark.parametrize("count", [831, 832, 800, 512])
def test_a_vocabulary_that_is_larger(tmp_path, count):
    """A model with more entries than its tokenizer says so, unless the entries pad its embeddings to a multiple."""
    folder = tiny_models.model_of(tmp_path / "bert", "bert", count=count)
    size = opened(folder).size
    assert [str(note) for note in load(str(folder)).attend("the cat", layers=[0]).notes] == (
        [f"bert has {count} entries in its vocabulary and its tokenizer {size}: added tokens may be missing."]
        if count != 512
        else []
    )
    listed = {f"[X{i}]": size + i for i in range(count - size)}
    (folder / "added_tokens.json").write_text(json.dumps(listed), encoding="utf-8")
    attention = load(str(folder)).attend("the [X0] cat", layers=[0])
    assert attention.notes == ()
    assert [token.id for token in attention.query][2] == size
    listed["[Y]"] = count
    (folder / "added_tokens.json").write_text(json.dumps(listed), encoding="utf-8")
    with pytest.raises(InputError, match=f"gives the id {count}, and the model's vocabulary has {count} entries"):
        load(str(folder)).attend("the [Y] cat", layers=[0])


def test_padding_is_no_end(tmp_path, monkeypatch):
    """Padding that tokenizer.json asks for is none of the ends of a text: its template stays as it is."""
    made = script("make_added_tokens", monkeypatch)
    folder = base(tmp_path, "json", made)
    document = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    size = {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None}
    document["padding"] = {**size, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    (folder / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    before = opened(folder)._tokenizer.post_processor
    assert opened(folder).ends == ("[CLS]", "[SEP]")
    assert type(before).__name__ == document["post_processor"]["type"]


def test_split_special_tokens_of_marian(tmp_path):
    """With split_special_tokens Marian finds no added token in a text, special or not, nor its own </s> and <pad>.

    The ids are those of MarianTokenizer in transformers 5.24, for the folder that this test makes.
    """
    with zipfile.ZipFile(GOLDEN / "tokenizers.zip") as archive:
        for name in archive.namelist():
            if name.startswith("marian/"):
                (tmp_path / name.removeprefix("marian/")).write_bytes(archive.read(name))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<X1>": 275, "<X2>": 276}), encoding="utf-8")
    mapped = {"additional_special_tokens": ["<X1>", "<X2>"]}
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(mapped), encoding="utf-8")
    text = "the cat <X1> eats"
    for split, expected in (
        (False, [201, 185, 102, 275, 187, 97, 0]),
        (True, [201, 185, 102, 182, 1, 12, 1, 187, 97, 0]),
    ):
        settings = {"tokenizer_class": "MarianTokenizer", "split_special_tokens": split}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
        assert opened(tmp_path).encode(text).ids.tolist() == expected
    found = opened(tmp_path).encode(" <X1>  the </s> <s> cat").ids.tolist()
    assert found == [182, 1, 12, 1, 201, 182, 1, 10, 97, 1, 182, 1, 97, 1, 185, 102, 0]
    padded = opened(tmp_path).encode("<pad> the").ids.tolist()
    assert padded == [182, 1, 90, 31, 43, 1, 201, 0]
