"""`greenpoints program` against a real Kafka: what is refused leaves no record, what is published can be looked up."""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local import processes
from deploy.local.stack import CHECKOUT
from services.operator.program import publish
from services.operator.program.history import TOPIC, read_book, read_history
from services.operator.program.publish import RefusedPack, publish_pack
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import version_key
from shared.events.program_published import ProgramPublished
from shared.programs.pack import ProgramPack
from shared.programs.unbuilt import Unbuilt, unbuilt_parts
from shared.runtime import program_feed
from tests.infrastructure.services import producer
from tests.unit.programs.packs import ONE_PER_YUAN, as_yaml, pack, reward

_MAIN = "from services.operator.cli import main; main()"
_PLACE = TopicPartition(TOPIC, 0)
_REWARDS = Unbuilt("rewards", "the catalogue of rewards")


@dataclass(frozen=True, slots=True)
class Desk:
    """An operator with a folder of packs and one program of his own."""

    kafka: str
    folder: Path
    program: str

    def file(self, version: int, *, days: float = 30, **changes: Any) -> Path:
        """A pack without parts that are not built yet, in effect that many days from now."""
        path = self.folder / f"v{version}.yaml"
        path.write_text(as_yaml(**self.parts(version, days=days, **changes)), encoding="utf-8")
        return path

    def parts(self, version: int, *, days: float = 30, **changes: Any) -> dict[str, Any]:
        effective_at = (datetime.now(UTC) + timedelta(days=days)).isoformat()
        whole = {"program_id": self.program, "version": version, "effective_at": effective_at, "rewards": []}
        return {**whole, **changes}

    async def run(self, *arguments: object) -> tuple[int, str]:
        environment = {"GREENPOINTS_KAFKA": self.kafka, "LANG": "C", "COLUMNS": "200"}
        command = (sys.executable, "-c", _MAIN, "program", *(str(one) for one in arguments))
        return await processes.run(command, env=environment, cwd=CHECKOUT)

    async def answered(self, *arguments: object) -> Any:
        code, printed = await self.run(*arguments, "--json")
        assert code in (0, 1), printed
        return json.loads(printed)


@pytest.fixture
def desk(kafka: str, tmp_path: Path, unique: str) -> Desk:
    return Desk(kafka, tmp_path, f"shop-{unique}")


