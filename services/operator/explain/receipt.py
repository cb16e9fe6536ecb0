"""A receipt's explanation: its lines, each rule with its conditions, what was granted and what is left of it."""

from collections.abc import Iterator, Sequence
from functools import partial

from services.operator.explain import told
from services.operator.explain.shown import Block, Grid, Sentence, Tone
from services.operator.explain.told import Row, Say
from services.operator.explain.words import reason, text
from services.operator.printed import ratio
from shared.languages import Language

_RIGHT = frozenset(range(1, 7))


def blocks(answer: Row, program: str, merchant: str, language: Language) -> Iterator[Block]:
    """Amounts are whole minor units of the receipt's currency."""
    say: Say = partial(text, language)
    yield Sentence(
        say(
            "Receipt {receipt} of merchant {merchant}, program {program}, member {member}",
            receipt=answer["receipt_id"],
            merchant=merchant,
            program=program,
            member=answer["member_id"] or "-",
        )
    )
    yield from told.outcome(answer, say, language)
    explanation = answer.get("explanation")
    if explanation is None:
        yield Sentence(say("There is nothing to recompute: no purchase is known, or no program version judged it."))
    else:
        yield Sentence(
            say(
                "Judged by rule version {version}; amounts in minor units of {currency}.",
                version=explanation["version"],
                currency=explanation["currency"],
            )
        )
        yield _lines(explanation, say, language)
        yield from _rules(explanation, say, language)
        yield from told.red_lines(explanation, say)
    yield from told.sums(answer, say)
    yield from _left(answer, say)
    yield from told.events(answer["decisions"], say)


def _lines(explanation: Row, say: Say, language: Language) -> Grid:
    heads = ("line", "net", "by points or vouchers", "tax", "basis", "points", "excluded")
    rows = []
    for line in explanation["lines"]:
        if line["line_id"] is None and not line["net_minor"]:
            continue  # no shipping was charged
        rows.append(
            (
                say("shipping") if line["line_id"] is None else line["line_id"],
                line["net_minor"],
                line["paid_with_points_or_vouchers_minor"],
                line["tax_minor"],
                line["basis_minor"],
                line["points"],
                reason(language, line["excluded_parts"]),
            )
        )
    totals = explanation["totals"]
    paid = totals["paid_with_points_or_vouchers_minor"]
    rows.append((say("total"), totals["net_minor"], paid, "", totals["basis_minor"], totals["points"], ""))
    return Grid(say("Lines"), tuple(map(say, heads)), rows, numbers=_RIGHT - {6})


def _rules(explanation: Row, say: Say, language: Language) -> Iterator[Block]:
    if explanation["out_of_scope"]:
        why = reason(language, explanation["out_of_scope_parts"])
        yield Sentence(say("No rule applies: {why}", why=why), "yellow")
    heads = tuple(map(say, ("rule", "conditions", "inputs", "rounding", "caps", "gives", "why not")))
    rules = explanation["rules"]
    rows = [
        (
            _name(rule, say),
            "\n".join(told.condition(one, say) for one in rule["conditions"]) or say("none"),
            _inputs(rule["inputs"], say),
            _rounding(rule["inputs"], say),
            "\n".join(told.cap(cap, say) for cap in rule["caps"]) or say("none"),
            rule["result"],
            reason(language, rule["why_not_parts"]),
        )
        for rule in rules
    ]
    tones: Sequence[Tone] = ["" if rule["applies"] else "dim" for rule in rules]
    yield Grid(say("Rules, in order of evaluation"), heads, rows, frozenset({5}), tones)
    if explanation["rules_switched_off"]:
        yield Sentence(say("Switched off: {rules}", rules=", ".join(explanation["rules_switched_off"])), "dim")


def _name(rule: Row, say: Say) -> str:
    parts = [rule["rule_id"], f"{rule['kind']}, {rule['points_class']}, {rule['budget_id']}"]
    if rule["priority"]:
        parts.append(say("priority {priority}", priority=rule["priority"]))
    if rule["stop"]:
        parts.append(say("ends the evaluation"))
    if not rule["stackable"]:
        parts.append(say("does not stack"))
    parts += [say("one of {group}", group=group) for group in rule["groups"]]
    return "\n".join(parts)


def _inputs(inputs: Row, say: Say) -> str:
    shown = {name: value for name, value in inputs.items() if name not in ("exact", "rounding")}
    return "\n".join(f"{say(name.replace('_', ' '))} {_value(value, say)}" for name, value in shown.items())


def _value(value: object, say: Say) -> str:
    if isinstance(value, dict):
        return f"{value['numerator']}/{value['denominator']}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return say("all") if value is None else str(value)


def _rounding(inputs: Row, say: Say) -> str:
    """The exact value, never itself rounded, and how it is rounded once."""
    if "exact" not in inputs:
        return say("whole points")
    exact = inputs["exact"]
    return f"{ratio(exact['numerator'], exact['denominator'])}\n{inputs['rounding']}"


def _left(answer: Row, say: Say) -> Iterator[Block]:
    remaining = answer.get("explanation_of_what_remains")
    if remaining is not None and answer["clawed_back"]:
        totals = remaining["totals"]
        yield Sentence(
            say(
                "What was not returned (basis {basis}) would earn {points} points.",
                basis=totals["basis_minor"],
                points=totals["points"],
            )
        )
