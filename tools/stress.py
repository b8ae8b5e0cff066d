"""Try attnviz with random settings, damaged files, faults of the system and tight limits, and say what does not hold.

    python tools/stress.py [SECONDS [SEED]]      600 seconds if not given; a seed repeats the same cases

What must hold: every weight is that of long double; every public function and method gives a result or an AttnvizError
in one line, whatever its arguments are; every command ends with exit code 0, 1 or 2, in one line of error, without a
bug of attnviz and without a character that acts; a file that was there is whole, the old one or the new one.
Faults of the system are injected with strace, where it is there. Exits with 1 where something does not hold.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "api")]

from attnviz import cli, run  # noqa: E402  (from this copy of the project)
from attnviz.core.attention_data import Attention  # noqa: E402
from attnviz.core.errors import AttnvizError  # noqa: E402
from attnviz.core.masks import make_mask  # noqa: E402
from attnviz.core.positions import SCHEMES, Place, positions  # noqa: E402
from attnviz.toy.layer import make_projection  # noqa: E402

UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
TOLERANCE = 2e-5  # of a weight, for scores that are computed in float32; 0.3 of it was the most that was seen
WORDS = ("猫", "吃", "鱼", "the", "cat", "sees", "red", "zorg", "1.5", "\x1b[2J", "\u202e", "é", "👩\u200d👧", "…", '"')
Check = Callable[[random.Random, Path], "str | None"]


def oracle(attention: Attention) -> NDArray[np.float64]:
    """Return the weights [query, key] of the toy's layer with one head, in long double from the words' vectors on."""
    trace, settings = attention.traces[0], attention.provenance.toy
    assert settings is not None
    assert trace.embedded is not None
    x = trace.embedded.astype(np.longdouble)
    place = Place(len(x), len(x), x.shape[1], 1, "causal" in settings.mask, settings.offset, settings.seed)
    scheme = positions(settings.position, place)
    if scheme.add is not None:
        x = x + scheme.add(len(x)).astype(np.longdouble)
    made = make_projection(settings.projection, x.shape[1], seed=settings.seed)
    q, k = (x if matrix is None else x @ matrix.astype(np.longdouble) for matrix in (made.query, made.key))
    if scheme.rotate is not None:
        q, k = (scheme.rotate(side[None].astype(np.float64))[0].astype(np.longdouble) for side in (q, k))
    logits = q @ k.T / np.sqrt(np.longdouble(x.shape[1]))
    if scheme.bias is not None:
        logits = logits + scheme.bias[0]
    logits = logits / np.longdouble(settings.temperature)
    allowed = make_mask(settings.mask, len(x), len(x))
    if allowed is not None:
        logits = np.where(allowed, logits, -np.inf)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float64)


def check_numbers(draw: random.Random, folder: Path) -> str | None:  # noqa: ARG001
    """Compare the weights of random settings with the oracle."""
    options: dict[str, Any] = {
        "embedding": draw.choice(("toy", "hash", "onehot")),
        "position": draw.choice(tuple(SCHEMES)),
        "mask": draw.choice(("none", "causal", "window:1", "window:2,causal")),
        "temperature": 10 ** draw.uniform(-9, 3),
        "projection": draw.choice(("identity", "random")),
        "seed": draw.randrange(100),
        "offset": draw.choice((0, 0, 7)),
    }
    text = " ".join(draw.choice(WORDS[:9]) for _ in range(draw.randint(1, 12)))
    try:
        found = run(text, **options)
    except AttnvizError:
        return None  # a dim that is odd, where a scheme needs pairs
    error = float(np.abs(found.weights[0, 0] - oracle(found)).max())
    # what an angle's rounding in float32 does grows with the scores
    largest = float(np.abs(found.traces[0].logits).max())
    allowed = TOLERANCE if found.traces[0].bias is None else TOLERANCE + 1e-7 * min(largest, 100)
    return None if error <= allowed else f"{text!r} {options}: a weight is wrong by {error:.1e}"


class Unequal:
    """An object that cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError

    __hash__ = object.__hash__


# What no argument is made for, beside what tests/api/test_every_argument.py has.
ODD: tuple[Any, ...] = (
    *(
        1.5,
        float("inf"),
        2**63,
        -(10**30),
        1j,
        True,
        (),
        {1},
        "",
        "zorg",
        "a\0b",
        "\ud800",
        "\x1b[2J",
        range(3),
        slice(1),
    ),
    *(Unequal(), sys, ValueError("x"), [None], [[]], [float("nan")], ["a", 1], {1: 2}),
    *(np.full((3, 3), np.nan), np.array([object()], dtype=object), np.array(1), np.array(["a"]), np.array([[True]])),
    *(np.array([], dtype=np.float32), np.ones((1, 1, 2, 2)), np.float64("nan"), np.int64(-1), np.datetime64("2020")),
)


