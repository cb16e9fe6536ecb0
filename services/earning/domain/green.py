"""C12: which lines are green, and which claim to be and are not.

A line claims to be green where it names a certificate, or where a certificate of the pack, good or not, covers lines
like it. It is green where one that is good on the day covers it; of a line that names one, that one.
"""

from collections.abc import Callable, Sequence
from datetime import date
from operator import attrgetter

from services.earning.domain.basket import Basket
from shared.events.purchase_completed import PurchaseLine
from shared.programs.lines import Lines
from shared.programs.papers import GreenCertificate

GreenLines = Callable[[Basket, Sequence[int], date], Sequence[int]]
"""(basket, basis of the lines a rule counts, business day) → the same, but 0 where a line is not green."""
_LineTest = Callable[[PurchaseLine], bool]


def compile_green(certificates: Sequence[GreenCertificate], *, trusted: bool = False) -> GreenLines:
    """`trusted`: take every claim for true, to tell what a refused one would have given."""
    known = [(one.certificate_number, one.valid_to, _covers(one.scope)) for one in certificates]

    def is_green(line: PurchaseLine, day: date) -> bool:
        if trusted:
            return line.green_certificate is not None or any(covers(line) for _, _, covers in known)
        return any(
            day <= valid_to and line.green_certificate in (None, number) and covers(line)
            for number, valid_to, covers in known
        )

    def green_lines(basket: Basket, own: Sequence[int], day: date) -> Sequence[int]:
        green = [
            basis if basis and is_green(line, day) else 0
            for line, basis in zip(basket.purchase.lines, own, strict=False)
        ]
        return green if len(green) == len(own) else [*green, 0]  # the shipping is under no certificate

    return green_lines


def _covers(scope: Lines) -> _LineTest:
    """A line must match every list that is written; one label is enough."""
    tests: list[_LineTest] = [
        _one_of(field, names)
        for field, names in (("sku", scope.skus), ("category", scope.categories))
        if names is not None
    ]
    if scope.labels is not None:
        wanted = frozenset(scope.labels)
        tests.append(lambda line: not wanted.isdisjoint(line.labels))
    return lambda line: all(test(line) for test in tests)


def _one_of(field: str, names: Sequence[str]) -> _LineTest:
    read, wanted = attrgetter(field), frozenset(names)
    return lambda line: read(line) in wanted
