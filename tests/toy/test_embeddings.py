"""Embeddings: the same on every machine, of one length, and files of vectors read or refused with a place."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from near import assert_near, assert_near64

from attnviz import run, scaled_dot_product_attention
from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError, OptionError
from attnviz.core.read_file import decode
from attnviz.toy import lexicon
from attnviz.toy.embeddings import EMBEDDINGS, embed, hashed, read_vectors, scaled

DIMS = [16, 32, 64, 128, 256, 512]
words_like_these = st.text("abcdefghijklmnop猫吃鱼桌子", min_size=1, max_size=8)
five_words = st.lists(words_like_these, min_size=5, max_size=5, unique=True)


def tokens(*texts: str) -> tuple[Token, ...]:
    """Tokens without a source."""
    return tuple(Token(text) for text in texts)


def cosine(a, b) -> float:
    """How near two directions are, 1 for the same."""
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def toy(text: str):
    """The toy's vector of one token."""
    return embed(tokens(text), "toy").vectors[0]


@pytest.mark.parametrize("how", sorted(EMBEDDINGS))
@given(texts=st.lists(st.one_of(st.sampled_from(["猫", "eats", "吃鱼", "的"]), st.text(min_size=1)), min_size=1))
def test_one_length(how, texts):
    """Every row has |x|^2 = 2 sqrt(dim), for any words, in float32; equal words have equal rows."""
    vectors = embed(tokens(*texts), how).vectors
    assert vectors.dtype == np.float32
    assert len(vectors) == len(texts)
    known = vectors.any(axis=1) | (how != "toy")  # nothing is known of an unknown word
    assert_near((vectors[known].astype(float) ** 2).sum(axis=1), 2 * np.sqrt(vectors.shape[1]))
    for text, row in zip(texts, vectors, strict=True):
        np.testing.assert_array_equal(row, vectors[texts.index(text)])


@pytest.mark.parametrize("dim", [1, 31, 32, 33, *DIMS])
def test_one_length_at_any_dim(dim):
    """Hashed words have the length |x|^2 = 2 sqrt(dim) at any dim."""
    vectors = embed(tokens("cat", "猫", "table"), "hash", dim).vectors
    assert vectors.shape == (3, dim)
    assert_near((vectors**2).sum(axis=1), 2 * np.sqrt(dim))


def test_zeros_stay_zeros():
    """A row of zeros has no direction to scale."""
    assert not scaled(np.zeros((2, 4))).any()


@pytest.mark.parametrize(
    ("word", "first", "fortieth"),
    [
        ("猫", [0.32633174812456234, 0.34892205395394743, 0.009196034188121982], 0.10727177667837884),
        ("cat", [-0.310898801214296, -0.38167714999047553, 0.21872721913866247], 0.19942109039068),
    ],
)
def test_hash_is_pinned(word, first, fortieth):
    """A word's direction is the same on every machine and in every version: recorded numbers of two words."""
    assert_near64(hashed(word, 32)[:3], first)
    assert_near64(hashed(word, 64)[40], fortieth)


def test_hash_is_the_same_in_every_process():
    """Python's salted hash() has no part in it: processes of other salts give the same bytes."""
    code = "from attnviz.toy.embeddings import hashed; print(hashed('cat', 64).tobytes().hex())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": salt}, capture_output=True, check=True
        )
        .stdout.decode()
        .strip()
        for salt in ("0", "1", "random")
    }
    assert found == {hashed("cat", 64).tobytes().hex()}


def test_hash_ignores_the_normal_form():
    """Composed and decomposed spellings of a word are one word; another case is another."""
    np.testing.assert_array_equal(hashed("caf\u00e9", 32), hashed("cafe\u0301", 32))
    assert cosine(hashed("Cat", 32), hashed("cat", 32)) < 0.99


