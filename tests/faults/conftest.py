"""The same traffic for every test here, the books of a run in peace, and runs under fire held against them."""

from collections.abc import Awaitable, Callable, Mapping

import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.faults.books import shown
from tests.faults.course import Outcome, run_course
from tests.faults.fault import Fault
from tests.faults.record import Traffic
from tests.faults.traffic import drawn_seed, drawn_until, mixed_traffic

EVENTS = 3_000


@pytest.fixture(scope="session")
def traffic() -> Traffic:
    """Drawn once per session; the seed is printed with every test that fails."""
    return mixed_traffic(EVENTS, seed=drawn_seed(), until=drawn_until())


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def calm(stack: Stack, kafka: str, passwords: Mapping[str, str], traffic: Traffic) -> Outcome:
    """The run without faults."""
    outcome = await run_course(stack, passwords, traffic)
    assert outcome.clean, outcome.audit
    assert not outcome.post.wrong, shown(outcome.post.wrong)
    return outcome


@pytest.fixture
def fought(
    stack: Stack, passwords: Mapping[str, str], traffic: Traffic, calm: Outcome
) -> Callable[..., Awaitable[Outcome]]:
    """`await fought(fault, …)`: a run with these faults, whose audit is clean and whose books equal those of peace."""

    async def fight(*faults: Fault) -> Outcome:
        print(f"repeat with {traffic.repeat_with}")
        outcome = await run_course(stack, passwords, traffic, faults, paced=True)
        print(f"{outcome.events} events, fire {outcome.seconds:.1f} s, {outcome.lost_replies} HTTP requests unanswered")
        print(*outcome.notes, *outcome.restarted, *outcome.recoveries, sep="\n")
        print(f"{outcome.post.mails} e-mails, of {outcome.post.unknown} nobody knows")
        assert outcome.clean, outcome.audit
        assert not outcome.post.wrong, shown(outcome.post.wrong)
        differences = calm.picture.differences(outcome.picture)
        assert not differences, shown(differences)
        return outcome

    return fight
