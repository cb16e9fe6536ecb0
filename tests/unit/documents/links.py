"""Links of Markdown files: what they point at, and whether it is there.

A link whose text is `code` names a definition: the file must define it. `[`earn`](../services/…/earn.py)` holds while
earn.py has a function, class, method or constant of that name; a .sql file must create it, a .yaml file have it as a
key or value, any other file must contain the word.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

_LINK = re.compile(r"(?<!\!)\[(?P<text>(?:`[^`]*`|[^\[\]])+)\]\((?P<target>[^()\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_CREATED = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:CONSTRAINT\s+|UNIQUE\s+)?(?:TABLE|VIEW|FUNCTION|TYPE|TRIGGER|INDEX|SEQUENCE)\s+"
    r"(?:IF\s+NOT\s+EXISTS\s+)?(\w+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Link:
    """One link to a file of the repository: `symbol` is what the file must define, None for a plain link."""

    document: Path
    target: Path
    symbol: str | None

    def trouble(self) -> str | None:
        """One sentence saying what is not there, or None."""
        if not self.target.exists():
            return f"{self.document.name} links {self.target}, which does not exist"
        if self.symbol is not None and self.symbol not in defined_in(self.target):
            return f"{self.document.name} says that {self.target} defines {self.symbol}, which it does not"
        return None


def links_of(document: Path) -> Iterator[Link]:
    """Every link to a file; web addresses and places within the same page are not ours to prove."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    for found in _LINK.finditer(text):
        target = found["target"].partition("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            continue
        symbol = re.fullmatch(r"`([\w.]+?)(?:\(\))?`", found["text"])
        named = symbol[1] if symbol and symbol[1] != Path(target).name else None
        yield Link(document, (document.parent / target).resolve(), named)


def defined_in(path: Path) -> set[str]:
    """The names a file defines; a method as `Class.method`."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return set(_python_names(ast.parse(text)))
    if path.suffix == ".sql":
        return set(_CREATED.findall(text))
    if path.suffix in (".yaml", ".yml"):
        return set(_words(yaml.safe_load(text)))
    return set(re.findall(r"[\w.]+", text))


def _python_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        yield from _bound(node)
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                yield from (f"{node.name}.{name}" for name in _bound(inner))


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _words(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield str(key)
            yield from _words(below)
    elif isinstance(value, list):
        for below in value:
            yield from _words(below)
    elif value is not None:
        yield str(value)
