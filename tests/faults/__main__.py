"""`make faults`: the long run. Every kind of fault, and some drawn again, against one traffic of 50,000 events.

GREENPOINTS_FAULT_EVENTS (50000), GREENPOINTS_FAULT_MORE (2: kinds drawn once more), GREENPOINTS_FAULT_ONLY (parts of
kinds' names, commas between), GREENPOINTS_TEST_SEED and GREENPOINTS_TEST_UNTIL (to repeat a run). Exit code 1 on any
difference.
"""

import asyncio
import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping
from random import Random

import orjson

from deploy.local.stack import Stack, default_state_dir
from services.operator.bootstrap import create_topics, new_passwords
from shared.events.topics import built_services
from tests.faults.course import Outcome, run_course
from tests.faults.record import Traffic
from tests.faults.registry import Kind, drawn
from tests.faults.report import Round, summary, to_json
from tests.faults.traffic import drawn_seed, drawn_until, mixed_traffic
from tests.infrastructure.stack import session_stack

EVENTS = int(os.environ.get("GREENPOINTS_FAULT_EVENTS", "50000"))
MORE = int(os.environ.get("GREENPOINTS_FAULT_MORE", "2"))
ONLY = os.environ.get("GREENPOINTS_FAULT_ONLY", "").split(",")


async def main() -> int:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a client tells every outage that is made here
    started = time.monotonic()
    traffic = mixed_traffic(EVENTS, seed=drawn_seed(), until=drawn_until())
    print(f"{traffic.events:,} events; repeat with {traffic.repeat_with}", flush=True)
    kinds = [kind for kind in drawn(Random(traffic.seed), MORE) if any(part in kind.name for part in ONLY)]  # noqa: S311 - repeatable
    passwords = new_passwords(built_services())
    async with session_stack() as stack:
        await create_topics(stack.kafka)
        calm = await run_course(stack, passwords, traffic)
        print(f"in peace: {calm.seconds:.1f} s, {calm.rate:,.0f} records/s of earning. {calm.audit}", flush=True)
        rounds = []
        for place, kind in enumerate(kinds, 1):
            print(f"-- {place} of {len(kinds)}: {kind.name}", flush=True)
            rounds.append(await _fought(stack, passwords, traffic, kind, calm, place))
            print(rounds[-1].text(), flush=True)
    seconds = time.monotonic() - started
    print(summary(traffic, calm, rounds, seconds))
    report = default_state_dir() / "faults-report.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_bytes(orjson.dumps(to_json(traffic, calm, rounds, seconds), option=orjson.OPT_INDENT_2))
    print(f"written to {report}")
    return 0 if rounds and calm.clean and all(round_.passed for round_ in rounds) else 1


async def _fought(
    stack: Stack, passwords: Mapping[str, str], traffic: Traffic, kind: Kind, calm: Outcome, place: int
) -> Round:
    fault = kind.make(Random(f"{traffic.seed}/{place}"))  # noqa: S311 - repeatable
    try:
        outcome = await run_course(stack, passwords, traffic, [fault], turn=place)
    except Exception:  # one course that fails is told, the others still run
        return Round(kind.name, None, (), traceback.format_exc())
    return Round(kind.name, outcome, calm.picture.differences(outcome.picture))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
