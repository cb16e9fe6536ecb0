"""Schools and communities: their members act for them, from their own budget line, within their own caps."""

import asyncio
from datetime import date
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from services.earning.api import routes
from shared.events.recycling_collected import RecyclingCollected, RecyclingItem
from shared.events.recycling_rejected import RecyclingRejected
from shared.programs.community import Organisation
from shared.programs.pack import Budget, ProgramPack, Station
from shared.runtime.http import build_app
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM
from tests.integration.earning.harness import Earning, program, record, started
from tests.integration.earning.test_occasions import DAY, TODAY, activity, decided, did, joined, updated
from tests.unit.earning.builders import ONE_PER_YUAN
from tests.unit.earning.rule_builders import rule

PARTITIONS = 8


def school(organisation_id: str = "school-1", **fields: Any) -> Organisation:
    named = {"organisation_id": organisation_id, "kind": "school", "name": {"zh-CN": "一小", "en": "School 1"}}
    return Organisation.model_validate({**named, **fields})


def terms(*organisations: Organisation, **changes: Any) -> ProgramPack:
    whole = program()
    (marketing,) = whole.budgets
    green = Budget.model_validate({**marketing.model_dump(by_alias=True), "budget_id": "green"})
    return program(
        rules=(
            ONE_PER_YUAN,
            rule("deeds", "activity", points=10, activities=["hike", "own"]),
            rule("more", "activity", points=5, activities=["hike"], budget_id="green"),
            rule("paper", "material", points=2, per_grams=1000, materials=["cardboard"]),
        ),
        budgets=(marketing, green),
        activities=(
            activity("hike", "score", min_score=1, times=1000, organisation_id="school-1"),
            activity("own", "score", min_score=1),
        ),
        organisations=organisations,
        stations=(Station(station_id="kiosk", capacity_grams=60_000, scales=("scale",), calibration_days=365),),
        **changes,
    )


def books(dsn: str, *organisations: Organisation) -> Any:
    return started(dsn, terms(*(organisations or (school(),))))


async def grants(earning: Earning) -> set[tuple[str, str, int]]:
    rows = await earning.running.pool.fetch("SELECT member_id, budget_id, points FROM issued_grant")
    return {tuple(row) for row in rows}


async def test_an_activity_of_a_school_counts_for_its_own_pupils_and_its_own_budget(database: Database) -> None:
    async with books(database.dsns["earning"], school(budget_id="green"), school("school-2")) as earning:
        await earning.post(
            joined("reg-a", "ann", organisation_id="school-1"),
            joined("reg-b", "bea", organisation_id="school-2"),
            joined("reg-c", "cai"),
        )
        await earning.post(
            did("ann-hike", "hike", score=1),
            did("ann-own", "own", score=1),
            did("bea-hike", "hike", "bea", score=1),
            did("cai-hike", "hike", "cai", score=1),
            did("cai-for-others", "own", "cai", score=1, organisation_id="school-1"),
            did("bea-own", "own", "bea", score=1, organisation_id="school-2"),
        )
        found = await decided(earning)
        assert {name for name, (outcome, _) in found.items() if outcome == "granted"} == {
            "ann-hike", "ann-own", "bea-own",
        }  # fmt: skip
        assert {code for outcome, code in found.values() if outcome == "declined"} == {"NOT_ELIGIBLE"}
        assert await grants(earning) == {("ann", "green", 15), ("ann", "marketing", 10), ("bea", "marketing", 10)}
        await earning.post(updated("moved", organisation_id="school-2"))
        await earning.post(did("ann-again", "hike", score=1))
        assert (await decided(earning))["ann-again"] == ("declined", "NOT_ELIGIBLE"), "one school at a time"
        await earning.assert_books_hold()