@pytest.mark.parametrize("dim", [16, 32, 64, 128, 256, 512])
def test_words_of_one_spelling_are_near(dim):
    """`eat` is nearer to `eats` than to `table`."""
    eat, eats, table = (hashed(word, dim) for word in ("eat", "eats", "table"))
    assert cosine(eat, eats) > cosine(eat, table)


@pytest.mark.parametrize("dim", [32, 64, 128])
def test_plurals_are_near(dim):
    """In the lexicon's English, a plural is nearer to its word than another word is, nine times in ten."""
    words = [word for word in lexicon.entries() if word.isascii() and word.isalpha() and len(word) > 3]
    pairs = [(word, f"{word}s") for word in words if lexicon.packaged().is_known(f"{word}s")][:100]
    own, plurals, others = (
        unit_rows(np.stack([hashed(word, dim) for word in side]))
        for side in (*zip(*pairs, strict=True), tuple(words[::80]))
    )
    assert np.mean((own * plurals).sum(axis=1, keepdims=True) > own @ others.T) > 0.9


def unit_rows(rows):
    """The rows, each of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("dim", DIMS)
@given(words=five_words)
def test_nobody_looks_only_at_itself(dim, words):
    """With Q = K = V = X, none of five distinct words gives more than .9 of its attention to itself, at any dim."""
    x = embed(tokens(*words), "hash", dim).vectors
    weights = scaled_dot_product_attention(x, x, x)[1]
    assert weights.diagonal().max() <= 0.9


@pytest.mark.parametrize("dim", DIMS)
def test_yet_everyone_looks_at_itself_most(dim):
    """A hashed word is nearest to itself."""
    x = embed(tokens("red", "green", "house", "tree", "sky"), "hash", dim).vectors
    weights = scaled_dot_product_attention(x, x, x)[1]
    assert (weights.argmax(axis=1) == range(5)).all()
    assert weights.diagonal().min() >= 0.4


def test_onehot():
    """Each distinct word has a dimension of its own, named after it."""
    embedded = embed(tokens("a", "b", "a"), "onehot")
    assert embedded.features == ("a", "b")
    np.testing.assert_array_equal(embedded.vectors != 0, [[True, False], [False, True], [True, False]])


@pytest.mark.parametrize(("word", "other"), [("cat", "猫"), ("Eats", "吃"), ("FISH", "鱼")])
def test_translations_share_a_vector(word, other):
    """The toy gives a word and its translation one vector, in any case."""
    np.testing.assert_array_equal(toy(word), toy(other))


def test_toy_names_its_columns():
    """The toy's columns are the lexicon's features, and known words need no note."""
    embedded = embed(tokens("猫", "cat"), "toy")
    assert embedded.features == lexicon.FEATURES
    assert embedded.notes == ()


def test_a_word_from_its_characters():
    """A Han word that the lexicon lacks is the mean of the words in it."""
    assert not lexicon.packaged().is_known("猫鱼")
    assert_near(toy("猫鱼"), scaled((lexicon.vector("猫") + lexicon.vector("鱼"))[None])[0])


def test_a_phrase_from_its_words():
    """A longer text is the mean of its words, without the grammar between them and wherever it stands."""
    mean = lexicon.vector("cat") + lexicon.vector("eats") + lexicon.vector("fish")
    assert_near(toy("the cat eats the fish."), scaled(mean[None])[0])
    assert_near(toy("猫的鱼"), toy("猫鱼"))


def test_grammar_alone_is_grammar():
    """A text of nothing but grammar is the mean of that."""
    assert_near(toy("的了"), scaled((lexicon.vector("的") + lexicon.vector("了"))[None])[0])


def test_nothing_is_known_of_an_unknown_word():
    """A word that cannot be taken apart has a vector of zeros and is unknown; in a phrase it does not count."""
    found = embed(tokens("zzyzx", "cat", "zzyzx cat"), "toy")
    assert not found.vectors[0].any()
    assert found.unknown == {"zzyzx"}
    assert_near(found.vectors[2], found.vectors[1])


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (["猫"], None),
        (["zzyzx", "cat", "zzyzx"], "1 word is not in the toy lexicon and has no vector: zzyzx"),
        (["zzyzx", "qqq the zzyzx"], "2 words are not in the toy lexicon and have no vectors: zzyzx, qqq"),
        (
            [f"q{i}q" for i in range(9)],
            "9 words are not in the toy lexicon and have no vectors: q0q, q1q, q2q, q3q, q4q, q5q, q6q, q7q, ...",
        ),
    ],
)
def test_unknown_note(words, note):
    """The reader is told how many words are unknown, each once, and the first eight of them."""
    assert [str(each) for each in embed(tokens(*words), "toy").notes] == ([note] if note else [])


@pytest.mark.parametrize(
    ("how", "dim", "line"),
    [
        ("toy", 32, "The toy embedding has 104 dimensions, not 32"),
        ("onehot", 3, "one dimension per distinct token, here 2, not 3"),
        ("hash", 0, "dim must be from 1 to 65536, not 0"),
        ("hash", 65537, "not 65537"),
        ("hash", -1, "not -1"),
        ("toys", None, r"embedding takes one of toy, hash, onehot.*Did you mean toy\?"),
    ],
)
def test_wrong_options(how, dim, line):
    """A dim that the embedding cannot have, or an unknown embedding, is wrong usage."""
    with pytest.raises(OptionError, match=line):
        embed(tokens("a", "b"), how, dim)


@pytest.mark.parametrize(("how", "dim"), [("toy", 104), ("onehot", 2), ("hash", 7)])
def test_its_own_dim(how, dim):
    """The dim an embedding has anyway may be named."""
    assert embed(tokens("a", "b"), how, dim).vectors.shape == (2, dim)


GOOD = {
    "plain": ("1,2\n3,4\n", ("x0", "x1")),
    "labels": ("猫,1,2\n吃,3,4", ("猫", "吃")),
    "header": ("x,y\n1,2\n3,4\n", ("x0", "x1")),
    "header and labels": ("word,x,y\n猫,1,2\n吃,3,4\n", ("猫", "吃")),
    "byte order mark": ("\ufeff1,2\n3,4\n", ("x0", "x1")),
    "other line ends": ("1,2\r\n\r\n3,4\r\n", ("x0", "x1")),
    "spaces and exponents": (" 1 , +2e0\n30e-1,4.\n", ("x0", "x1")),
    "quotes": ('"a, b",1,"2"\n"say ""hi""",3,4\n', ("a, b", 'say "hi"')),
    "pandas": (",0,1\n猫,1,2\n吃,3,4\n", ("猫", "吃")),
    "pandas, named index": ("word,0,1\n猫,1,2\n吃,3,4\n", ("猫", "吃")),
    "pandas, named columns": (",x,y\n猫,1,2\n吃,3,4\n", ("猫", "吃")),
    "pandas, numbered rows": (",0,1\n0,1.0,2.0\n1,3.0,4.0\n", ("x0", "x1")),
    "pandas, other numbers": (",0,1\n5,1.0,2.0\n7,3.0,4.0\n", ("5", "7")),
    "header with a word inf": ("inf,x,y\n猫,1,2\n吃,3,4\n", ("猫", "吃")),
    "header of words nan and inf": (",infinity,nan\n猫,1,2\n吃,3,4\n", ("猫", "吃")),
    "header of words alone": ("infinity,one,nan\n猫,1,2\n吃,3,4\n", ("猫", "吃")),
    "words like numbers alone": ("inf,1,2\nnan,3,4\n", ("inf", "nan")),
    "word like a number": ("1e5,1,2\n猫,3,4\n", ("1e5", "猫")),
    "words nan and inf": ("nan,1,2\n猫,3,4\n", ("nan", "猫")),
    "word infinity": ("猫,1,2\nInfinity,3,4\n", ("猫", "Infinity")),
    "index with a name": ("id,x,y\n0,1,2\n1,3,4\n", ("x0", "x1")),
    "words like numbers under a name": ("token,x,y\n2024,1,2\n42,3,4\n", ("2024", "42")),
    "R, write.table": ('"V1" "V2"\n"猫" 1 2\n"吃" 3 4\n', ("猫", "吃")),
    "R, write.csv2": ('"";"V1";"V2"\n"猫";1,0;2\n"吃";3;4,0\n', ("猫", "吃")),
    "semicolons": ("\ufeffWort;x;y\r\n猫;1;2\r\n吃;3,0;4\r\n", ("猫", "吃")),
    "semicolons, no labels": ("1,0;2,0\n3,0;4,0\n", ("x0", "x1")),
    "Excel's line": ("sep=;\r\na;1;2\r\nb;3;4\r\n", ("a", "b")),
    "Excel's line, a comma": ("sep=,\na;b,1,2\nc,3,4\n", ("a;b", "c")),
    "tabs": ("word\tx\ty\na b\t1\t2\n吃\t3,0\t4\n", ("a b", "吃")),
    "NumPy, savetxt": ("1.000e+00 2.000e+00\n3.000e+00 4.000e+00\n", ("x0", "x1")),
    "columns of spaces": ("  猫  1   2\n  吃  3  4\n", ("猫", "吃")),
    "line ends in a label": ('"a\nb",1,2\n"c\u2028d",3,4\n', ("a\nb", "c\u2028d")),
}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_read_csv(tmp_path, name):
    """One row a token; a first column of labels, a header, a byte order mark and quotes are understood."""
    text, labels = GOOD[name]
    path = tmp_path / "v.csv"
    path.write_bytes(text.encode())
    found, matrix, _ = read_vectors(path)
    assert found == labels
    np.testing.assert_array_equal(matrix, [[1, 2], [3, 4]])


