"""A referral's explanation: the link, the first order, and what each side got."""

from collections.abc import Iterator
from functools import partial

from services.operator.explain import told
from services.operator.explain.shown import Block, Grid, Sentence
from services.operator.explain.told import Row, Say
from services.operator.explain.words import text
from shared.languages import Language


def blocks(answer: Row, program: str, language: Language) -> Iterator[Block]:
    say: Say = partial(text, language)
    yield Sentence(
        say(
            "Member {inviter} invited member {invitee} to program {program}: {state}",
            inviter=answer["inviter_id"],
            invitee=answer["invitee_id"],
            program=program,
            state=say(answer["state"]),
        )
    )
    order, explanation = answer["order"], answer.get("explanation")
    if order is None:
        yield Sentence(say("The first order has not come yet, so nothing is due."))
    else:
        yield Sentence(
            say("First order: receipt {receipt} of merchant {merchant}.", receipt=order["receipt_id"],
                merchant=order["merchant_id"])
        )  # fmt: skip
    if explanation is not None:
        yield Sentence(say("Judged by rule version {version}.", version=explanation["version"]))
        heads = tuple(map(say, ("side", "member", "rule", "caps", "gives", "granted", "clawed back")))
        rows = [
            (say(one["side"]), one["member_id"], one["rule_id"] or say("none"),
             "\n".join(told.cap(cap, say) for cap in one["caps"]) or say("none"), one["points"], one["granted"],
             one["clawed_back"])
            for one in explanation["sides"]
        ]  # fmt: skip
        yield Grid(say("Both sides"), heads, rows, frozenset({4, 5, 6}))
        yield from told.red_lines(explanation, say)
    yield from told.sums(answer, say)
    yield from told.events(answer["decisions"], say)
