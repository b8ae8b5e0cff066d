"""Attention read back from files: what was written comes back exactly, and nothing that could run is ever loaded."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import random
import re
import tracemalloc
import zipfile

import numpy as np
import pytest
from near import assert_near

from attnviz import Attention, Token, compare, load_weights, run
from attnviz.core.errors import AttnvizError, InputError, OptionError, ShapeError
from attnviz.core.provenance import from_settings
from attnviz.io.read_data import read_attentions, split_labels
from attnviz.io.write_data import attention_document, attention_npz, comparison_document, to_json
from attnviz.views.prepared.attention import prepare

TEXTS = ("猫吃鱼", "the cat eats the fish", "x", "👩 eats", '"quoted", and\nbroken', "a\x1b[2J b\u202e")


def cross():
    """猫吃 asks dog eats fish, each standing in its own text."""
    raw = np.random.default_rng(1).random((2, 2, 2, 3), dtype=np.float32)
    query = (Token("猫", 0, 1, piece="猫", id=3), Token("吃", 1, 2))
    key = (Token("dog", 0, 3), Token("eats", 4, 8), Token("fish", 9, 13))
    return Attention(query, key, raw / raw.sum(axis=-1, keepdims=True), layers=(3, 7))


def same(a, b):
    """Whether two attentions hold the same numbers and names."""
    return attention_document(a) == attention_document(b)


COMPUTED = {
    "plain": lambda: run("猫吃鱼"),
    "heads": lambda: run("the cat eats the fish", heads=4),
    "a head": lambda: run("the cat eats the fish", heads=4).select(head="when and where"),
    "mean": lambda: run("猫吃鱼", heads=2).mean(),
    "causal": lambda: run("猫吃鱼", mask="causal"),
    "hash": lambda: run("👩 eats x", embedding="hash", heads=8, temperature=0.3, position="sinusoidal"),
    "vectors": lambda: run(vectors=np.eye(3)),
    "cross": cross,
    "blind": lambda: Attention.from_arrays(np.tri(3, k=-1) / [[1], [1], [2]], list("abc"), allowed=np.tri(3, k=-1)),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_json_comes_back(tmp_path, name):
    """A document that was read back is the document that was written, number by number."""
    computed = COMPUTED[name]()
    path = tmp_path / "x.json"
    path.write_text(to_json(attention_document(computed)), encoding="utf-8")
    (found,) = load_weights(path)
    assert same(found, computed)
    assert found.notes == ()


@pytest.mark.parametrize("text", TEXTS)
def test_json_of_any_text_comes_back(tmp_path, text):
    """Whatever the tokens are."""
    path = tmp_path / "x.json"
    path.write_text(to_json(attention_document(run(text))), encoding="utf-8")
    assert same(load_weights(path)[0], run(text))


@pytest.mark.parametrize("name", COMPUTED)
def test_npz_comes_back(tmp_path, name):
    """An .npz gives back every array, and the names, places and vocabulary entries of its tokens."""
    computed = COMPUTED[name]()
    path = tmp_path / "x.npz"
    path.write_bytes(attention_npz(computed))
    (found,) = load_weights(path)
    plain = [[Token(t.text, t.start, t.end, t.piece) for t in side] for side in (computed.query, computed.key)]
    assert [list(found.query), list(found.key)] == plain
    assert np.array_equal(found.weights, computed.weights)
    assert (found.layers, found.heads, found.provenance) == (computed.layers, computed.heads, computed.provenance)
    assert found.is_cross == computed.is_cross
    for part in ("allowed", "output"):
        assert np.array_equal(getattr(found, part), getattr(computed, part))


@pytest.mark.parametrize("renormalized", [True, False])
@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_hidden_words_come_back(tmp_path, suffix, renormalized):
    """A document that hides [CLS] has rows that sum to less than 1, and is read all the same; a larger sum is none."""
    hidden = {"pieces": ["[CLS]"], "shares": {"0": [0.4]}, "renormalized": renormalized}
    settings = {"model": "some", "family": "bert", "layers": 1, "heads": 1, "mask": "none", "hidden": hidden}
    share = 1.0 if renormalized else 0.6
    weights = np.array([[[[0.25, 0.75], [0.5, 0.5]]]]) * share
    tokens = (Token("猫", 0, 1), Token("鱼", 1, 2))
    provenance = from_settings(settings)
    computed = Attention(tokens, tokens, weights, provenance=provenance)
    path = tmp_path / f"x{suffix}"
    for attention, sound in (
        (computed, True),
        (Attention(tokens, tokens, weights / share * 1.5, provenance=provenance), False),
    ):
        document = to_json(attention_document(attention)).encode()
        path.write_bytes(document if suffix == ".json" else attention_npz(attention))
        if sound:
            assert same(load_weights(path)[0], computed)
        else:
            with pytest.raises(InputError, match=r"sums to 1\.5"):
                load_weights(path)


def test_several_documents(tmp_path):
    """The array that several texts print gives one attention for each."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps([attention_document(run(text)) for text in TEXTS]), encoding="utf-8")
    found = load_weights(path)
    assert len(found) == len(TEXTS)
    assert all(same(a, run(text)) for a, text in zip(found, TEXTS, strict=True))


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4), (3, 2, 4, 4)])
@pytest.mark.parametrize("suffix", [".npz", ".npy", ".json"])
def test_fewer_dimensions(tmp_path, suffix, shape):
    """Weights of 2, 3 or 4 dimensions are one head, one layer, or all; tokens that have no names are numbered."""
    raw = np.random.default_rng(3).random(shape)
    weights = raw / raw.sum(axis=-1, keepdims=True)
    path = tmp_path / f"w{suffix}"
    if suffix == ".npz":
        np.savez(path, weights=weights)
    elif suffix == ".npy":
        np.save(path, weights)
    else:
        path.write_text(json.dumps(weights.tolist()), encoding="utf-8")
    (found,) = load_weights(path)
    assert np.array_equal(found.weights.reshape(shape), weights.astype(np.float32))
    assert [token.text for token in found.query] == ["x0", "x1", "x2", "x3"]
    assert "x0" in str(found.notes[0])
    (named,) = load_weights(path, labels="猫,吃,鱼,。")
    assert [token.text for token in named.query] == list("猫吃鱼。")
    assert named.notes == ()


