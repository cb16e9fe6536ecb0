"""Points at the till: authorize and capture over HTTP beside pgbench running the same SQL, while grants stream in.

A client asks for a member's bill, gets its answer, captures, and begins again at once; so does a client of pgbench, by
one statement each, without Python and HTTP: that is the floor. Then orders of one hot reward: all meet on its stock.
"""

import asyncio
import json
import os
import random
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import orjson

from deploy.local import ports, software
from deploy.local.processes import Child, Say
from deploy.local.stack import CHECKOUT
from services.operator.program import SHIPPED, read_pack
from services.operator.serving import serving_processes
from services.operator.traffic.fruit import CURRENCY, MERCHANT_ID, PROGRAM_ID
from shared.events.authorization_placed import AuthorizationPlaced
from shared.events.event import data_json
from shared.programs.pack import ProgramPack
from shared.runtime.postgres import Connection
from tests.benchmarks.comparison import Plan
from tests.benchmarks.events import moment
from tests.benchmarks.latency import Spread, spread
from tests.benchmarks.load import START_SECONDS, Load, running_load
from tests.benchmarks.report_spine import verdict
from tests.benchmarks.spine import DATABASE, running_spine
from tests.benchmarks.stage import BenchmarkFailedError, Stage, refuse_ended

CLIENTS = (1, 8, 64)
RATE_TARGET, P99_TARGET = 0.5, 5.0
_MEMBERS = 5_000
_POINTS = 10**9
_GRANTS_PER_SECOND = 5_500  # half of what earning and redemption sustain together (README.md)
_TOKEN = "a-token-of-the-benchmark"  # noqa: S105 - guards nothing but a benchmark
_REWARD = "fruit-box-25"
_FUND = f"""
    INSERT INTO redemption.wallet (program_id, member_id)
    SELECT '{PROGRAM_ID}', 'till-' || lpad(n::text, 5, '0') FROM generate_series(1, {_MEMBERS}) AS n;
    INSERT INTO redemption.lot (lot_id, grant_id, program_id, member_id, class, points, remaining, posted_state,
                                available_at, granted_at, expected_cost_minor, currency, budget_id, granted_event_id,
                                correlation_id, causation_id, source_type, source_id)
    SELECT id, id, program_id, member_id, 'CONSUMPTION', {_POINTS}, {_POINTS}, 'available', now(), now(), 1,
           '{CURRENCY}', 'b', id::text, 'c', 'c', 'purchase.completed', 'c'
      FROM (SELECT gen_random_uuid() AS id, program_id, member_id FROM redemption.wallet
             WHERE member_id LIKE 'till-%') AS w;
"""  # noqa: S608 - texts of ours


@dataclass(frozen=True, slots=True)
class TillRate:
    """`clients` at once: pairs of authorize and capture per second, and milliseconds of a pair."""

    clients: int
    per_second: float
    pair: Spread
    floor_per_second: float
    floor_pair: Spread

    @property
    def ratio(self) -> float:
        return self.per_second / self.floor_per_second

    @property
    def p99_ratio(self) -> float:
        return self.pair.p99 / self.floor_pair.p99


@dataclass(frozen=True, slots=True)
class OrderRate:
    """Orders of one reward per second, and milliseconds of an order."""

    clients: int
    per_second: float
    order: Spread


@dataclass(frozen=True, slots=True)
class TillFigures:
    """All of it while `grants_per_second` stream in."""

    grants_per_second: int
    rates: list[TillRate]
    orders: list[OrderRate]