@functools.cache
def callables() -> list[tuple[str, Callable[..., Any]]]:
    """Return the public functions, and the methods of what they give, each with its name."""
    from test_every_argument import methods_of, public_functions, results

    methods = [(type(one).__name__, methods_of(one).items()) for one in results()]
    named = {name: found for name, found in public_functions().items() if name != "set_language"}
    return [*named.items(), *((f"{kind}.{name}", found) for kind, every in methods for name, found in every)]


def check_api(draw: random.Random, folder: Path) -> str | None:
    """Call a public function or method with odd values: it gives a result, or an error of attnviz in one line."""
    from test_every_argument import RIGHT, WRONG, arguments_of

    label, function = draw.choice(callables())
    names, needed = arguments_of(function)
    right = RIGHT | ({"counts": [5], "measure": lambda *_: 0.0} if label == "cost" else {})
    arguments = {name: right.get(name) for name in [*needed, *(["measure"] if label == "cost" else [])]}
    odd = draw.sample(names, min(len(names), draw.randint(1, 2)))
    arguments |= {name: draw.choice((*ODD, *WRONG.values())) for name in odd}
    told = ""
    with contextlib.chdir(folder), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            function(**arguments)
        except AttnvizError as error:
            told = str(error)
        except Exception as error:
            return f"{label}, odd {odd}: {type(error).__name__}: {error}"
    return f"{label}, odd {odd}: not one line: {told!r}" if "\n" in told or UNSAFE.search(told) else None


def check_command(draw: random.Random, folder: Path) -> str | None:
    """Run a random command on damaged files and hostile texts: it must end in order."""
    text = "".join(draw.choice((*WORDS, " ", " ", "\n")) for _ in range(draw.randint(0, 12)))
    path = damaged(draw, folder)
    saved = folder / f"out{draw.choice(('.json', '.csv', '.html', '.npz', '.svg'))}"
    source = draw.choice((["--weights", path], ["--vectors", path], ["--file", path], [text], [text], [text, "--json"]))
    command = draw.choice((["run"], ["run", "--view", "text"], ["explain", "--token", "0"], ["lab"], ["ablate"]))
    more = draw.choice(
        ([], [], ["--save", saved] if command[0] == "run" else [], ["--lang", "zh"], ["--encoding", "gbk"])
    )
    return judge([*command, *map(str, [*source, *more])])


def damaged(draw: random.Random, folder: Path) -> Path:
    """Write a file of weights, vectors or text, with a few of its bytes changed, left out or doubled."""
    suffix = draw.choice((".json", ".npz", ".npy", ".csv", ".txt"))
    path = folder / f"in{suffix}"
    if suffix == ".json":
        path.write_text(
            json.dumps({"tokens": ["a", "b\x1b"], "heads": ["h\u202e"], "weights": [[[[1, 0], [0.5, 0.5]]]]})
        )
    elif suffix == ".npz":
        np.savez(path, weights=np.eye(3), tokens=np.array(["a", "b", "c\x1b"]))
    elif suffix == ".npy":
        np.save(path, np.eye(3))
    else:
        path.write_bytes("字,甲\n山,1\n水,0.5\n".encode(draw.choice(("utf-8", "gbk", "utf-16", "big5"))))
    if draw.random() < 0.8:
        damage(draw, path)
    return path


def check_model(draw: random.Random, folder: Path) -> str | None:
    """Run commands on a tiny model of which one file is damaged: it is computed or refused."""
    from tiny_models import gguf_of, model_of

    family = draw.choice(("bert", "gpt2", "llama-yarn", "marian", "gguf"))
    if family == "gguf":
        path = gguf_of(folder / "model.gguf")
        damage(draw, path)
    else:
        path = model_of(folder / "model", family)
        damage(draw, draw.choice([one for one in path.iterdir() if one.is_file()]))
    saved = ["--layer", "all", "--save", str(folder / "out.html")]
    command = draw.choice(
        (["tokens"], ["tokens", "--json"], ["run"], ["run", "--json"], ["run", "--head", "all"], ["run", *saved])
    )
    keys = ["--keys", "a"] if family == "marian" and command[0] == "run" else []
    return judge([*command, "the cat eats 鱼", "--model", str(path), *keys])


