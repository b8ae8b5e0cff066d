"""Chat templates: rendered as transformers renders them, in a sandbox with limits, and told apart from the messages."""

from __future__ import annotations

import json
import time

import pytest
from paths import GOLDEN
from real_models import SMOLLM2, needs_smollm2
from tiny_models import model_of

pytest.importorskip("tokenizers")
pytest.importorskip("jinja2", reason="jinja2 is not installed (the extra [chat])")

import attnviz
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.models import chat, chat_sandbox
from attnviz.models.continuation import Decoding
from attnviz.models.model import load
from attnviz.models.options import Options

CASES = json.loads((GOLDEN / "chat.json").read_text(encoding="utf-8"))["cases"]


@pytest.fixture(scope="module")
def golden():
    """What the script of the golden answers has: its templates, and its folder."""
    source = (GOLDEN / "make_chat.py").read_text(encoding="utf-8").replace("import transformers\n", "")
    found = {"__file__": str(GOLDEN / "make_chat.py"), "__name__": "make_chat"}
    exec(compile(source, "make_chat", "exec"), found)
    return found


@pytest.fixture(scope="module")
def model(golden, tmp_path_factory):
    """A tiny GPT-2 with the special tokens of the templates; its folder may get another template."""
    place = tmp_path_factory.mktemp("chat")
    made = golden["folder_of"](place)
    folder = model_of(place / "model", "gpt2")
    (folder / "tokenizer_config.json").write_text((made / "tokenizer_config.json").read_text(encoding="utf-8"))
    return folder


def with_template(folder, template, **files):
    """The model with a template in tokenizer_config.json, or in other files."""
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings.pop("chat_template", None)
    for name in ("chat_template.jinja", "chat_template.json"):
        (folder / name).unlink(missing_ok=True)
    if template is not None:
        settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    for name, text in files.items():
        (folder / name.replace("_j", ".j")).write_text(text, encoding="utf-8")
    return load(str(folder))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["template"])
def test_as_transformers_renders(golden, model, case):
    """Text and ids are those of apply_chat_template, without a second begin token; its refusals are told."""
    opened = with_template(model, golden["TEMPLATES"][case["template"]])
    text = json.dumps(case["conversation"])
    if "error" in case:
        with pytest.raises(InputError, match="does not take this conversation: Roles must take turns"):
            opened.tokens(text, chat=True)
        return
    assert chat.render_conversation(opened.checkpoint, text).text == case["text"]
    found = opened.tokens(text, chat=True)
    assert list(found.ids) == case["ids"]
    shown = [one for one in case["conversation"] if one["role"] != "note" or case["template"] != "macros"]
    contents = [one["content"].strip() for one in shown]
    assert [part.strip() for part in found.text.split("\n") if part.strip()] == contents
    spans = [(token.start, token.end) for token in found.tokens if token.start is not None]
    covered = set().union(*(range(a, b) for a, b in spans))
    assert {i for i, letter in enumerate(found.text) if not letter.isspace()} <= covered
    assert all(special == (token.start is None) for token, special in zip(found.tokens, found.special, strict=True))


def test_a_plain_message(golden, model):
    """A text is one message of a user, and its tokens' spans lie in it."""
    opened = with_template(model, golden["TEMPLATES"]["chatml"])
    found = opened.tokens("the cat", chat=True)
    assert found.text == "the cat"
    own = [token for token in found.tokens if token.start is not None]
    assert [found.text[token.start : token.end] for token in own] == ["the", "cat"]
    assert "".join(token.text for token in found.tokens if token.start is None).startswith("<|im_start|>system\n")


def test_attention_of_a_conversation(model):
    """run, explain and compare read it too; --no-special leaves the messages, and words join their pieces."""
    folder = str(model)
    with_template(model, "<|start|>{{ messages[0].content }}<|end|>")
    attention = attnviz.run("the cat 吃鱼", model=folder, chat=True)
    assert "are the template’s" in str(attention.notes[-1])
    shown = attnviz.run("the cat 吃鱼", model=folder, chat=True, no_special=True, words="the cat 吃鱼")
    assert [token.text for token in shown.query] == ["the", "cat", "吃鱼"]
    assert attnviz.explain("the cat", model=folder, chat=True, token="cat").steps
    compared = attnviz.compare("the cat", "cat the", model=folder, chat=True)
    assert {"the", "cat"} <= {token.text for token in compared.tokens}


@pytest.mark.parametrize(
    ("template", "files"),
    [
        ("{{ messages[0].content }}", {}),
        ([{"name": "default", "template": "{{ messages[0].content }}"}, {"name": "rag", "template": "x"}], {}),
        ("never read", {"chat_template_jinja": "{{ messages[0].content }}"}),
        (None, {"chat_template_json": json.dumps({"chat_template": "{{ messages[0].content }}"})}),
    ],
)
def test_where_templates_stand(model, template, files):
    """A template stands in tokenizer_config.json, alone or by name, in a file of its own, or in chat_template.json."""
    opened = with_template(model, template, **files)
    assert [token.text for token in opened.tokens("the cat", chat=True).tokens] == ["the", "cat"]


def test_named_templates(model):
    """A name chooses one of several; without a default, and for another name, the names are told."""
    both = [
        {"name": "a", "template": "A {{ messages[0].content }}"},
        {"name": "b", "template": "{{ messages[0].content }}"},
    ]
    opened = with_template(model, both)
    assert len(opened.tokens("cat", chat=True, chat_template="a").tokens) > len(
        opened.tokens("cat", chat=True, chat_template="b").tokens
    )
    for name in (None, "c"):
        with pytest.raises(InputError, match=r"there are a, b.*chat.template"):
            opened.tokens("cat", chat=True, chat_template=name)


