"""Writes docs/reference/ from the tables and docstrings: ``python tools/reference.py``."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from undersign import errors
from undersign.cli.main import COMMANDS
from undersign.jwa.signature import ALGORITHMS
from undersign.jws.compact import QUIRKS
from undersign.jwt import profiles
from undersign.limits import DEFAULT, Limits

HEAD = "<!-- Written by tools/reference.py; a test holds it against the code. -->\n"


def error_page() -> str:
    """Every error code: its class, what it means and what helps."""
    lines = [
        HEAD,
        "# Error codes",
        "",
        "Every failure is an `UndersignError` with a stable `code`. The tree:",
        "",
        "```text",
    ]
    tree = (inspect.getdoc(errors) or "").split("\n\n")
    lines += [
        next(part for part in tree if part.startswith("UndersignError")),
        "```",
        "",
        "| code | class | what happened | what helps |",
        "|---|---|---|---|",
    ]
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type) and issubclass(kind, errors.UndersignError):
            meaning = (kind.__doc__ or "").split("\n", 1)[0]
            lines.append(f"| `{kind.code}` | `{name}` | {meaning} | {kind.advice} |")
    lines += [
        "",
        "The codes of `OAuthError` are RFC 6749's words for programs; its messages name the parameter.",
    ]
    return "\n".join(lines) + "\n"


def algorithm_page() -> str:
    """Every signature algorithm."""
    lines = [
        HEAD,
        "# Algorithms",
        "",
        "| alg | key type | curve or parameters | hash | PKCS#11 mechanism |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{row.name}` | {row.kty} | {row.crv or ''} | {row.hash_name or ''} | `{row.mechanism}` |"
        for row in ALGORITHMS.values()
    ]
    return "\n".join(lines) + "\n"


def limit_page() -> str:
    """Every cap and quirk."""
    lines_of = (line.strip().partition(": ") for line in (inspect.getdoc(Limits) or "").splitlines())
    meanings = {name: text for name, _, text in lines_of if name in Limits.__slots__}
    lines = [HEAD, "# Limits and quirks", "", "| limit | value | what it caps |", "|---|---|---|"]
    lines += [f"| `{name}` | {getattr(DEFAULT, name)} | {meanings[name]} |" for name in Limits.__slots__]
    lines += ["", "Quirks, each off unless named: " + ", ".join(f"`{name}`" for name in sorted(QUIRKS)) + "."]
    return "\n".join(lines) + "\n"


def command_page() -> str:
    """Every command."""
    lines = [HEAD, "# Commands", "", "| command | what it does | needs |", "|---|---|---|"]
    lines += [
        f"| `undersign {each.name}` | {each.help} | {'`undersign[server]`' if each.server else 'the base install'} |"
        for each in COMMANDS
    ]
    return "\n".join(lines) + "\n"


# --- the API, from the docstrings -----------------------------------------------------------------------------------


def _profiles() -> Iterator[str]:
    """A profile is a module that fixes a ``typ``."""
    for each in pkgutil.iter_modules(profiles.__path__):
        if hasattr(importlib.import_module(f"{profiles.__name__}.{each.name}"), "TYP"):
            yield f"jwt.profiles.{each.name}"


ROOMS = {
    "jwk": ("jwk",),
    "jwks": ("jwks",),
    "jws": ("jws",),
    "jwt": ("jwt",),
    "jwt.profiles": tuple(_profiles()),
    "asgi": ("asgi", "asgi.bearer", "asgi.csrf"),
    "replay": ("replay",),
    "fetch": ("fetch",),
    "limits": ("limits",),
    "inspector": ("inspector",),
}
"""A page each, and the modules whose ``__all__`` it shows; a name that was shown is not shown again."""

FENCE = "```py"  # not "python", which marks what runs as a test
OTHER_NAMES = {"ExternalSigner": "jws.Signer", "JWTVerifier": "jwt.Verifier", "dpop_profile.": "dpop."}
SECTION = re.compile(r"^(Args|Attributes|Raises|Returns):$")
ITEM = re.compile(r"^    (\S[^:]*): (.+)$")
WIDE = 96


def api_index() -> str:
    """The list of rooms."""
    lines = [
        HEAD,
        "# API",
        "",
        "Every public name, with what its docstring says. Errors are in [errors.md](errors.md).",
        "",
    ]
    lines += ["| room | what it is | names |", "|---|---|---|"]
    for room, modules in ROOMS.items():
        names = [shown.rpartition(".")[2] for _, found in _contents(room) for shown, _ in found]
        if room == "jwt.profiles":
            names = [module.rpartition(".")[2] for module in modules]
        meaning = _docstring(importlib.import_module(f"undersign.{room}")).split("\n", 1)[0].replace("``", "`")
        lines.append(f"| [`{room}`](api/{room}.md) | {meaning} | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(lines) + "\n"


def room_page(room: str) -> str:
    """Every public name of one room."""
    lines = [HEAD, f"# `undersign.{room}`", ""]
    level = "##" if len(ROOMS[room]) == 1 else "###"
    if room not in ROOMS[room]:
        lines += [*_prose(_docstring(importlib.import_module(f"undersign.{room}"))), ""]
    for module, names in _contents(room):
        if module != room:
            lines += [f"## `undersign.{module}`", ""]
        lines += [*_prose(_docstring(importlib.import_module(f"undersign.{module}"))), ""]
        for shown, thing in names:
            lines += [f"{level} `{shown}`", "", *_entry(module, shown, thing), ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _contents(room: str) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Modules of a page, each with its names as a caller writes them."""
    seen: set[int] = set()
    for name in ROOMS[room]:
        module = importlib.import_module(f"undersign.{name}")
        prefix = name.rpartition(".")[2]
        found = [(f"{prefix}.{each}", getattr(module, each)) for each in module.__all__]
        found = [(shown, thing) for shown, thing in found if not inspect.ismodule(thing) and id(thing) not in seen]
        seen.update(id(thing) for _, thing in found if isinstance(thing, type) or callable(thing))
        yield name, sorted(found, key=lambda pair: (not inspect.isclass(pair[1]), not callable(pair[1]), pair[0]))


