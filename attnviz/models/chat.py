"""A conversation as a chat model reads it: rendered by the model's own template, with what of it is the template's."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError, MissingError
from attnviz.core.read_file import is_there, need_text
from attnviz.core.token import with_piece_number
from attnviz.core.token_spans import SPACE, is_lone_space
from attnviz.i18n.messages import Message, listed, message
from attnviz.models.chat_sandbox import MOST_SECONDS
from attnviz.models.checkpoint import Checkpoint
from attnviz.models.formats.files import read_side_json, read_side_text, unreadable
from attnviz.models.tokenizers.added_tokens import read_token_settings
from attnviz.models.tokenizers.classes import class_of
from attnviz.models.tokenizers.tokenizer import EncodedText

Span = tuple[int, int]

_MARK = re.compile("\ue000([0-9]+)\ue001")  # stands for a message's content, to find where a template puts it
_LARGEST = 2**22  # bytes of a template's file
# What the tokenizer classes have as begin and end token where no file says so.
_CLASS_TOKENS = {
    "LlamaTokenizer": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    "GemmaTokenizer": {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"},
    "GPT2Tokenizer": dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>"),
    "Qwen2Tokenizer": {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
}
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from attnviz.models.chat_sandbox import main; main()"


@dataclass(frozen=True)
class Conversation:
    """A rendered conversation.

    text: what the model reads. contents: the spans of the messages' own contents in it, in order.
    """

    text: str
    contents: tuple[Span, ...]

    @property
    def source(self) -> str:
        """Return the contents alone, one after another, with a line break between them."""
        return "\n".join(self.text[start:end] for start, end in self.contents)

    def place(self, encoded: EncodedText) -> EncodedText:
        """Return the tokens with their spans in `source`; those of the template have none and are special."""
        tokens = [self._placed(token) for token in encoded.tokens]
        special = np.array([token.start is None for token in tokens])
        return replace(
            encoded,
            tokens=tuple(_number_template_pieces(tokens, encoded.tokens)),
            special=special,
            unknown=encoded.unknown & ~special,
        )

    def _placed(self, token: Token) -> Token:
        start, end = token.start or 0, token.end or 0
        base = 0
        for first, last in self.contents:
            if (start < last and end > first) or (start == end and first <= start < last):
                begin, stop = max(start, first) - first + base, min(end, last) - first + base
                text = token.text if start == end else self.text[max(start, first) : min(end, last)]
                return replace(token, text=text, start=begin, end=stop)
            base += last - first + 1
        text = SPACE if is_lone_space(token.piece or "", (start, end)) else token.text
        return Token(text, piece=token.piece, id=token.id)


def _number_template_pieces(tokens: Sequence[Token], placed: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens, with numbers after pieces of one character of the template: 你₁ 你₂."""
    count = 0
    for i, (token, own) in enumerate(zip(tokens, placed, strict=True)):
        span = (own.start, own.end)
        before = i > 0 and (placed[i - 1].start, placed[i - 1].end) == span
        after = i + 1 < len(placed) and (placed[i + 1].start, placed[i + 1].end) == span
        count = count + 1 if before else 1
        shared = token.start is None and own.start != own.end and (before or after)
        yield with_piece_number(token, count) if shared else token


def read_conversation(text: str) -> list[dict[str, Any]]:
    """Return the messages that a text stands for: a JSON list of them, else one message of a user.

    Raises InputError for a list whose entries are no messages, and for a blank text.
    """
    need_text(text)
    if not text.strip():
        raise InputError("The text is empty or blank: at least one word was expected.")
    if not text.lstrip().startswith("["):
        return [{"role": "user", "content": text}]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        if re.match(r"\s*\[\s*\{", text) and '"role"' in text:
            raise InputError("The conversation is not JSON: {form} was expected.", form=_FORM) from None
        return [{"role": "user", "content": text}]
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        return [{"role": "user", "content": text}]
    for number, one in enumerate(found):
        if not isinstance(one.get("role"), str) or not isinstance(one.get("content"), str):
            raise InputError(
                "Message {number} of the conversation has no role or no content: {form} was expected.",
                number=number,
                form=_FORM,
            )
    return found


_FORM = '[{"role": "user", "content": "…"}]'


def find_templates(checkpoint: Checkpoint) -> dict[str, str]:
    """Return a model's chat templates by their names, "default" for the one that has none; empty without any.

    Files of their own go before tokenizer_config.json, and that before chat_template.json, as in transformers.
    """
    if checkpoint.gguf is not None:
        start = "tokenizer.chat_template"
        return {
            key.removeprefix(start).removeprefix(".") or "default": value
            for key, value in checkpoint.gguf.metadata.items()
            if (key == start or key.startswith(f"{start}.")) and isinstance(value, str)
        }
    folder = checkpoint.path
    files = {"default": folder / "chat_template.jinja"} if is_there(folder / "chat_template.jinja") else {}
    files |= {path.stem: path for path in _more_templates(folder / "additional_chat_templates")}
    if files:
        return {name: read_side_text(path, _LARGEST) for name, path in files.items()}
    for name in ("tokenizer_config.json", "chat_template.json"):
        found = _templates_of((read_side_json(folder / name) or {}).get("chat_template"))
        if found:
            return found
    return {}