def test_npz_of_others(tmp_path):
    """`weights`, `tokens`, `keys` and `allowed` are enough; bytes are UTF-8; other arrays are no matter."""
    path = tmp_path / "w.npz"
    np.savez(path, weights=np.full((2, 3), 1 / 3), tokens=["猫", "吃"], keys=np.array([b"a", b"b", b"c"]), note=1)
    (found,) = load_weights(path)
    assert [t.text for t in found.query + found.key] == ["猫", "吃", "a", "b", "c"]
    np.savez(path, weights=np.eye(2), tokens=["猫", "吃"], allowed=np.eye(2))
    assert load_weights(path)[0].allowed.tolist() == [[True, False], [False, True]]


def test_labels_win(tmp_path):
    """Labels replace the file's own names, of the rows and, given twice, of the columns."""
    path = tmp_path / "w.npz"
    np.savez(path, weights=np.full((2, 3), 1 / 3), tokens=["a", "b"], keys=["c", "d", "e"])
    (found,) = load_weights(path, labels=["猫 吃", "1,2,3"])
    assert [t.text for t in found.query + found.key] == ["猫", "吃", "1", "2", "3"]
    (found,) = load_weights(path, labels="猫 吃")
    assert [t.text for t in found.key] == ["c", "d", "e"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b,c", ["a", "b", "c"]),
        ("a b c", ["a", "b", "c"]),
        ("a, b, c", ["a", "b", "c"]),
        ("Hello , world", ["Hello", ",", "world"]),
        ('a,",",b', ["a", ",", "b"]),
        ("猫 吃 鱼", ["猫", "吃", "鱼"]),
        ("猫\n吃\n鱼\n", ["猫", "吃", "鱼"]),
        ("猫吃鱼", ["猫", "吃", "鱼"]),
        ("the cat\neats, well\nfish", ["the cat", "eats, well", "fish"]),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_split_labels(tmp_path, text, names, in_file):
    """Lines, commas or spaces: whichever gives as many names as there are rows, in a file or as they are."""
    path = tmp_path / "names"
    path.write_text(text, encoding="utf-8")
    assert split_labels(str(path) if in_file else text, 3) == names


def test_wrong_number_of_labels():
    """Another number of names is an error with both numbers; a name too long for a file is no crash."""
    with pytest.raises(InputError, match=r"labels \(2\) must be that of the rows or columns \(3\)"):
        split_labels("a,b", 3)
    with pytest.raises(InputError, match=r"labels \(1\) must be that of the rows or columns \(3\)"):
        split_labels("a" * 5000, 3)
    with pytest.raises(InputError, match=r"rows or columns \(4\)"):
        split_labels("a\0b", 4)


class Bomb:
    """Runs a command where a pickle of it is loaded."""

    def __reduce__(self):
        return os.mkdir, (str(Bomb.place),)


def test_nothing_is_run(tmp_path):
    """Pickled objects in an .npy or .npz are refused unloaded."""
    Bomb.place = tmp_path / "ran"
    bomb = np.empty(1, dtype=object)
    bomb[0] = Bomb()
    np.save(tmp_path / "a.npy", bomb, allow_pickle=True)
    np.savez(tmp_path / "b.npz", weights=np.eye(2), tokens=bomb)
    np.savez(tmp_path / "c.npz", weights=bomb)
    (tmp_path / "d.npy").write_bytes(pickle.dumps(Bomb()))
    for name in ("a.npy", "b.npz", "c.npz"):
        with pytest.raises(InputError, match="never loaded"):
            load_weights(tmp_path / name)
    with pytest.raises(InputError):
        load_weights(tmp_path / "d.npy")
    assert not Bomb.place.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("w.safetensors", ["import numpy as np", "from safetensors.numpy import load_file", "np.savez"]),
        ("w.pt", ["torch.load('w.pt', weights_only=True)", "np.savez"]),
        ("w.bin", ["torch.load"]),
        ("w.pth", ["torch.load"]),
        ("w.csv", [".npz, .json or .npy"]),
        ("w", [".npz"]),
    ],
)
def test_other_formats(tmp_path, name, words):
    """A model's file is refused with the three lines that convert it, whether it is there or not."""
    with pytest.raises(OptionError) as error:
        read_attentions(tmp_path / name)
    assert [word for word in words if word not in str(error.value)] == []
    if name[-1] in "nths" and name != "w":
        assert str(error.value).count("; ") == 2