def test_numbers_among_words(tmp_path):
    """A first word that is written as a number is a label where most of the column are words."""
    path = tmp_path / "v.csv"
    path.write_text("2024,1,2\n猫,3,4\n吃,5,6\n", encoding="utf-8")
    assert read_vectors(path)[0] == ("2024", "猫", "吃")


def test_numbered_columns(tmp_path):
    """A first row 0, 1, 2 above decimal numbers alone names the columns; a row of data of these numbers is data."""
    path = tmp_path / "v.csv"
    for text, rows in (
        ("0,1,2\n0.5,1.0,2.0\n", 1),
        ("0,1,2\n3,4,5\n", 2),
        ("0,1\n0.5,1\n", 2),
        ("0.0,1.0\n0.5,0.5\n", 2),
        ("cat,0,1\ndog,0.5,0.5\n", 2),
        (",0.5,1\ncat,2,3\n", 2),
        (",0,1\n", 1),
    ):
        path.write_text(text, encoding="utf-8")
        assert len(read_vectors(path)[1]) == rows, text


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i4", "u1"])
def test_read_npy(tmp_path, dtype):
    """A .npy file of any real numbers, whatever the case of its suffix."""
    path = tmp_path / "v.NPY"
    with path.open("wb") as file:
        np.save(file, np.array([[1, 2], [3, 4]], dtype=dtype))
    found, matrix, _ = read_vectors(path)
    assert found == ("x0", "x1")
    np.testing.assert_array_equal(matrix, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1,2\n3\n", "in row 2 is 1, in row 1 it is 2;"),
        ("1,2\n\n3,4,5\n", "in row 3 is 3, in row 1 it is 2;"),
        ("", "no numbers"),
        ("\n \n", "no numbers"),
        ("x,y\n", "no numbers"),
        ("猫\n吃\n", "row 2, column 1 is '吃'; a number"),
        ("1,2\n3,four\n", "row 2, column 2 is 'four'; a number"),
        ("猫,1,2\n吃,3,\n", "row 2, column 3 is ''; a number"),
        ("1,2\n1_0,2\n", "row 2, column 1 is '1_0'; a number"),
        ("1,nan\n", "row 1, column 2 is 'nan'; a finite number"),
        ("nan,1\nnan,2\n", "row 1, column 1 is 'nan'; a finite number"),
        ("nan,nan\n1,2\n", "row 1, column 1 is 'nan'; a finite number"),
        ("1,2\nx,4\n", "row 2, column 1 is 'x'; a number"),
        ("猫,1\n吃,inf\n", "row 2, column 2 is 'inf'; a finite number"),
        ("1,2\n3,1e999\n", "row 2, column 2 is '1e999'; a finite number up to 3.4e38"),
        ("1,2\n-1e39,4\n", "row 2, column 1 is '-1e39'; a finite number up to 3.4e38"),
        ('1,"2\n', "not valid CSV"),
        ("0,1\n0.5,0.5\n", "it may number the columns, or be a vector"),
        ("a;1.000,5;2\nb;3;4\n", "row 1, column 2 is '1.000,5'; a number"),
        ("sep=;\na;1;x\n", "row 2, column 3 is 'x'; a number"),
        ("a;1;x\nb;2;3\n", "row 1, column 3 is 'x'; a number"),
        ("a|1|2\nb|3|4\n", "row 2, column 1 is 'b.3.4'; a number"),
    ],
)
def test_bad_csv(tmp_path, text, line):
    """A CSV that cannot be used is refused with the file, the row and the column, counted from 1."""
    path = tmp_path / "v.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=line) as caught:
        read_vectors(path)
    assert "'v.csv'" in str(caught.value)


