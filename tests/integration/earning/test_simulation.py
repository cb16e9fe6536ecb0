"""A back-test of the version that judged gives exactly what was granted; of another, what that would have given."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from pydantic import SecretStr

from deploy.local.stack import Stack
from services.earning.simulation.answer import answer
from services.earning.simulation.course import opened_course, traffic_of
from services.earning.simulation.question import Published, Question
from services.operator.simulate.scratch import scratch_databases
from shared.programs.load import load_pack
from shared.programs.pack import ProgramPack
from shared.runtime.batch import Delivered
from shared.runtime.postgres import Pool
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM, purchase, refund
from tests.integration.earning.harness import NOW, record, registration, started
from tests.integration.earning.recorded import DAY, PACK, SEED, live, post_one_by_one, traffic


def written(path: Path, records: Sequence[Delivered]) -> Path:
    """The records as a file of events, each with its arrival."""
    with path.open("w", encoding="utf-8") as file:
        for each in records:
            event = json.loads(each.value or b"")
            file.write(json.dumps({**event, "arrival": each.arrival.isoformat()}) + "\n")
    return path


def question(
    draft: ProgramPack, published_pack: ProgramPack, databases: tuple[str, str], events: Path, **changes: Any
) -> Question:
    published = Published(pack=published_pack, published_at=NOW - 99 * DAY, recorded_at=NOW - 99 * DAY)
    return Question(
        draft=draft,
        against=(published,),
        events=str(events),
        live_database=SecretStr(databases[0]),
        draft_database=SecretStr(databases[1]),
        **changes,
    )


@pytest_asyncio.fixture(loop_scope="session")
async def scratch(stack: Stack, tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    async with scratch_databases(stack.postgres_admin_dsn, tmp_path, print) as databases:
        yield databases


GRANTS = "SELECT grant_id, member_id, points, clawed_back, cost_minor, budget_id FROM issued_grant ORDER BY grant_id"
DECISIONS = "SELECT event_id, outcome, code, would_have_earned FROM decision ORDER BY event_id, event_key"


async def really_granted(dsn: str, pack: ProgramPack, records: Sequence[Delivered]) -> tuple[list[Any], list[Any]]:
    """What earning itself makes of the records, each told back to it what it told."""
    async with started(dsn, pack) as earning:
        await post_one_by_one(earning, list(records))
        return await booked(earning.running.pool)


async def booked(pool: Pool) -> tuple[list[Any], list[Any]]:
    """Every grant and every decision."""
    return [tuple(row) for row in await pool.fetch(GRANTS)], [tuple(row) for row in await pool.fetch(DECISIONS)]


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
async def test_the_live_pack_over_recorded_traffic_gives_exactly_what_was_granted(
    seed: int, database: Database, scratch: tuple[str, str], tmp_path: Path
) -> None:
    print(f"seed {seed}")
    records = traffic(seed)
    grants, decisions = await really_granted(database.dsns["earning"], live(), records)
    assert len(grants) > 200
    asked = question(live(), live(), scratch, written(tmp_path / "events.jsonl", records))
    async with opened_course(asked) as course:
        await course.run(traffic_of(asked), PROGRAM, lambda *_: None)
        for world in (course.live, course.draft):
            assert await booked(world.running.pool) == (grants, decisions)
        tally, together = course.draft_tally, await course.members.together()
    assert tally.granted == sum(points for _, _, points, _, _, _ in grants)
    assert tally.clawed_back == sum(clawed for _, _, _, clawed, _, _ in grants)
    assert (together["winners"], together["losers"]) == (0, 0)
    assert together["draft_points"] == tally.granted - tally.clawed_back


async def test_a_budget_that_ran_out_refuses_the_same_awards_again(
    database: Database, scratch: tuple[str, str], tmp_path: Path
) -> None:
    records, pack = traffic(SEED, plain=True), live(30_000)
    grants, decisions = await really_granted(database.dsns["earning"], pack, records)
    refused = [would for _, _, code, would in decisions if code == "BUDGET_EXHAUSTED"]
    assert len(refused) > 10
    asked = question(pack, pack, scratch, written(tmp_path / "events.jsonl", records))
    async with opened_course(asked) as course:
        await course.run(traffic_of(asked), PROGRAM, lambda *_: None)
        assert await booked(course.draft.running.pool) == (grants, decisions)
        refusals = course.draft_tally.refusals["marketing"]
    assert (refusals.awards, refusals.cost_minor) == (len(refused), 5 * sum(refused))


async def test_the_grace_of_an_early_receipt_ends_by_the_clock_of_the_traffic(
    scratch: tuple[str, str], tmp_path: Path
) -> None:
    """Registered 23 hours after the receipt came: it earns. 25 hours after it: it was declined by then (C01)."""
    hour = timedelta(hours=1)

    def arriving(record: Delivered, after: timedelta) -> Delivered:
        return replace(record, arrival=NOW + after, recorded=NOW + after)

    records = [
        record("in-time", purchase("r1", "ann", 1_000), ago=DAY),
        record("too-late", purchase("r2", "bob", 1_000), ago=DAY),
        arriving(registration("ann"), 23 * hour),
        arriving(record("of-another", purchase("r3", "ann", 2_000), ago=DAY), 24 * hour + hour / 2),
        arriving(registration("bob"), 25 * hour),
    ]
    asked = question(live(), live(), scratch, written(tmp_path / "events.jsonl", records))
    async with opened_course(asked) as course:
        await course.run(traffic_of(asked), PROGRAM, lambda *_: None)
        _, decisions = await booked(course.draft.running.pool)
        assert course.draft.deadline is None
    judged = {event_id: (outcome, code) for event_id, outcome, code, _ in decisions if not event_id.startswith("reg-")}
    assert judged == {
        "in-time": ("granted", None),
        "of-another": ("granted", None),
        "too-late": ("declined", "ISSUE_TO_UNSPECIFIED"),
    }
    assert course.draft_tally.declined == {"ISSUE_TO_UNSPECIFIED": 1}


async def test_only_what_happened_since_is_judged_by_the_draft_and_counted(
    scratch: tuple[str, str], tmp_path: Path
) -> None:
    """What was before keeps its version and its place: the first order stays the first, its budget stays spent."""
    text = PACK.replace("per_minor: 100", "per_minor: 50").replace("version: 3", "version: 8")
    records = [
        registration("ann"),
        record("before", purchase("r1", "ann", 1_000), ago=10 * DAY),
        record("since", purchase("r2", "ann", 1_000), ago=2 * DAY),
        record("back", refund("f1", "r1", "ann", ("1", 1_000)), ago=DAY),
    ]
    asked = question(
        load_pack(text, "draft.yaml"), live(), scratch, written(tmp_path / "events.jsonl", records), since=NOW - 5 * DAY
    )
    async with opened_course(asked) as course:
        await course.run(traffic_of(asked), PROGRAM, lambda *_: None)
        told = await answer(asked, course, incomplete=False)
    double = {"draft": 20, "live": 10}
    for side, base in double.items():
        # the refund is since then too: it takes what the old version gave, the welcome with it
        assert told[side]["clawed_back"] >= 10 + 40
        assert {rule["rule_id"]: rule[f"{side}_points"] for rule in told["rules"]}["base"] == base
    assert "welcome" not in {rule["rule_id"] for rule in told["rules"]}
    before = {budget["budget_id"]: budget["spent_before_minor"] for budget in told["budgets"]}
    assert before["marketing"] == 50
    assert (told["members"]["winners"], told["members"]["losers"]) == (1, 0)
