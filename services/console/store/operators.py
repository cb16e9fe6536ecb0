"""Operators: who may sign in."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.console.domain.rights import Role
from shared.runtime.postgres import Connection, Pool

_COLUMNS = "operator_id, name, role, must_change, created_at, created_by, password_changed_at, disabled_at"
BY_NAME = f"SELECT {_COLUMNS}, password_hash FROM operator WHERE name = $1"  # noqa: S608 - our own columns
_LIST = f"SELECT {_COLUMNS} FROM operator ORDER BY name"  # noqa: S608
_ADD = """
INSERT INTO operator (operator_id, name, password_hash, role, must_change, created_by)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING RETURNING operator_id
"""
_FIRST = "SELECT NOT EXISTS (SELECT FROM operator)"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.operator'))"
_CHANGE_HASH = """
UPDATE operator SET password_hash = $2, must_change = $3, password_changed_at = now() WHERE operator_id = $1
"""
_RENEW_HASH = "UPDATE operator SET password_hash = $2 WHERE operator_id = $1"
_SET_ROLE = "UPDATE operator SET role = $2 WHERE name = $1 RETURNING operator_id"
_DISABLE = "UPDATE operator SET disabled_at = now() WHERE name = $1 AND disabled_at IS NULL RETURNING operator_id"
_ENABLE = "UPDATE operator SET disabled_at = NULL WHERE name = $1 AND disabled_at IS NOT NULL RETURNING operator_id"
_OTHER_ADMINS = "SELECT EXISTS (SELECT FROM operator WHERE role = 'admin' AND disabled_at IS NULL AND name <> $1)"
_END_SESSIONS = "DELETE FROM session WHERE operator_id = $1 AND session_hash IS DISTINCT FROM $2"


class LastAdminError(Exception):
    """Nobody could manage operators afterwards."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator, without the password."""

    operator_id: UUID
    name: str
    role: Role
    must_change: bool
    created_at: datetime
    created_by: str
    password_changed_at: datetime
    disabled_at: datetime | None


class OperatorStore:
    """All SQL about operators. Whatever takes rights away also ends the operator's sessions."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, name: str) -> tuple[Operator, str] | None:
        """The operator and the password's hash."""
        row = await self._pool.fetchrow(BY_NAME, name)
        if row is None:
            return None
        columns = dict(row)
        password_hash = columns.pop("password_hash")
        return Operator(**{**columns, "role": Role(columns["role"])}), password_hash

    async def list(self) -> Sequence[Operator]:
        return [Operator(**{**row, "role": Role(row["role"])}) for row in await self._pool.fetch(_LIST)]

    async def add_first(self, name: str, password_hash: str, *, must_change: bool) -> bool:
        """The first admin, if there is no operator yet; of two processes that start together one does it."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_ONE_AT_A_TIME)
            if not await connection.fetchval(_FIRST):
                return False
            await connection.execute(_ADD, uuid.uuid4(), name, password_hash, Role.ADMIN, must_change, "first run")
            return True

    async def add(self, name: str, password_hash: str, role: Role, by: str) -> bool:
        """False when the name is taken. The new operator must change the password."""
        return await self._pool.fetchval(_ADD, uuid.uuid4(), name, password_hash, role, True, by) is not None

    async def set_password(
        self, operator_id: UUID, password_hash: str, *, must_change: bool, keep_session: bytes | None = None
    ) -> None:
        """Every other session of this operator ends."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_CHANGE_HASH, operator_id, password_hash, must_change)
            await connection.execute(_END_SESSIONS, operator_id, keep_session)

    async def renew_hash(self, operator_id: UUID, password_hash: str) -> None:
        """The same password, hashed with the present effort."""
        await self._pool.execute(_RENEW_HASH, operator_id, password_hash)

    async def set_role(self, name: str, role: Role) -> bool:
        """False when there is no such operator. Raises LastAdminError."""
        async with self._pool.acquire() as connection, connection.transaction():
            if role is not Role.ADMIN:
                await _keep_an_admin(connection, name)
            operator_id = await connection.fetchval(_SET_ROLE, name, role)
            if operator_id is not None:
                await connection.execute(_END_SESSIONS, operator_id, None)
            return operator_id is not None

    async def disable(self, name: str) -> bool:
        """False when there is none to disable. Raises LastAdminError."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _keep_an_admin(connection, name)
            operator_id = await connection.fetchval(_DISABLE, name)
            if operator_id is not None:
                await connection.execute(_END_SESSIONS, operator_id, None)
            return operator_id is not None

    async def enable(self, name: str) -> bool:
        """False when there is none to enable."""
        return await self._pool.fetchval(_ENABLE, name) is not None


async def _keep_an_admin(connection: Connection, name: str) -> None:
    await connection.execute(_ONE_AT_A_TIME)
    if not await connection.fetchval(_OTHER_ADMINS, name):
        raise LastAdminError