def _more_templates(folder: Path) -> list[Path]:
    """Return the templates in a folder that a model may have; raises InputError where it cannot be listed."""
    if not is_there(folder):
        return []
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".jinja")
    except OSError as error:
        raise unreadable(folder, error) from None


def _templates_of(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {"default": value}
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, list):
        pairs = [(one.get("name"), one.get("template")) for one in value if isinstance(one, dict)]
    elif isinstance(value, dict):
        pairs = list(value.items())
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


def choose_template(templates: Mapping[str, str], name: str | None, model: str) -> str:
    """Return the template of this name, or the default; raises InputError where there is none."""
    if not templates:
        raise InputError("{model} has no chat template.", hint="Leave --chat out.", model=model)
    wanted = name or ("default" if "default" in templates or len(templates) > 1 else next(iter(templates)))
    if wanted not in templates:
        raise InputError(
            "{model} has no chat template {wanted!r}: there are {names}.",
            hint="Choose one with --chat-template.",
            model=model,
            wanted=wanted,
            names=listed(sorted(templates)),
        )
    return templates[wanted]


def special_tokens(checkpoint: Checkpoint) -> dict[str, str]:
    """Return the special tokens that a template may name, as bos_token and its text."""
    if checkpoint.gguf is not None:
        found = {}
        for theirs, ours in (("bos", "bos"), ("eos", "eos"), ("unknown", "unk"), ("padding", "pad")):
            number = checkpoint.gguf.metadata.get(f"tokenizer.ggml.{theirs}_token_id")
            if isinstance(number, int):
                found[f"{ours}_token"] = checkpoint.tokenizer.decode(number)
        return found
    settings = read_token_settings(checkpoint.path)
    named = {name: token.text for name, token in settings.named()}
    return {**_CLASS_TOKENS.get(class_of(checkpoint.config, settings.values) or "", {}), **named}


def render_conversation(checkpoint: Checkpoint, text: str, name: str | None = None) -> Conversation:
    """Render a message or a JSON list of messages by a model's chat template, with its prompt for an answer.

    name: which template, where there are several. Raises InputError where there is none, or where it does not take the
    conversation; MissingError where Jinja is not installed.
    """
    messages = read_conversation(text)
    template = choose_template(find_templates(checkpoint), name, checkpoint.name)
    marked = [{**one, "content": f"\ue000{i}\ue001"} for i, one in enumerate(messages)]
    texts = _render(template, [messages, marked], special_tokens(checkpoint), checkpoint.name)
    contents = _find_contents(texts[0], texts[1], [one["content"] for one in messages])
    if not contents:
        raise InputError("The chat template of {model} leaves the conversation out.", model=checkpoint.name)
    return Conversation(texts[0], tuple(contents))


def _render(template: str, conversations: list[Any], variables: Mapping[str, str], model: str) -> list[str]:
    if find_spec("jinja2") is None:
        raise MissingError(
            "A chat template needs the extra [chat].",
            hint="In the project's folder, install it with: pip install '.[chat]'.",
        )
    request = json.dumps({"template": template, "conversations": conversations, "variables": variables})
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _START, json.dumps(sys.path)],
            input=request.encode(),
            capture_output=True,
            timeout=2 * MOST_SECONDS,
            check=False,
        )
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        answer = {"error": "limits"}
    if "texts" in answer:
        return list(answer["texts"])
    raise _template_error(answer, model)


def _template_error(answer: Mapping[str, str], model: str) -> InputError:
    fields = {"model": model, "reason": " ".join(str(answer.get("reason", "")).split())[:200].rstrip(".")}
    if answer["error"] == "limits":
        return InputError(
            "The chat template of {model} takes too much time or memory, or writes too much: it was stopped.", **fields
        )
    if answer["error"] == "syntax":
        return InputError("The chat template of {model} is not one: {reason}.", **fields)
    if answer["error"] == "unsafe":
        return InputError("The chat template of {model} does what is forbidden: {reason}.", **fields)
    return InputError("The chat template of {model} does not take this conversation: {reason}.", **fields)


def _find_contents(text: str, marked: str, contents: Sequence[str]) -> list[Span]:
    """Return where in the rendered text the messages' contents stand, from a rendering with a mark for each."""
    parts = _MARK.split(marked)
    scaffold, numbers = parts[::2], [int(number) for number in parts[1::2]]
    spans, at = [], len(scaffold[0])
    if text.startswith(scaffold[0]):
        for number, following in zip(numbers, scaffold[1:], strict=True):
            content = contents[number]
            for one in (content, content.strip(), content.rstrip(), content.lstrip()):
                if text.startswith(one, at) and text.startswith(following, at + len(one)):
                    spans.append((at, at + len(one)))
                    at += len(one) + len(following)
                    break
        if len(spans) == len(numbers) and at == len(text):
            return [span for span in spans if span[0] < span[1]]
    return _search_contents(text, contents)


def _search_contents(text: str, contents: Sequence[str]) -> list[Span]:
    """Return where the contents stand, found one after another: where a template changes by what they are."""
    spans, at = [], 0
    for content in map(str.strip, contents):
        start = text.find(content, at) if content else -1
        if start >= 0:
            at = start + len(content)
            spans.append((start, at))
    return spans


def template_note(encoded: EncodedText) -> Message:
    """Return a note that says how many tokens are the template's."""
    return message(
        "Rendered by the model’s chat template: {own} of {count} tokens are the template’s.",
        own=int(encoded.special.sum()),
        count=len(encoded.tokens),
    )
