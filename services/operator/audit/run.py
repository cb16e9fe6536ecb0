"""The audit itself: one snapshot of all schemas, every check, one verdict."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
from aiokafka.errors import KafkaError

from deploy.local.trouble import Trouble
from services.operator.audit.check import Check
from services.operator.audit.checks import CHECKS
from services.operator.audit.evidence import Evidence
from services.operator.audit.figures import read_accounts, read_outcomes, read_under_way
from services.operator.audit.kafka_log import open_log
from services.operator.audit.verdict import CheckResult, Verdict
from shared.events.topics import built_services
from shared.runtime.postgres import Connection

# One view of the newest migration of each schema the checks read.
_REQUIRED = ("earning.audit_referral_reward", "redemption.audit_journal_block")
_REQUIRED_ONCE_RUN = {"fraud_monitoring": "audit_decision", "notification": "audit_hold_told"}
_WITH_BOOKS = """
SELECT schema FROM unnest($1::text[]) AS s (schema) WHERE to_regclass(schema || '.audit_offset') IS NOT NULL
"""
_UNREADABLE = """
SELECT view FROM unnest($1::text[]) AS v (view)
 WHERE to_regclass(view) IS NULL OR NOT has_table_privilege(to_regclass(view), 'SELECT')
"""


async def run_audit(audit_dsn: str, kafka: str, *, programs: Sequence[str] | None = None) -> Verdict:
    """Audit everything, or the named programs, as greenpoints_audit; services may run meanwhile.

    `audit_dsn` is that role's DSN, `kafka` the bootstrap servers. Raises Trouble when it cannot be done.
    """
    async with snapshot(audit_dsn) as connection:
        services = await _services_with_books(connection)
        # After the snapshot was taken: whatever it misses was published before the log's end is read.
        taken_at = await connection.fetchval("SELECT now()")
        async with open_log(kafka) as log:
            evidence = Evidence(connection, log, services, programs)
            try:
                results = [await _run(check, evidence) for check in CHECKS if not _missing(check, evidence)]
            except KafkaError as error:
                raise Trouble(
                    "KAFKA_UNREACHABLE",
                    f"Kafka stopped answering during the audit ({type(error).__name__}).",
                    "Check that its brokers are up, then audit again.",
                ) from error
            return Verdict(
                taken_at=taken_at,
                programs=evidence.programs,
                results=results,
                accounts=await read_accounts(evidence),
                outcomes=await read_outcomes(evidence),
                under_way=await read_under_way(evidence),
                left_out={check.name: missing for check in CHECKS if (missing := _missing(check, evidence))},
            )


@asynccontextmanager
async def snapshot(audit_dsn: str) -> AsyncIterator[Connection]:
    """One REPEATABLE READ READ ONLY transaction: all schemas as of one instant, nothing locked."""
    try:
        connection = await asyncpg.connect(
            audit_dsn,
            server_settings={"application_name": "greenpoints audit", "jit": "off", "work_mem": "64MB"},
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, ValueError) as error:
        raise Trouble(
            "POSTGRESQL_UNREACHABLE",
            f"The audit role cannot open its database ({type(error).__name__}).",
            "Start PostgreSQL, or correct address, user and password in GREENPOINTS_AUDIT_DATABASE (or --database).",
        ) from error
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection
    except (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError) as error:
        raise Trouble(
            "POSTGRESQL_UNREACHABLE", "PostgreSQL went away during the audit.", "Start it, then audit again."
        ) from error
    finally:
        await connection.close()


async def _services_with_books(connection: Connection) -> list[str]:
    """The first statement, so it takes the snapshot. Raises Trouble for a view that is missing or refused."""
    built = list(built_services())
    await connection.execute("SELECT set_config('greenpoints.services', $1, true)", ",".join(built))
    services = [row["schema"] for row in await connection.fetch(_WITH_BOOKS, built)]
    views = [
        *_REQUIRED,
        *(f"{service}.audit_offset" for service in services),
        *(f"{service}.{view}" for service, view in _REQUIRED_ONCE_RUN.items() if service in services),
    ]
    unreadable = [row["view"] for row in await connection.fetch(_UNREADABLE, views)]
    if unreadable:
        raise Trouble(
            "VIEWS_MISSING",
            f"The audit role cannot read {', '.join(unreadable)}.",
            "Start every service once (greenpoints up), so that it brings its schema up to date; connect as "
            "greenpoints_audit.",
        )
    return services


def _missing(check: Check, evidence: Evidence) -> list[str]:
    """The services that have never run, so that the check has nothing to look at."""
    return [service for service in check.needs if not evidence.has_books(service)]


async def _run(check: Check, evidence: Evidence) -> CheckResult:
    started = time.perf_counter()
    found = await check.look(evidence)
    return CheckResult(
        check.number,
        check.name,
        check.proves,
        found.looked_at,
        found.total,
        found.rows,
        round(time.perf_counter() - started, 3),
    )
