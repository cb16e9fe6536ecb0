"""The operator's commands as an operator runs them, against real services: dead letters, trace, explain."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio

from deploy.local import processes
from deploy.local.stack import CHECKOUT
from services.operator.program import publish_pack, read_pack
from shared.events.kafka_binding import encode
from shared.events.keys import member_key
from shared.events.member_registered import MemberRegistered
from tests.infrastructure.services import OPERATOR_TOKEN, Services, eventually, producer
from tests.infrastructure.till import MERCHANT, PROGRAM, Till, purchase, refund

_MAIN = "from services.operator.cli import main; main()"
_STORY = "/pos/tests/t1#buy"


@dataclass(frozen=True, slots=True)
class Terminal:
    """A shell of the operator's, which knows the services by its environment."""

    spine: Services
    state_dir: Path

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and everything printed by `greenpoints` with these arguments."""
        environment = {
            "GREENPOINTS_STATE_DIR": str(self.state_dir),
            "GREENPOINTS_EARNING_URL": self.spine.url("earning"),
            "GREENPOINTS_REDEMPTION_URL": self.spine.url("redemption"),
            "GREENPOINTS_OPERATOR_TOKEN": OPERATOR_TOKEN,
        }
        return await processes.run((sys.executable, "-c", _MAIN, *arguments), env=environment, cwd=CHECKOUT)

    async def said(self, *arguments: str) -> str:
        code, printed = await self.run(*arguments)
        assert code == 0, printed
        return printed

    async def answered(self, *arguments: str) -> Any:
        return json.loads(await self.said(*arguments, "--json"))

    async def letters(self, *arguments: str) -> list[dict[str, Any]]:
        letters: list[dict[str, Any]] = await self.answered("dead-letters", "list", *arguments)
        return letters


@pytest_asyncio.fixture(loop_scope="session")
async def till(spine: Services, unique: str) -> AsyncIterator[Till]:
    async with producer(spine.kafka) as sender:
        yield Till(sender, unique)


@pytest_asyncio.fixture(loop_scope="session")
async def terminal(spine: Services, tmp_path: Path) -> Terminal:
    return Terminal(spine, tmp_path)


async def counted(spine: Services, table: str, where: str, *arguments: object) -> int:
    async with spine.connection("greenpoints_audit") as audit:
        return int(await audit.fetchval(f"SELECT count(*) FROM {table} WHERE {where}", *arguments) or 0)  # noqa: S608


async def until_open(spine: Services, count: int) -> None:
    async def there() -> bool:
        return len(await spine.get("earning", "/v1/dead-letters")) == count

    await eventually(f"{count} open dead letters", there)


async def until_decided(spine: Services, count: int) -> None:
    """Decided by earning, told, and in redemption's books."""

    async def drained() -> bool:
        return (
            await counted(spine, "earning.audit_decision", "true") >= count
            and await counted(spine, "earning.audit_outbox", "true") == 0
            and await counted(spine, "earning.audit_grant", "true")
            == await counted(spine, "redemption.audit_lot", "true")
            and await counted(spine, "earning.audit_claw_back", "true")
            == await counted(spine, "redemption.audit_claw_back", "true")
        )

    await eventually(f"{count} decisions", drained)


async def send_wrong_sums(till: Till) -> None:
    """A receipt whose tenders pay one fen more than its lines cost."""
    data = purchase("wrong", "ann", 5_000)
    value = json.loads(encode("wrong-sums", "/pos/tests/t1", data.TYPE, "ann", till.now, "fruit-shop/ann", data))
    value["data"]["tenders"][0]["amount_minor"] += 1
    await till.raw(data.TOPIC, b"fruit-shop/ann", json.dumps(value).encode())