def _entry(module: str, shown: str, thing: Any) -> list[str]:
    if inspect.isclass(thing):
        return _class_entry(shown, thing)
    if inspect.isroutine(thing):
        return [*_signature(shown, thing), *_prose(_docstring(thing))]
    annotation, text = _constant(f"undersign.{module}", shown.rpartition(".")[2])
    if isinstance(thing, (str, int, float, tuple)):
        line = f"{shown} = {thing if annotation == 'TypeAlias' else _literal(thing)}"
    else:
        line = f"{shown}: {type(thing).__name__ if annotation == 'Final' else annotation}"
    return [FENCE, line, "```", "", *_prose(text)]


def _class_entry(shown: str, kind: type) -> list[str]:
    lines = [*_constructor(shown, kind), *_prose(_docstring(kind))]
    for name, member in vars(kind).items():
        if name.startswith("_") and name != "__call__":
            continue
        if isinstance(member, property) and member.__doc__:
            lines += ["", f"`.{name}`", "", *_prose(_docstring(member))]
        elif isinstance(member, (classmethod, staticmethod)):
            lines += ["", *_signature(f"{shown}.{name}", member.__func__), *_prose(_docstring(member.__func__))]
        elif inspect.isfunction(member):
            lines += ["", *_signature(f".{name}", member), *_prose(_docstring(member))]
    return lines


def _constructor(shown: str, kind: type) -> list[str]:
    """How to make one; nothing where only the library does."""
    if getattr(kind, "_is_protocol", False):
        return ["A protocol: anything of this shape will do.", ""]
    init = vars(kind).get("__init__")
    if init is None:
        return []
    parameters = [each for each in inspect.signature(init).parameters if each != "self"]
    return [] if all(each.startswith("_") for each in parameters) else _signature(shown, init)


