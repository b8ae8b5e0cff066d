"""Word vectors from a file: each row is found as written, what is wrong is named by its line, memory stays flat."""

from __future__ import annotations

import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from near import assert_near
from paths import ROOT

import attnviz
from attnviz import cli
from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError, OptionError
from attnviz.toy import word_vectors as wordfile
from attnviz.toy.embeddings import embed, hashed, open_vectors, scaled
from attnviz.toy.word_vectors import is_word_file, read_rows
from attnviz.toy.words import cut_as as tokenize

PLAIN = "猫 1 2 3\ncat 1.5 -2e-1 +3\nNew York 4 5 6\n. . . 7 8 9\n2020 1 1 1\n"


def write(tmp_path, content, name="x.vec"):
    """A file with this content, text or bytes."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "5 3\n" + PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", " \n"),
        PLAIN.rstrip(),
        PLAIN + "\n\n",
        "5 3\n" + PLAIN.replace(" 1.5 ", "\t1.5\t"),
        PLAIN.replace("cat ", "cat  "),
        PLAIN + "猫 9 9 9\ncat 8 8 8\n",
    ],
    ids=["plain", "header", "mark", "crlf", "space", "no end", "blank", "tabs", "two spaces", "twice"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_rows(tmp_path, content, packed):
    """With a header or without, packed or not, each word's first row is read; a word may have spaces in it."""
    data = gzip.compress(content.encode()) if packed else content
    rows = read_rows(write(tmp_path, data, "x.txt.gz" if packed else "x.txt"), {"猫", "cat", "New York", ". .", "no"})
    assert rows.dim == 3
    found = {word: vector.tolist() for word, vector in rows.vectors.items()}
    assert found["cat"] == [1.5, -0.2, 3]
    assert found["猫"] == [1, 2, 3]
    assert found["New York"] == [4, 5, 6]
    assert "no" not in found


def test_spaced_marks(tmp_path):
    """The numbers are counted from the right: GloVe's word `. . .` is one word."""
    assert read_rows(write(tmp_path, PLAIN), {". . ."}).vectors[". . ."].tolist() == [7, 8, 9]
    assert read_rows(write(tmp_path, ". . . 7 8 9\ncat 1 2 3\n", "y.vec"), {". . ."}).dim == 3


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=8),
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_what_is_written_is_read(tmp_path_factory, table, header):
    """Any words without white space and any finite numbers come back exactly as they were written."""
    lines = [f"{len(table)} 4"] * header + [f"{word} {' '.join(map(repr, row))}" for word, row in table.items()]
    path = write(tmp_path_factory.mktemp("any"), "\n".join(lines))
    rows = read_rows(path, set(table))
    assert {word: vector.tolist() for word, vector in rows.vectors.items()} == table


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("cat 1 2 3\ndog 1 2\n", ["line 2", "3 numbers", "not 2"]),
        ("cat 1 2 3\ndog 1 2 3 .4\n", ["line 2", "3 numbers", "not 4"]),
        ("cat 1 2 3\nfox 1 x 3\n", ["line 2", "'x'"]),
        ("cat 1 2 3\ncat2 1 2 nan\n", ["line 2", "'nan'"]),
        ("cat 1 2 3\nfox 1 -inf 3\n", ["line 2", "'-inf'"]),
        ("cat 1 1e999 3\n", ["line 1", "'1e999'"]),
        ("fox 1 2 3\ncat 1 2.3.4 3\n", ["line 2", "'2.3.4'"]),
        ("fox 1 2 3\ncat 1 2_0 3\n", ["line 2", "'2_0'"]),
        ("fox 1 2 3\ncat 1 1e39 3\n", ["line 2", "'1e39'"]),
        ("cat 1 2 nan 4\nfox 0 1 1 0\n", ["line 1", "'nan'"]),
        ("2 4\ncat 1 x 3 4\n", ["line 2", "'x'"]),
        ("2 4\ncat 1 2 3\n", ["line 1 declares 4", "line 2 has 3"]),
        ("2 2\ncat .1 .2 .3\n", ["line 1 declares 2", "line 2 has 3"]),
        ("2 0\ncat 1\n", ["declares 0"]),
        ("2 4\ncat\n", ["line 1 declares 4", "has 0"]),
        (b"cat 1 2 3\n\xff\xe9 1 2 3\n", ["line 2", "UTF-8"]),
        ("猫 1 2\n".encode("utf-16"), ["line 1"]),
        ("吃 1 2\n".encode("gbk"), ["line 1", "UTF-8"]),
        ("", ["no vectors"]),
        ("\n \n", ["no vectors"]),
        ("100 50\n", ["no vectors"]),
        ("a plain text\n", ["line 1", "a word and its numbers"]),
        ("cat\n", ["line 1", "a word and its numbers"]),
        (b"\0" * 5_000_000, ["line 1", "longer"]),
        (b"\0" * 100, ["line 1"]),
        (gzip.compress(PLAIN.encode() * 50, mtime=0)[:60], ["gzip"]),
        (b"\x1f\x8b nothing", ["x.vec"]),
        (gzip.compress(b"cat 1 2 3\ndog 1\n", mtime=0), ["line 2"]),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_malformed(tmp_path, content, words):
    """What is wrong is told with the file's name and the line, counted from 1, whatever word was asked for."""
    with pytest.raises(InputError) as error:
        read_rows(write(tmp_path, content), {"cat"})
    assert "x.vec" in str(error.value)
    assert [word for word in words if word not in str(error.value)] == []