async def measure_till(stage: Stage, plan: Plan, say: Say) -> TillFigures:
    """The service and its floor in turn, for 1, 8 and 64 clients; then orders of the hot reward."""
    seconds = 4.0 if plan.quick else 20.0
    rate = _GRANTS_PER_SECOND // 4 if plan.quick else _GRANTS_PER_SECOND
    whole = START_SECONDS + (2 * seconds + 4) * len(CLIENTS) + (seconds + 2) * len(CLIENTS) + 10
    load = Load(stage.kafka, "till", rate, whole, plan.members, sample_every=10**9, start=0.0)
    await stage.prepare(load.all_members, _pack())
    say(f"till: authorize and capture, {seconds:g} s each, while {rate} purchases a second become grants")
    async with running_spine(stage), _serving(stage) as port, stage.admin(DATABASE) as connection:
        await connection.execute(_FUND)
        load = _starting(load)
        async with running_load(stage, load) as sender:
            await asyncio.sleep(START_SECONDS)
            rates = [await _beside_floor(stage, port, clients, seconds) for clients in CLIENTS]
            orders = [await _orders(port, clients, seconds) for clients in CLIENTS]
            if sender.exit_code not in (None, 0):
                refuse_ended(sender)
        await _check(connection, rates, seconds)
    await stage.drop(DATABASE)
    return TillFigures(rate, rates, orders)


def lines(figures: TillFigures) -> list[str]:
    told = [
        f"{'till, ' + str(figures.grants_per_second) + ' grants/s beside':<34}{'pairs/s':>9}{'floor':>8}{'ratio':>7}"
        f"  {'p50':>7}{'p95':>8}{'p99':>8}{'floor p99':>11} ms"
    ]
    for one in figures.rates:
        told.append(
            f"{'authorize + capture, clients: ' + str(one.clients):<34}{one.per_second:>9,.0f}"
            f"{one.floor_per_second:>8,.0f}{one.ratio:>7.2f}  {one.pair.p50:>7}{one.pair.p95:>8}{one.pair.p99:>8}"
            f"{one.floor_pair.p99:>11}    {verdict(one.ratio, RATE_TARGET)}; p99 {one.p99_ratio:.1f}× the floor's: "
            f"{'met' if one.p99_ratio < P99_TARGET else 'missed'} (< {P99_TARGET:g}×)"
        )
    for order in figures.orders:
        told.append(
            f"{'orders of one reward, clients: ' + str(order.clients):<34}{order.per_second:>9,.0f}{'':>15}"
            f"  {order.order.p50:>7}{order.order.p95:>8}{order.order.p99:>8}"
        )
    return told


def _pack() -> ProgramPack:
    """The fruit shop's, with boxes for everybody: contention is wanted, not an empty shelf."""
    pack = read_pack(CHECKOUT / "deploy" / "programs" / SHIPPED[0])
    plenty = [
        each.model_copy(
            update={"stock": tuple(line.model_copy(update={"units": 10**8}) for line in each.stock), "limits": ()}
        )
        if each.reward_id == _REWARD
        else each
        for each in pack.rewards
    ]
    return pack.model_copy(update={"rewards": tuple(plenty)})


def _starting(load: Load) -> Load:
    """Its schedule begins once its process is there."""
    return Load(
        load.kafka,
        load.name,
        load.rate,
        load.seconds,
        load.members,
        load.sample_every,
        time.monotonic() + START_SECONDS,
    )


@asynccontextmanager
async def _serving(stage: Stage) -> AsyncIterator[int]:
    """As many processes of redemption that only serve as `greenpoints up` starts; the port they share."""
    dsns, shared = await stage.dsns(DATABASE), ports.free_port()
    async with AsyncExitStack() as processes:
        for number in range(1, serving_processes() + 1):
            own = ports.free_port()
            environment = {
                "GREENPOINTS_HTTP_PORT": str(own),
                "GREENPOINTS_HTTP_SHARED_PORT": str(shared),
                "GREENPOINTS_OPERATOR_TOKEN": _TOKEN,
            }
            name = f"redemption-till-{number}"
            worker = stage.worker("redemption", dsns["redemption"], roles="serve", name=name, environment=environment)
            await _until_listening(await processes.enter_async_context(worker), own)
        yield shared


