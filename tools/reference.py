"""Write the references of the command line, of the JSON documents and of the families of models, in both languages.

    python tools/reference.py           write them
    python tools/reference.py check     say which of them is out of date

They are pages of docs/reference. The command line comes from the commands themselves, the JSON documents from
docs/schemas: there `description` is English and `x-description-zh` Chinese. The families come from the registry and
its tables, those of transformers from tests/golden/text_families.tsv (see benchmarks/coverage.py). Whoever changes an
option, its words, a schema or the families runs this again.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from attnviz.cli import COMMANDS, load_command
from attnviz.i18n.messages import language, translate, use_language
from attnviz.models.families.coverage import computed_families, read_coverage
from attnviz.models.families.reasons import REASONS
from attnviz.models.formats.gguf_names import architectures_by_family

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
SCHEMAS = ROOT / "docs" / "schemas"
TEXT_FAMILIES = ROOT / "tests" / "golden" / "text_families.tsv"

# What the pages themselves say, in English and in Chinese.
WORDS = {
    "command-line": ("Command line", "命令行"),
    "about commands": (
        "`attnviz COMMAND --help` prints the same in the terminal; `attnviz --install-completion` completes commands "
        "and choices in the shell. Results go to standard output, notes and errors to standard error. The exit code is "
        "0, 1 for an error in the input or the system, 2 for wrong usage. `NO_COLOR`, `FORCE_COLOR` and `COLUMNS` are "
        "heeded; with `ATTNVIZ_DEBUG=1` a fault of the program itself shows where it was.",
        "`attnviz 命令 --help` 在终端里打印同样的内容；`attnviz --install-completion` 安装自动补全，能补全命令和取值。"
        "结果写到标准输出，提示和错误写到标准错误。退出码 0 表示成功，1 表示输入或系统出错，2 表示用法不对。"
        "`NO_COLOR`、`FORCE_COLOR` 和 `COLUMNS` 都起作用；设置 `ATTNVIZ_DEBUG=1`，程序自身出错时会显示出错的位置。",
    ),
    "option": ("option", "选项"),
    "argument": ("argument", "参数"),
    "meaning": ("meaning", "含义"),
    "default": (" Default: `{}`.", "默认：`{}`。"),
    "example": ("Example", "例子"),
    "json": ("JSON documents", "JSON 文档"),
    "about json": (
        "What `--json` prints, and what `--save FILE.json` writes: one document, or an array of them for several "
        "texts. Each has a JSON Schema in `docs/schemas`, and the tests hold it to that. Numbers have full precision. "
        "A field with a question mark is there only where it applies. `run --weights` and `attnviz.load_weights` read "
        "an attention document back.",
        "`--json` 打印的、`--save 文件.json` 写出的内容：一份文档；给了几段文本时，是由几份文档组成的数组。每种文档在 "
        "`docs/schemas` 里都有一份 JSON Schema，由测试保证相符。数值保留全部精度。带问号的字段只在用得上时才有。"
        "`run --weights` 和 `attnviz.load_weights` 能把注意力文档读回来。",
    ),
    "field": ("field", "字段"),
    "type": ("type", "类型"),
    "printed by": ("Printed by ", "由以下命令打印："),
    "step": ("step", "步骤"),
    "arrays": ("arrays", "数组"),
    "or": (" or ", " 或 "),
    "families": ("Families of models", "模型系列"),
    "about families": (
        "`attnviz models --families` prints these families too. A config names its family by `model_type`; "
        "[How exact](../exactness.md) says how far each is from transformers. The last column has llama.cpp's names of "
        "the architectures that are read from GGUF files; the other families are read from safetensors alone.",
        "`attnviz models --families` 也打印这些系列。配置用 `model_type` 说明自己属于哪个系列；"
        "每个系列与 transformers 相差多少，见[准确到什么程度](../exactness.zh.md)。最后一列是"
        "能从 GGUF 文件读取的架构在 llama.cpp 中的名称；其余系列只读 safetensors。",
    ),
    "family": ("family", "系列"),
    "models": ("models", "模型"),
    "paper": ("paper", "论文"),
    "coverage": ("Of all that transformers knows", "在 transformers 的全部系列中"),
    "about coverage": (
        "transformers {version} has language models of {count} model_types (in the mappings of AutoModelForCausalLM, "
        "AutoModelForSeq2SeqLM and AutoModelForMaskedLM). attnviz computes {computed} of them and refuses {refused}, "
        "by name and with the reason; {without} have no attention weights. Of the {others} other model_types of "
        "AutoModel, which read other data than text or are parts of models, it computes {more}.",
        "transformers {version} 为 {count} 个 model_type 提供语言模型（AutoModelForCausalLM、AutoModelForSeq2SeqLM 和 "
        "AutoModelForMaskedLM 的映射表）。attnviz 计算其中 {computed} 个；拒绝 {refused} 个，说出名字和原因；"
        "{without} 个没有注意力权重。AutoModel 另有 {others} 个 model_type，读的不是文本，或只是模型的一部分，"
        "其中能计算 {more} 个。",
    ),
    "reason": ("reason", "原因"),
    "model types": ("model_types", "model_type"),
    "no weights": ("it has no attention weights", "没有注意力权重"),
}


def say(name: str) -> str:
    """Return one of the pages' own words in the language in use."""
    return WORDS[name][language() == "zh"]


