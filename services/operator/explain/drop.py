"""A recycling drop's explanation: its items, each tariff with its factors, what was granted and taken back."""

from collections.abc import Iterator
from functools import partial

from services.operator.explain import told
from services.operator.explain.shown import Block, Grid, Sentence
from services.operator.explain.told import Row, Say
from services.operator.explain.words import refusal, text
from services.operator.printed import ratio
from shared.languages import Language


def blocks(answer: Row, program: str, language: Language) -> Iterator[Block]:
    say: Say = partial(text, language)
    yield Sentence(
        say(
            "Drop {drop} at station {station}, program {program}, member {member}",
            drop=answer["drop_id"],
            station=answer["station_id"],
            program=program,
            member=answer["member_id"],
        )
    )
    yield from told.outcome(answer, say, language)
    explanation = answer.get("explanation")
    if explanation is None:
        yield Sentence(say("There is nothing to recompute: no drop is known, or no program version judged it."))
    else:
        yield Sentence(say("Judged by rule version {version}.", version=explanation["version"]))
        yield _items(explanation, answer["explanation_of_what_remains"], say)
        yield from _rules(explanation, say, language)
        yield from told.red_lines(explanation, say)
    yield from told.sums(answer, say)


def _items(explanation: Row, remaining: Row, say: Say) -> Grid:
    heads = tuple(map(say, ("item", "material", "measure", "brought", "counts now")))
    rows = [
        (item["line_id"], item["material"], say(item["measure"]), item["brought"], left["counts"])
        for item, left in zip(explanation["items"], remaining["items"], strict=True)
    ]
    return Grid(say("Items"), heads, rows, frozenset({3, 4}))


def _rules(explanation: Row, say: Say, language: Language) -> Iterator[Block]:
    refused = {rule["rule_id"]: rule["code"] for rule in explanation["refused"]}
    heads = tuple(map(say, ("rule", "tariff", "factors", "exact", "rounding", "caps", "gives", "why not")))
    rows = []
    for rule in explanation["rules"]:
        code = refused.get(rule["rule_id"])
        exact = ratio(rule["exact"]["numerator"], rule["exact"]["denominator"])
        factors = "\n".join(
            f"{one['material']} {one['grams_co2e_per_kg']} g/kg ({one['source']} {one['version']})"
            for one in rule["factors"]
        )
        caps = "\n".join(told.cap(cap, say) for cap in rule["caps"]) or say("none")
        gives = rule["granted"]
        why = refusal(language, code) if code else say("no item of its materials") if not rule["covers"] else ""
        rows.append((rule["rule_id"], _tariff(rule, say), factors, exact, rule["rounding"], caps, gives, why))
    yield Grid(say("Rules, in order of evaluation"), heads, rows, frozenset({6}))


def _tariff(rule: Row, say: Say) -> str:
    if rule["per_pieces"] is not None:
        return say("{points} points per {count} pieces", points=rule["points"], count=rule["per_pieces"])
    if rule["per_grams"] is not None:
        return say("{points} points per {count} g", points=rule["points"], count=rule["per_grams"])
    return say("{points} points per {count} g of CO2e avoided", points=rule["points"], count=rule["per_grams_co2e"])
