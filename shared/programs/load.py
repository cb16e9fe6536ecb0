"""Read a program pack from YAML. Everything wrong is reported at once, with file, line and field."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.programs.fields import MisplacedError
from shared.programs.pack import ProgramPack

_MAX_CHARACTERS = 512 * 1024

Location = tuple[int | str, ...]

_SENTENCES = {
    "missing": "is missing; add it",
    "extra_forbidden": "is not known here, or not built yet; take it out or correct its spelling",
    "int_type": "must be a whole number, not {value!r}",
    "bool_type": "must be true or false, not {value!r}",
}
_FORMS = {
    "program_id": "printable characters without '/', which ends the program in Kafka keys",
    "currency": "three capital letters such as CNY",
}


@dataclass(frozen=True, slots=True)
class PackError:
    """One fault: `line` counts from 1, `field` is a path such as rules[0].per_minor ("" = the whole file)."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class InvalidPackError(Exception):
    """The pack was refused; `errors` holds every fault found, by line."""

    def __init__(self, errors: tuple[PackError, ...]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors


class _PlainLoader(yaml.SafeLoader):
    """YAML without surprises: `no` is a word, 010 is not eight, 22:30 is no number, dates stay text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


def _plain_scalar(tag: str, pattern: str, first_characters: list[str]) -> None:
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})\\Z"), first_characters)


_plain_scalar("bool", "true|false", list("tf"))
_plain_scalar("null", "~|null|", ["~", "n", ""])
_plain_scalar("int", r"[-+]?(?:0|[1-9][0-9]*(?:_[0-9]+)*)", list("-+0123456789"))
_plain_scalar("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789"))


def load_pack(text: str, file_name: str) -> ProgramPack:
    """The pack in `text`; `file_name` is only for messages. Raises InvalidPackError."""
    root, document = _parse(text, file_name)
    repeated = tuple(_repeated_keys(root, (), file_name))
    if repeated:
        raise InvalidPackError(repeated)
    try:
        return ProgramPack.model_validate(document)
    except ValidationError as error:
        faults = {_fault(detail, root, file_name): None for detail in error.errors(include_url=False)}
        raise InvalidPackError(tuple(sorted(faults, key=lambda fault: fault.line))) from None


def _parse(text: str, file_name: str) -> tuple[yaml.Node, Any]:
    if len(text) > _MAX_CHARACTERS:
        raise _refused(file_name, 1, f"is longer than {_MAX_CHARACTERS} characters; a pack must fit a message")
    try:
        for token in yaml.scan(text, Loader=_PlainLoader):
            # An alias can make a small file expand without end.
            if isinstance(token, yaml.AliasToken):
                line = token.start_mark.line + 1
                raise _refused(file_name, line, f"*{token.value} is an alias; write its value out")
        loader = _PlainLoader(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise _refused(file_name, 1, "a pack is a list of `key: value` lines, beginning with program_id")
        return root, loader.construct_document(root)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refused(file_name, line, "holds a character that YAML does not allow") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or "cannot be read"
        raise _refused(file_name, mark.line + 1 if mark else 1, f"is not valid YAML: {problem}") from None
    except ValueError:
        # Python reads no whole number of thousands of digits.
        raise _refused(file_name, 1, "holds a number that is too long to read") from None
    except RecursionError:
        raise _refused(file_name, 1, "is nested too deeply; a pack has a few levels") from None


def _refused(file_name: str, line: int, message: str) -> InvalidPackError:
    return InvalidPackError((PackError(file_name, line, "", message),))


def _repeated_keys(node: yaml.Node, at: Location, file_name: str) -> Iterator[PackError]:
    if isinstance(node, yaml.MappingNode):
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in first_lines:
                message = f"is written twice (first on line {first_lines[name]}); keep one"
                yield PackError(file_name, line, _path((*at, name)), message)
            first_lines.setdefault(name, line)
            yield from _repeated_keys(value, (*at, name), file_name)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _repeated_keys(item, (*at, position), file_name)


def _fault(detail: ErrorDetails, root: yaml.Node, file_name: str) -> PackError:
    cause = detail.get("ctx", {}).get("error")
    inner = cause.location if isinstance(cause, MisplacedError) else ()
    line, found = _locate(root, (*detail["loc"], *inner))
    # A part the file does not have is the missing field; anything else is pydantic's own label.
    field = detail["loc"] if detail["type"] == "missing" else found
    return PackError(file_name, line, _path(field), _sentence(detail))


def _locate(root: yaml.Node, location: Location) -> tuple[int, Location]:
    """The line of the deepest part of `location` that the file has, and that part."""
    node, line = root, root.start_mark.line + 1
    found: list[int | str] = []
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == part), None)
            if pair is None:
                continue
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            continue
        found.append(part)
    return line, tuple(found)


def _path(location: Location) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _sentence(detail: ErrorDetails) -> str:
    kind, value = detail["type"], detail["input"]
    fixed = _SENTENCES.get(kind)
    if fixed is not None:
        return fixed.format(value=value)
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    message = detail["msg"].replace("Input should", "must")
    if kind.startswith("string_"):
        form = _FORMS.get(str(detail["loc"][-1]))
        message = f"must be {form}" if form is not None else message
    shown = f"; found {value!r}" if isinstance(value, str | int | float | None) else ""
    return message[0].lower() + message[1:] + shown