def test_the_lines_convert(tmp_path, monkeypatch):
    """The lines for safetensors, run as they stand, make a file that is read."""
    safetensors = pytest.importorskip("safetensors.numpy")
    monkeypatch.chdir(tmp_path)
    safetensors.save_file({"attention": np.eye(2, dtype=np.float32)}, "w.safetensors")
    with pytest.raises(OptionError) as error:
        load_weights("w.safetensors")
    exec(str(error.value).split("Convert it with: ")[1].rstrip("."), {})
    assert load_weights("weights.npz")[0].query == (Token("the"), Token("cat"))


def document(**changes):
    """A document of 猫吃鱼 with some fields changed."""
    return {**attention_document(run("猫吃鱼")), **changes}


BAD = {
    "empty.json": (b"", ["not valid JSON"]),
    "cut.json": (b'{"weights": [[', ["not valid JSON", "line 1, column 15"]),
    "digits.json": (b"[[" + b"1" * 5000 + b"]]", ["4,300 digits"]),
    "end.json": (json.dumps(document(tokens=[{"text": "猫", "start": 2, "end": 1}])).encode(), ["tokens[0].end = 1"]),
    "mask.json": (json.dumps(document(settings={"mask": "x"})).encode(), ["settings.mask = 'x'; a mask"]),
    "part.json": (json.dumps(document(settings={"embedding": "toy"})).encode(), ["settings has no dim"]),
    "deep.json": (b"[" * 100_000, ["JSON"]),
    "latin.json": (b'["caf\xe9"]', ["UTF-8", "0xe9"]),
    "number.json": (b"3", ["no weights"]),
    "list.json": (b"[]", ["(0,)"]),
    "ragged.json": (b"[[0.5, 0.5], [1]]", ["equally long"]),
    "words.json": (b'[["a", "b"]]', ["real numbers"]),
    "nan.json": (b"[[NaN, 1], [0, 1]]", ["layer 0, head 0, row 0, column 0 is nan"]),
    "huge.json": (b"[[1" + b"0" * 400 + b"]]", ["real numbers"]),
    "other.json": (b'{"a": 1}', ["no weights"]),
    "mixed.json": (b'[{"weights": [[1]]}, 3]', ["numbers"]),
    "schema.json": (json.dumps(document(schema=2)).encode(), ["schema 2"]),
    "tokens.json": (json.dumps(document(tokens=[{"txt": 1}])).encode(), ["tokens[0] = {'txt': 1}", "a text, or"]),
    "token.json": (json.dumps(document(tokens=3)).encode(), ["tokens = 3; a list"]),
    "few.json": (json.dumps(document(tokens=["猫"])).encode(), ["tokens (1)", "(3)"]),
    "layers.json": (json.dumps(document(layers=[0, 1])).encode(), ["layer names (2)"]),
    "allowed.json": (json.dumps(document(allowed=[[True]])).encode(), ["allowed (1, 1)"]),
    "output.json": (json.dumps(document(output=[[1.0]])).encode(), ["output (1, 1)"]),
    "settings.json": (json.dumps(document(settings=[1])).encode(), ["settings = [1]; an object"]),
    "compared.json": (to_json(comparison_document(compare("猫吃鱼", "鱼吃猫"))).encode(), ["comparison"]),
    "empty.npz": (b"", ["not a NumPy .npz"]),
    "text.npz": (b"hello", ["not a NumPy .npz"]),
    "renamed.npz": (b"\x93NUMPY\x01\x00", ["not a NumPy .npz"]),
    "zip.npz": (b"PK\x03\x04" + bytes(40), ["not a complete NumPy file"]),
    "empty.npy": (b"", ["not a complete NumPy file"]),
    "lying.npy": (
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (99999, 99999), }"
        + b" " * 50
        + b"\n",
        ["not a complete NumPy file"],
    ),
}


