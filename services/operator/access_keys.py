"""`greenpoints keys`: access keys of tills and members to redemption, each bound to one merchant or one member."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from services.operator.printed import instant, plain, show
from services.operator.running import Operator, find_addresses

app = typer.Typer(
    help="Issue, list and revoke access keys of tills and members.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
Program = Annotated[str, typer.Argument(help="The program.")]
Rate = Annotated[int, typer.Option(min=1, max=10_000, help="Requests a second.")]
AsJson = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]


@app.command()
def till(program: Program, merchant: str, rate: Rate = 20) -> None:
    """A key for a merchant's tills: authorize, capture and void there, validate and use vouchers."""
    _issue(program, {"kind": "till", "merchant_id": merchant, "requests_per_second": rate})


@app.command()
def member(program: Program, member_id: Annotated[str, typer.Argument(metavar="MEMBER")], rate: Rate = 20) -> None:
    """A key for one member's app: that member's points, orders and vouchers, and nobody else's."""
    _issue(program, {"kind": "member", "member_id": member_id, "requests_per_second": rate})


@app.command("list")
def list_keys(program: Program, as_json: AsJson = False) -> None:
    """A program's keys in the order of issue, without their secrets."""
    with Operator(find_addresses()) as operator:
        keys = list(_all_keys(operator, program))
    if as_json:
        print(json.dumps(keys, ensure_ascii=False, indent=2))
        return
    show(
        f"{key['key_id']}  {key['kind']:<6}  {plain(key['merchant_id'] or key['member_id'])}  "
        f"{key['requests_per_second']}/s  by {plain(key['issued_by'])} {instant(key['created_at'])}"
        + (f"  revoked {instant(key['revoked_at'])}" if key["revoked_at"] else "")
        for key in keys
    )


@app.command()
def revoke(key_id: str) -> None:
    """End a key; it takes effect within 5 seconds."""
    with Operator(find_addresses()) as operator:
        operator.delete("redemption", f"/v1/access-keys/{quote(key_id, safe='')}")
    print(f"Revoked {plain(key_id)}.")


def _issue(program: str, wanted: dict[str, object]) -> None:
    with Operator(find_addresses()) as operator:
        issued = operator.post("redemption", f"/v1/programs/{quote(program, safe='')}/access-keys", wanted)
    print(issued["access_key"], flush=True)
    typer.echo("Keep it: it is shown this once.", err=True)


def _all_keys(operator: Operator, program: str) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = []
    after = ""
    while after is not None:
        page = operator.get("redemption", f"/v1/programs/{quote(program, safe='')}/access-keys", after=after)
        keys += page["keys"]
        after = page["next_after"]
    return keys
