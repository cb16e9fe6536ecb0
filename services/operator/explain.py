"""`greenpoints explain`: why a receipt earned what it earned, recomputed from its stored facts."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from deploy.local.trouble import Trouble
from services.operator.printed import instant, plain, ratio, reason_lines, short_type, show
from services.operator.running import Operator, find_addresses

Row = Mapping[str, Any]


def command(
    receipt: Annotated[str, typer.Argument(help="The receipt's id.")],
    program: Annotated[str, typer.Option(help="The program's id.")],
    merchant: Annotated[str | None, typer.Option(help="The merchant's id, if several have such a receipt.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False,
) -> None:
    """Say why a receipt earned what it earned. Exit code 1 if it is not known or does not recompute."""
    with Operator(find_addresses()) as operator:
        merchant = merchant or _only_merchant(operator, program, receipt)
        answer = merchant and operator.find("earning", _path(program, merchant, receipt))
    if not merchant or not answer:
        print(f"No receipt {plain(receipt)} of program {plain(program)} was handled (yet).", file=sys.stderr)
        raise typer.Exit(1)
    fits = recomputes(answer)
    if as_json:
        print(json.dumps({**answer, "merchant_id": merchant, "recomputes": fits}, ensure_ascii=False, indent=2))
    else:
        show(told(answer, program, merchant))
    if fits is False:
        raise typer.Exit(1)


def _only_merchant(operator: Operator, program: str, receipt: str) -> str | None:
    found = operator.get("earning", f"/v1/programs/{quote(program, safe='')}/receipts", receipt_id=receipt)
    if len(found) > 1:
        merchants = ", ".join(plain(row["merchant_id"]) for row in found)
        raise Trouble(
            "SEVERAL_RECEIPTS",
            f"Several merchants have a receipt {plain(receipt)}: {merchants}.",
            "Say which one with --merchant.",
        )
    return str(found[0]["merchant_id"]) if found else None


def _path(program: str, merchant: str, receipt: str) -> str:
    parts = [quote(part, safe="") for part in (program, merchant, receipt)]
    return "/v1/programs/{}/merchants/{}/receipts/{}/explanation".format(*parts)


def recomputes(answer: Row) -> bool | None:
    """Whether the grants are what the rules give for the stored facts; None when there is nothing to compare.

    What a budget could not pay is known to be missing, and a declined receipt grants nothing.
    """
    explanation = answer.get("explanation")
    if explanation is None:
        return None
    granted = _by_award(answer["grants"])
    computed = _by_award(explanation["awards"])
    if answer["outcome"] == "declined":
        return not granted
    if answer["code"] == "BUDGET_EXHAUSTED":
        return granted.items() <= computed.items()
    return granted == computed


def _by_award(rows: list[Row]) -> dict[tuple[str, str], int]:
    return {(row.get("points_class") or row["class"], row["budget_id"]): row["points"] for row in rows}


def told(answer: Row, program: str, merchant: str) -> Iterator[str]:
    """The explanation as text; amounts are whole minor units of the receipt's currency."""
    member = f"member {plain(answer['member_id'])}" if answer["member_id"] else "no member"
    yield f"Receipt {plain(answer['receipt_id'])} of merchant {plain(merchant)}, program {plain(program)}, {member}"
    yield f"Outcome: {answer['outcome']}"
    if answer["code"]:
        yield from (f"  {line}" for line in reason_lines(answer["code"]))
    explanation = answer.get("explanation")
    if explanation is None:
        yield "There is nothing to recompute: no purchase is known yet, or no program version judged it."
    else:
        yield f"Judged by rule version {explanation['version']}; amounts in minor units of {explanation['currency']}."
        yield from _lines(explanation)
        yield from _rules(explanation)
    yield from _totals(answer)
    yield from _events(answer)


def _lines(explanation: Row) -> Iterator[str]:
    yield ""
    yield "Lines (net − paid with points or vouchers − tax left out = basis)"
    for line in explanation["lines"]:
        if line["line_id"] is None and not line["net_minor"]:
            continue  # no shipping was charged
        name = "shipping" if line["line_id"] is None else plain(line["line_id"])
        excluded = f"; excluded: {line['excluded']}" if line["excluded"] else ""
        code = f" [{line['code']}]" if line["code"] else ""
        yield (
            f"  {name}: {line['net_minor']} − {line['paid_with_points_or_vouchers_minor']}{code} − {line['tax_minor']}"
            f" → basis {line['basis_minor']}{excluded} → {line['points']} points"
        )
    totals = explanation["totals"]
    yield (
        f"  total: net {totals['net_minor']}, paid with points or vouchers "
        f"{totals['paid_with_points_or_vouchers_minor']}, basis {totals['basis_minor']}"
    )


def _rules(explanation: Row) -> Iterator[str]:
    yield ""
    yield "Rules"
    if explanation["out_of_scope"]:
        yield f"  none applies: {plain(explanation['out_of_scope'])}"
    for rule in explanation["rules"]:
        yield f"  {plain(rule['rule_id'])} ({rule['kind']}, {rule['points_class']}, budget {plain(rule['budget_id'])})"
        inputs = dict(rule["inputs"])
        exact, rounding = inputs.pop("exact", None), inputs.pop("rounding", None)
        yield "    inputs: " + ", ".join(f"{name} {plain(value)}" for name, value in inputs.items())
        if exact is not None:
            yield f"    exact: {ratio(exact['numerator'], exact['denominator'])}, rounding {rounding}"
        yield f"    result: {rule['result']} points"
    for rule_id in explanation["rules_switched_off"]:
        yield f"  {plain(rule_id)}: switched off"


def _totals(answer: Row) -> Iterator[str]:
    yield ""
    yield f"Granted: {answer['granted']} points"
    for grant in answer["grants"]:
        yield f"  grant {grant['grant_id']}: {grant['points']} {grant['class']}, budget {plain(grant['budget_id'])}"
    explanation = answer.get("explanation")
    if explanation is not None:
        computed = explanation["totals"]["points"]
        yield f"Recomputed: {computed} points"
        if recomputes(answer) is False:
            yield (
                f"!!! NOT EQUAL: {answer['granted']} points were granted, but the stored facts and rule version "
                f"{explanation['version']} give {computed}. Run `greenpoints audit` and do not trust this receipt."
            )
        elif computed != answer["granted"]:
            yield f"  the difference of {computed - answer['granted']} was not granted for the reason {answer['code']}"
    yield f"Clawed back so far: {answer['clawed_back']} points"
    yield f"Remains: {answer['granted'] - answer['clawed_back']} points"
    remaining = answer.get("explanation_of_what_remains")
    if remaining is not None and answer["clawed_back"]:
        totals = remaining["totals"]
        yield f"  what was not returned (basis {totals['basis_minor']}) would earn {totals['points']} points"


def _events(answer: Row) -> Iterator[str]:
    yield ""
    yield "Events"
    for decision in answer["decisions"]:
        code = f" ({decision['code']})" if decision["code"] else ""
        yield (
            f"  {instant(decision['event_time'])}  {short_type(decision['event_type'])} {plain(decision['event_id'])}: "
            f"{decision['outcome']}{code}"
        )