def test_no_such_file(tmp_path):
    """A file that is not there, and a folder, are told as such."""
    with pytest.raises(InputError, match="no file"):
        read_rows(tmp_path / "no.vec", {"猫"})
    (tmp_path / "folder.vec").mkdir()
    with pytest.raises(InputError, match="folder"):
        read_rows(tmp_path / "folder.vec", {"猫"})
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "a\0b.vec", {"猫"})


@pytest.mark.parametrize("packed", [False, True])
def test_memory_stays_flat(tmp_path, packed):
    """Twenty times the words need no more memory: rows that nobody asked for are not kept, nor is the file."""
    line = " ".join(["0.123456"] * 100)

    def peak(count):
        path = tmp_path / f"{count}.vec{'.gz' if packed else ''}"
        with gzip.open(path, "wt", compresslevel=1) if packed else path.open("w") as file:
            for index in range(count):
                file.write(f"word{index} {line}\n")
        tracemalloc.start()
        rows = read_rows(path, {"word7", f"word{count - 1}"})
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(rows.vectors) == 2
        return most

    assert peak(40_000) < peak(2_000) + 1_000_000 < 8_000_000  # of 36 MB of text


def test_progress(tmp_path):
    """Progress is told in bytes of the file, growing up to its size."""
    path = write(tmp_path, "".join(f"w{i} {i} 1 2\n" for i in range(200_000)))
    told = []
    read_rows(path, {"w5"}, lambda done, total: told.append((done, total)))
    assert len(told) > 10
    assert {total for _, total in told} == {path.stat().st_size}
    assert told == sorted(told)
    assert told[-1][0] == path.stat().st_size


def test_rows_that_lack_a_word_are_read_again(tmp_path):
    """Rows that were opened for some words serve those and fewer; for others the file is read again."""
    path = write(tmp_path, "cat 1 2\ndog 3 4\n")
    cat, dog = (Token("cat"),), (Token("dog"),)
    rows = open_vectors(str(path), (*cat, *dog))
    some = open_vectors(str(path), cat)
    write(tmp_path, "cat 0 1\ndog 0 1\n")
    for tokens, opened, expected in ((dog, rows, [3, 4]), (cat, some, [1, 2]), (dog, some, [0, 1])):
        vector = embed(tokens, str(path), rows=opened).vectors[0]
        assert_near(vector * np.linalg.norm(expected) / np.linalg.norm(vector), expected)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("a.vec", True),
        ("A.VEC", True),
        ("x/glove.6B.50d.txt", True),
        ("a.vec.gz", True),
        ("a.txt.gz", True),
        ("a.gz", True),
        ("a.bin", False),
        ("toy", False),
        ("vec", False),
    ],
)
def test_names(name, is_one):
    """A file of word vectors is told by its suffix."""
    assert is_word_file(name) is is_one


def vectors(path, text, how="space", **options):
    """The rows of a text's tokens."""
    return embed(tokenize(text, how), str(path), **options)


def test_look_up(tmp_path):
    """A word is looked up as written, then composed, then in lower case."""
    path = write(tmp_path, "Cat 1 0\ncat 0 1\ndog 1 1\nété 1 -1\n")
    found = vectors(path, "Cat CAT cat Dog e\u0301te\u0301").vectors
    assert np.array_equal(found, scaled(np.array([[1, 0], [0, 1], [0, 1], [1, 1], [1, -1]])))


