"""What rules cost: the engine alone on a supermarket's receipts, under 20 rules and under one, in turn, in one process.

The floor is the same receipts under a single rate rule, which every program has. No Kafka, no database. A receipt is
timed with its neighbours, many times over and in turn with the floor, and the shortest time of each counts: what else
the machine does lengthens some times, never the shortest of many.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from services.earning.domain.earn import earn
from services.earning.domain.facts import EarnFacts
from services.earning.domain.program import CompiledProgram, compile_program
from services.earning.domain.returned import NOTHING_RETURNED
from shared.calendar.chinese import calendar_with
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.quick import quick_reader
from shared.programs.pack import ProgramPack
from tests.benchmarks.market import realistic_pack, receipts
from tests.benchmarks.report_spine import verdict

TARGET_US = 0.5
_NEIGHBOURS = 20
Judged = tuple[PurchaseCompleted, EarnFacts]


@dataclass(frozen=True, slots=True)
class RuleCost:
    """Microseconds per receipt under the pack and under one rate; `applied`: rules that gave points, on average."""

    receipts: int
    rules: int
    lines: float
    applied: float
    pack_us: float
    floor_us: float

    @property
    def ratio(self) -> float:
        return self.pack_us / self.floor_us

    @property
    def per_rule_us(self) -> float:
        """All of the engine's time, split over the pack's rules."""
        return self.pack_us / self.rules

    @property
    def more_per_rule_us(self) -> float:
        """What each rule beyond the first adds."""
        return (self.pack_us - self.floor_us) / (self.rules - 1)


def measure_rules(*, number: int, repetitions: int, seed: int) -> RuleCost:
    """Takes number × repetitions × 20 µs or so."""
    pack = realistic_pack()
    many, one = compile_program(pack), compile_program(pack.model_copy(update={"rules": pack.rules[:1]}))
    judged = list(_judged(pack, number, seed))
    for program in (many, one):  # what is remembered between receipts is remembered before the clock runs
        for purchase, facts in judged:
            earn(purchase, NOTHING_RETURNED, facts, program)
    pack_seconds = floor_seconds = 0.0
    for start in range(0, number, _NEIGHBOURS):
        neighbours = judged[start : start + _NEIGHBOURS]
        shortest = [1.0, 1.0]
        for _ in range(repetitions):
            for place, program in enumerate((many, one)):
                shortest[place] = min(shortest[place], _seconds(neighbours, program))
        pack_seconds += shortest[0]
        floor_seconds += shortest[1]
    return RuleCost(
        receipts=number,
        rules=len(many.rules),
        lines=sum(len(purchase.lines) for purchase, _ in judged) / number,
        applied=_applied(judged, many) / number,
        pack_us=pack_seconds * 1e6 / number,
        floor_us=floor_seconds * 1e6 / number,
    )


def _seconds(judged: Sequence[Judged], program: CompiledProgram) -> float:
    started = time.perf_counter()
    for purchase, facts in judged:
        earn(purchase, NOTHING_RETURNED, facts, program)
    return time.perf_counter() - started


def _judged(pack: ProgramPack, number: int, seed: int) -> list[Judged]:
    """Receipts as the service reads them, with facts as it would gather them."""
    calendar = calendar_with(pack.calendar.overrides())
    read: Callable[[bytes], PurchaseCompleted] = _reader()
    judged = []
    for place, (receipt, known) in enumerate(receipts(number, seed)):
        purchase = read(orjson.dumps({**receipt, "receipt_id": f"r-{place}", "member_id": "m-1"}))
        facts = EarnFacts(
            day=calendar.day(known["day"]),
            calendar=calendar.version,
            minute=known["minute"],
            tier=known["tier"],
            first_order=known["first_order"],
        )
        judged.append((purchase, facts))
    return judged


def _reader() -> Callable[[bytes], PurchaseCompleted]:
    quick = quick_reader(PurchaseCompleted)
    assert quick is not None

    def read(raw: bytes) -> PurchaseCompleted:
        found = quick.read(raw, orjson.loads(raw))
        assert found is not None
        assert isinstance(found[0], PurchaseCompleted)
        return found[0]

    return read


def _applied(judged: Sequence[Judged], program: CompiledProgram) -> int:
    rules: Counter[str] = Counter()
    for purchase, facts in judged:
        awards = earn(purchase, NOTHING_RETURNED, facts, program)
        rules.update({rule_id for award in awards for line in award.lines for rule_id, _ in line.rules})
    return rules.total()


def rule_cost_lines(cost: RuleCost) -> list[str]:
    return [
        f"rules: {cost.receipts:,} receipts of {cost.lines:.1f} lines, {cost.rules} rules, {cost.applied:.1f} pay: "
        f"{cost.pack_us:.2f} µs a receipt; under one rate {cost.floor_us:.2f} µs, ratio {cost.ratio:.1f}",
        f"rules: {cost.per_rule_us:.2f} µs per rule and event {verdict(cost.per_rule_us, TARGET_US, at_most=True)}; "
        f"each rule beyond the first adds {cost.more_per_rule_us:.2f} µs",
    ]