def test_bad_csv_after_a_line_end_in_a_label(tmp_path):
    """Rows are counted as the file's rows, a label of two lines being in one."""
    path = tmp_path / "v.csv"
    path.write_text('"a\nb",1\nc,x\n', encoding="utf-8")
    with pytest.raises(InputError, match="row 2, column 2 is 'x'"):
        read_vectors(path)


def test_not_utf8(tmp_path):
    """A file in another encoding is refused with its first wrong byte."""
    path = tmp_path / "v.csv"
    path.write_bytes("1,2\n吃,3".encode("gbk"))
    with pytest.raises(InputError, match="not UTF-8: byte 0xb3 at position 4"):
        read_vectors(path)
    assert decode(b"\xef\xbb\xbfa", "a") == "a"


@pytest.mark.parametrize(
    ("array", "line"),
    [
        (np.ones(3), r"shape \(3,\)"),
        (np.ones((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (np.ones((2, 2)) * 1j, "complex128"),
        (np.array([["a", "b"]]), "<U1"),
        (np.array([[True]]), "bool"),
        (np.zeros((2, 2), dtype=[("a", "f4")]), "type"),
        (np.ones((0, 2)), "no numbers"),
        (np.ones((2, 0)), "no numbers"),
        (np.array([[1, 2], [np.nan, 3]]), "nan in row 2, number 1"),
        (np.array([[1, np.inf]]), "inf in row 1, number 2"),
        (np.array([[1, 2], [3, -1e39]]), r"-1e\+39 in row 2, number 2"),
        (np.array([[None]]), "holds Python objects"),
    ],
)
def test_bad_npy(tmp_path, array, line):
    """A .npy file of another shape or type, pickled, or with numbers that are not finite, is refused."""
    path = tmp_path / "v.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(InputError, match=line):
        read_vectors(path)


HEADER = b"\x93NUMPY\x01\x00\x76\x00"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"PK\x03\x04zip",
        b"\x80\x04pickle",
        HEADER[:7],
        HEADER + b"(" * 117 + b"\n",
        HEADER + b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }".ljust(117) + b"\n" + bytes(8),
        HEADER + b"{'descr': '<f8', 'fortran_order': False, 'shape': (9000000000000000, 2), }".ljust(117) + b"\n",
    ],
)
def test_not_a_npy(tmp_path, data):
    """A file that is cut off, lies about its size, or is no .npy at all, is refused in one line."""
    path = tmp_path / "v.npy"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"'v\.npy' is not a complete NumPy file of plain arrays"):
        read_vectors(path)


