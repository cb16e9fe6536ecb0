"""The gateway with a real Kafka and a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio
from aiokafka.partitioner import murmur2

from services.gateway.app import OWN_MIGRATIONS, gateway_app
from services.gateway.publisher import Publisher
from services.gateway.settings import GatewaySettings
from shared.events.kafka_binding import CONTENT_TYPE, decode
from shared.runtime.postgres import MIGRATIONS, Pool, connect_pool, migrate
from tests.infrastructure.fixtures import Database
from tests.integration.gateway.processes import OPERATOR, TOKEN, answers_with, new_key, records_of
from tests.unit.gateway.door import BATCH, STRUCTURED, purchase, refund, registration

STORED_PATH_LIMIT = 200


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pool(kafka: str, module_database: Database) -> AsyncIterator[Pool]:
    pool = await connect_pool(_settings(kafka, module_database))
    async with pool.acquire() as connection:
        await migrate(connection, [MIGRATIONS, OWN_MIGRATIONS])
    yield pool
    await pool.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def http(kafka: str, module_database: Database, pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    publisher = Publisher(kafka)
    app = gateway_app(_settings(kafka, module_database), pool, publisher)
    async with publisher.running():
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway", timeout=20)
        await answers_with(client, "/readyz", 200)
        yield client


def _settings(kafka: str, database: Database) -> GatewaySettings:
    return GatewaySettings(kafka=kafka, database=database.dsns["gateway"], operator_token=TOKEN, environment="test")


async def _send(
    http: httpx.AsyncClient, key: dict[str, str], body: object, content_type: str = STRUCTURED
) -> httpx.Response:
    return await http.post("/v1/events", content=orjson.dumps(body), headers={"Content-Type": content_type, **key})


async def test_a_member_and_a_purchase_reach_their_topics(http: httpx.AsyncClient, kafka: str, unique: str) -> None:
    shop, member = f"shop-{unique}", f"anna-{unique}"
    key = await new_key(http, program_id=shop, merchant_id="m1")
    sale = purchase(program_id=shop, member_id=member)
    events = [registration(source="/crm/m1", program_id=shop, member_id=member), sale, refund(program_id=shop)]

    answers = [(await _send(http, key, event)).status_code for event in events]

    assert answers == [202, 202, 202]
    (record,) = await records_of(kafka, "pos.purchases.v1", f"{shop}/{member}", 1)
    assert dict(record.headers) == {"content-type": CONTENT_TYPE.encode()}
    event = decode(record.topic, record.key, record.value, record.headers)
    assert (event.id, event.source, event.partitionkey) == ("e1", "/pos/m1/t1", f"{shop}/{member}")
    assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % 8
    (registered,) = await records_of(kafka, "members.profiles.v1", f"{shop}/{member}", 1)
    assert registered.partition == record.partition


async def test_a_batch_keeps_its_order_within_a_member(http: httpx.AsyncClient, kafka: str, unique: str) -> None:
    shop = f"shop-{unique}"
    key = await new_key(http, program_id=shop, merchant_id="m1")
    batch = [purchase(f"e{number}", program_id=shop) for number in range(500)]

    answer = await _send(http, key, batch, BATCH)

    assert answer.status_code == 202
    records = await records_of(kafka, "pos.purchases.v1", f"{shop}/anna", 500)
    assert [orjson.loads(record.value)["id"] for record in records] == [f"e{number}" for number in range(500)]


async def test_many_at_once(http: httpx.AsyncClient, kafka: str, unique: str) -> None:
    shop = f"shop-{unique}"
    key = await new_key(http, program_id=shop, merchant_id="m1")

    answers = await asyncio.gather(*(_send(http, key, purchase(f"e{n}", program_id=shop)) for n in range(200)))

    assert {answer.status_code for answer in answers} == {202}
    records = await records_of(kafka, "pos.purchases.v1", f"{shop}/anna", 200)
    assert {orjson.loads(record.value)["id"] for record in records} == {f"e{n}" for n in range(200)}


async def test_a_revoked_key_is_refused_and_revoking_twice_is_fine(http: httpx.AsyncClient, unique: str) -> None:
    key = await new_key(http, program_id=f"shop-{unique}", merchant_id="m1")
    key_id = key["Authorization"].split("_")[1]
    sale = purchase(program_id=f"shop-{unique}")
    assert (await _send(http, key, sale)).status_code == 202

    revocations = [(await http.delete(f"/v1/api-keys/{key_id}", headers=OPERATOR)).status_code for _ in range(2)]

    assert revocations == [204, 204]
    assert (await _send(http, key, sale)).status_code == 401


async def test_secrets_are_shown_once_and_stored_nowhere(http: httpx.AsyncClient, pool: Pool, unique: str) -> None:
    answer = await http.post(
        "/v1/api-keys", headers=OPERATOR, json={"program_id": unique, "merchant_id": "m1", "terminal_id": "t1"}
    )
    issued = answer.json()
    secret = issued.pop("api_key").split("_", 2)[2]

    listed = await http.get("/v1/api-keys", headers=OPERATOR)

    assert answer.headers["cache-control"] == "no-store"
    assert issued in listed.json()["api_keys"]
    assert issued["state"] == "active"
    assert secret not in listed.text
    assert secret not in str(await pool.fetch("SELECT k::text FROM api_key AS k"))


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"program_id": "a/b"},
        {"program_id": "p", "merchant_id": "a/b"},
        {"program_id": "p", "terminal_id": "t1"},
        {"program_id": "p", "events_per_second": 0},
        {"program_id": "p", "merchant": "m1"},
    ],
)
async def test_keys_with_an_impossible_scope_are_not_issued(http: httpx.AsyncClient, wanted: object) -> None:
    answer = await http.post("/v1/api-keys", json=wanted, headers=OPERATOR)

    assert answer.status_code == 422
    assert answer.json()["fields"]


async def test_operator_routes_want_the_operator(http: httpx.AsyncClient, unique: str) -> None:
    key = await new_key(http, program_id=unique, merchant_id="m1")

    assert (await http.get("/v1/api-keys")).status_code == 401
    assert (await http.get("/v1/api-keys", headers=key)).status_code == 403
    assert (await http.delete("/v1/api-keys/ffffffffffffffff", headers=OPERATOR)).status_code == 404


async def test_prohibited_requests_are_on_record_for_good(http: httpx.AsyncClient, pool: Pool) -> None:
    answer = await http.post(f"/v1/transfer/{'x' * 500}%00")

    request_id = answer.json()["request_id"]
    row = await pool.fetchrow("SELECT * FROM audit_prohibited_request WHERE request_id = $1", request_id)
    assert row is not None
    assert (row["code"], row["control"], row["method"]) == ("TRANSFER_PROHIBITED", "C14", "POST")
    assert len(row["path"]) == STORED_PATH_LIMIT
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await pool.execute("DELETE FROM prohibited_request")


async def test_the_look_up_of_a_key_uses_its_index(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetch("EXPLAIN SELECT * FROM api_key WHERE key_id = $1", "0" * 16)
    assert "api_key_pkey" in str(plan)


async def test_what_happens_is_counted(http: httpx.AsyncClient, unique: str) -> None:
    await _send(http, await new_key(http, program_id=unique, merchant_id="m1"), purchase(program_id=unique))

    metrics = (await http.get("/metrics")).text

    assert 'greenpoints_gateway_requests_total{route="/v1/events",status="202"}' in metrics
    assert 'greenpoints_gateway_events_published_total{topic="pos.purchases.v1"}' in metrics
    assert "greenpoints_gateway_publish_seconds_count" in metrics
    assert "greenpoints_gateway_kafka_answers 1.0" in metrics