@pytest.mark.parametrize("limit", [150, 157])
async def test_a_schools_cap_is_never_passed_by_its_pupils_on_all_partitions(database: Database, limit: int) -> None:
    """160 hikes of 15 points at once; what would pass the cap is refused whole, and what fits is never refused."""
    caps = [{"points": limit, "per": "lifetime"}, {"points": 100_000, "per": "day"}]
    async with books(database.dsns["earning"], school(caps=caps)) as earning:
        for partition in range(PARTITIONS):
            name = f"ann{partition}"
            await earning.post(joined(f"reg-{name}", name, organisation_id="school-1"), partition=partition)

        async def hikes(partition: int) -> None:
            for number in range(20):
                hike = did(f"h{partition}-{number}", "hike", f"ann{partition}", score=1)
                await earning.post(hike, partition=partition)

        await asyncio.gather(*(hikes(partition) for partition in range(PARTITIONS)))
        assert sum((await earning.balances()).values()) == 150
        used = await earning.running.pool.fetch("SELECT per, points FROM organisation_points ORDER BY per")
        assert [tuple(row) for row in used] == [("day", 150), ("lifetime", 150)]
        codes = [code for name, (_, code) in (await decided(earning)).items() if name.startswith("h") and code]
        assert codes == ["CAP_REACHED"] * 150
        await earning.assert_books_hold()


def brought(event_id: str, member_id: str, grams: int) -> Any:
    item = RecyclingItem(material="cardboard", grams=grams, scale_id="scale")
    drop = RecyclingCollected(
        program_id=PROGRAM, station_id="kiosk", drop_id=event_id, member_id=member_id, items=(item,),
        scale_calibrated_on=TODAY - 9 * DAY,
    )  # fmt: skip
    return record(event_id, drop, ago=DAY)


def rejected(drop_id: str, member_id: str, grams: int) -> Any:
    item = RecyclingItem(material="cardboard", grams=grams, scale_id="scale")
    back = RecyclingRejected(
        program_id=PROGRAM, station_id="kiosk", drop_id=drop_id, member_id=member_id, items=(item,), reason="wet"
    )
    return record(f"{drop_id}-rejected", back, ago=DAY / 2)


async def report(app: FastAPI, path: str, first: date, to: date) -> httpx.Response:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://earning") as client:
        return await client.get(
            f"/v1/programs/{path}/report",
            params={"from": first.isoformat(), "to": to.isoformat()},
            headers={"Authorization": "Bearer let-me-in"},
        )


async def test_a_school_is_told_what_its_pupils_did_and_brought(database: Database) -> None:
    async with books(database.dsns["earning"], school(), school("school-2")) as earning:
        await earning.post(
            *(joined(f"reg-{name}", name, organisation_id="school-1") for name in ("ann", "bea")),
            joined("reg-c", "cai", organisation_id="school-2"),
        )
        await earning.post(did("hike-1", "hike", score=1), did("hike-2", "hike", "bea", score=1, days=40))
        await earning.post(brought("d1", "ann", 5_000), brought("d2", "ann", 3_000), brought("d3", "cai", 9_000))
        await earning.post(rejected("d1", "ann", 2_000))
        settings = earning.running.settings.model_copy(update={"operator_token": SecretStr("let-me-in")})
        running = type(earning.running)(settings, earning.running.pool, earning.running.programs)

        async def ready() -> None:
            return None

        app = build_app("earning", routes(running), ready)
        lately = await report(app, f"{PROGRAM}/organisations/school-1", TODAY - 7 * DAY, TODAY + DAY)
        assert lately.json() == {
            "actions": 3, "activities": 1, "drops": 2, "participants": 1, "grams": 3_000 + 3_000,
            "points": 15 + 2 * (3 + 3), "used_of_caps": [],
        }  # fmt: skip
        whole = (await report(app, f"{PROGRAM}/organisations/school-1", TODAY - 70 * DAY, TODAY + DAY)).json()
        assert (whole["actions"], whole["participants"], whole["points"]) == (4, 2, 42)
        assert (await report(app, f"{PROGRAM}/organisations/nobody", TODAY, TODAY)).status_code == 404
        await earning.assert_books_hold()