def command_line() -> str:
    """Return the reference of all commands, in the language in use."""
    parts = [head("command-line"), say("about commands"), *map(command, COMMANDS)]
    return "\n\n".join(parts) + "\n"


def head(name: str) -> str:
    """Return a page's title and the line that leads to the other language."""
    other = f"[English]({name}.md)" if language() == "zh" else f"[中文]({name}.zh.md)"
    return f"# {say(name)}\n\n{other}"


def command(name: str) -> str:
    """Return the section of one command: its words, an example, its arguments and its options by panel."""
    found = load_command(name)
    panels: dict[str, list[str]] = {}
    for parameter in found.params:
        if parameter.param_type_name == "argument":
            row = f"| `{translate(parameter.metavar)}` | {cell(translate(parameter.help or ''))} |"
            panels.setdefault("", []).append(row)
        elif parameter.name != "help":
            panels.setdefault(parameter.rich_help_panel or "", []).append(option(parameter))
    tables = []
    for panel, rows in panels.items():
        kind = say("option" if panel else "argument")
        title = f"**{translate(panel)}**\n\n" if panel else ""
        heading = f"| {kind} | {say('meaning')} |\n|---|---|\n"
        tables.append(title + heading + "\n".join(rows))
    example = f"{say('example')}: `{COMMANDS[name][2]}`".replace(": ", "：" if language() == "zh" else ": ", 1)
    return "\n\n".join([f"## attnviz {name}", found.help, example, *tables])


def option(parameter: Any) -> str:
    """Return an option's row: how it is written, what it means, what it is by default."""
    flag = parameter.is_flag
    value = "" if flag else " " + translate(parameter.metavar or "").replace("|", "\\|")
    shown = parameter.show_default and parameter.default not in (None, False, [])
    default = say("default").format(parameter.default) if shown else ""
    return f"| `{parameter.opts[0]}{value}` | {cell(parameter.help or '')}{default} |"


def cell(text: str) -> str:
    """Return a text for a cell of a table."""
    plain = " ".join(text.split()).replace("<", "&lt;").replace("|", "\\|")
    return re.sub(r"(?:\[\w+\])+(?!`)", r"`\g<0>`", plain)  # [query][key] would be a link


def documents() -> str:
    """Return the reference of all JSON documents, in the language in use."""
    kinds = [read(path) for path in sorted(SCHEMAS.glob("*.schema.json"))]
    parts = [head("json"), say("about json")]
    parts += [document(kind) for kind in sorted((kind for kind in kinds if "x-command" in kind), key=order)]
    shared = [one for kind in kinds for one in kind.get("$defs", {}).values()]
    parts += [f"## {titled(one)}\n\n{described(one)}\n\n{table(one)}" for one in shared]
    return "\n\n".join(parts) + "\n"


