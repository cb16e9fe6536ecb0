"""YAML as packs and settings are written: without surprises, and with the line of everything."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_MAX_CHARACTERS = 512 * 1024

Location = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class PackError:
    """One fault: `line` counts from 1, `field` is a path such as rules[0].per_minor ("" = the whole file).

    `code` is a red line's where the fault crosses one.
    """

    file: str
    line: int
    field: str
    message: str
    code: str = "PACK_INVALID"

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


def parse_yaml(text: str, file_name: str) -> tuple[yaml.Node, Any]:
    """The file's tree, which knows lines, and its plain values. Raises InvalidPackError."""
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


def repeated_keys(node: yaml.Node, at: Location, file_name: str) -> Iterator[PackError]:
    """A fault for every key that is written twice in one place; YAML itself would keep the last."""
    if isinstance(node, yaml.MappingNode):
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in first_lines:
                message = f"is written twice (first on line {first_lines[name]}); keep one"
                yield PackError(file_name, line, path_of((*at, name)), message)
            first_lines.setdefault(name, line)
            yield from repeated_keys(value, (*at, name), file_name)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from repeated_keys(item, (*at, position), file_name)


def locate(root: yaml.Node, location: Location) -> tuple[int, Location]:
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


def path_of(location: Location) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path