async def test_poison_is_listed_shown_and_discarded_with_a_reason(
    spine: Services, till: Till, terminal: Terminal
) -> None:
    await till.raw("pos.purchases.v1", b"fruit-shop/ann", b'{"id": "broken", \x1b[31m')
    await send_wrong_sums(till)
    await till.send("stranger", purchase("r1", "ann", 5_000, program_id="no-such-program"))
    await until_open(spine, 3)

    letters = {letter["code"]: letter for letter in await terminal.letters("--service", "earning")}
    assert sorted(letters) == ["AMOUNTS_DO_NOT_SUM", "MALFORMED", "UNKNOWN_PROGRAM"]
    assert [letter["code"] for letter in await terminal.letters("--code", "MALFORMED")] == ["MALFORMED"]
    assert await terminal.letters("--topic", "members.profiles.v1") == []
    assert await terminal.letters("--service", "redemption") == []
    listed = await terminal.said("dead-letters", "list")
    assert all(letter["dead_letter_id"] in listed for letter in letters.values())
    groups = await terminal.answered("dead-letters", "groups")
    assert {(group["service"], group["code"], group["letters"]) for group in groups} == {
        ("earning", code, 1) for code in letters
    }

    shown = await terminal.said("dead-letters", "show", letters["AMOUNTS_DO_NOT_SUM"]["dead_letter_id"])
    assert "must be the same amount" in shown
    assert "zh-CN: " in shown
    assert '"wrong-sums"' in shown
    broken = await terminal.said("dead-letters", "show", letters["MALFORMED"]["dead_letter_id"])
    assert '{"id": "broken", \\x1b[31m' in broken
    assert "\x1b" not in broken, "a record must not steer the terminal"
    traced = await terminal.said("trace", "stranger")
    assert letters["UNKNOWN_PROGRAM"]["dead_letter_id"] in traced
    assert "(open): UNKNOWN_PROGRAM" in traced

    rehearsed = await terminal.answered("dead-letters", "replay", "--service", "earning", "--dry-run")
    assert set(rehearsed["letters"]) == {letter["dead_letter_id"] for letter in letters.values()}
    assert (rehearsed["dry_run"], rehearsed["published"]) == (True, 0)
    code, refused = await terminal.run("dead-letters", "discard", "--service", "earning", "--reason", "all of it")
    assert (code, "[SELECTION_MISSING]" in refused) == (2, True)
    assert len(await terminal.letters()) == 3, "neither a dry run nor a refusal changes anything"

    malformed = letters["MALFORMED"]["dead_letter_id"]
    said = await terminal.said("dead-letters", "discard", malformed, "--reason", "a till's power failed")
    assert "1 dead letters of earning were discarded" in said
    assert "discarded by operator" in (shown := await terminal.said("dead-letters", "show", malformed))
    assert "a till's power failed" in shown
    assert {letter["code"] for letter in await terminal.letters()} == {"AMOUNTS_DO_NOT_SUM", "UNKNOWN_PROGRAM"}
    assert [letter["code"] for letter in await terminal.letters("--state", "discarded")] == ["MALFORMED"]
    code, refused = await terminal.run("dead-letters", "replay", malformed)
    assert (code, "is not open" in refused, "[NOT_OPEN]" in refused) == (2, True, True)


async def test_letters_of_a_missing_program_apply_once_however_often_they_are_replayed(
    spine: Services, till: Till, terminal: Terminal, tmp_path: Path, unique: str
) -> None:
    program = f"late-{unique}"
    registered = MemberRegistered(
        program_id=program, member_id="ann", registered_at=till.now, phone_verified=True, listed_party=False
    )
    await till.send("reg", registered, ago=60)
    for _ in range(2):  # the till repeats itself: two letters, one event
        await till.send("buy", purchase("r1", "ann", 12_800, program_id=program), ago=9)
    for place in range(5):
        await till.send(f"more{place}", purchase(f"m{place}", "ann", 1_000, program_id=program), ago=9)
    await until_open(spine, 8)

    too_early = await terminal.answered("dead-letters", "replay", "--service", "earning", "--code", "UNKNOWN_PROGRAM")
    assert (len(too_early["letters"]), too_early["published"]) == (8, 8)
    await until_open(spine, 8)
    again = await terminal.letters()
    assert {letter["attempt"] for letter in again} == {2}
    assert not {letter["dead_letter_id"] for letter in again} & set(too_early["letters"])

    shipped = (CHECKOUT / "deploy" / "programs" / "fruit-shop.yaml").read_text(encoding="utf-8")
    pack = tmp_path / "late.yaml"
    pack.write_text(shipped.replace("program_id: fruit-shop", f"program_id: {program}"), encoding="utf-8")
    await publish_pack(spine.kafka, read_pack(pack))

    async def adopted() -> bool:
        return bool(await spine.get("earning", f"/v1/programs/{program}/budgets"))

    await eventually("budget of the late program", adopted)
    arguments = ("dead-letters", "replay", "--service", "earning", "--code", "UNKNOWN_PROGRAM")
    twins = await asyncio.gather(*(terminal.answered(*arguments) for _ in range(2)))
    replayed = [letter for twin in twins for letter in twin["letters"]]
    assert sorted(replayed) == sorted(letter["dead_letter_id"] for letter in again), "each by one of the two"
    await until_decided(spine, 7)
    for _ in range(2):
        assert (await terminal.answered(*arguments))["letters"] == []
    await till.send("buy", purchase("r1", "ann", 12_800, program_id=program), ago=9)

    async def ignored() -> bool:
        async with spine.connection("greenpoints_audit") as audit:
            return bool(await audit.fetchval("SELECT sum(duplicate) FROM earning.audit_offset") == 2)

    await eventually("two repeats counted as duplicates", ignored)
    balance = await spine.get("redemption", f"/v1/programs/{program}/members/ann/balance")
    assert (balance["available"], balance["lifetime"]) == (178, 178)
    assert await counted(spine, "earning.audit_grant", "program_id = $1", program) == 6
    assert await terminal.letters() == []