def places(document, above=()):
    """Where something stands in a document: every key, and the first two of a list."""
    inside = document.items() if isinstance(document, dict) else enumerate(document[:2])
    for key, value in inside:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


HIDDEN = {
    "model": "m",
    "family": "bert",
    "layers": 1,
    "heads": 1,
    "mask": "none",
    "unknown": None,
    "pair_start": 1,
    "unknown_words": {"unknown": 1, "words": 2},
    "hidden": {"pieces": ["[CLS]"], "shares": {"0": [0.25]}, "renormalized": True},
}


@pytest.mark.parametrize("settings", [{}, HIDDEN], ids=["toy", "model"])
@pytest.mark.parametrize("wrong", [None, -1, "x", [], {}, [1], {"a": 1}, True, 1e300, 10**30, [[["x"]]], "left out"])
def test_wrong_parts(tmp_path, settings, wrong):
    """Whatever part of a document is wrong, it is read and shown, or told in one line that names the file."""
    path = tmp_path / "d.json"
    whole = document(**({"settings": settings} if settings else {}))
    for place in places(whole):
        changed = json.loads(json.dumps(whole))
        *above, last = place
        inside = changed
        for key in above:
            inside = inside[key]
        inside[last] = wrong
        if wrong == "left out":
            del inside[last]
        path.write_text(json.dumps(changed), encoding="utf-8")
        try:
            (found,) = load_weights(path)
        except AttnvizError as error:
            told = str(error)
        else:
            told = "d.json " + " ".join(str(part) for form in prepare(found) for part in (*form.caption, *form.notes))
        assert "d.json" in told, place
        assert "\n" not in told, place