def damage(draw: random.Random, path: Path) -> None:
    """Change, drop or double a few bytes of a file, most of these near its beginning; or put a symbol for a number."""
    data = bytearray(path.read_bytes())
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(min(len(data), draw.choice((16, 600, 10**9))) or 1)
        change = draw.randrange(4)
        if change == 0 and data:
            data[place] = draw.randrange(256)
        elif change == 1:
            del data[place : place + draw.randint(1, 8)]
        elif change == 2:
            data[place:place] = data[place : place + 8]
        else:
            data[place : place + 1] = draw.choice((b"null", b"-1", b"1e999", b"[]", b"\x1b", b"\xff", b"{}"))
    path.write_bytes(bytes(data))


def judge(arguments: list[str]) -> str | None:
    """Run a command in this process; return what is wrong with how it ended."""
    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main(arguments)
        except SystemExit as stop:
            code = stop.code
        except BaseException as error:
            return f"{arguments}: {type(error).__name__}: {error}"
    told = err.getvalue()
    if code not in (0, 1, 2):
        return f"{arguments}: exit code {code}"
    if "bug in attnviz" in told or "attnviz 的错误" in told or "Traceback" in told:
        return f"{arguments}: {told}"
    if code and told.count("\n") != 1:
        return f"{arguments}: not one line: {told!r}"
    acting = UNSAFE.search(out.getvalue() + told)
    return None if acting is None else f"{arguments}: prints {acting.group()!r}"


def check_limits(draw: random.Random, folder: Path) -> str | None:
    """Run a process with little room for its output or its memory: all of the result, or an exit code that says so."""
    words = " ".join(f"w{i}" for i in range(draw.randint(2, 80)))
    limit = draw.choice((f"ulimit -f {draw.randint(1, 200)}", f"ulimit -v {draw.randint(150, 900) * 1024}"))
    unbuffered = draw.choice(("", "1"))
    command = f"{limit}; exec {sys.executable} -m attnviz run '{words}' --embedding hash --json > out.json"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered, "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    told = done.stderr.decode(errors="replace")
    if done.returncode == 0:
        try:
            json.loads((folder / "out.json").read_text())
        except ValueError:
            return f"{limit}, {len(words)} letters: exit code 0 and a result that is cut"
    elif "ulimit -f" in limit and ("Traceback" in told or "bug in attnviz" in told):
        return f"{limit}: {told[-300:]}"
    return None


def check_faults(draw: random.Random, folder: Path) -> str | None:
    """Let a system call fail while a file is replaced: the file is the old one or the new one, and whole."""
    target = folder / "kept.json"
    target.write_text('"old"')
    call, error = (
        draw.choice(("write", "fsync", "rename", "openat", "close")),
        draw.choice(("ENOSPC", "EIO", "EINTR", "EDQUOT")),
    )
    inject = (
        f"inject={call}:error={error}:when={draw.randint(1, 60)}"
        if call != "rename"
        else f"inject={call}:error={error}"
    )
    command = ["strace", "-f", "-o", os.devnull, "-e", f"trace={call}", "-e", inject, "-P", str(folder), sys.executable]
    command += ["-m", "attnviz", "export", "猫吃鱼", str(target)]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    try:
        document = json.loads(target.read_text())
    except ValueError:
        return f"{call} {error}: the file is neither the old one nor the new one"
    told = done.stderr.decode(errors="replace")
    if done.returncode == 0 and document == "old":
        return f"{call} {error}: exit code 0 and nothing was written"
    return f"{call} {error}: {told[-300:]}" if "bug in attnviz" in told else None


def checks() -> Iterator[tuple[str, float, Check]]:
    """Yield what is tried: its name, its share of the time, and the check."""
    yield "settings against the oracle", 0.2, check_numbers
    yield "odd arguments", 0.1, check_api
    yield "commands on damaged files", 0.2, check_command
    yield "damaged models", 0.2, check_model
    yield "limits", 0.15, check_limits
    if shutil.which("strace") is not None:
        yield "faults of the system", 0.15, check_faults
    else:
        print("faults of the system: skipped, there is no strace here")


def main(arguments: list[str]) -> int:
    """Try everything for as long as it may take; print how much was tried and what did not hold."""
    seconds = float(arguments[0]) if arguments else 600.0
    seed = int(arguments[1]) if len(arguments) > 1 else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}, {seconds:.0f} s")
    faults: Counter[str] = Counter()
    for name, share, check in checks():
        draw = random.Random(f"{seed} {name}")
        until, tried = time.monotonic() + share * seconds, 0
        while time.monotonic() < until:
            with tempfile.TemporaryDirectory() as folder:
                fault = check(draw, Path(folder))
            tried += 1
            if fault is not None:
                faults[name] += 1
                if faults[name] <= 5:
                    print(f"{name}, case {tried}: {fault}")
        print(f"{name}: {tried:,} tried, {faults[name]} did not hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