async def test_a_replay_keeps_to_its_limit(spine: Services, till: Till, terminal: Terminal) -> None:
    for place in range(120):
        await till.raw("pos.purchases.v1", member_key(PROGRAM, "ann").encode(), f"poison {place}".encode())
    await until_open(spine, 100)  # the first page
    first = await terminal.letters("--limit", "3")
    said = await terminal.said("dead-letters", "replay", "--service", "earning", "--limit", "3")
    assert "3 dead letters of earning were replayed" in said
    assert "3 of them are published" in said
    replayed = await terminal.letters("--state", "replayed")
    assert [letter["dead_letter_id"] for letter in replayed] == [letter["dead_letter_id"] for letter in first]
    all_of_them = await terminal.answered("dead-letters", "replay", "--service", "earning", "--limit", "1000")
    assert len(all_of_them["letters"]) == len(set(all_of_them["letters"])) >= 117, "in more than one transaction"


async def test_trace_and_explain_tell_a_purchase_with_refund_and_redemption(
    spine: Services, till: Till, terminal: Terminal
) -> None:
    await till.register("ann")
    await till.send("buy", purchase("r1", "ann", 10_050, 2_750), ago=9)
    await till.send("other", purchase("r2", "ann", 3_000), ago=8)  # granted later, so it is spent later
    await till.send("back", refund("f1", "r1", "ann", ("2", 2_750)), ago=8)
    await until_decided(spine, 4)
    redemption = await redeemed(spine, "ann", 90)

    by_event = await terminal.answered("trace", "buy")
    assert [row["event_id"] for row in by_event["decisions"]] == ["buy", "back"]
    (grant,), (claw_back,), (lot,) = by_event["grants"], by_event["claw_backs"], by_event["lots"]
    assert (grant["points"], claw_back["points"], lot["redeemed"]) == (128, 28, 90)
    assert {row["correlation_id"] for row in by_event["decisions"]} == {_STORY}

    text = await terminal.said("trace", "buy")
    in_order = [
        "purchase.completed buy from /pos/tests/t1, program fruit-shop of member ann",
        "decision: granted",
        f"grant {grant['grant_id']}: 128 points CONSUMPTION, budget marketing-2026-2029, rule version 2",
        f"lot {lot['lot_id']}: 128 points CONSUMPTION, available; now 10 remaining, 90 redeemed, 28 clawed back",
        "128 points issued → pending by points.granted",
        "90 points available → redeemed by points.redeemed",
        "purchase.refunded back",
        "decision: clawed_back",
        f"claw-back {claw_back['claw_back_id']}: 28 points of grant {grant['grant_id']}, refund f1",
        "settled: 28 taken (policy deficit)",
        f"redemption {redemption} of member ann: 90 points for 'fruit box'",
        f"allocation: 90 points of lot {lot['lot_id']}",
    ]
    places = [text.find(part) for part in in_order]
    assert -1 not in places, (in_order[places.index(-1)], text)
    assert places == sorted(places), text
    # whether the clock or the refund came first depends on the batches; both are told
    assert "→ available by points.matured" in text
    assert "→ clawed_back by points.clawed_back" in text
    assert "r2" not in text
    assert "other" not in text

    for other_id in ("back", "r1", _STORY, grant["grant_id"], claw_back["claw_back_id"]):
        assert await terminal.said("trace", other_id) == text, other_id
    looked_through = await terminal.said("trace", redemption)
    assert looked_through.startswith(text)
    assert f"lot {lot['lot_id']}: 90 points CONSUMPTION" in looked_through.removeprefix(text)
    assert "receipt r1 of " in looked_through and "budget marketing-2026-2029: marketing_expense" in looked_through
    assert looked_through.rstrip().endswith("complete: every point reaches its cause and its budget")
    code, printed = await terminal.run("trace", "nobody-knows-this")
    assert code == 1
    assert len(printed.splitlines()) == 1
    assert "nobody-knows-this" in printed

    explained = await terminal.said("explain", "r1", "--program", PROGRAM)
    for part in (
        "Outcome: granted",
        "Granted: 128 points; clawed back: 28; remains: 100",
        "Recomputed from the stored facts: equal.",
        "What was not returned (basis 10050) would earn 100 points.",
        "EARN_ON_POINTS_SPEND",
        "BUDGET_EXHAUSTED",
    ):
        assert part in explained, (part, explained)
    chinese = await terminal.said("explain", "r1", "--program", PROGRAM, "--language", "zh-CN")
    assert "按存档事实重新计算：一致。" in chinese
    assert "NOT EQUAL" not in explained
    answer = await terminal.answered("explain", "r1", "--program", PROGRAM, "--merchant", MERCHANT)
    assert (answer["recomputes"], answer["granted"]) == (True, 128)
    assert answer["explanation"]["totals"]["points"] == 128