@pytest.mark.parametrize("name", BAD)
def test_bad_files(tmp_path, name):
    """A file that is not what it should be is told in one line that names it."""
    data, words = BAD[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(AttnvizError) as error:
        load_weights(path)
    said = str(error.value).replace("Layer", "layer")
    assert name in said
    assert "\n" not in said
    assert [word for word in words if word not in said] == [], said


def test_damaged_npz(tmp_path):
    """Whatever bytes of a file are others, it is read or refused in a line: another compression, and lies."""
    whole = attention_npz(run("猫吃鱼", heads=4))
    path, draw = tmp_path / "d.npz", random.Random(0)
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(draw.choice((1, 3, 10))):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(AttnvizError):
            load_weights(path)


def test_cut_npz(tmp_path):
    """A file that was cut off anywhere is an error and never a crash."""
    whole = attention_npz(run("猫吃鱼", heads=4))
    path = tmp_path / "cut.npz"
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(AttnvizError):
            load_weights(path)


@pytest.mark.parametrize(
    ("arrays", "kind", "words"),
    [
        ({"attention": np.eye(2)}, InputError, ["no array 'weights'", "attention"]),
        ({"weights": np.eye(2)[(None,) * 4]}, ShapeError, ["(1, 1, 1, 1, 2, 2)"]),
        ({"weights": np.zeros((0, 0))}, ShapeError, ["empty"]),
        ({"weights": np.full((2, 3), 1 / 3)}, ShapeError, ["2 queries and 3 keys", "--labels"]),
        ({"weights": np.eye(2), "tokens": ["a"]}, ShapeError, ["tokens (1)", "(2)"]),
        ({"weights": np.eye(2), "tokens": [1, 2]}, InputError, ["strings"]),
        ({"weights": np.eye(2), "tokens": [[["a", "b"]]]}, InputError, ["one dimension"]),
        ({"weights": np.eye(2), "settings": "not json"}, InputError, ["w.npz"]),
        ({"weights": np.eye(2) * 2}, InputError, ["row 0 sums to 2", "--normalize"]),
    ],
)
def test_bad_arrays(tmp_path, arrays, kind, words):
    """What does not fit in an .npz is named."""
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(kind) as error:
        load_weights(tmp_path / "w.npz")
    assert [word for word in words if word not in error.value.for_command_line()] == []


def test_missing_and_folder(tmp_path):
    """A file that is not there, and a folder, are told."""
    with pytest.raises(InputError, match="no file"):
        load_weights(tmp_path / "x.json")
    (tmp_path / "y.json").mkdir()
    with pytest.raises(InputError, match="folder"):
        load_weights(tmp_path / "y.json")


def test_too_many_tokens(tmp_path):
    """A table that nobody could read is refused with its size."""
    np.save(tmp_path / "w.npy", np.eye(4097, dtype=np.float16))
    with pytest.raises(InputError, match="4,097"):
        load_weights(tmp_path / "w.npy")


def test_normalizing_a_document_is_said(tmp_path):
    """A document whose rows were divided says so in its settings and its notes."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document(weights=[[[[2, 2, 0], [1, 0, 0], [0, 0, 1]]]])), encoding="utf-8")
    (found,) = load_weights(path, normalize=True)
    assert found.weights[0, 0, 0].tolist() == [0.5, 0.5, 0]
    assert found.provenance.normalized
    assert "divided" in str(found.notes[0])


def test_a_partial_document_is_divided_if_asked(tmp_path):
    """A document whose rows are partial is divided with `normalize`, and then is partial no more."""
    path = tmp_path / "x.json"
    path.write_text(Attention.from_arrays([[0.2, 0.2], [0.5, 0]], list("ab"), partial=True).to_json())
    assert load_weights(path)[0].weights[0, 0].tolist() == [[np.float32(0.2)] * 2, [0.5, 0]]
    (found,) = load_weights(path, normalize=True)
    assert (found.weights[0, 0].tolist(), found.provenance.partial) == ([[0.5, 0.5], [1, 0]], False)


FIELDS = {
    "allowed of text": {"allowed": [["a", "b"], ["c", "d"]]},
    "allowed of words": {"allowed": [["true", "false"], ["true", "true"]]},
    "allowed of numbers": {"allowed": [[1, 2], [3, 4]]},
    "allowed of a shape": {"allowed": [1, 1]},
    "ragged allowed": {"allowed": [[1], [1, 1]]},
    "output of nothing": {"output": [[], []]},
    "output of one number": {"output": 5},
    "output of rows": {"output": [[1.0]]},
    "output of text": {"output": [["a"], ["b"]]},
    "output of nan": {"output": [[float("nan")], [1.0]]},
    "output of infinity": {"output": [[float("inf")], [1.0]]},
    "output too large": {"output": [[1e300], [1.0]]},
    "ragged output": {"output": [[1.0], [1.0, 2.0]]},
    "output of booleans": {"output": [[True], [False]]},
    "mask of text": {"mask": ["a", "b"]},
    "mask of numbers": {"mask": [1, 5]},
    "mask of a length": {"mask": [1]},
    "mask of nothing": {"mask": [0, 0]},
    "special of numbers": {"special_tokens_mask": [1, 5]},
    "special of a length": {"special_tokens_mask": [1]},
    "key_mask": {"mask": [1, 0], "key_mask": [1, 1]},
    "layers of fractions": {"layers": [0.5]},
    "layers of names": {"layers": ["first"]},
    "layers of booleans": {"layers": [True]},
    "heads of fractions": {"heads": [0.5]},
    "heads of lists": {"heads": [[0]]},
    "settings of nan": {"settings": {"mine": float("nan")}},
    "settings of deep infinity": {"settings": {"mine": [{"a": [1, float("inf")]}]}},
    "precision": {"settings": {"precision": "bfloat16"}},
    "precision off": {"settings": {"precision": {"name": "x", "off": 2}}},
    "precision more": {"settings": {"precision": {"name": "x", "off": 0, "a": 1}}},
    "partial": {"settings": {"partial": 1}},
    "mean_layers": {"settings": {"mean_layers": [0.5]}},
}


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_checked(tmp_path, name, suffix):
    """Whatever field of a file cannot be is told in one line; it never fails later, when it is shown or saved."""
    fields = {"weights": [[0.5, 0.5], [0.0, 1.0]], "tokens": ["a", "b"], **FIELDS[name]}
    path = tmp_path / f"x{suffix}"
    if suffix == ".json":
        path.write_text(json.dumps(fields), encoding="utf-8")
    else:
        try:
            arrays = {part: np.array(json.dumps(each) if part == "settings" else each) for part, each in fields.items()}
        except ValueError:
            pytest.skip("no array")
        np.savez(path, **arrays)
    with pytest.raises(AttnvizError) as error:
        load_weights(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", [complex, object, "U5", "S5"])
@pytest.mark.parametrize("part", ["weights", "output", "allowed", "mask", "layers", "spans"])
def test_arrays_of_other_types(tmp_path, part, dtype):
    """Arrays of complex numbers, of strings and of objects are no numbers, in any field."""
    path = tmp_path / "x.npz"
    fields = {"weights": np.eye(2), "tokens": np.array(["a", "b"]), "spans": np.array([[0, 1], [2, 3]])}
    shapes = {
        "weights": np.eye(2),
        "output": np.eye(2),
        "allowed": np.eye(2),
        "mask": np.ones(2),
        "layers": np.zeros(1),
    }
    value = shapes.get(part, fields.get(part))
    np.savez(path, **{**fields, part: value.astype(dtype)})
    if part == "layers" and dtype in ("U5", "S5"):
        value = np.array(["x"], dtype=dtype)
        np.savez(path, **{**fields, part: value})
    with pytest.raises(AttnvizError):
        load_weights(path)


@pytest.mark.parametrize("options", [{"seed": 2**60}, {"temperature": 1e300}, {"temperature": 10**30}])
@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_large_settings_come_back(tmp_path, options, suffix):
    """A seed or a temperature beyond 2^53 is read back as it was written."""
    computed = run("猫吃鱼", projection="random", **options)
    path = tmp_path / f"x{suffix}"
    path.write_bytes(to_json(attention_document(computed)).encode() if suffix == ".json" else attention_npz(computed))
    (found,) = load_weights(path)
    assert found.provenance == computed.provenance
    assert np.array_equal(found.weights, computed.weights)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 3, 3), (1, 4, 3, 3), (2, 1, 3, 3), (2, 4, 3, 3)])
def test_masks_of_layers_and_heads(tmp_path, shape, suffix):
    """`allowed` may differ by head, and by layer and head; it comes back, and forbidden cells stay forbidden."""
    allowed = np.random.default_rng(6).random(shape) < 0.5
    allowed[..., np.arange(3), np.arange(3)] = True
    full = np.broadcast_to(allowed if allowed.ndim != 3 else allowed[None], (2, 4, 3, 3))
    weights = full / full.sum(axis=-1, keepdims=True)
    fields = {"weights": weights, "tokens": np.array(["a", "b", "c"]), "allowed": allowed}
    path = tmp_path / f"x{suffix}"
    if suffix == ".json":
        path.write_text(json.dumps({part: each.tolist() for part, each in fields.items()}), encoding="utf-8")
    else:
        np.savez(path, **fields)
    (found,) = load_weights(path)
    assert np.array_equal(found.masks, full)
    path.write_bytes(to_json(attention_document(found)).encode() if suffix == ".json" else attention_npz(found))
    assert np.array_equal(load_weights(path)[0].masks, full)
    for panel, mask in zip(prepare(found)[0].panels, full.reshape(8, 3, 3), strict=True):
        assert np.array_equal(panel.forbidden, ~mask)


def padded(*, left, texts=2):
    """A batch [layers, batch, heads, query, key] as a model gives it, its names and its attention_mask [batch, n]."""
    random = np.random.default_rng(6)
    names = np.array([["the", "cat", "eats", "fish"], ["a", "dog", "[PAD]", "[PAD]"]][:texts])
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0]][:texts])
    if left:
        names, mask = names[:, ::-1], mask[:, ::-1]
    raw = random.random((2, texts, 3, 4, 4)) * mask[:, None, None, :]
    return raw / raw.sum(axis=-1, keepdims=True), names, mask


@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("name", ["mask", "attention_mask", "key_mask"])
@pytest.mark.parametrize("left", [False, True])
def test_masks_of_a_batch(tmp_path, suffix, name, left):
    """Weights of several texts are an attention each, without the padding that the mask tells, left or right."""
    weights, names, mask = padded(left=left)
    path = tmp_path / f"x{suffix}"
    save_parts(path, weights=weights, tokens=names, **{name: mask})
    found = load_weights(path)
    assert len(found) == 2
    for text, one in enumerate(found):
        kept = np.flatnonzero(mask[text])
        assert [token.text for token in one.query] == list(names[text, kept])
        assert_near(one.weights, weights[:, text][..., kept, :][..., kept])
        assert not any("padding" in str(note) for note in one.notes)


def save_parts(path, **parts):
    """Write arrays as an .npz, or as an object of JSON."""
    if path.suffix == ".npz":
        np.savez(path, **parts)
    else:
        path.write_text(json.dumps({name: value.tolist() for name, value in parts.items()}), encoding="utf-8")


@pytest.mark.parametrize("left", [False, True])
def test_masks_of_one_text(tmp_path, left):
    """One text may come as a batch of one, its names for all positions or for those that are kept alone."""
    weights, names, mask = (part[..., 1:, :] if part.ndim == 2 else part[:, 1] for part in padded(left=left))
    kept = np.flatnonzero(mask[0])
    for given in (names, names[0], names[0][kept], names[:, kept]):
        save_parts(tmp_path / "x.npz", weights=weights, tokens=given, attention_mask=mask)
        (found,) = load_weights(tmp_path / "x.npz")
        assert [token.text for token in found.query] == list(names[0][kept])
        assert found.weights.shape == (2, 3, 2, 2)


def test_masks_of_cross_attention(tmp_path):
    """Of two texts mask drops rows and key_mask columns; a column that is dropped had no weight."""
    weights = np.tile([0.5, 0.5, 0], (1, 1, 2, 1))
    names = {"tokens": np.array(["a", "b"]), "keys": np.array(["x", "y", "z"])}
    masks = {"mask": np.array([1, 0]), "key_mask": np.array([1, 1, 0])}
    save_parts(tmp_path / "x.npz", weights=weights, **names, **masks)
    (found,) = load_weights(tmp_path / "x.npz")
    assert ([one.text for one in found.query], [one.text for one in found.key]) == (["a"], ["x", "y"])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"mask": np.ones((2, 2))}, "mask of 2 texts, and weights of 1. Weights of several texts are"),
        ({"tokens": np.array([["a", "b"], ["c", "d"]])}, "tokens of 2 texts, and weights of 1"),
        ({"mask": np.array([1, 0]), "attention_mask": np.array([1, 1])}, "two names of one mask"),
        ({"mask": np.array([1, 0]), "key_mask": np.array([1, 1])}, "key_mask is for keys of another text"),
        ({"weights": np.full((1, 3, 1, 2, 2), 0.5), "mask": np.ones((2, 2))}, "mask of 2 texts, and weights of 3"),
    ],
)
def test_masks_that_do_not_fit(tmp_path, parts, words):
    """A mask of other texts, or two masks that differ, are refused; no row is taken by guess."""
    save_parts(tmp_path / "x.npz", **{"weights": np.full((1, 1, 2, 2), 0.5), **parts})
    with pytest.raises(AttnvizError, match=re.escape(words)):
        load_weights(tmp_path / "x.npz")


def test_devices_and_endless_files_are_not_read(tmp_path):
    """A link to a device is refused before it is read, and an endless pipe of no arrays by its beginning."""
    for suffix in (".npz", ".npy", ".json"):
        link = tmp_path / f"zero{suffix}"
        link.symlink_to("/dev/zero")
        with pytest.raises(InputError, match="is a device; a file was expected"):
            load_weights(link)
    sparse = tmp_path / "sparse.npz"
    with open(sparse, "wb") as file:
        file.truncate(2**29)
    tracemalloc.start()
    with pytest.raises(InputError, match="is not a NumPy"):
        load_weights(sparse)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_parts_that_stand_twice(tmp_path):
    """Which of two parts of one name is meant nobody knows: refused, in .json and .npz."""
    document, archive = tmp_path / "w.json", tmp_path / "w.npz"
    document.write_text('{"tokens": ["a", "b"], "weights": [[1, 0], [0, 1]], "weights": [[0, 1], [1, 0]]}')
    for weights, name in ((np.eye(2), "weights.npy"), (np.full((2, 2), 0.5), "weights")):
        member = io.BytesIO()
        np.save(member, weights)
        with zipfile.ZipFile(archive, "a") as file:
            file.writestr(name, member.getvalue())
    for path in (document, archive):
        with pytest.raises(InputError, match="names 'weights' twice"):
            load_weights(path)
