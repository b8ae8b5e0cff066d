"""The catalogue of sentences: found in the code, kept in a .po file, compiled to the .mo that attnviz reads.

    python tools/catalogue.py update         add what is new in the code (left empty), drop what is gone, compile
    python tools/catalogue.py to-translate   the same, and mark what is empty for a translator: it is shown in English
    python tools/catalogue.py compile        only compile, after the .po was edited
    python tools/catalogue.py check          say what is missing, and which sentence no catalogue can find
    python tools/catalogue.py extract        print the sentences of the code, one a line

A sentence is found where it stands as a literal: in message(), translate(), phrase(), in_language() and
Message(); as the first argument and the hint= of an error; in the words of an option, an argument or a command; in the
docstring of a command. Both branches of `a if b else c` count. Needs Babel (the dependency group dev).
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "attnviz"
PO = PACKAGE / "i18n" / "locale" / "zh_CN" / "LC_MESSAGES" / "attnviz.po"
MO = PO.with_suffix(".mo")

# Where a call's sentences stand: by place, and by keyword.
CALLS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "message": ((0,), ()),
    "Message": ((0,), ()),
    "translate": ((0,), ()),
    "phrase": ((0,), ()),
    "in_language": ((0,), ()),
    "OptionText": ((0, 1, 2), ("panel", "help", "metavar")),
    "Option": ((), ("help", "metavar", "rich_help_panel")),
    "Argument": ((), ("help", "metavar", "rich_help_panel")),
}
ERROR = ((0,), ("hint",))
# Tables whose strings are words: file and name; whether a dict's keys, its values, or both.
TABLES = {("toy/lexicon.py", "GROUPS"): "keys and values", ("cli/__init__.py", "COMMANDS"): "second of value"}
CONTEXTS = {("toy/lexicon.py", "GROUPS"): "toy"}  # of the words of a table; elsewhere context= says it
# Sentences that come from elsewhere, and where they are found: file, and the argument as it is written.
PASSED_ON = {
    ("i18n/messages.py", "template"),
    ("i18n/messages.py", "self.template"),
    ("i18n/messages.py", "self.text"),
    ("core/errors.py", "template"),
    ("core/errors.py", "hint"),
    ("cli/__init__.py", "words"),
    ("cli/__init__.py", "attributes['help']"),
    ("cli/__init__.py", "cleandoc(docstring)"),
    ("cli/typer_parameters.py", "name"),
    ("cli/typer_text.py", "kind.name"),
    ("cli/typer_text.py", "template"),
    ("cli/typer_text.py", "words"),
    ("cli/typer_text.py", "getattr(command, name)"),
    ("cli/typer_text.py", "getattr(parameter, name)"),
    ("cli/__init__.py", "'|'.join(LANGUAGES)"),
    ("cli/options.py", "translate(words.help)"),
    ("cli/options.py", "words.help"),
    ("cli/options.py", "metavar"),
    ("cli/options.py", "one.metadata.get('help', words.help)"),
    ("cli/options.py", "translate(one.metadata.get('help', words.help))"),
    ("cli/options.py", "translate(words.panel)"),
    ("cli/options.py", "words.panel"),
    ("core/attention_data.py", "str(head)"),
    ("views/prepared/heads.py", "name"),
    ("views/prepared/attention.py", "name"),
}


class Dateless(Catalog):
    """A catalogue whose header has no date: the same sentences give the same bytes."""

    mime_headers = (("Language", "zh_CN"), ("Content-Type", "text/plain; charset=utf-8"))  # type: ignore[assignment]


class Found(NamedTuple):
    """A sentence and the file it stands in."""

    text: str
    file: str
    context: str = ""


class Lost(NamedTuple):
    """What should be a sentence and is no literal."""

    file: str
    line: int
    source: str


def extract(package: Path = PACKAGE) -> tuple[list[Found], list[Lost]]:
    """Every sentence of the code, and every place where one escapes."""
    found: list[Found] = []
    lost: list[Lost] = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        look_through(ast.parse(path.read_text(encoding="utf-8")), name, found, lost)
    return found, lost


def look_through(tree: ast.Module, name: str, found: list[Found], lost: list[Lost]) -> None:
    """Add the sentences of one file to `found`, what escapes to `lost`."""
    for node in ast.walk(tree):
        if _is_raised_unseen(node):
            lost.append(Lost(name, node.lineno, ast.unparse(node)))
        for argument in _arguments(node, name):
            for text in _literals(argument):
                if isinstance(text, str):
                    found.append(Found(text, name, _context(node)))
                elif (name, ast.unparse(text)) not in PASSED_ON:
                    lost.append(Lost(name, text.lineno, ast.unparse(text)))
        found.extend(_table(node, name))
        found.extend(Found(text, name) for text in _docstring(node, name))


def _context(node: ast.AST) -> str:
    """Return the literal context= of a call; "" where it has none."""
    keywords = node.keywords if isinstance(node, ast.Call) else []
    given = next((one.value for one in keywords if one.arg == "context"), None)
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else ""


def _arguments(node: ast.AST, name: str) -> Iterator[ast.expr]:
    """Yield the arguments of a call that are sentences."""
    if not isinstance(node, ast.Call):
        return
    places, keywords = _where(node.func)
    if ast.unparse(node.func) == "OptionText" and name != "cli/options.py":
        return
    yield from (node.args[place] for place in places if place < len(node.args))
    yield from (each.value for each in node.keywords if each.arg in keywords)


def _where(function: ast.expr) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Where the sentences of a call of `function` stand."""
    called = ast.unparse(function).removeprefix("typer.").removeprefix("errors.").removeprefix("messages.")
    if called in CALLS:
        return CALLS[called]
    # an error of Python's own has no template
    return ERROR if re.fullmatch(r"\w+Error", called) and not hasattr(builtins, called) else ((), ())


