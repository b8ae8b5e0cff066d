"""Render chat templates in a process of its own: Jinja's sandbox, with limits on time, memory and length.

The process is started for one request, which it reads from standard input as JSON, and ends with it. It imports Jinja
and nothing of the models; the template can load no file and no other template.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from importlib import import_module
from typing import Any

MOST_CHARACTERS = 1_000_000
MOST_SECONDS = 10
MOST_BYTES = 2**29


def main() -> None:
    """Answer the request on standard input: texts, or an error's kind and reason."""
    request = json.loads(sys.stdin.buffer.read())
    jinja2 = import_module("jinja2")
    environment = make_environment()
    _limit_process()
    answer: dict[str, Any]
    try:
        answer = {"texts": [_render(environment, request, messages) for messages in request["conversations"]]}
    except jinja2.exceptions.TemplateSyntaxError as error:
        answer = {"error": "syntax", "reason": f"{error.message} (line {error.lineno})"}
    except jinja2.exceptions.SecurityError as error:
        answer = {"error": "unsafe", "reason": str(error)}
    except jinja2.exceptions.TemplateError as error:
        answer = {"error": "refused", "reason": str(error)}
    except (MemoryError, RecursionError, OverflowError) as error:
        answer = {"error": "limits", "reason": type(error).__name__}
    except Exception as error:  # whatever a template's expressions raise, division by zero and the like
        answer = {"error": "refused", "reason": f"{type(error).__name__}: {error}"}
    sys.stdout.buffer.write(json.dumps(answer).encode())


def make_environment() -> Any:
    """Return Jinja's sandbox with what transformers gives to chat templates (utils/chat_template_utils.py)."""
    jinja2 = import_module("jinja2")
    sandbox = import_module("jinja2.sandbox")
    environment = sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _generation_blocks()]
    )
    environment.filters["tojson"] = _to_json
    environment.globals.update(
        raise_exception=_raiser(jinja2),
        strftime_now=lambda form: datetime.now().strftime(form),
        namespace=_guarded_namespace(jinja2),
        dict=dict,
    )
    return environment


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """Write a value as JSON, without the escapes for HTML that Jinja's own filter has."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raiser(jinja2: Any) -> Any:
    def raise_exception(reason: str) -> None:
        raise jinja2.exceptions.TemplateError(reason)

    return raise_exception


def _guarded_namespace(jinja2: Any) -> Any:
    """Return Jinja's namespace without names that begin with an underscore."""

    class Namespace(jinja2.utils.Namespace):  # type: ignore[misc]
        def __init__(*given: Any, **named: Any) -> None:
            jinja2.utils.Namespace.__init__(*given, **named)
            for name in dict(*given[1:], **named):
                _check_name(name, jinja2)

        def __setitem__(self, name: str, value: Any) -> None:
            _check_name(name, jinja2)
            super().__setitem__(name, value)

    return Namespace


def _check_name(name: object, jinja2: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"{name!r} cannot be set")


def _generation_blocks() -> Any:
    """Return the extension for {% generation %}, whose content is written as it is."""
    extensions, nodes = import_module("jinja2.ext"), import_module("jinja2.nodes")

    class Generation(extensions.Extension):  # type: ignore[misc, name-defined]
        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return nodes.Scope(body, lineno=line)

    return Generation


def _limit_process() -> None:
    """Limit memory and time, and forbid files and other processes, where the system can."""
    try:
        import resource
    except ImportError:
        return
    limits = {"RLIMIT_AS": MOST_BYTES, "RLIMIT_CPU": MOST_SECONDS, "RLIMIT_FSIZE": 0, "RLIMIT_NPROC": 0}
    for name, most in limits.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            _, hard = resource.getrlimit(kind)
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _render(environment: Any, request: dict[str, Any], messages: list[dict[str, Any]]) -> str:
    """Render one conversation; MemoryError where it grows too long."""
    template = environment.from_string(request["template"])
    parts, count = [], 0
    given = {"tools": None, "documents": None, "add_generation_prompt": True, **request["variables"]}
    for part in template.generate(messages=messages, **given):
        count += len(part)
        if count > MOST_CHARACTERS:
            raise MemoryError
        parts.append(part)
    return "".join(parts)


if __name__ == "__main__":
    main()