def test_unknown_words(tmp_path):
    """An unknown word is made of its characters, else made up in the file's length; the note says so once."""
    path = write(tmp_path, "狮 1 0 0\n子 0 2 0\n头 0 0 3\n")
    found = vectors(path, "狮子头 qwert qwert", "lexicon")
    assert_near(found.vectors[0], scaled(np.ones((1, 3)))[0])
    assert np.array_equal(found.vectors[1], scaled(hashed("qwert", 3)[None])[0])
    assert [str(note) for note in found.notes] == ["1 word is not in 'x.vec' and has a made-up vector: qwert"]
    many = vectors(path, " ".join(f"w{i}" for i in range(10)))
    assert str(many.notes[0]).startswith("10 words are not in 'x.vec' and have made-up vectors: w0, w1")
    assert str(many.notes[0]).endswith(", ...")


def test_rows_are_scaled():
    """Each row has |x|^2 = 2 sqrt(dim), as every embedding's."""
    found = vectors(ROOT / "samples" / "words.vec", "猫 吃 鱼").vectors
    assert found.dtype == np.float32
    assert_near((found**2).sum(axis=1), 2 * np.sqrt(10))


def test_dim_is_the_files_own(tmp_path):
    """Its own --dim is accepted, another refused; a name without the suffix stays an unknown choice."""
    path = write(tmp_path, "cat 1 2\n")
    assert vectors(path, "cat", dim=2).vectors.shape == (1, 2)
    with pytest.raises(OptionError, match=r"'x\.vec' has 2 dimensions, not 3"):
        vectors(path, "cat", dim=3)
    with pytest.raises(OptionError, match=r"embedding takes one of toy, hash, onehot, PATH\.vec, not 'x\.bin'"):
        attnviz.run("cat", embedding="x.bin")


def test_run_and_compare():
    """Run and compare take the path as the embedding, as text or as a Path; the caption names the file."""
    from attnviz.views.prepared.caption import describe

    path = ROOT / "samples" / "words.vec"
    a = attnviz.run("猫吃鱼", embedding=path)
    assert np.array_equal(a.weights, attnviz.run("猫吃鱼", embedding=str(path)).weights)
    assert [str(part) for part in describe(a)][:1] == ["vectors of words.vec"]
    assert [run.order_blind for run in attnviz.compare("猫吃鱼", "鱼吃猫", embedding=str(path)).runs] == [True, False]
    assert np.argmax(
        attnviz.run("猫吃鱼", embedding=str(path), keys="the cat eats fish").weights[0, 0], axis=1
    ).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "command",
    [
        ("run", "猫吃鱼", "狗喝水", "鱼"),
        ("run", "猫吃鱼", "狗", "--keys", "水 鱼"),
        ("compare", "猫吃鱼", "鱼吃猫", "吃鱼猫狗"),
        ("lab", "猫吃鱼 狗", "--vary", "tokens=char,han,space,sentence"),
        ("ablate", "猫吃鱼狗"),
        ("lab", "猫吃鱼", "--long", "64"),
        ("explain", "猫吃鱼狗"),
    ],
)
def test_a_file_is_read_once(tmp_path, monkeypatch, capsys, command):
    """However many texts and settings there are, a file of word vectors is read once."""
    path = write(tmp_path, "猫 1 0 1\n吃 0 1 2\n鱼 1 1 0\n狗 1 0 2\n喝 0 2 1\n水 2 1 0\n")
    opened = []
    monkeypatch.setattr(wordfile, "_opened", lambda path, real=wordfile._opened: opened.append(path) or real(path))
    with pytest.raises(SystemExit) as stop:
        cli.main([*command, "--embedding", str(path)])
    assert (stop.value.code, opened) == (0, [path])
    assert capsys.readouterr().out


def test_settings_are_checked_before_a_file_is_read(tmp_path, monkeypatch):
    """What cannot be is said before a large file is read."""
    path = write(tmp_path, "猫 1 0 1\n")
    monkeypatch.setattr(wordfile, "_opened", None)
    with pytest.raises(OptionError, match="heads"):
        attnviz.lab("猫", embedding=str(path), vary=["heads=1,0"])


@pytest.mark.parametrize(("header", "notes"), [("3 2", 1), ("2 2", 0), ("1 2", 0), ("", 0)])
def test_a_file_that_is_cut_off(tmp_path, header, notes):
    """A file with fewer words than its first line declares is used, and the run says so."""
    path = write(tmp_path, f"{header}\n猫 1 0\n吃 0 1\n".lstrip())
    found = [str(note) for note in attnviz.run("猫吃", embedding=str(path)).notes]
    assert found == ["'x.vec' declares 3 words and has 2: it may be truncated."][:notes]
