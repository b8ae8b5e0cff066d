"""A reader's own words: used like the packaged ones in every command, every line checked."""

from __future__ import annotations

import json

import numpy as np
import pytest
from near import assert_near

import attnviz
from attnviz.core.errors import InputError, OptionError
from attnviz.toy import own_words
from attnviz.toy.own_words import open_lexicon

OWN = """# a hero
齐天大圣\tzh\tperson:9 mover:8\t4

Wukong\ten\t=齐天大圣
fire monkey\ten\t=wukong
点心铺\tzh\tplace:9
"""


@pytest.fixture
def own(tmp_path):
    """A file of a few words."""
    path = tmp_path / "own.tsv"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_words_are_cut_and_have_vectors(own):
    """A word of one's own is cut whole and has its features; its translation, in any case, has the same ones."""
    found = attnviz.run("齐天大圣去点心铺", lexicon=own)
    assert [token.text for token in found.query] == ["齐天大圣", "去", "点心铺"]
    other = attnviz.run("The fire monkey and WUKONG", lexicon=[own])
    assert [token.text for token in other.query] == ["The", "fire monkey", "and", "WUKONG"]
    inputs = other.traces[0].inputs
    assert_near(inputs[1], found.traces[0].inputs[0])
    assert_near(inputs[3], inputs[1])
    assert not other.notes


def test_settings_and_documents_carry_it(own, tmp_path):
    """The provenance has the files, and a document keeps them."""
    found = attnviz.run("齐天大圣吃鱼", lexicon=str(own))
    assert found.provenance.toy.lexicon == (str(own),)
    assert found.provenance.to_settings()["lexicon"] == [str(own)]
    assert "lexicon" not in attnviz.run("猫吃鱼").provenance.to_settings()
    from attnviz.io.write_data import attention_document

    (tmp_path / "a.json").write_text(json.dumps(attention_document(found)), encoding="utf-8")
    (again,) = attnviz.load_weights(tmp_path / "a.json")
    assert again.provenance == found.provenance


@pytest.mark.parametrize("function", [attnviz.explain, attnviz.lab, attnviz.ablate, attnviz.by_distance])
def test_every_function_takes_it(function, own):
    """explain, lab, ablate and by_distance use the words too: none of them is unknown."""
    arguments = ["齐天大圣去点心铺", 8] if function is attnviz.by_distance else ["齐天大圣去点心铺"]
    assert not [note for note in function(*arguments, lexicon=own).notes if "lexicon" in str(note)]


def test_compare_takes_it(own):
    """Both texts are cut by the words, and two spellings of one word are the same."""
    found = attnviz.compare("wukong eats fish", "fish eats Wukong", lexicon=own)
    assert len(found.tokens) == 3


def test_own_words_win_with_a_note(tmp_path):
    """A word that the toy's lexicon has, too, is the reader's; of several files the last counts."""
    first, second = tmp_path / "a.tsv", tmp_path / "b.tsv"
    first.write_text("猫\tzh\tfood:9\n", encoding="utf-8")
    second.write_text("猫\tzh\tplace:9\n", encoding="utf-8")
    assert open_lexicon([str(first)]).kind("猫") == "food"
    both = open_lexicon([str(first), str(second)])
    assert both.kind("猫") == "place"
    assert [str(note) for note in both.notes] == [
        "1 word of --lexicon replaces the one of the toy's lexicon: 猫",
        "1 word stands in several files of --lexicon; the last counts: 猫",
    ]
    assert [str(note) for note in attnviz.run("猫吃鱼", lexicon=first).notes] == [
        "1 word of --lexicon replaces the one of the toy's lexicon: 猫"
    ]


def test_the_packaged_file_is_valid():
    """The packaged lexicon has the form that is asked of readers."""
    path = own_words.Path(own_words.__file__).with_name("lexicon.tsv")
    assert len(own_words._read(path.read_bytes(), path)) > 2500


def test_a_changed_file_is_read_again(own):
    """A file that has changed since is read anew."""
    assert attnviz.run("齐天大圣", lexicon=own).query[0].text == "齐天大圣"
    own.write_text("齐天\tzh\tperson:9\n大圣\tzh\tperson:9\n", encoding="utf-8")
    assert [token.text for token in attnviz.run("齐天大圣", lexicon=own).query] == ["齐天", "大圣"]


def test_frequencies_decide(tmp_path):
    """Of cuts of equally many words the one with the commoner words is taken, 3 where a class is left out."""
    path = tmp_path / "a.tsv"
    lines = ["甲乙\tzh\tthing:9{}", "丙\tzh\tthing:9\t1", "甲\tzh\tthing:9\t1", "乙丙\tzh\tthing:9{}"]
    for first, second, cut in [("\t5", "\t2", ["甲乙", "丙"]), ("\t2", "", ["甲", "乙丙"])]:
        path.write_text("\n".join(lines).replace("{}", first, 1).replace("{}", second, 1), encoding="utf-8")
        assert [token.text for token in attnviz.run("甲乙丙", lexicon=path).query] == cut