def families() -> str:
    """Return the reference of the families of models, in the language in use."""
    files = architectures_by_family()
    rows = [
        f"| {one.family} | {listed_types(one.model_types)} | {', '.join(one.models)} | {one.paper}, {link(one.link)} "
        f"| {listed_types(dict.fromkeys(each for name in one.model_types for each in files.get(name, ())))} |"
        for one in computed_families()
    ]
    heading = f"| {say('family')} | `model_type` | {say('models')} | {say('paper')} | GGUF |\n|---|---|---|---|---|\n"
    parts = [head("families"), say("about families"), heading + "\n".join(rows), f"## {say('coverage')}"]
    lines = [line.split("\t") for line in TEXT_FAMILIES.read_text(encoding="utf-8").splitlines()]
    found = read_coverage({name: lists.split() for name, lists in lines[1:]})
    sizes = {"count": found.count, "computed": len(found.computed), "without": len(found.without)}
    refused = found.count - len(found.computed) - len(found.without)
    more = {"version": lines[0][1], "others": len(found.others), "more": len(found.others_computed)}
    parts.append(say("about coverage").format(refused=refused, **sizes, **more))
    reasons = {
        **{REASONS[name].localized(): names for name, names in found.refused.items()},
        say("no weights"): found.without,
    }
    rows = [f"| {reason} | {listed_types(names)} |" for reason, names in reasons.items()]
    parts.append(f"| {say('reason')} | {say('model types')} |\n|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def listed_types(names: Iterable[str]) -> str:
    """Return model_types as code, side by side."""
    return " ".join(f"`{name}`" for name in names)


def link(where: str) -> str:
    """Return a link to a paper: arXiv:NUMBER, or an address."""
    if where.startswith("arXiv:"):
        return f"[{where}](https://arxiv.org/abs/{where.removeprefix('arXiv:')})"
    return f"<{where}>"


def read(path: Path) -> dict[str, Any]:
    """Return a schema."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def order(schema: dict[str, Any]) -> int:
    """Return the place of a document: that of the first command that prints it."""
    return list(COMMANDS).index(schema["x-command"][0].split()[0]) * 2 + ("--" in schema["x-command"][0])


def document(schema: dict[str, Any]) -> str:
    """Return the section of one document."""
    commands = ", ".join(f"`attnviz {name}`" for name in schema["x-command"])
    file = schema["$id"]
    printed = f"{say('printed by')}{commands} · [{file}](../schemas/{file})"
    steps = [steps_table(schema["x-arrays"])] if "x-arrays" in schema else []
    return "\n\n".join([f"## {titled(schema)}", printed, table(schema), *steps])


def steps_table(arrays: dict[str, list[str]]) -> str:
    """Return the table of an explanation's steps and their arrays."""
    rows = [f"| `{step}` | {', '.join(f'`{name}`' for name in names)} |" for step, names in arrays.items()]
    return f"| {say('step')} | {say('arrays')} |\n|---|---|\n" + "\n".join(rows)


def table(schema: dict[str, Any]) -> str:
    """Return the table of an object's fields, those of what it holds below them."""
    heading = f"| {say('field')} | {say('type')} | {say('meaning')} |\n|---|---|---|\n"
    return heading + "\n".join(fields(schema, ""))


def fields(schema: dict[str, Any], before: str) -> Iterator[str]:
    """Yield a row for each field, and for the fields of the objects in it."""
    for name, one in schema.get("properties", {}).items():
        path = f"{before}{name}"
        shown = f"`{path}`" if name in schema.get("required", ()) else f"`{path}`?"
        yield f"| {shown} | {kind_of(one)} | {cell(described(one))} |"
        inner = one.get("items", one)
        if "properties" in inner:
            yield from fields(inner, f"{path}{'[]' if inner is not one else ''}.")


def titled(schema: dict[str, Any]) -> str:
    """Return a schema's title in the language in use."""
    return str(schema["x-title-zh" if language() == "zh" else "title"])


def described(schema: dict[str, Any]) -> str:
    """Return a schema's description in the language in use."""
    return str(schema.get("x-description-zh" if language() == "zh" else "description", ""))


def kind_of(schema: dict[str, Any]) -> str:
    """Return what type of value a schema takes, as `number[][]` for a list of lists of numbers."""
    return say("or").join(f"`{name}`" for name in type_names(schema))


def type_names(schema: dict[str, Any]) -> list[str]:
    """Return the names of the types that a schema takes; of a few closed choices, the choices."""
    if "$ref" in schema:
        return [schema["$ref"].rsplit("/", 1)[1]]
    if "const" in schema:
        return [json.dumps(schema["const"])]
    if len(schema.get("enum", ())) in range(1, 6):
        return [json.dumps(value) for value in schema["enum"]]
    names = schema.get("type", "string")
    return [name for one in ([names] if isinstance(names, str) else names) for name in array_names(one, schema)]


def array_names(name: str, schema: dict[str, Any]) -> list[str]:
    """Return the names of one type; those of an array are its items' with brackets."""
    items = schema.get("items")
    return [f"{inner}[]" for inner in type_names(items)] if name == "array" and items else [name]


def pages() -> dict[Path, str]:
    """Return every generated page with its text."""
    before = language()
    made = {}
    for tongue, suffix in (("en", ".md"), ("zh", ".zh.md")):
        use_language(tongue)
        made[FOLDER / f"command-line{suffix}"] = command_line()
        made[FOLDER / f"json{suffix}"] = documents()
        made[FOLDER / f"families{suffix}"] = families()
    use_language(before)
    return made


def main() -> None:
    """Write the pages, or say which is out of date."""
    if sys.argv[1:] not in ([], ["check"]):
        sys.exit(__doc__)
    late = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if sys.argv[1:] == ["check"]:
        names = ", ".join(path.name for path in late)
        sys.exit(f"Out of date: {names}; run python tools/reference.py." if late else 0)
    for path in late:
        path.write_text(pages()[path], encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
