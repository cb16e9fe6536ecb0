"""What the console asks its database with every request is found by an index."""

import pytest

from services.console.store import actions, operators, sessions
from tests.infrastructure.plans import analyze_all, plan_of, read_whole
from tests.integration.console.harness import Site


@pytest.mark.parametrize(
    ("sql", "indexes"),
    [
        pytest.param(sessions.FIND, ["session_pkey", "operator_pkey"], id="session"),
        pytest.param(sessions.ATTEMPT, ["sign_in_attempt_name", "sign_in_attempt_address"], id="attempt"),
        pytest.param(operators.BY_NAME, ["operator_name"], id="operator"),
        pytest.param(actions.LIST, ["operator_action_pkey"], id="actions"),
    ],
)
async def test_it_is_found_by_index(site: Site, sql: str, indexes: list[str]) -> None:
    await analyze_all(site.console.pool)
    plan = await plan_of(site.console.pool, sql)
    for index in indexes:
        assert index in plan, plan
    assert "Seq Scan" not in plan, plan
    assert read_whole(plan) == [], plan
