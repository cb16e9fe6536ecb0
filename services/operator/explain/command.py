"""The command `greenpoints explain`."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from urllib.parse import quote

import typer

from deploy.local.trouble import Trouble
from services.operator.explain import drop, occasion, receipt, referral
from services.operator.explain.shown import Block, show
from services.operator.explain.told import Row
from services.operator.printed import plain
from services.operator.program.words import chosen_language
from services.operator.running import Operator, find_addresses
from shared.languages import Language


class Kind(StrEnum):
    """What an id may be of."""

    RECEIPT = "receipt"
    DROP = "drop"
    REFERRAL = "referral"
    OCCASION = "occasion"


@dataclass(frozen=True, slots=True)
class Found:
    """Earning's answer, and where it lies. `merchant`: of a receipt."""

    kind: str
    answer: Row
    merchant: str = ""

    def blocks(self, program: str, language: Language) -> Iterable[Block]:
        if self.kind == "receipt":
            return receipt.blocks(self.answer, program, self.merchant, language)
        if self.kind == "drop":
            return drop.blocks(self.answer, program, language)
        if self.kind == "referral":
            return referral.blocks(self.answer, program, language)
        return occasion.blocks(self.answer, program, language)

    @property
    def recomputes(self) -> bool:
        """False where the books differ; what was never judged has nothing to differ."""
        parts = self.answer.get("occasions", (self.answer,))
        return all(part.get("recomputes") is not False for part in parts)

    def as_json(self) -> Row:
        beside = {"merchant_id": self.merchant} if self.kind == "receipt" else {}
        return {"kind": self.kind, **self.answer, **beside}


def command(
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="RECEIPT",
            help="A receipt's id; a drop's; an invited member's; a correction's; an activity's event; or a member's.",
        ),
    ],
    program: Annotated[str, typer.Option(help="The program's id.")],
    merchant: Annotated[str | None, typer.Option(help="The merchant's id, if several have such a receipt.")] = None,
    kind: Annotated[
        Kind | None, typer.Option(help="What the id is of, if it is of several: an invited member has occasions too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False,
    language: Annotated[str | None, typer.Option("--language", help="zh-CN or en; else as LANG says.")] = None,
) -> None:
    """Say why a receipt, drop, referral, sign-up, birthday, activity or correction earned what it earned.

    Exit code 1 if it is not known, or if the books differ from what the stored facts give (EXPLANATION_DIFFERS).
    """
    chosen = chosen_language(language)
    with Operator(find_addresses()) as operator:
        found = find(operator, program, wanted, merchant, None if kind is None else kind.value)
    if found is None:
        print(f"Nothing of program {plain(program)} that is called {plain(wanted)} was handled (yet): no receipt, "
              "drop, invited member, correction, activity or rewarded member.", file=sys.stderr)  # fmt: skip
        raise typer.Exit(1)
    if as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        show(found.blocks(program, chosen))
    if not found.recomputes:
        raise typer.Exit(1)


def find(operator: Operator, program: str, wanted: str, merchant: str | None, kind: str | None = None) -> Found | None:
    """A receipt before a drop, a drop before a referral, an occasion last; `kind` looks for that alone.

    Raises Trouble where several merchants have the receipt.
    """
    if kind in (None, "receipt"):
        merchant = merchant or _only_merchant(operator, program, wanted)
    if merchant is not None:
        path = "/v1/programs/{}/merchants/{}/receipts/{}/explanation".format(*map(_part, (program, merchant, wanted)))
        answer = operator.find("earning", path)
        return None if answer is None else Found("receipt", answer, merchant)
    for each in ("drop", "referral", "occasion"):
        if kind not in (None, each):
            continue
        answer = operator.find("earning", f"/v1/programs/{_part(program)}/{each}s/{_part(wanted)}")
        if answer is not None:
            return Found(each, answer)
    return None


def _only_merchant(operator: Operator, program: str, wanted: str) -> str | None:
    found = operator.get("earning", f"/v1/programs/{_part(program)}/receipts", receipt_id=wanted)
    if len(found) > 1:
        merchants = ", ".join(plain(row["merchant_id"]) for row in found)
        raise Trouble(
            "SEVERAL_RECEIPTS",
            f"Several merchants have a receipt {plain(wanted)}: {merchants}.",
            "Say which one with --merchant.",
        )
    return str(found[0]["merchant_id"]) if found else None


def _part(text: str) -> str:
    return quote(text, safe="")