async def records(kafka: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        return int((await consumer.end_offsets([_PLACE]))[_PLACE])
    finally:
        await consumer.stop()


async def test_versions_from_the_first_to_a_refused_one_and_their_history(desk: Desk) -> None:
    assert await desk.run("apply", desk.file(1, days=-30), "--by", "mei") == (
        0,
        f"Program {desk.program} version 1 is published; it judges from "
        f"{(await read_book(desk.kafka)).versions(desk.program)[0].pack.effective_at}.\n",
    )
    held = await records(desk.kafka)

    dearer: list[dict[str, Any]] = [{**ONE_PER_YUAN, "per_minor": 200}]
    short = desk.file(2, days=6, rules=dearer)
    answer = await desk.answered("apply", short)
    assert answer["refused"] is True
    (found,) = [one for one in answer["findings"] if one["severity"] == "error"]
    assert (found["code"], found["control"], found["field"]) == (
        "RULE_CHANGE_NOTICE_TOO_SHORT", "C21", "rules[0].points",
    )  # fmt: skip
    code, printed = await desk.run("apply", short)
    assert (code, "nothing was published" in printed) == (1, True)
    code, printed = await desk.run("check", "--published", short)
    assert (code, "RULE_CHANGE_NOTICE_TOO_SHORT" in printed) == (1, True)
    assert await records(desk.kafka) == held, "a refusal leaves no record"

    in_time = desk.file(2, days=8, rules=dearer)
    assert (await desk.answered("apply", in_time, "--by", "mei"))["refused"] is False
    assert "nothing to do" in (await desk.answered("apply", in_time))["said"]
    assert await records(desk.kafka) == held + 1

    told = await desk.answered("history", desk.program)
    assert [(one["version"], one["publisher"], one["void"]) for one in told] == [
        (1, "/operator/mei", None),
        (2, "/operator/mei", None),
    ]
    changed = await desk.answered("diff", f"{desk.program}@1", f"{desk.program}@2")
    assert [one["path"] for one in changed if one["adverse"]] == [["rules", "one-per-yuan", "points", "per_minor"]]
    code, printed = await desk.run("history", "nobody")
    assert (code, "UNKNOWN_PROGRAM" in printed) == (2, True)


async def test_an_unbuilt_part_is_not_published(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "unbuilt_parts", partial(unbuilt_parts, unbuilt=(_REWARDS,)))
    held = await records(desk.kafka)
    with pytest.raises(RefusedPack, match="not built yet") as refused:
        await publish_pack(desk.kafka, pack(**desk.parts(1, rewards=[reward()])))
    assert refused.value.code == "PART_NOT_BUILT"
    assert await records(desk.kafka) == held


async def test_an_installation_takes_a_shipped_pack_from_a_time_of_its_own(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ships is in force from long ago: a program that has an earlier version could not take it so."""
    shipped = desk.file(2, days=-300, rewards=[reward()])
    monkeypatch.setattr(publish, "CHECKOUT", desk.folder)
    (desk.folder / "deploy" / "programs").mkdir(parents=True)
    (desk.folder / "deploy" / "programs" / "shop.yaml").write_text(shipped.read_text(encoding="utf-8"))
    assert (await desk.run("apply", desk.file(1, days=-300)))[0] == 0
    held = await records(desk.kafka)
    await publish.apply_shipped(desk.kafka, ["shop.yaml"])
    assert await records(desk.kafka) == held, "it has a version, which stays"
    assert "less than 15 minutes" in (await desk.run("apply", shipped))[1]
    assert (await desk.run("apply", shipped, "--effective-at", "tomorrow"))[0] == 2
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    assert (await desk.run("apply", shipped, "--effective-at", tomorrow.isoformat()))[0] == 0
    first, second = (await read_book(desk.kafka)).versions(desk.program)
    assert (first.version, second.version, second.effective_at) == (1, 2, tomorrow)
    assert len(second.pack.rewards) == 1


async def test_a_new_installation_takes_what_ships_as_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "CHECKOUT", desk.folder)
    (desk.folder / "deploy" / "programs").mkdir(parents=True)
    text = desk.file(2, days=-300, rewards=[reward()]).read_text(encoding="utf-8")
    (desk.folder / "deploy" / "programs" / "shop.yaml").write_text(text)
    for _ in range(2):
        await publish.apply_shipped(desk.kafka, ["shop.yaml"])
    (only,) = (await read_book(desk.kafka)).versions(desk.program)
    assert (only.version, only.effective_at < datetime.now(UTC)) == (2, True)


async def published_by_hand(kafka: str, written: ProgramPack) -> None:
    """A record past every control, as another tool might write one."""
    now = datetime.now(UTC)
    published = ProgramPublished(
        program_id=written.program_id,
        version=written.version,
        published_at=now,
        effective_at=written.effective_at,
        pack=written.model_dump(mode="json", by_alias=True),
    )
    key = version_key(written.program_id, written.version)
    value = encode(f"hand-{key}", "/elsewhere", published.TYPE, None, now, key, published)
    async with producer(kafka) as sender:
        await sender.send_and_wait(TOPIC, value, key=key.encode(), headers=list(STRUCTURED_HEADERS))


async def test_what_no_service_acts_on_is_no_version_even_if_it_is_in_the_topic(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_feed, "unbuilt_parts", partial(unbuilt_parts, unbuilt=(_REWARDS,)))
    await published_by_hand(desk.kafka, pack(**desk.parts(1, rewards=[reward()])))
    assert not (await read_book(desk.kafka)).knows(desk.program)
    await published_by_hand(desk.kafka, pack(**desk.parts(2)))
    assert [one.version for one in (await read_book(desk.kafka)).versions(desk.program)] == [2]


async def test_history_tells_void_versions_and_why(desk: Desk) -> None:
    await published_by_hand(desk.kafka, pack(**desk.parts(2, days=-1)))
    await published_by_hand(desk.kafka, pack(**desk.parts(1)))
    first, second = await read_history(desk.kafka, desk.program)
    assert (first.version.version, first.publisher, first.void) == (2, "/elsewhere", None)
    assert second.void is not None
    assert "lower than version 2" in second.void
    code, printed = await desk.run("history", desk.program)
    assert (code, "no: program" in printed) == (0, True)
