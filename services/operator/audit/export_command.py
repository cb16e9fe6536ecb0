"""`greenpoints audit export`: journal rows with their proofs, for somebody who trusts nobody's code (C29)."""

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from deploy.local.trouble import Trouble
from services.operator.running import Operator, find_addresses

_ROWS_AT_ONCE = 200


def export(
    to: Annotated[Path, typer.Argument(dir_okay=False, help="The file to write.")],
    redemption: Annotated[str | None, typer.Option(help="The rows of the lots that paid for this redemption.")] = None,
    member: Annotated[str | None, typer.Option(help="The rows of PROGRAM/MEMBER.")] = None,
) -> None:
    """Write a redemption's or member's journal rows with their proofs; docs/verify_export.py verifies them."""
    if (redemption is None) == (member is None):
        raise Trouble("EXPORT_OF_WHAT", "An export is of one thing.", "Give either --redemption or --member.")
    path = f"/v1/redemptions/{quote(redemption, safe='')}/export" if redemption else _of_member(member or "")
    with Operator(find_addresses()) as operator:
        whole = _all_pages(operator, path)
    to.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    young = sum(row["block_no"] is None for row in whole["rows"])
    print(
        f"{len(whole['rows'])} rows in {len(whole['blocks'])} blocks" + (f", {young} not sealed yet" if young else "")
    )


def _of_member(text: str) -> str:
    program, slash, member = text.partition("/")
    if not slash or not program or not member:
        raise Trouble("MEMBER_UNREADABLE", f"{text!r} names no member.", "Write PROGRAM/MEMBER.")
    return f"/v1/programs/{quote(program, safe='')}/members/{quote(member, safe='')}/export"


def _all_pages(operator: Operator, path: str) -> dict[str, Any]:
    """Every page as one export; a block that two pages name is told once."""
    rows: list[Any] = []
    blocks: dict[int, Any] = {}
    after: int | None = 0
    while after is not None:
        page = operator.get("redemption", path, after=after, limit=_ROWS_AT_ONCE)
        rows += page["rows"]
        blocks |= {block["block_no"]: block for block in page["blocks"]}
        after = page["next_after"]
    return {**page, "rows": rows, "blocks": list(blocks.values()), "next_after": None}
