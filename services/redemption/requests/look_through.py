"""From a redemption to the purchases and budgets its points came from, and to what it was spent on (C25)."""

import csv
import io
from collections.abc import Iterable, Iterator
from uuid import UUID

from services.redemption.answers.look_through import (
    BudgetRow,
    LookThroughAnswer,
    OrderLineRow,
    PaidBillRow,
    SettlementRow,
    SourceRow,
)
from services.redemption.store.look_through import LookThroughRows
from shared.events.reason_codes import ReasonCode
from shared.programs.versions import ProgramBook

_COLUMNS = (
    "redemption_id", "program_id", "member_id", "redeemed_at", "redeemed_points", "complete", "lot_id", "points",
    "given_back", "class", "grant_id", "granted_at", "rule_version", "source_type", "source_id", "merchant_id",
    "receipt_id", "other_member_id", "budget_id", "budget_approver", "budget_document", "cost_minor", "currency",
    "spent_on", "settlement",
)  # fmt: skip


def look_through(rows: LookThroughRows, programs: ProgramBook) -> LookThroughAnswer:
    """The whole account of one redemption, and whether anything is missing in it."""
    spent = rows.spent
    sources = [SourceRow.model_validate(dict(row)) for row in rows.sources]
    budgets = list(_budgets(spent["program_id"], sources, programs))
    settled: dict[tuple[UUID, str], list[SettlementRow]] = {}
    for row in rows.settled:
        sign = 1 if row["movement"] == "fulfilled" else -1
        owed = sign * row["units"] * (row["unit_price_minor"] - row["unit_fee_minor"])
        entry = SettlementRow.model_validate({**dict(row), "owed_minor": owed})
        settled.setdefault((row["order_id"], row["line_id"]), []).append(entry)
    gaps = list(_gaps(rows, {budget.budget_id for budget in budgets}))
    return LookThroughAnswer(
        **dict(spent),
        complete=not gaps,
        code=ReasonCode.TRACE_INCOMPLETE.value if gaps else None,
        gaps=gaps,
        sources=sources,
        budgets=budgets,
        order_lines=[
            OrderLineRow.model_validate({**dict(row), "settlement": settled.get((row["order_id"], row["line_id"]), [])})
            for row in rows.order_lines
        ],
        paid_bills=[PaidBillRow.model_validate(dict(row)) for row in rows.paid_bills],
    )


def _budgets(program: str, sources: Iterable[SourceRow], programs: ProgramBook) -> Iterator[BudgetRow]:
    """Each budget once, as the lot's own version of the pack tells it; a lot without version as the newest does."""
    seen = set()
    for source in sources:
        if source.budget_id in seen:
            continue
        seen.add(source.budget_id)
        own = programs.version(program, source.rule_version) if source.rule_version is not None else None
        for version in (own, *reversed(programs.versions(program))):
            budgets = version.pack.budgets if version else ()
            found = next((budget for budget in budgets if budget.budget_id == source.budget_id), None)
            if version is not None and found is not None:
                yield BudgetRow(
                    budget_id=found.budget_id,
                    source=found.source,
                    approver=found.approver,
                    document=found.document,
                    period_from=found.period.from_,
                    period_to=found.period.to,
                    approved_minor=found.approved_minor,
                    currency=version.pack.currency,
                )
                break


def _gaps(rows: LookThroughRows, budgets: set[str]) -> Iterator[str]:
    spent = rows.spent
    reached = sum(row["points"] for row in rows.sources)
    if reached != spent["points"]:
        yield f"{spent['points']} points were redeemed, and {reached} reach a lot"
    for row in rows.sources:
        if (row["program_id"], row["member_id"]) != (spent["program_id"], spent["member_id"]):
            yield f"lot {row['lot_id']} is of another member or program"
        if row["budget_id"] not in budgets:
            yield f"no version of the program's pack knows budget {row['budget_id']} of lot {row['lot_id']}"


def look_through_csv(told: LookThroughAnswer) -> str:
    """One row per lot that paid, for spreadsheets: what the whole redemption was spent on stands in each."""
    text = io.StringIO()
    written = csv.writer(text)
    written.writerow(_COLUMNS)
    budgets = {budget.budget_id: budget for budget in told.budgets}
    settled = [(line, entry) for line in told.order_lines for entry in line.settlement]
    spent_on = "; ".join([*map(_line, told.order_lines), *map(_bill, told.paid_bills)]) or told.reason
    settlement = "; ".join(
        f"{entry.payee_id} {entry.period}: {entry.movement} {entry.units} of {line.reward_id}, "
        f"{entry.owed_minor} {entry.currency} minor units"
        for line, entry in settled
    )
    for source in told.sources:
        budget = budgets.get(source.budget_id)
        written.writerow(
            _plain(cell)
            for cell in (
                told.redemption_id, told.program_id, told.member_id, told.requested_at.isoformat(), told.points,
                "yes" if told.complete else "no", source.lot_id, source.points, source.given_back, source.points_class,
                source.grant_id, source.granted_at.isoformat(), source.rule_version, source.source_type,
                source.source_id, source.merchant_id, source.receipt_id, source.other_member_id, source.budget_id,
                budget.approver if budget else None, budget.document if budget else None, source.cost_minor,
                source.currency, spent_on, settlement,
            )
        )  # fmt: skip
    return text.getvalue()


def _line(line: OrderLineRow) -> str:
    return f"order {line.order_id} line {line.line_id}: {line.quantity} of {line.reward_id}, {line.state}"


def _bill(bill: PaidBillRow) -> str:
    return (
        f"bill {bill.receipt_id or '-'} at {bill.merchant_id}: {bill.captured_minor} {bill.currency} minor units, "
        f"authorization {bill.authorization_id}"
    )


def _plain(cell: object) -> object:
    """Text that a spreadsheet shows and never reckons: an id may begin with a sign."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
