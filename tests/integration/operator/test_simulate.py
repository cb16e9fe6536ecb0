"""`greenpoints simulate` over what Kafka holds: the live pack gives exactly what earning granted; and the forecast."""

import csv
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest_asyncio

from deploy.local import processes
from deploy.local.stack import CHECKOUT, Stack
from services.operator.program import publish_pack
from shared.programs.load import load_pack
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import Services, eventually, producer, running_services
from tests.infrastructure.till import PROGRAM, Till, purchase, refund
from tests.integration.earning.recorded import PACK

_MAIN = "from services.operator.cli import main; main()"
MEMBERS = 6
DAYS = 20


@dataclass(frozen=True, slots=True)
class Desk:
    """An operator beside a running earning, with a folder for packs."""

    services: Services
    scratch: str
    folder: Path

    def file(self, name: str, *changes: tuple[str, str]) -> Path:
        """The live pack with the first of each text replaced everywhere."""
        text = PACK
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = self.folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    async def run(self, *arguments: object) -> tuple[int, str]:
        environment = {
            "GREENPOINTS_KAFKA": self.services.kafka,
            "GREENPOINTS_SCRATCH_POSTGRES": self.scratch,
            "LANG": "C",
            "COLUMNS": "200",
        }
        command = (sys.executable, "-c", _MAIN, *(str(one) for one in arguments))
        return await processes.run(command, env=environment, cwd=CHECKOUT)

    async def answered(self, *arguments: object) -> Any:
        code, printed = await self.run(*arguments, "--json")
        assert code == 0, printed
        return json.loads(printed)

    async def points(self) -> dict[str, tuple[int, int]]:
        """Granted and clawed back by member, as earning booked them."""
        async with self.services.connection("earning") as connection:
            rows = await connection.fetch(
                "SELECT member_id, sum(points)::bigint AS points, sum(clawed_back)::bigint AS clawed_back"
                "  FROM issued_grant GROUP BY 1"
            )
        return {row["member_id"]: (row["points"], row["clawed_back"]) for row in rows}


@pytest_asyncio.fixture(loop_scope="session")
async def desk(fresh_topics: str, stack: Stack, database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    """Three weeks of purchases by six members, two of whom register late, and refunds of some."""
    await publish_pack(fresh_topics, load_pack(PACK, "live.yaml"))
    async with running_services(fresh_topics, database, stack.state_dir, "earning") as services:
        async with producer(fresh_topics) as sender:
            till, sent = Till(sender, "simulate"), 0
            for number in range(MEMBERS - 2):
                await till.register(f"m{number}")
            for day in range(DAYS, 0, -1):
                for number in range(MEMBERS):
                    name, member = f"{day}-{number}", f"m{number}"
                    await till.send(f"b-{name}", purchase(f"r-{name}", member, 1_000 * (number + 1), 10 * day), ago=day)
                    if (day + number) % 5 == 0:
                        back = refund(f"f-{name}", f"r-{name}", member, ("1", 1_000 * (number + 1)))
                        await till.send(f"f-{name}", back, ago=day - 1)
                        sent += 1
                    sent += 1
            for number in range(MEMBERS - 2, MEMBERS):
                await till.register(f"m{number}")
            sent += MEMBERS

        async def all_decided() -> bool:
            async with services.connection("earning") as connection:
                return bool(await connection.fetchval("SELECT count(*) FROM decision") == sent)

        await eventually("decision on everything", all_decided)
        yield Desk(services, stack.postgres_admin_dsn, tmp_path)


async def test_the_live_pack_gives_what_was_granted_and_another_what_it_would_have_given(desk: Desk) -> None:
    booked = await desk.points()
    assert len(booked) == MEMBERS
    live = await desk.answered("simulate", desk.file("live"), "--since", "400d")
    granted, clawed_back = (sum(points) for points in zip(*booked.values(), strict=True))
    for side in ("live", "draft"):
        assert (live[side]["granted"], live[side]["clawed_back"]) == (granted, clawed_back)
    assert (live["members"]["winners"], live["members"]["losers"], live["members"]["members"]) == (0, 0, MEMBERS)

    # Of the last days alone, with what was before them still counting: nobody's first order is first again.
    recent = await desk.answered("simulate", desk.file("live"), "--since", "9d")
    assert 0 < recent["draft"]["granted"] == recent["live"]["granted"] < granted
    assert sum(budget["spent_before_minor"] + budget["draft_cost_minor"] for budget in recent["budgets"]) == 5 * (
        granted - clawed_back
    )

    sheet, page = desk.folder / "out.csv", desk.folder / "out.html"
    twice = desk.file("twice", ("per_minor: 100", "per_minor: 50"))
    arguments = ("simulate", twice, "--since", "400d")
    code, printed = await desk.run(*arguments, "--csv", sheet, "--html", page, "--language", "zh-CN")
    assert code == 0, printed
    assert "6 名会员获得积分；其中 6 名会得到更多，0 名更少，0 名不变。" in printed
    base = {row["rule_id"]: row for row in (await desk.answered(*arguments))["rules"]}["base"]
    assert base["draft_points"] >= 2 * base["live_points"] > 0  # 19.90 yuan are 19 points, or 39
    rows = list(csv.DictReader(sheet.read_text(encoding="utf-8-sig").splitlines()))
    assert {"part": "rule", "name": "base", "measure": "points", "live": str(base["live_points"]),
            "draft": str(base["draft_points"])} in rows  # fmt: skip
    html = page.read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in html
    assert PROGRAM in html


async def test_a_budget_that_this_traffic_would_use_up_is_named_with_its_day(desk: Desk) -> None:
    tight = desk.file("tight", ("budget_id: marketing", "budget_id: next-year"), ("10_000_000 # of the base", "20_000"))
    code, printed = await desk.run("program", "check", tight, "--since", "30d", "--json")
    assert code == 0, printed
    (found,) = [one for one in json.loads(printed)["findings"] if one["code"] == "BUDGET_TOO_SMALL"]
    assert found["severity"] == "warning"
    assert found["field"] == "budgets[0].approved_minor"
    assert "budget next-year would be used up on 20" in found["en"]
    day = found["en"].partition("used up on ")[2][:10]
    assert date.fromisoformat(day) > date.today()  # noqa: DTZ011 - a day is enough
    wide = desk.file("wide", ("to: 2100-01-01", f"to: {date.today().year + 2}-01-01"))  # noqa: DTZ011
    code, printed = await desk.run("program", "check", wide, "--since", "30d", "--json")
    assert [one["code"] for one in json.loads(printed)["findings"] if one["code"] == "BUDGET_TOO_SMALL"] == []


async def test_what_cannot_be_tried_is_said_in_one_sentence(desk: Desk) -> None:
    pack = desk.file("live")
    for arguments, code in (
        ((pack,), "TRAFFIC_UNNAMED"),
        ((pack, "--since", "soon"), "TIME_INVALID"),
        ((pack, "--since", "1d", "--against", "nobody@1"), "PACK_UNKNOWN"),
    ):
        status, printed = await desk.run("simulate", *arguments)
        assert (status, code in printed, len(printed.strip().splitlines())) == (2, True, 1), printed