def _is_raised_unseen(node: ast.AST) -> bool:
    """Whether a sentence is raised under a name that `_where` does not know for an error."""
    if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call) or not node.exc.args:
        return False
    first = node.exc.args[0]
    plain = isinstance(first, ast.Constant) and isinstance(first.value, str) and " " in first.value
    name = ast.unparse(node.exc.func)
    return plain and _where(node.exc.func) == ((), ()) and not hasattr(builtins, name)


def _literals(node: ast.expr) -> Iterator[str | ast.expr]:
    """Yield the strings that an expression may be, or the expression itself; None and "" are not sentences."""
    if isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str) and node.value:
            yield node.value
    else:
        yield node


def _table(node: ast.AST, name: str) -> Iterator[Found]:
    """Yield the words of a table that TABLES names."""
    if not isinstance(node, ast.AnnAssign) or not isinstance(node.value, ast.Dict):
        return
    table = (name, ast.unparse(node.target))
    if table not in TABLES:
        return
    for key, value in zip(node.value.keys, node.value.values, strict=True):
        if TABLES[table] == "second of value":
            words = (ast.literal_eval(value)[1],)
        else:
            words = (ast.literal_eval(key), *ast.literal_eval(value))
        yield from (Found(word, name, CONTEXTS.get(table, "")) for word in words)


def _docstring(node: ast.AST, name: str) -> Iterator[str]:
    """Yield the docstring of a command, which is its help."""
    if name.startswith("cli/") and isinstance(node, ast.FunctionDef) and node.name == "command":
        yield inspect.cleandoc(ast.get_docstring(node) or "")


def template() -> Catalog:
    """Return the sentences of the code as an empty catalogue."""
    catalogue = Catalog(project="attnviz", locale="zh_CN", charset="utf-8")
    for text, file, context in extract()[0]:
        catalogue.add(text, locations=[(f"attnviz/{file}", None)], context=context or None)
    for message in catalogue:
        message.locations = sorted(set(message.locations))
    return catalogue


def stored() -> Catalog:
    """Return the catalogue as it is stored."""
    if not PO.exists():
        return Catalog(locale="zh_CN", charset="utf-8")
    with PO.open("rb") as file:
        return read_po(file, locale="zh_CN")


def update(*, later: bool = False) -> None:
    """Keep what is translated, take in what is new, drop what is gone, compile; if later, mark what is empty fuzzy."""
    known = {(message.id, message.context): message for message in stored() if message.id}
    old = {key: message.string for key, message in known.items()}
    waiting = {key for key, message in known.items() if message.fuzzy and not message.string}
    new = template()
    for message in new:
        if message.id:
            message.string = old.get((message.id, message.context), "")
            message.flags.discard("python-format")  # the templates are str.format's, and % is a sign like others
            if not message.string and (later or (message.id, message.context) in waiting):
                message.flags.add("fuzzy")

    stream = BytesIO()
    write_po(stream, new, width=0, sort_output=True, omit_header=True)
    head = '#\nmsgid ""\nmsgstr ""\n"Language: zh_CN\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    PO.write_bytes(head.encode() + stream.getvalue())
    MO.write_bytes(compiled())


def compiled() -> bytes:
    """Return the .mo that the stored .po compiles to."""
    plain = Dateless(locale="zh_CN", charset="utf-8")
    for message in stored():
        if message.id:
            plain.add(message.id, message.string, context=message.context)
    stream = BytesIO()
    write_mo(stream, plain)
    return stream.getvalue()


def complaints() -> list[str]:
    """Return what is wrong with the catalogue, one line each."""
    found, lost = extract()
    said = {(text, context or None) for text, _, context in found}
    known: dict[Any, Any] = {(message.id, message.context): message for message in stored() if message.id}
    lines = [f"attnviz/{file}:{line}: no literal: {source}" for file, line, source in lost]
    lines += [f"missing: {text!r}" for text in sorted(said - set(known), key=str)]
    lines += [f"gone from the code: {text!r}" for text in sorted(set(known) - said, key=str)]
    lines += [f"not translated: {text!r}" for text, each in known.items() if not each.string and not each.fuzzy]
    lines += [f"fuzzy: {text!r}" for text, each in known.items() if each.fuzzy and each.string]
    if not MO.exists() or MO.read_bytes() != compiled():
        lines.append("the .mo is not what the .po compiles to: python tools/catalogue.py compile")
    return lines


def main(arguments: list[str]) -> int:
    """Do what the one argument says."""
    ways: dict[str, Callable[[], Any]] = {
        "update": update,
        "to-translate": lambda: update(later=True),
        "compile": lambda: MO.write_bytes(compiled()),
        "check": lambda: None,
        "extract": lambda: print("\n".join(sorted({repr(text) for text, _, _ in extract()[0]}))),
    }
    if len(arguments) != 1 or arguments[0] not in ways:
        print(__doc__)
        return 2
    ways[arguments[0]]()
    wrong = complaints() if arguments[0] in ("update", "to-translate", "check") else []
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
