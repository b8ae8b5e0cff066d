"""The project's documents: what their console blocks show is what the commands print.

    python tools/documents.py check [FILE...]      say which command prints something else now
    python tools/documents.py refresh [FILE...]    run every command again and put its output below it
    python tools/documents.py translated           note that README.zh.md and tutorial.zh.md say it all
    python tools/documents.py to-translate         note which sections of them still have to be translated

In a ```console block a line that begins with `$ ` is a command; what stands below it, up to the next one, is what it
prints. Where nothing stands below a command, it must succeed and its output is not shown; a lone `?` asks for the
output to be put there. A command with `--model pkg:NAME` is left out, and that is said, where that package is not
installed. Files that end in .zh.md are run in a Chinese locale, the others in an English one.

The README and the tutorial say the same in both languages. A digest of each section's English sentences is kept in
tests/golden/translated.tsv, and the tests name the sections that were changed in English alone. Whoever writes Chinese
changes both files and runs `translated`. Whoever does not runs `to-translate`: the table then says which sections wait
for a translator, and the tests let them wait.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").rglob("*.md")))
PAIRS = ((ROOT / "README.md", ROOT / "README.zh.md"), (ROOT / "docs" / "tutorial.md", ROOT / "docs" / "tutorial.zh.md"))
TRANSLATED = ROOT / "tests" / "golden" / "translated.tsv"
WAITING = "to translate"
WIDTH = "80"

_BLOCK = re.compile(r"```console\n(.*?)```", flags=re.DOTALL)
_DECIMAL = re.compile(r"\d*\.\d+")
# In what cost prints: a time, and the sizes that times are fitted to; a line may end anywhere in a Chinese sentence.
_TIME = re.compile(
    r"(~|约\s*)?\d[\d.]*\s*(µs|ms|s|min|h|微\s*秒|毫\s*秒|秒|分\s*钟|小\s*时)|(to|拟合\s*了|最\s*大)\s+[\d,]+"
)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", flags=re.MULTILINE)
_CHANGING = ("FORCE_COLOR", "NO_COLOR", "LINES", "LC_ALL", "LC_MESSAGES", "LANGUAGE")


class Shown(NamedTuple):
    """A command of a document, and the output below it; both as they stand there."""

    command: str
    output: str


def shown(path: Path) -> Iterator[Shown]:
    """Every command of the document's console blocks."""
    for block in _BLOCK.findall(path.read_text(encoding="utf-8")):
        for command, output in _COMMAND.findall(block):
            yield Shown(command, output)


