"""Prepare an empty or known Kafka and PostgreSQL for the services: topics, database, schemas, roles."""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from deploy.local.trouble import Trouble
from shared.events.topics import Topic, load_dead_letter_topics, load_internal_topics, load_topics
from shared.runtime.postgres import Connection

AUDIT_ROLE = "greenpoints_audit"
DATABASE = "greenpoints"
_MOST_REPLICAS = 3
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# One bootstrap at a time: roles belong to the whole cluster, and two writers of one role collide.
_BOOTSTRAP_LOCK = 7_206_501
_ADMISSION = """
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC;', $1::text) || string_agg(
         format('GRANT CONNECT ON DATABASE %1$I TO %2$I; ALTER ROLE %2$I IN DATABASE %1$I SET search_path = ', $1, role)
         || CASE role WHEN $3 THEN 'pg_catalog;' ELSE format('%I, pg_catalog;', role) END, '')
  FROM unnest($2::text[]) AS role
"""


async def bootstrap(
    kafka: str,
    postgres_admin_dsn: str,
    database: str = DATABASE,
    *,
    services: Sequence[str],
    passwords: Mapping[str, str],
) -> Mapping[str, str]:
    """Create what is missing, change nothing that fits, and return the DSN of each role.

    `passwords` holds one per service and one for greenpoints_audit; they are set anew each time. The
    result maps the same names to DSNs. Raises Trouble for a topic whose partition count differs from topics.yaml's.
    """
    _, dsns = await asyncio.gather(
        create_topics(kafka),
        create_database(postgres_admin_dsn, database, services=services, passwords=passwords),
    )
    return dsns


def all_topics() -> Mapping[str, Topic]:
    """Every topic there must be, the dead-letter topics and what services keep for themselves included."""
    return {**load_topics(), **load_dead_letter_topics(), **load_internal_topics()}


async def create_topics(kafka: str) -> None:
    """Create the missing topics; refuse an existing one with another partition count (keys would move)."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        wanted = all_topics()
        existing = {found["topic"]: len(found["partitions"]) for found in await admin.describe_topics()}
        for name, topic in wanted.items():
            if name in existing and existing[name] != topic.partitions:
                raise Trouble(
                    "PARTITION_COUNT_DIFFERS",
                    f"Topic {name} has {existing[name]} partitions, but topics.yaml says {topic.partitions}, "
                    "and members would change partition.",
                    "Use a cluster without it, or move its records to a new topic set after draining it.",
                )
        brokers = (await admin.describe_cluster())["brokers"]
        replicas = min(_MOST_REPLICAS, len(brokers))
        missing = [
            NewTopic(name, topic.partitions, replicas, topic_configs=dict(topic.config))
            for name, topic in wanted.items()
            if name not in existing
        ]
        if missing:
            _refuse_failures((await admin.create_topics(missing)).topic_errors)
        await _wait_for_leaders(admin, wanted)
    finally:
        await admin.close()


async def create_database(
    postgres_admin_dsn: str, database: str, *, services: Sequence[str], passwords: Mapping[str, str]
) -> Mapping[str, str]:
    """The PostgreSQL half of bootstrap().

    Each service gets a schema it owns and a LOGIN role whose search_path is that schema and pg_catalog;
    greenpoints_audit may look into every schema, where each service grants it its `audit_*` views.
    Nothing else is granted to anybody, PUBLIC included.
    """
    names = [database, AUDIT_ROLE, *services]
    if wrong := [name for name in names if not _NAME.fullmatch(name)]:
        raise ValueError(f"not a plain lower-case SQL name: {wrong}")
    admin = await asyncpg.connect(postgres_admin_dsn)
    try:
        async with _locked(admin):
            if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
                await admin.execute(f"CREATE DATABASE \"{database}\" ENCODING 'UTF8' TEMPLATE template0")
            for role in (AUDIT_ROLE, *services):
                await _make_role(admin, role, passwords[role])
            await admit(admin, database, services)
            inside = await asyncpg.connect(dsn_for(postgres_admin_dsn, database))
            try:
                await _make_schemas(inside, services)
            finally:
                await inside.close()
    finally:
        await admin.close()
    return role_dsns(postgres_admin_dsn, database, services, passwords)


async def admit(admin: Connection, database: str, services: Sequence[str]) -> None:
    """Let the roles into the database, each with its schema as search path, and nobody else.

    The half of a database's rights that lies outside it: whoever copies one has to give it to the copy.
    """
    await admin.execute(await admin.fetchval(_ADMISSION, database, [AUDIT_ROLE, *services], AUDIT_ROLE))


def role_dsns(
    postgres_admin_dsn: str, database: str, services: Sequence[str], passwords: Mapping[str, str]
) -> Mapping[str, str]:
    """One DSN into the database per service and for greenpoints_audit."""
    return {role: dsn_for(postgres_admin_dsn, database, role, passwords[role]) for role in (*services, AUDIT_ROLE)}


def new_passwords(services: Sequence[str]) -> Mapping[str, str]:
    """A random password for each service's role and the audit role."""
    return {role: secrets.token_urlsafe(24) for role in (*services, AUDIT_ROLE)}


