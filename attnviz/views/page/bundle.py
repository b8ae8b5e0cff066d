"""Bundle the page's ES modules into one script that needs no loader.

Each module becomes a function that is called once, in the order of imports, and returns its exports: module scopes stay
apart, so names of two modules never collide. Only what the page's modules need is understood:

- `import { a, b } from "./other.mjs";` at the beginning of a line, on one line or several;
- `export` before a function, a class or a const at the beginning of a line.

Everything else that a module loader would have to know (default or renamed exports, `import()`, cycles, names that are
not exported) is refused with a ValueError, as is a variable at the top level of a module (`let`, `var`): modules share
no mutable state. Comments that fill their lines, and indentation, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Each pattern begins with the end of the line before: a literal, which re finds much faster than ^.
_IMPORT = re.compile(r'\nimport \{\s*(\w+(?:,\s*\w+)*),?\s*\} from "\./(\w+)\.mjs";')
_EXPORT = re.compile(r"\nexport (?=(?:async function|function|class|const) (\w+))")
_COMMENT = re.compile(r"\n[ \t]*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*(?=\n))")
_INDENTATION = re.compile(r"\n[ \t]+")


class Module(NamedTuple):
    """One ES module, split into what it imports (module -> names), what it exports, and its code without either."""

    name: str
    imports: dict[str, tuple[str, ...]]
    exports: tuple[str, ...]
    code: str


def bundle(folder: Path, entry: str) -> str:
    """Return one script that does what the module `entry` of the folder does, with all that it imports.

    folder: holds every module as NAME.mjs. entry: a NAME. Raises ValueError where the bundler does not understand a
    module, a cycle is found, or a name is imported that is not exported.
    """
    modules = {module.name: module for module in _in_order(folder, entry)}
    for module in modules.values():
        for source, names in module.imports.items():
            if missing := sorted(set(names) - set(modules[source].exports)):
                raise ValueError(f"{module.name}.mjs imports {missing[0]}, which {source}.mjs does not export")
    return f'(() => {{\n"use strict";\n{"".join(map(_wrap, modules.values()))}}})();\n'


def parse(name: str, text: str) -> Module:
    """Split a module's text; raise ValueError where it has something that the bundler does not know."""
    code = _COMMENT.sub("", "\n" + text.replace("\r\n", "\n"))
    imports: dict[str, tuple[str, ...]] = {}
    for names, source in _IMPORT.findall(code):
        if source in imports:
            raise ValueError(f"{name}.mjs imports {source}.mjs twice")
        imports[source] = tuple(re.findall(r"\w+", names))
    exports = tuple(_EXPORT.findall(code))
    code = _EXPORT.sub("\n", _IMPORT.sub("", code))
    if problem := _find_problem(code):
        raise ValueError(f"{name}.mjs has {problem}")
    return Module(name, imports, exports, _INDENTATION.sub("\n", code).strip("\n"))


def _find_problem(code: str) -> str | None:
    """Name what the bundler does not know in the code of a module, without its imports and exports."""
    if "import" in code or "export" in code:
        return "an import or export that the bundler does not know"
    if "\nlet " in code or "\nvar " in code:
        return "a variable at the top level"
    if any(line.count("`") % 2 for line in code.split("\n")):
        return "a template literal of several lines"
    return None


def _in_order(folder: Path, entry: str) -> Iterator[Module]:
    """Yield every module that `entry` needs, each after those that it imports."""
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> Iterator[Module]:
        if name in above:
            raise ValueError(f"modules import each other: {' -> '.join((*above, name))}")
        if name in done:
            return
        module = parse(name, folder.joinpath(f"{name}.mjs").read_text(encoding="utf-8"))
        for source in module.imports:
            yield from visit(source, (*above, name))
        done.add(name)
        yield module

    return visit(entry, ())


def _wrap(module: Module) -> str:
    """Return the module as a constant that holds its exports; $ keeps it apart from the names in modules."""
    imports = "".join(f"const {{ {', '.join(names)} }} = ${source};\n" for source, names in module.imports.items())
    exports = f"\nreturn {{ {', '.join(module.exports)} }};" if module.exports else ""
    return f"const ${module.name} = (() => {{\n{imports}{module.code}{exports}\n}})();\n"