def run(command: str, folder: Path, *, chinese: bool = False, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run a document's command in `folder`, which gets the samples; `attnviz` is the one of this Python.

    settings: further environment variables, and others in place of those that are set here.
    """
    if not (folder / "samples").exists():
        shutil.copytree(ROOT / "samples", folder / "samples")
    environment = {name: value for name, value in os.environ.items() if name not in _CHANGING}
    environment |= {"COLUMNS": WIDTH, "PYTHONIOENCODING": "utf-8", "LANG": "zh_CN.UTF-8" if chinese else "C.UTF-8"}
    environment |= settings
    line = re.sub(r"(^|\| )attnviz ", rf'\1"{sys.executable}" -m attnviz ', command)
    return subprocess.run(["bash", "-c", line], cwd=folder, env=environment, capture_output=True, check=False)


def lacking(command: str) -> list[str]:
    """Return the packages, by their names for pip, whose models the command shows and that are not installed."""
    names = re.findall(r"pkg:(\w+)", command)
    return [name.replace("_", "-") for name in dict.fromkeys(names) if importlib.util.find_spec(name) is None]


def _left_out(path: Path, command: str) -> bool:
    """Whether a command cannot be run here; then that is said."""
    absent = lacking(command)
    if absent:
        print(f"{path.name}: {command}: left out, as {', '.join(absent)} is not installed", file=sys.stderr)
    return bool(absent)


def printed(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return what the command printed, as documents show it: without white space at the ends of lines."""
    lines = [line.rstrip() for line in done.stdout.decode().rstrip().split("\n")]
    return "".join(f"{line}\n" for line in lines)


def agrees(command: str, output: str, now: str) -> bool:
    """Whether a command prints `now` what the document shows.

    The last digits of a real model's weights are the BLAS's own: there a number may differ by one in its last place.
    What was measured by `attnviz cost` is the machine's own: there times, and what is fitted to them, may differ.
    """
    before = output.rstrip("\n") + "\n"
    if re.fullmatch(r"attnviz cost\b.*", command):
        return "".join(_TIME.sub("", before).split()) == "".join(_TIME.sub("", now).split())
    if before == now or "--model" not in command:
        return before == now
    pairs = list(zip(_DECIMAL.findall(before), _DECIMAL.findall(now), strict=False))
    near = all(abs(float(a) - float(b)) < 1.5 * 10.0 ** -len(a.partition(".")[2]) for a, b in pairs)
    return near and _DECIMAL.sub("0", before) == _DECIMAL.sub("0", now)


def complaints(path: Path, folder: Path) -> Iterator[str]:
    """Yield a line for each command of the document that fails or prints something else."""
    for command, output in shown(path):
        if _left_out(path, command):
            continue
        done = run(command, folder, chinese=path.name.endswith(".zh.md"))
        if done.returncode:
            yield f"{path.name}: {command}: {done.stderr.decode()}"
        elif output and not agrees(command, output, printed(done)):
            yield f"{path.name}: {command}: prints\n{printed(done)}"


def refresh(path: Path, folder: Path) -> None:
    """Put what each command prints now below it, where another output or a `?` stands; a failing command stops it."""

    def again(found: re.Match[str]) -> str:
        command, output = found.groups()
        if _left_out(path, command):
            return found[0]
        done = run(command, folder, chinese=path.name.endswith(".zh.md"))
        if done.returncode:
            sys.exit(f"{path.name}: {command}: {done.stderr.decode()}")
        if output.strip() not in ("", "?") and agrees(command, output, printed(done)):
            return found[0]
        gap = "\n" * (len(output) - len(output.rstrip("\n")) - 1)
        return f"$ {command}\n" + (printed(done) + gap if output.strip() else output)

    text = path.read_text(encoding="utf-8")
    fresh = _BLOCK.sub(lambda block: f"```console\n{_COMMAND.sub(again, block[1])}```", text)
    path.write_text(fresh, encoding="utf-8")


def sentences(path: Path) -> dict[str, str]:
    """Return a digest of each section's sentences by its title: of what is no code block, table or picture."""
    text = path.read_text(encoding="utf-8")
    prose = re.sub(r"^```(?s:.*?)^```$|^\|.*|!\[[^\]]*\]\([^)]*\)", "", text, flags=re.MULTILINE)
    pieces = re.split(r"^#+ (.*)\n", prose, flags=re.MULTILINE)[1:]
    bodies = (" ".join(body.split()) for body in pieces[1::2])
    digests = (hashlib.blake2b(body.encode(), digest_size=6).hexdigest() for body in bodies)
    return dict(zip(pieces[::2], digests, strict=True))


class Note(NamedTuple):
    """What is kept of a section: the digest of its English sentences, and whether it waits for a translator."""

    digest: str
    waiting: bool


def notes() -> dict[tuple[str, str], Note]:
    """Return what is kept, by the English file's name and the section's title."""
    rows = (line.split("\t") for line in TRANSLATED.read_text(encoding="utf-8").splitlines())
    return {(name, title): Note(digest, rest == [WAITING]) for name, title, digest, *rest in rows}


def note(*, translated: bool) -> None:
    """Keep the digests of all sections; those that changed, or waited before, wait unless all are translated."""
    kept = notes() if TRANSLATED.exists() else {}
    rows = []
    for english, _ in PAIRS:
        for title, digest in sentences(english).items():
            waiting = not translated and kept.get((english.name, title), Note("", True)) != Note(digest, False)
            rows.append("\t".join((english.name, title, digest, *((WAITING,) if waiting else ()))) + "\n")
    TRANSLATED.write_text("".join(rows), encoding="utf-8")


def main() -> None:
    """Check or refresh the documents that are named, or all; or note what is translated."""
    if sys.argv[1:] in (["translated"], ["to-translate"]):
        note(translated=sys.argv[1] == "translated")
        return
    if len(sys.argv) < 2 or sys.argv[1] not in ("check", "refresh"):
        sys.exit(__doc__)
    paths = [Path(name) for name in sys.argv[2:]] or [path for path in DOCUMENTS if path.exists()]
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1] == "refresh":
            for path in paths:
                refresh(path, Path(folder))
        else:
            found = [line for path in paths for line in complaints(path, Path(folder))]
            sys.exit("\n".join(found) or 0)


if __name__ == "__main__":
    main()