@pytest.mark.parametrize("name", ["v.txt", "v", "v.npz"])
def test_wrong_suffix(tmp_path, name):
    """Only .csv and .npy are read."""
    with pytest.raises(OptionError, match=r"\.csv or \.npy"):
        read_vectors(tmp_path / name)


PERSON, PLACE = lexicon.FEATURES.index("person"), lexicon.FEATURES.index("place")


@pytest.mark.parametrize("name", ["小明", "张伟", "王小明", "安娜", "Tom", "Mary", "anna", "Tom's"])
def test_a_name_is_a_person(name):
    """A name is mostly a person, with a small part of its own; a name with 's is the name."""
    vector = toy(name)
    assert vector[PERSON] > 0.9 * np.linalg.norm(vector)
    assert (vector > 0).sum() == 3
    assert_near(toy("Tom's"), toy("Tom"))


def test_two_names_differ():
    """Names have vectors of their own, nearly the same."""
    pairs = [("小明", "小红"), ("Tom", "Mary"), ("张伟", "李华")]
    assert all(0.9 < cosine(toy(a), toy(b)) < 0.9999 for a, b in pairs)


def test_a_title_is_what_its_word_is():
    """张老师 is nearly 老师; 孩子们 is nearly 孩子."""
    assert cosine(toy("张老师"), toy("老师")) > 0.95
    assert cosine(toy("王医生"), toy("医生")) > 0.95
    assert 0.9 < cosine(toy("小狗们"), toy("小狗")) < 0.9999


