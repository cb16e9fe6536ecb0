"""The explanation of what is earned without a purchase: joining, birthdays, activities, corrections."""

from collections.abc import Iterator
from functools import partial

from services.operator.explain import told
from services.operator.explain.shown import Block, Grid, Sentence
from services.operator.explain.told import Row, Say
from services.operator.explain.words import reason, text
from shared.languages import Language


def blocks(answer: Row, program: str, language: Language) -> Iterator[Block]:
    say: Say = partial(text, language)
    for one in answer["occasions"]:
        yield from _occasion(one, program, say, language)


def _occasion(one: Row, program: str, say: Say, language: Language) -> Iterator[Block]:
    what = say(one["kind"].replace("_", " "))
    if one.get("activity_id"):
        what = f"{what} {one['activity_id']}"
    yield Sentence(
        say("Member {member}, program {program}: {what}", member=one["member_id"], program=program, what=what)
    )
    yield from told.outcome(one, say, language)
    if one.get("correction"):
        yield from _correction(one, say)
    explanation = one.get("explanation")
    if explanation is None:
        yield Sentence(say("There is nothing to recompute: no program version judged it."))
    else:
        yield Sentence(say("Judged by rule version {version}.", version=explanation["version"]))
        yield _rules(explanation, say, language)
        yield from told.red_lines(explanation, say)
    yield from told.sums(one, say)
    yield from told.events(one["decisions"], say)


def _correction(one: Row, say: Say) -> Iterator[Block]:
    asked = one["correction"]
    yield Sentence(
        say(
            "{points} points on budget line {budget}: {reason} (evidence {evidence})",
            points=f"{asked['points']:+}",
            budget=asked["budget_id"],
            reason=asked["reason"],
            evidence=asked["evidence"],
        )
    )
    heads = tuple(map(say, ("step", "person", "note")))
    yield Grid(say("Steps"), heads, [(say(step["step"]), step["person"], step["note"]) for step in one["steps"]])


def _rules(explanation: Row, say: Say, language: Language) -> Grid:
    heads = tuple(map(say, ("rule", "conditions", "caps", "gives", "why not")))
    rows = [
        (
            f"{rule['rule_id']}\n{rule['points_class']}, {rule['budget_id']}",
            "\n".join(told.condition(condition, say) for condition in rule["conditions"]) or say("none"),
            "\n".join(told.cap(cap, say) for cap in rule["caps"]) or say("none"),
            rule["result"],
            reason(language, rule["why_not_parts"]),
        )
        for rule in explanation["rules"]
    ]
    tones = [told.TONE_OF_A_RULE[rule["applies"]] for rule in explanation["rules"]]
    return Grid(say("Rules, in order of evaluation"), heads, rows, frozenset({3}), tones)
