"""How answers look on a terminal: trees, instants, amounts, and text of strangers made harmless."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.events.reason_codes import ReasonCode, describe


@dataclass(slots=True)
class Node:
    """A line and what belongs below it."""

    text: str
    below: list["Node"] = field(default_factory=list)

    def add(self, text: str) -> "Node":
        node = Node(text)
        self.below.append(node)
        return node


def tree_lines(roots: Iterable[Node]) -> Iterator[str]:
    """The roots one after another, each with its branches."""
    for root in roots:
        yield root.text
        yield from _branches(root, "")


def _branches(node: Node, indent: str) -> Iterator[str]:
    for place, child in enumerate(node.below, 1):
        last = place == len(node.below)
        yield f"{indent}{'└─' if last else '├─'} {child.text}"
        yield from _branches(child, indent + ("   " if last else "│  "))


def show(lines: Iterable[str]) -> None:
    """Print lines as they are: a terminal breaks them, a file does not."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def plain(text: object) -> str:
    """On one line and without control characters: an id or payload must not be able to steer the terminal."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in str(text))


def short_type(full: str) -> str:
    """`greenpoints.purchase.completed.v1` → `purchase.completed`."""
    return plain(full.removeprefix("greenpoints.").removesuffix(".v1"))


def moment(text: str | None) -> datetime:
    """An instant of an answer in UTC; a missing one is before all others."""
    return datetime.min.replace(tzinfo=UTC) if text is None else datetime.fromisoformat(text).astimezone(UTC)


def instant(text: str | None) -> str:
    """UTC to the second."""
    return "-" if text is None else moment(text).strftime("%Y-%m-%d %H:%M:%SZ")


def ratio(numerator: int, denominator: int) -> str:
    """An exact value: the whole number if it is one, else the fraction with its whole part."""
    whole, rest = divmod(numerator, denominator)
    return f"{whole}" if rest == 0 else f"{numerator}/{denominator} (between {whole} and {whole + 1})"


def reason_lines(code: str) -> list[str]:
    """A code's sentences in zh-CN and en; a code of a newer service stands alone."""
    if code not in ReasonCode.__members__:
        return [plain(code)]
    reason = describe(ReasonCode(code))
    control = f" ({reason.control})" if reason.control else ""
    return [f"{code}{control}", f"zh-CN: {reason.zh}", f"en: {reason.en}"]
