"""What the API tells of a decision: recomputed from its stored facts under its own version, and held to the books."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.earning.decide.book_claw_back import granted_of
from services.earning.deeds import DropEntry
from services.earning.desk import GrantEntry, ReceiptEntry
from services.earning.domain import equality, red_lines
from services.earning.domain.award import Award
from services.earning.domain.basis import explain_bases
from services.earning.domain.caps import caps_told
from services.earning.domain.claw_back import (
    claw_back_in_proportion,
    granting_rules,
    remaining_awards,
    rules_judged_again,
)
from services.earning.domain.earn import earn
from services.earning.domain.earn_drop import earn_drop, refused_rules
from services.earning.domain.earn_referral import earn_referral
from services.earning.domain.explain import explain
from services.earning.domain.explain_drop import explain_drop
from services.earning.domain.facts import UNLISTED, EarnFacts
from services.earning.domain.program import CompiledProgram, compile_program
from services.earning.domain.refused_green import NOTHING_REFUSED, refused_green
from services.earning.domain.rejection import amount_of, amounts_left
from services.earning.domain.returned import NOTHING_RETURNED
from services.earning.domain.weighing import refusal_of_weighing
from services.earning.store.load import receipt_of
from services.earning.store.stored_deeds import drop_of, grant_of, reward_of
from shared.events.purchase_refunded import PurchaseRefunded
from shared.events.reason_codes import ReasonCode
from shared.programs.expiry import business_day
from shared.programs.rules import Side
from shared.runtime.service import Running

Row = Mapping[str, Any]
Told = dict[str, Any]


def explained_receipt(running: Running, stored: Row) -> Told:
    receipt = receipt_of(stored["receipt"], stored["lines"] or [], stored["grants"] or [])
    decisions = stored["decisions"] or []
    answer = {"receipt_id": receipt.receipt_id, **_outcome(receipt, stored["grants"] or []), "decisions": decisions}
    version = running.programs.version(receipt.program_id, receipt.rule_version or 0)
    if version is None or receipt.purchase is None:
        return answer
    return answer | _recomputed(receipt, compile_program(version.pack), decisions)


def explained_drop(running: Running, stored: Row) -> Told:
    drop = drop_of(stored["drop"], stored["grants"] or [], [])
    answer = {
        "drop_id": drop.drop_id,
        "station_id": drop.station_id,
        **_outcome(drop, stored["grants"] or []),
        "rejections": stored["rejections"] or [],
    }
    version = running.programs.version(drop.program_id, drop.rule_version or 0)
    if version is None or drop.collected is None:
        return answer
    return answer | _recomputed_drop(drop, compile_program(version.pack), stored["decision"])


def explained_referral(running: Running, stored: Row) -> Told:
    """Both sides by the version that judged the first order; without one there is nothing to recompute."""
    referral, order, reward = stored["referral"], stored["order"], stored["reward"]
    grants, decisions = stored["grants"] or [], stored["decisions"] or []
    answer: Told = {
        "invitee_id": referral["invitee_id"],
        "inviter_id": referral["inviter_id"],
        "state": referral["state"],
        "reward_outcome": None if reward is None else reward["outcome"],
        "order": order,
        "granted": sum(grant["points"] for grant in grants),
        "clawed_back": sum(grant["clawed_back"] for grant in grants),
        "grants": grants,
        "decisions": decisions,
    }
    version = None if order is None else running.programs.version(referral["program_id"], order["rule_version"] or 0)
    if version is None:
        return answer
    program = compile_program(version.pack)
    rejected = {decision["code"] for decision in decisions}
    sides: Sequence[Side] = ("invitee", "inviter")
    facts = UNLISTED if reward is None else reward_of(reward, None).facts
    told = [_side(side, referral, grants, program, facts) for side in sides]
    found = [difference for side in told for difference in side.pop("differences")]
    answer["explanation"] = {
        "program_id": program.program_id,
        "version": program.version,
        "sides": told,
        "red_lines": red_lines.of_referral(rejected),
    }
    return answer | equality.told(found)


def _outcome(entry: ReceiptEntry | DropEntry, grants: Sequence[Row]) -> Told:
    return {
        "member_id": entry.member_id,
        "outcome": entry.outcome,
        "code": entry.code,
        "granted": sum(grant.points for grant in entry.grants),
        "clawed_back": sum(grant.clawed_back for grant in entry.grants),
        "grants": grants,
    }


def _recomputed(receipt: ReceiptEntry, program: CompiledProgram, decisions: Sequence[Row]) -> Told:
    if receipt.purchase is None:
        return {}
    purchase, facts, back = receipt.purchase, receipt.facts, receipt.returned()
    grants = [granted_of(grant) for grant in receipt.grants]
    again = rules_judged_again(purchase, facts, program, grants) if grants else None
    computed = earn(purchase, NOTHING_RETURNED, facts, program)
    refunds = sum(decision["event_type"] == PurchaseRefunded.TYPE for decision in decisions)
    found = equality.differences(
        computed,
        _remaining(receipt, program),
        grants,
        declined=receipt.outcome == "declined",
        budget_refused=receipt.code == ReasonCode.BUDGET_EXHAUSTED,
        judged_anew_once=refunds <= 1 or program.proportional,
    )
    at_decision = explain(purchase, NOTHING_RETURNED, facts, program)
    at_decision["red_lines"] = [
        *_red_lines(receipt, program, decisions, computed),
        *_budgets(computed, receipt, program),
    ]
    now = explain(purchase, back, facts, program, again)
    return {"explanation": at_decision, "explanation_of_what_remains": now, **equality.told(found)}


def _remaining(receipt: ReceiptEntry, program: CompiledProgram) -> Sequence[Award]:
    """What each grant should still have after all refunds."""
    if receipt.purchase is None or not receipt.grants:
        return ()
    back, grants = receipt.returned(), [granted_of(grant) for grant in receipt.grants]
    if not back.lines:
        return [_award(grant, grant.points) for grant in receipt.grants]
    if not program.proportional:
        return remaining_awards(receipt.purchase, back, receipt.facts, program, grants)
    fresh = [replace(one, lines=tuple(replace(line, clawed_back=0) for line in one.lines)) for one in grants]
    due = {taking.grant_id: taking.points for taking in claw_back_in_proportion(receipt.purchase, back, fresh)}
    return [_award(grant, grant.points - due.get(grant.grant_id, 0)) for grant in receipt.grants]


def _award(grant: GrantEntry, points: int) -> Award:
    return Award(grant.points_class, grant.budget_id, points, ())


def _red_lines(
    receipt: ReceiptEntry, program: CompiledProgram, decisions: Sequence[Row], computed: Sequence[Award]
) -> list[Told]:
    own = next((one for one in decisions if one["event_key"] == str(receipt.event_key)), None)
    if own is None or receipt.purchase is None:
        return []
    bases = explain_bases(receipt.purchase, NOTHING_RETURNED, program.tax_excluded, program.shipping_earns)
    return red_lines.of_purchase(
        receipt.purchase,
        listed=receipt.facts.listed,
        code=_code(receipt.code),
        event_time=datetime.fromisoformat(own["event_time"]),
        arrival=datetime.fromisoformat(own["arrival"]),
        pack=program.pack,
        share_minor=sum(basis.share for basis in bases),
        repeats=sum(one["code"] == ReasonCode.DUPLICATE_EARN for one in decisions),
        green=NOTHING_REFUSED
        if receipt.code is not None and receipt.outcome == "declined"
        else refused_green(receipt.purchase, receipt.facts, program, computed),
    )


def _recomputed_drop(drop: DropEntry, program: CompiledProgram, own: Row | None) -> Told:
    if drop.collected is None or drop.event_time is None:
        return {}
    collected = drop.collected
    brought, left = [amount_of(item) for item in collected.items], amounts_left(collected.items, drop.rejected)
    computed, code = earn_drop(collected, brought, program, drop.facts), _code(drop.code)
    grants = [granted_of(grant) for grant in drop.grants]
    again = granting_rules(grants) if grants else None
    found = equality.differences(
        computed,
        earn_drop(collected, left, program, drop.facts, again),
        grants,
        declined=drop.outcome == "declined",
        budget_refused=drop.outcome == "granted" and code is not None,  # of several reasons the first alone is kept
        judged_anew_once=True,  # less of a material never gives more
    )
    at_decision = explain_drop(collected, brought, program, drop.facts)
    at_decision["red_lines"] = [] if own is None else [
        *red_lines.of_drop(
            collected,
            listed=code is ReasonCode.LISTED_PARTY,
            code=code,
            weighing=refusal_of_weighing(collected, business_day(drop.event_time, program.zone), program.stations),
            event_time=drop.event_time,
            arrival=datetime.fromisoformat(own["arrival"]),
            pack=program.pack,
            refused_rules=[rule._asdict() for rule in refused_rules(collected, program, drop.facts)],
            declined=drop.outcome == "declined",
        ),
        *_budgets(computed, drop, program),
    ]  # fmt: skip
    now = explain_drop(collected, left, program, drop.facts, again)
    return {"explanation": at_decision, "explanation_of_what_remains": now, **equality.told(found)}


def _budgets(computed: Sequence[Award], entry: ReceiptEntry | DropEntry, program: CompiledProgram) -> Iterator[Told]:
    """Where something was granted, or a budget alone refused it; before that no budget was asked."""
    if entry.outcome == "granted" or entry.code == ReasonCode.BUDGET_EXHAUSTED:
        granted = {(grant.points_class, grant.budget_id) for grant in entry.grants}
        yield from red_lines.of_budgets(computed, granted, program.budgets)


def _side(side: Side, referral: Row, grants: Sequence[Row], program: CompiledProgram, facts: EarnFacts) -> Told:
    """What a side of a referral gets by its rule, what it got, and what was taken back of that.

    `facts`: what caps left the inviter. Where they left nothing, the rule told is that with the most points.
    """
    member_id, rules = referral[f"{side}_id"], program.referral.get(side, ())
    award = earn_referral(side, program, facts)
    paying = () if award is None else {rule_id for line in award.lines for rule_id, _ in line.rules}
    rule = next((rule for rule in rules if rule.rule_id in paying), next(iter(rules), None))
    booked = [granted_of(grant_of(grant)) for grant in grants if grant["member_id"] == member_id]
    standing = referral["state"] != "reversed"
    due = () if award is None or not booked else (award,)
    return {
        "side": side,
        "member_id": member_id,
        "rule_id": None if rule is None else rule.rule_id,
        "caps": [] if rule is None else caps_told(rule.rule_id, rule.caps, facts),
        "points": 0 if award is None else award.points,
        "granted": sum(grant.points for grant in booked),
        "clawed_back": sum(grant.clawed_back for grant in booked),
        "differences": equality.differences(
            due, due if standing else (), booked, declined=False, budget_refused=False, judged_anew_once=standing
        ),
    }


def _code(written: str | None) -> ReasonCode | None:
    return ReasonCode(written) if written is not None and written in ReasonCode.__members__ else None