@pytest.mark.parametrize(
    ("text", "word", "feature"),
    [
        ("I met Zorkon", "Zorkon", PERSON),
        ("I went to Zorkon", "Zorkon", PLACE),
        ("she saw Mark", "Mark", PERSON),
        ("Zorkon came . I met Zorkon", "Zorkon", PERSON),
        ("Zorkon came", "Zorkon", None),
        ("It is good . Zorkon came", "Zorkon", None),
        ("I met ZORKON", "ZORKON", None),
        ("I met zorkon", "zorkon", None),
    ],
)
def test_capitalized_words(text, word, feature):
    """An unknown capitalized word inside a sentence is a person, or a place after in or to; the note says so."""
    found = embed(tokens(*text.split()), "toy")
    vector = found.vectors[text.split().index(word)]
    guessed = [str(note) for note in found.notes if "capitalized" in str(note)]
    if feature is None:
        assert not vector.any()
        assert not guessed
    else:
        assert int(vector.argmax()) == feature
        assert guessed == (
            [] if word == "Mark" else [f"1 capitalized word is taken for the name of a person or a place: {word}"]
        )


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("0,1,2\n1,2,3\n4,5,6\n", True),
        ("0,1\n7,-2\n", True),
        ("0;1\n7;2\n", True),
        ("0,1\n1,0\n", False),
        ("0,0,1\n1,2,3\n", False),
        ("a,0,1\nb,2,3\n", False),
        ("x,y\n0,1\n2,3\n", False),
        ("1,2,3\n4,5,6\n", False),
        ("0,1,2\n", False),
    ],
)
def test_a_row_that_may_number_the_columns(tmp_path, table, told):
    """A first row of 0, 1, 2 above other whole numbers is a vector, and a note says that it may be a header."""
    path = tmp_path / "v.csv"
    path.write_text(table)
    notes = [str(note) for note in run(vectors=path).notes]
    assert any("numbers the columns" in note for note in notes) == told