BAD = [
    ("", "has no words"),
    ("# nothing\n\n", "has no words"),
    ("猫 zh animal:9", "line 1: a word, its language and its features, separated by tabs, .* not 1 columns"),
    ("猫\tanimal:9", "line 1: a word, .* not 2 columns"),
    ("猫\tzh\tanimal:9\t3\t3", "line 1: a word, .* not 5 columns"),
    ("\tzh\tanimal:9", "line 1: the word is missing"),
    ("猫\tcn\tanimal:9", "line 1: the language must be zh or en, not 'cn'"),
    ("猫\tzh\tanimals:9", "line 1: there is no feature 'animals'. Did you mean animal?"),
    ("猫\tzh\tqqq:9", "line 1: there is no feature 'qqq'. The table in docs"),
    ("猫\tzh\tanimal:0", "line 1: the grade of animal must be from 1 to 9, not '0'"),
    ("猫\tzh\tanimal:10", "not '10'"),
    ("猫\tzh\tanimal:x", "not 'x'"),
    ("猫\tzh\tanimal:٣", "not '٣'"),
    ("猫\tzh\tanimal", "the grade of animal must be from 1 to 9, not ''"),
    ("猫\tzh\tanimal:9 animal:8", "the feature animal is given twice"),
    ("猫\tzh\t", "line 1: the word has no features"),
    ("猫\tzh\tperson:1 animal:1 plant:1 food:1 body:1 furniture:1 clothing:1", "7 features"),
    ("猫\tzh\tanimal:9\t6", "the frequency class must be a number from 1 to 5, not '6'"),
    ("猫\tzh\tanimal:9\tcommon", "not 'common'"),
    ("猫\tzh\tanimal:9\n狗\tzh\tanimal:8\n猫\tzh\tfood:9", "line 3: '猫' already stands in line 1"),
    ("Cat\ten\tanimal:9\ncat\ten\tfood:9", "line 2: 'cat' already stands in line 1"),
    ("甲乙\tzh\t=丙丁戊", "line 1: =丙丁戊 leads to no word"),
    ("甲乙\tzh\tanimal:9\n甲丙\tzh\t=甲乙甲", "line 2: =甲乙甲 leads to no word.*Did you mean 甲乙?"),
    ("甲乙\tzh\t=", "leads to no word"),
    ("甲乙\tzh\t=甲丙\n甲丙\tzh\t=甲乙", "line 1: =甲乙 leads back to itself"),
    ("甲乙\tzh\t=甲乙", "line 1: =甲乙 leads back to itself"),
    ("a\u200bb\ten\tanimal:9", "a character that cannot be seen"),
    ("a" * 61 + "\ten\tanimal:9", "longer than 60 characters"),
]


@pytest.mark.parametrize(("text", "words"), BAD)
def test_bad_lines(text, words, tmp_path):
    """What is wrong is told in one line, with the file, the line and what was expected."""
    path = tmp_path / "bad.tsv"
    path.write_bytes(text.encode())
    with pytest.raises(InputError, match=r"^'bad\.tsv'.*" + words.replace("?", r"\?")) as told:
        attnviz.run("猫吃鱼", lexicon=path)
    assert "\n" not in str(told.value)


def test_bad_files(tmp_path, monkeypatch):
    """No file, a folder, another encoding, a file too large or with too many words: one line each."""
    gbk = tmp_path / "gbk.tsv"
    gbk.write_bytes("狗吃鱼\tzh\tanimal:9".encode("gbk"))
    with pytest.raises(InputError, match=r"is not UTF-8.*iconv -f gb"):
        open_lexicon([str(gbk)])
    with pytest.raises(InputError, match="There is no file"):
        open_lexicon([str(tmp_path / "no.tsv")])
    with pytest.raises(InputError, match="is a folder"):
        open_lexicon([str(tmp_path)])
    with pytest.raises(InputError, match="cannot be read"):
        open_lexicon(["a\0b"])
    own = tmp_path / "own.tsv"
    own.write_text("甲\tzh\tthing:9\n乙\tzh\tthing:8\n", encoding="utf-8")
    monkeypatch.setattr(own_words, "MOST_WORDS", 1)
    with pytest.raises(InputError, match="line 2: a lexicon may have at most 1 words"):
        open_lexicon([str(own)])
    own.write_bytes(b"#" * 9)
    monkeypatch.setattr(own_words, "LARGEST_FILE", 8)
    with pytest.raises(InputError, match=r"own\.tsv. has .* bytes"):
        open_lexicon([str(own)])


@pytest.mark.parametrize("given", [5, True, [5], {"a": "b"}])
def test_only_paths(given):
    """Anything but a path or several is refused."""
    with pytest.raises(OptionError, match="lexicon must be a path, or a list of paths"):
        attnviz.run("猫吃鱼", lexicon=given)


def test_where_it_would_do_nothing(own):
    """With vectors of another kind it is refused, unless it cuts the text."""
    with pytest.raises(OptionError, match="embedding hash does not use"):
        attnviz.run("齐天大圣", lexicon=own, embedding="hash")
    found = attnviz.run("齐天大圣吃鱼", lexicon=own, embedding="hash", tokens="lexicon")
    assert found.query[0].text == "齐天大圣"
    assert np.isfinite(found.weights).all()