def dsn_for(dsn: str, database: str, user: str | None = None, password: str | None = None) -> str:
    """The same server as `dsn`, another database, and another user if given."""
    parts = urlsplit(dsn)
    netloc = parts.netloc
    if user is not None:
        netloc = f"{user}:{quote(password or '', safe='')}@{netloc.rpartition('@')[2]}"
    return urlunsplit((parts.scheme, netloc, f"/{database}", parts.query, ""))


def _refuse_failures(topic_errors: Sequence[tuple[Any, ...]]) -> None:
    for name, code, *message in topic_errors:
        error = for_code(code)
        # Another bootstrap of the same topics.yaml may be faster by a moment; that is no failure.
        if code and error is not TopicAlreadyExistsError:
            raise Trouble(
                "TOPIC_NOT_CREATED",
                f"Kafka refused to create topic {name}: {(message or [None])[0] or error.__name__}.",
                "Let the operator's Kafka user create topics, or create it yourself as topics.yaml says.",
            )


async def _wait_for_leaders(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic], seconds: float = 30) -> None:
    """A created topic is known a moment before its partitions can be written to."""
    without: list[str] = list(wanted)
    try:
        async with asyncio.timeout(seconds):
            while without:
                led = {
                    found["topic"]: sum(partition["leader"] >= 0 for partition in found["partitions"])
                    for found in await admin.describe_topics()
                }
                without = [name for name, topic in wanted.items() if led.get(name, 0) < topic.partitions]
                if without:
                    await asyncio.sleep(0.02)
    except TimeoutError:
        raise Trouble(
            "TOPIC_WITHOUT_LEADER",
            f"{without[0]} and {len(without) - 1} more topics still have partitions without a leader.",
            "Check that all Kafka brokers are up.",
        ) from None


@asynccontextmanager
async def _locked(admin: Connection) -> AsyncIterator[None]:
    await admin.execute("SELECT pg_advisory_lock($1)", _BOOTSTRAP_LOCK)
    try:
        yield
    finally:
        await admin.execute("SELECT pg_advisory_unlock($1)", _BOOTSTRAP_LOCK)


async def _make_role(admin: Connection, role: str, password: str) -> None:
    if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await _define(admin, "CREATE ROLE %I LOGIN", role)
    await _define(admin, "ALTER ROLE %I LOGIN NOCREATEDB NOCREATEROLE PASSWORD %L", role, _verifier(password))
    if not await admin.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        await _define(admin, "GRANT %I TO CURRENT_USER", role)  # else it may not make a schema for that role


async def _make_schemas(inside: Connection, services: Sequence[str]) -> None:
    await inside.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for service in services:
        await _define(inside, "CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I", service, service)
        await _define(inside, "REVOKE ALL ON SCHEMA %I FROM PUBLIC", service)
        await _define(inside, "GRANT USAGE ON SCHEMA %I TO %I", service, AUDIT_ROLE)


async def _define(connection: Connection, template: str, *arguments: str) -> None:
    """Run a statement that takes no parameters; the server itself quotes names (%I) and literals (%L)."""
    await connection.execute(await connection.fetchval("SELECT format($1, VARIADIC $2::text[])", template, arguments))


def _verifier(password: str, rounds: int = 4096) -> str:
    """The SCRAM-SHA-256 verifier PostgreSQL stores (RFC 5803), so that no log ever sees the password."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{encoded[0]}${encoded[1]}:{encoded[2]}"
