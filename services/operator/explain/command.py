"""The command `greenpoints explain`."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

import typer

from deploy.local.trouble import Trouble
from services.operator.explain import drop, receipt, referral
from services.operator.explain.shown import Block, show
from services.operator.explain.told import Row
from services.operator.printed import plain
from services.operator.program.words import chosen_language
from services.operator.running import Operator, find_addresses
from shared.languages import Language


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
        return referral.blocks(self.answer, program, language)

    def as_json(self) -> Row:
        beside = {"merchant_id": self.merchant} if self.kind == "receipt" else {}
        return {"kind": self.kind, **self.answer, **beside}


def command(
    wanted: Annotated[
        str, typer.Argument(metavar="RECEIPT", help="A receipt's id; a drop's; or of an invited member.")
    ],
    program: Annotated[str, typer.Option(help="The program's id.")],
    merchant: Annotated[str | None, typer.Option(help="The merchant's id, if several have such a receipt.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False,
    language: Annotated[str | None, typer.Option("--language", help="zh-CN or en; else as LANG says.")] = None,
) -> None:
    """Say why a receipt, drop or referral earned what it earned.

    Exit code 1 if it is not known, or if the books differ from what the stored facts give (EXPLANATION_DIFFERS).
    """
    chosen = chosen_language(language)
    with Operator(find_addresses()) as operator:
        found = find(operator, program, wanted, merchant)
    if found is None:
        print(f"No receipt, drop or invited member {plain(wanted)} of program {plain(program)} was handled (yet).",
              file=sys.stderr)  # fmt: skip
        raise typer.Exit(1)
    if as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        show(found.blocks(program, chosen))
    if found.answer.get("recomputes") is False:
        raise typer.Exit(1)


def find(operator: Operator, program: str, wanted: str, merchant: str | None) -> Found | None:
    """A receipt before a drop, a drop before a referral. Raises Trouble where several merchants have the receipt."""
    merchant = merchant or _only_merchant(operator, program, wanted)
    if merchant is not None:
        path = "/v1/programs/{}/merchants/{}/receipts/{}/explanation".format(*map(_part, (program, merchant, wanted)))
        answer = operator.find("earning", path)
        return None if answer is None else Found("receipt", answer, merchant)
    for kind in ("drop", "referral"):
        answer = operator.find("earning", f"/v1/programs/{_part(program)}/{kind}s/{_part(wanted)}")
        if answer is not None:
            return Found(kind, answer)
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