def _signature(shown: str, function: Any) -> list[str]:
    signature = inspect.signature(function)
    parts: list[str] = []
    last = None
    for parameter in list(signature.parameters.values()):
        if parameter.name in {"self", "cls"}:
            continue
        if last is not None and last.kind is parameter.POSITIONAL_ONLY is not parameter.kind:
            parts.append("/")
        if parameter.kind is parameter.KEYWORD_ONLY and (last is None or last.kind < parameter.VAR_POSITIONAL):
            parts.append("*")
        parts.append(_parameter(parameter))
        last = parameter
    if last is not None and last.kind is last.POSITIONAL_ONLY:
        parts.append("/")
    returned = signature.return_annotation
    end = "" if returned in {signature.empty, "None", None} else f" -> {_annotation(returned)}"
    word = "await " if inspect.iscoroutinefunction(function) else ""
    line = f"{word}{shown}({', '.join(parts)}){end}"
    if len(line) > WIDE:
        line = "\n".join([f"{word}{shown}(", *(f"    {part}," for part in parts), f"){end}"])
    return [FENCE, line, "```", ""]


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = stars + parameter.name
    if parameter.annotation is not parameter.empty:
        text += f": {_annotation(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    equals = " = " if parameter.annotation is not parameter.empty else "="
    return text + equals + _default(parameter.default)


def _annotation(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    for name, other in OTHER_NAMES.items():
        text = text.replace(name, other)
    return text


def _default(value: Any) -> str:
    if isinstance(value, Limits):
        return "limits.DEFAULT"
    if callable(value):
        return f"{value.__module__.removeprefix('undersign.')}.{value.__qualname__}"
    return "..." if repr(value).startswith("<") else _literal(value)


def _literal(value: Any) -> str:
    if isinstance(value, tuple) and value:
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _docstring(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def _constant(module: str, name: str) -> tuple[str, str]:
    """The type of a constant and the string below it, there or where it was imported from."""
    path = inspect.getsourcefile(importlib.import_module(module))
    body = ast.parse(Path(path or "").read_text(encoding="utf-8")).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ImportFrom) and any((each.asname or each.name) == name for each in node.names):
            return _constant(importlib.util.resolve_name("." * node.level + (node.module or ""), module), name)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            annotation = re.sub(r"^Final\[(.+)\]$", r"\1", ast.unparse(node.annotation))
            return annotation, inspect.cleandoc(str(after.value.value)) if is_text else ""
    return "Any", ""


def _prose(text: str) -> list[str]:
    """A docstring as Markdown: its sections as lists, its examples as blocks."""
    lines: list[str] = []
    section = ""
    in_example = False
    for line in text.replace("``", "`").splitlines():
        is_example = line.startswith(">>> ") or (in_example and bool(line))
        if is_example != in_example:
            lines.append(FENCE if is_example else "```")
            in_example = is_example
        if heading := SECTION.match(line):
            section = heading[1]
            lines += [f"*{section}*", ""]
        elif section and line.startswith("    "):
            _add_to_list(lines, line, section)
        else:
            section = section if not line.strip() else ""
            lines.append(line)
    return [*lines, "```"] if in_example else lines


def _add_to_list(lines: list[str], line: str, section: str) -> None:
    """One line of a section: an item of its list, or the rest of one."""
    item = ITEM.match(line)
    if section == "Returns":
        lines.append(line.strip())
    elif item:
        names = ", ".join(f"`{each}`" for each in item[1].replace("`", "").split(", "))
        lines.append(f"- {names}: {item[2]}")
    else:
        lines[-1] += " " + line.strip()


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": error_page,
    "algorithms.md": algorithm_page,
    "limits.md": limit_page,
    "commands.md": command_page,
    "api.md": api_index,
    **{f"api/{room}.md": functools.partial(room_page, room) for room in ROOMS},
}


def main() -> int:
    """Write the pages."""
    folder = Path(__file__).parents[1] / "docs" / "reference"
    (folder / "api").mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
