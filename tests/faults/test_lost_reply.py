"""The reply to COMMIT is lost: the offset, or the client's own key, says what happened, and it happened once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from deploy.local.stack import Stack
from services.operator.program import apply_shipped
from tests.faults.course import Outcome
from tests.faults.lost_reply import OFFSET_RE_READ, LostReplies
from tests.faults.proxy import SAVE, Loss, running_proxy
from tests.faults.settled import settled
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import eventually, producer, running_services
from tests.infrastructure.till import Till, purchase

Fought = Callable[..., Awaitable[Outcome]]


async def test_every_kind_of_commit_is_lost_in_every_way(fought: Fought) -> None:
    outcome = await fought(LostReplies())
    assert len(outcome.notes) == 5 * len(Loss)
    assert set(Counter(outcome.notes).values()) == {1}
    assert outcome.lost_replies >= len(Loss)


async def test_the_last_batch_before_a_silence_is_not_forgotten(
    stack: Stack, fresh_topics: str, database: Database, unique: str
) -> None:
    """Amid traffic the next batch would find out; here nothing comes after what was lost."""
    await apply_shipped(fresh_topics)
    async with (
        running_proxy(database.dsns["earning"]) as before_earning,
        running_proxy(database.dsns["redemption"]) as before_redemption,
        running_services(fresh_topics, database, stack.state_dir) as services,
        producer(fresh_topics) as sender,
    ):
        proxies = {"earning": before_earning, "redemption": before_redemption}
        await asyncio.gather(
            *(
                services.start(service, environment={"GREENPOINTS_DATABASE": proxy.before(database.dsns[service])})
                for service, proxy in proxies.items()
            )
        )
        till = Till(sender, unique)
        await till.register("ann")
        granted = 10
        await till.send("first", purchase("r0", "ann", 1_000), ago=9)
        await settled(services, granted=granted)
        for service, proxy in proxies.items():
            for loss in Loss:
                proxy.lose(SAVE, loss)
                await till.send(f"{service} {loss.name}", purchase(f"{service}-{loss.name}", "ann", 1_000), ago=9)
                granted += 10
                await settled(services, granted=granted, audited=False)
                assert not proxy.outstanding
                assert services.log(service).count(OFFSET_RE_READ) == len(proxy.lost)
        await settled(services, granted=granted)


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("together", [False, True], ids=["alone", "in a transaction"])
async def test_the_proxy_loses_what_it_says(loss: Loss, together: bool, database: Database) -> None:
    """The tests above rest on it: the client hears nothing, and the server committed or did not."""
    dsn = database.dsns["earning"]
    direct = await asyncpg.connect(dsn)
    await direct.execute("CREATE TABLE fruit (name text)")

    async def stored() -> bool:
        return bool(await direct.fetchval("SELECT count(*) FROM fruit") == (1 if loss is Loss.REQUEST else 2))

    async with running_proxy(dsn) as proxy:
        client = await asyncpg.connect(proxy.before(dsn))
        await client.execute("INSERT INTO fruit VALUES ($1)", "apple")
        proxy.lose(("INSERT INTO fruit",), loss)
        with pytest.raises(asyncpg.PostgresConnectionError):
            if together:
                async with client.transaction():
                    await client.execute("INSERT INTO fruit VALUES ($1)", "pear")
            else:
                await client.execute("INSERT INTO fruit VALUES ($1)", "pear")
        assert proxy.outstanding == 0
        if loss is not Loss.LATE:
            assert await stored()
        await eventually("row as told", stored, seconds=10)
    await direct.close()