async def _until_listening(child: Child, port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            refuse_ended(child)
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return


async def _beside_floor(stage: Stage, port: int, clients: int, seconds: float) -> TillRate:
    served = await _from_clients(port, clients, seconds, _pay)
    floor_rate, floor_pairs = await _pgbench(stage, clients, seconds)
    return TillRate(clients, len(served) / seconds, spread(served), floor_rate, spread(floor_pairs))


async def _orders(port: int, clients: int, seconds: float) -> OrderRate:
    placed = await _from_clients(port, clients, seconds, _order)
    return OrderRate(clients, len(placed) / seconds, spread(placed))


class _Caller:
    """One keep-alive connection; each answer is read whole before the next request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        self._reader, self._writer = reader, writer
        self._name, self._asked = name, 0
        self.draw = random.Random(name)  # noqa: S311 - a benchmark's dice

    def member(self) -> str:
        return f"till-{self.draw.randint(1, _MEMBERS):05}"

    async def post(self, path: str, body: object) -> dict[str, object]:
        self._asked += 1
        content = orjson.dumps(body)
        self._writer.write(
            (
                f"POST /v1/programs/{PROGRAM_ID}{path} HTTP/1.1\r\nHost: till\r\nAuthorization: Bearer {_TOKEN}\r\n"
                f"Idempotency-Key: {self._name}-{self._asked}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            ).encode()
            + content
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        size = next(line for line in head.lower().splitlines() if line.startswith("content-length:"))
        answer: dict[str, object] = orjson.loads(await self._reader.readexactly(int(size.partition(":")[2])))
        if head.split(" ", 2)[1] not in ("200", "201"):
            raise BenchmarkFailedError(f"{path} answered {head.splitlines()[0]}: {json.dumps(answer)[:300]}")
        return answer


async def _from_clients(
    port: int, clients: int, seconds: float, act: Callable[[_Caller], Awaitable[None]]
) -> list[float]:
    """Each acts again and again; the seconds of every act that began after the first second of warming up."""
    run = UUID(int=random.getrandbits(128)).hex[-8:]
    begin = time.perf_counter() + 1.0

    async def client(number: int) -> list[float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        caller, taken = _Caller(reader, writer, f"{run}-{number}"), []
        while (before := time.perf_counter()) < begin + seconds:
            await act(caller)
            if before >= begin:
                taken.append(time.perf_counter() - before)
        writer.close()
        return taken

    return [took for each in await asyncio.gather(*(client(number) for number in range(clients))) for took in each]


async def _pay(caller: _Caller) -> None:
    bill = {
        "member_id": caller.member(),
        "merchant_id": MERCHANT_ID,
        "currency": CURRENCY,
        "points": 100,
        "lines": [{"line_id": "1", "sku": "apple-1", "category": "fruit", "net_minor": 6_000}],
    }
    placed = await caller.post("/authorizations", bill)
    await caller.post(f"/authorizations/{placed['authorization_id']}/capture", {"receipt_id": "r-1"})


async def _order(caller: _Caller) -> None:
    await caller.post(f"/members/{caller.member()}/orders", {"lines": [{"reward_id": _REWARD, "quantity": 1}]})


async def _pgbench(stage: Stage, clients: int, seconds: float) -> tuple[float, list[float]]:
    """The same two statements, prepared, on as many connections: pairs per second, and the seconds of each."""
    dsn = (await stage.dsns(DATABASE))["redemption"]
    with TemporaryDirectory() as folder:
        script, log = Path(folder) / "pair.sql", Path(folder) / "log"
        script.write_text(_SCRIPT)
        argv = (
            *(_program(), "--no-vacuum", "--protocol=prepared", f"--client={clients}", f"--jobs={min(clients, 2)}"),
            *(f"--time={round(seconds)}", f"--define=members={_MEMBERS}", f"--file={script}"),
            *("--log", f"--log-prefix={log}", dsn),
        )
        options = "-c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c timezone=UTC"
        process = await asyncio.create_subprocess_exec(
            *argv,
            env={**os.environ, "PGOPTIONS": options},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        pairs = [
            int(line.split()[2]) / 1e6 for path in Path(folder).glob("log.*") for line in path.read_text().splitlines()
        ]
    if process.returncode != 0 or not pairs:
        raise BenchmarkFailedError(f"pgbench ended with {process.returncode}: {output.decode()[-500:]}")
    return len(pairs) / round(seconds), pairs


def _program() -> str:
    """Beside the server's own binaries, or on PATH."""
    server = software.find_postgres()
    places = [str(server.bin)] if server else []
    found = shutil.which("pgbench", path=os.pathsep.join([*places, os.environ["PATH"]]))
    if found is None:
        raise BenchmarkFailedError("pgbench is not installed; it comes with PostgreSQL's contrib or client package.")
    return found


def _told() -> str:
    """An event as the service would tell it, without what the database puts in.

    pgbench takes a colon before a letter or digit for a variable, even in a text: so none may be there.
    """
    told = AuthorizationPlaced(
        program_id=PROGRAM_ID,
        member_id="till-00001",
        causation_id="k-1",
        correlation_id=str(UUID(int=1)),
        authorization_id=str(UUID(int=1)),
        merchant_id=MERCHANT_ID,
        points=100,
        amount_minor=500,
        currency=CURRENCY,
        releases_at=moment(),
        balance_before=0,
        balance_after=0,
        price_version=1,
        rate_points=100,
        rate_minor=500,
        step_points=100,
        idempotency_key="k-1",
        body_hash="0" * 64,
    )
    known = orjson.loads(data_json(told))
    del known["releases_at"]
    return json.dumps(known)


_ENVELOPE = json.dumps(
    {
        "specversion": "1.0",
        "id": str(UUID(int=1)),
        "source": "/redemption",
        "type": AuthorizationPlaced.TYPE,
        "subject": "till-00001",
        "partitionkey": f"{PROGRAM_ID}/till-00001",
        "datacontenttype": "application/json",
    }
)


def _drawn(prefix: str) -> str:
    """A UUID of the number drawn for this pair."""
    return f"('{prefix}-0000-4000-8000-' || lpad(to_hex(:r::bigint), 12, '0'))::uuid"


_SCRIPT = rf"""
\set m random(1, :members)
\set r random(1, 281474976710655)
SELECT points FROM authorize_at_till(
    ROW({_drawn("00000001")}, '{PROGRAM_ID}', 'till-' || lpad(:m::text, 5, '0'), '{MERCHANT_ID}', NULL,
        'k-' || :r::text, '\x00'::bytea, 100, 500, '{CURRENCY}', 100, 500, 100, NULL, NULL, 1, 'placed', NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL)::point_authorization,
    '-infinity'::timestamptz, 'infinity'::timestamptz, interval '15 minutes', {_drawn("00000002")},
    {_drawn("00000003")}, '{AuthorizationPlaced.TYPE}', '{PROGRAM_ID}/till-' || lpad(:m::text, 5, '0'),
    '{_ENVELOPE}'::jsonb, '{_told()}'::jsonb);
SELECT points FROM capture_at_till(
    {_drawn("00000001")}, '{PROGRAM_ID}', NULL, NULL, 'r-1', {_drawn("00000004")},
    ARRAY[{_drawn("00000005")}, {_drawn("00000006")}], ARRAY[{_drawn("00000007")}, {_drawn("00000008")}],
    ARRAY['greenpoints.points.redeemed.v1', 'greenpoints.authorization.captured.v1'], 'paid at the till');
"""  # noqa: S608 - texts of ours


async def _check(connection: Connection, rates: Sequence[TillRate], seconds: float) -> None:
    """Every pair that was counted is a capture in the books, whoever asked for it."""
    counted = sum((rate.per_second + rate.floor_per_second) * seconds for rate in rates)
    captured = await connection.fetchval("SELECT count(*) FROM redemption.point_authorization WHERE state = 'captured'")
    if captured < counted:
        raise BenchmarkFailedError(f"{counted:.0f} pairs were counted and {captured} captures are in the books.")