def test_without_a_template(model):
    """A model without one is refused with --chat; one that has one says in `tokens` that it is not applied."""
    opened = with_template(model, None)
    with pytest.raises(InputError, match="has no chat template"):
        opened.attend("the cat", chat=True)
    assert opened.tokens("the cat").notes == ()
    opened = with_template(model, "{{ messages[0].content }}")
    (note,) = opened.tokens("the cat").notes
    assert "not applied: --chat" in str(note)
    assert opened.attend("the cat").notes == ()


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ messages[0].content }", "is not one: .*line 1"),
        ("{% for %}", "is not one"),
        ("{% include 'x' %}{{ messages[0].content }}", "does not take this conversation"),
        ("{% import 'os' as os %}", "does not take this conversation"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "does what is forbidden|does not take"),
        ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "does what is forbidden|does not take"),
        ("{% set n = namespace(__class__=1) %}", "does what is forbidden"),
        ("{% set n = namespace() %}{% set n.__init__ = 1 %}", "does what is forbidden|is not one|does not take"),
        ("{{ messages.append(1) }}", "does what is forbidden"),
        ("{{ 1 / 0 }}", "does not take this conversation: ZeroDivisionError"),
        ("{{ raise_exception('no system here') }}", "does not take this conversation: no system here"),
        ("{{ missing.part }}", "does not take this conversation"),
        ("{{ 'a' * 10 ** 8 }}", "too much time or memory|writes too much"),
        ("{{ ('a' * 10 ** 9) | length }}", "too much time or memory"),
        ("{% for i in range(99999) %}{{ 'a' * 100 }}{% endfor %}", "writes too much"),
        ("{{ '%1500000000d' % 1 }}", "too much time or memory"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "too much time or memory"),
        ("x", "leaves the conversation out"),
        ("", "leaves the conversation out"),
    ],
)
def test_hostile_templates(model, template, words):
    """A template that is none, that reaches out, or that grows without end is refused in one line."""
    opened = with_template(model, template)
    with pytest.raises(InputError, match=words) as caught:
        opened.tokens("the cat", chat=True)
    assert "\n" not in str(caught.value)


def test_a_template_without_end(model, monkeypatch):
    """A template that runs on is stopped."""
    monkeypatch.setattr(chat, "MOST_SECONDS", 1)
    opened = with_template(model, "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")
    began = time.monotonic()
    with pytest.raises(InputError, match="too much time"):
        opened.tokens("the cat", chat=True)
    assert time.monotonic() - began < 3 * chat_sandbox.MOST_SECONDS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"role": "user"}]', "Message 0 of the conversation has no role or no content"),
        ('[{"role": "user", "content": "a"}, {"role": 1, "content": "b"}]', "Message 1"),
        ('[{"role": "user", content: "a"}]', "is not JSON"),
        (" \n", "empty or blank"),
    ],
)
def test_bad_conversations(text, words):
    """A list of messages that is none is refused; where."""
    with pytest.raises(InputError, match=words):
        chat.read_conversation(text)


@pytest.mark.parametrize("text", ["the cat", "[1, 2]", "[the cat]", "[]", "{}"])
def test_texts_that_are_messages(text):
    """What only looks like a list is a user's message."""
    assert chat.read_conversation(text) == [{"role": "user", "content": text}]


def test_options_that_do_not_go_together(model):
    """--chat with --pair or --window, and a name without --chat, are refused."""
    opened = with_template(model, "{{ messages[0].content }}")
    for changes in ({"pair": "x", "chat": True}, {"window": 4, "chat": True}, {"chat_template": "x"}):
        with pytest.raises(OptionError, match="chat"):
            opened.attend("the cat", **changes)


def test_without_jinja(model, monkeypatch):
    """Without the extra, a line says how to install it."""
    opened = with_template(model, "{{ messages[0].content }}")
    monkeypatch.setattr(chat, "find_spec", lambda _: None)
    with pytest.raises(MissingError, match=r"pip install '\.\[chat\]'"):
        opened.tokens("the cat", chat=True)


@needs_smollm2
def test_a_real_model():
    """SmolLM2's template, from its .gguf."""
    pytest.importorskip("gguf")
    found = load(SMOLLM2).tokens("你好", chat=True)
    assert [token.text for token in found.tokens if token.start is not None] == ["你", "好"]
    assert [token.text for token in found.tokens][-4:] == ["<|im_start|>", "ass", "istant", "\n"]


def test_a_template_that_is_not_applied(model):
    """A text that names the model's special tokens says that the template is not applied; other texts say nothing."""
    opened = with_template(model, "{{ messages[0].content }}")
    special = next(name for name in opened.tokenizer._added if name not in opened.tokenizer.ends)
    for found in (opened.attend(f"the {special} cat"), opened.attend(f"the {special} cat", window=4)):
        assert f"names special tokens of model: {special}." in " ".join(map(str, found.notes))
    assert opened.attend("the cat").notes == ()
    first = next(iter(opened.continuations("the cat", Options(), Decoding(steps=1))))
    assert "has a chat template, which is not applied" in str(first.prompt.notes[0])
    alone = with_template(model, None)
    assert alone.attend(f"the {special} cat").notes == ()
    assert next(iter(alone.continuations("the cat", Options(), Decoding(steps=1)))).prompt.notes == ()
