"""Receipts and programs for the tests of earning, and hypothesis strategies that draw them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from services.earning.domain.award import Award
from services.earning.domain.claw_back import ClawBack, Granted, GrantedLine
from services.earning.domain.cost import award_cost
from services.earning.domain.program import CompiledProgram, compile_program
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine, Tender
from shared.programs.pack import Basis, Budget, CostPerPoint, Expiry, Name, Period, ProgramPack
from shared.programs.rules import AnyRule, RateRule

NOON = datetime(2026, 5, 10, 12, tzinfo=UTC)
ONE_PER_YUAN = RateRule(rule_id="one-per-yuan", budget_id="marketing", points=1, per_minor=100)


def pack(*rules: AnyRule, **changes: Any) -> ProgramPack:
    fields: dict[str, Any] = {
        "program_id": "fruit-shop",
        "version": 1,
        "name": Name(zh_cn="鲜果", en="Fruit"),
        "issuer": "Fruit Shop",
        "currency": "CNY",
        "time_zone": "Asia/Shanghai",
        "effective_at": datetime(2026, 1, 1, tzinfo=UTC),
        "expiry": Expiry(at="never"),
        "budgets": tuple(
            Budget(
                budget_id=budget_id,
                source="marketing_expense",
                approver="Head of Marketing",
                document="MKT-1",
                period=Period(from_=date(2026, 1, 1), to=date(2027, 1, 1)),
                approved_minor=10_000_000,
                cost_per_point=CostPerPoint(minor=5, points=1),
            )
            for budget_id in ("marketing", "green")
        ),
        "rules": rules or (ONE_PER_YUAN,),
    }
    return ProgramPack(**{**fields, **changes})


def program(*rules: AnyRule, tax: str = "included", **changes: Any) -> CompiledProgram:
    return compile_program(pack(*rules, basis=Basis.model_validate({"tax": tax}), **changes))


def line(net_minor: int, line_id: str = "1", quantity: int = 1, **fields: Any) -> PurchaseLine:
    whole = {"line_id": line_id, "sku": f"sku-{line_id}", "condition": "new", **fields}
    return PurchaseLine(net_minor=net_minor, quantity=quantity, **whole)


def purchase(
    *lines: PurchaseLine, shipping: int = 0, points: int = 0, voucher: int = 0, **fields: Any
) -> PurchaseCompleted:
    """A receipt of these lines, `points` and `voucher` minor units of it paid that way, the rest by card."""
    total = sum(line.net_minor for line in lines) + shipping
    tenders = [("points", points), ("voucher", voucher), ("card", total - points - voucher)]
    whole = {
        "program_id": "fruit-shop",
        "merchant_id": "m-1",
        "store_id": "s-1",
        "terminal_id": "t-1",
        "receipt_id": "r-1",
        "member_id": "alice",
        "currency": "CNY",
        "channel": "store",
        **fields,
    }
    return PurchaseCompleted(
        lines=lines,
        tenders=tuple(Tender(kind=kind, amount_minor=amount) for kind, amount in tenders if amount),  # type: ignore[arg-type]
        total_minor=total,
        shipping_minor=shipping,
        **whole,
    )


def granted(awards: Sequence[Award], judged_by: CompiledProgram) -> list[Granted]:
    """The grants that the books would hold after these awards."""
    return [
        Granted(
            grant_id=f"grant-{award.points_class}-{award.budget_id}",
            points_class=award.points_class,
            budget_id=award.budget_id,
            cost_minor=award_cost(
                award.points,
                judged_by.budgets[award.budget_id].cost_minor,
                judged_by.budgets[award.budget_id].cost_points,
            ),
            lines=tuple(
                GrantedLine(line.line_id, line.points, 0, tuple(rule_id for rule_id, _ in line.rules))
                for line in award.lines
            ),
        )
        for award in awards
    ]


def after(grants: Sequence[Granted], taken: Sequence[ClawBack]) -> list[Granted]:
    """The grants as the books hold them once these claw-backs are posted."""
    parts = {(claw.grant_id, of_line.line_id): of_line.points for claw in taken for of_line in claw.lines}
    return [
        Granted(
            grant.grant_id,
            grant.points_class,
            grant.budget_id,
            grant.cost_minor,
            tuple(
                GrantedLine(
                    of_line.line_id,
                    of_line.points,
                    of_line.clawed_back + parts.get((grant.grant_id, of_line.line_id), 0),
                    of_line.rule_ids,
                )
                for of_line in grant.lines
            ),
        )
        for grant in grants
    ]


@st.composite
def rules(draw: st.DrawFn, rule_id: str = "rule") -> RateRule:
    return RateRule(
        rule_id=rule_id,
        budget_id=draw(st.sampled_from(["marketing", "green"])),
        points_class=draw(st.sampled_from(["CONSUMPTION", "PROMO"])),
        points=draw(st.integers(1, 20)),
        per_minor=draw(st.integers(1, 500)),
        rounding=draw(st.sampled_from(["floor", "half_up", "ceil"])),
        enabled=draw(st.sampled_from([True, True, True, False])),
    )


@st.composite
def programs(draw: st.DrawFn, tax: str | None = None) -> CompiledProgram:
    drawn = [draw(rules(rule_id=f"rule-{number}")) for number in range(draw(st.integers(1, 3)))]
    return program(*drawn, tax=tax or draw(st.sampled_from(["included", "excluded"])))


@st.composite
def purchases(draw: st.DrawFn, *, all_earn: bool = False, without_tenders: bool = False) -> PurchaseCompleted:
    lines = [
        line(
            draw(st.integers(0, 20_000)),
            line_id=str(number),
            quantity=draw(st.integers(1, 5)),
            sku=draw(st.sampled_from(["apple", "pear", "plum"])),
            earns=all_earn or draw(st.booleans()),
            category=None if all_earn else draw(st.sampled_from([None, None, "fruit", "gift_card"])),
        )
        for number in range(draw(st.integers(1, 6)))
    ]
    shipping = 0 if all_earn else draw(st.sampled_from([0, 0, 800]))
    total = sum(one.net_minor for one in lines) + shipping
    points = 0 if without_tenders else draw(st.integers(0, total))
    voucher = 0 if without_tenders else draw(st.integers(0, total - points))
    return purchase(
        *lines,
        shipping=shipping,
        points=points,
        voucher=voucher,
        tax_minor=draw(st.none() | st.integers(0, total)),
    )