async def test_a_redemptions_rows_are_sealed_exported_and_verified_without_our_code(
    spine: Services, till: Till, terminal: Terminal, tmp_path: Path
) -> None:
    await till.register("eve")
    await till.send("buy-eve", purchase("r-eve", "eve", 9_000), ago=9)
    await until_decided(spine, 1)
    redemption = await redeemed(spine, "eve", 40)
    out, heads, table = tmp_path / "out.json", tmp_path / "heads.json", tmp_path / "look.csv"

    async def all_sealed() -> bool:
        return "not sealed yet" not in await terminal.said("audit", "export", str(out), "--redemption", redemption)

    await eventually("every row is sealed", all_sealed)
    audit = ("--database", spine.database.dsns["greenpoints_audit"])
    assert "Untouched: " in await terminal.said("audit", "seals", *audit, "--write", str(heads))
    assert "Untouched: " in await terminal.said("audit", "seals", *audit, "--expect", str(heads))
    script = (sys.executable, "-I", str(CHECKOUT / "docs" / "verify_export.py"), str(out), str(heads))
    code, printed = await processes.run(script, cwd=tmp_path)
    assert (code, printed.split(" rows proved")[0]) == (0, "3"), printed
    await terminal.said("trace", redemption, "--csv", str(table))
    assert "r-eve" in table.read_text("utf-8-sig")

    issued = await terminal.said("keys", "member", PROGRAM, "eve")
    (key,) = (line for line in issued.splitlines() if line.startswith("gpr_"))
    assert key.split("_")[1] in await terminal.said("keys", "list", PROGRAM)
    await terminal.said("keys", "revoke", key.split("_")[1])
    assert "revoked" in await terminal.said("keys", "list", PROGRAM)


async def test_what_earned_nothing_is_explained(spine: Services, till: Till, terminal: Terminal) -> None:
    await till.register("bea")
    await till.send("tiny", purchase("a/b c", "bea", 99), ago=9)
    await until_decided(spine, 2)
    explained = await terminal.said("explain", "a/b c", "--program", PROGRAM)
    assert "Outcome: declined" in explained
    assert "NO_QUALIFYING_TRANSACTION" in explained
    assert "99/100 (between 0 and 1)" in explained
    assert "what it counts comes to no point" in explained
    assert "Granted: 0 points" in explained
    code, printed = await terminal.run("explain", "r404", "--program", PROGRAM)
    assert (code, len(printed.splitlines())) == (1, 1)
    code, printed = await terminal.run("explain", "r404", "--program", PROGRAM, "--merchant", "m")
    assert (code, len(printed.splitlines())) == (1, 1)


async def test_a_refund_without_receipt_leads_to_its_purchase_and_back(
    spine: Services, till: Till, terminal: Terminal
) -> None:
    await till.register("cyd")
    await till.send("buy", purchase("r1", "cyd", 3_000, 4_000), ago=9)
    await until_decided(spine, 2)
    await till.send("back", refund("f1", None, "cyd", ("1", 3_000)), ago=8)
    await until_decided(spine, 3)
    text = await terminal.said("trace", "back")
    assert "purchase.completed buy" in text
    assert "30 points of grant" in text
    assert await terminal.said("trace", "buy") == text


async def test_an_event_that_waits_for_a_registration_is_found(spine: Services, till: Till, terminal: Terminal) -> None:
    await till.send("early", purchase("r1", "dan", 3_000), ago=9)

    async def waits() -> bool:
        return await counted(spine, "earning.audit_waiting", "true") == 1

    await eventually("waiting event", waits)
    assert "waits for the registration of member dan" in await terminal.said("trace", "early")


async def redeemed(spine: Services, member_id: str, points: int) -> str:
    async with spine.operator("redemption") as client:
        answer = await client.post(
            f"/v1/programs/{PROGRAM}/members/{member_id}/redemptions",
            json={"points": points, "reason": "fruit box"},
            headers={"Idempotency-Key": "k1"},
        )
        answer.raise_for_status()
        return str(answer.json()["redemption_id"])
