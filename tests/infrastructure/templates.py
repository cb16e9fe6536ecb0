"""Databases that tests' own ones are copied from: making and migrating each anew takes five times the CPU of a copy."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

from deploy.local.stack import CHECKOUT
from services.operator.bootstrap import admit, create_database, role_dsns
from shared.events.topics import built_services
from shared.runtime.postgres import MIGRATIONS, migrate


@dataclass(slots=True)
class Templates:
    """One server's: one bootstrapped only, and one migrated per service that is asked for, each made once."""

    admin_dsn: str = field(repr=False)
    passwords: Mapping[str, str] = field(repr=False)
    _made: dict[str | None, str] = field(default_factory=dict)

    async def copied(self, name: str, migrated: str | None) -> Mapping[str, str]:
        """A new database `name`, bootstrapped, with the schema of service `migrated` as it is at its start.

        Returns a DSN per service and for greenpoints_audit.
        """
        if migrated not in self._made:
            self._made[migrated] = await self._make(migrated)
        return await self._copy(self._made[migrated], name)

    async def drop(self) -> None:
        for name in self._made.values():
            await drop_database(self.admin_dsn, name)
        self._made.clear()

    async def _make(self, migrated: str | None) -> str:
        name = f"greenpoints_template_{uuid.uuid4().hex[:10]}"
        dsns = await create_database(self.admin_dsn, name, services=built_services(), passwords=self.passwords)
        if migrated is not None:
            connection = await asyncpg.connect(dsns[migrated])
            try:
                await migrate(connection, [MIGRATIONS, CHECKOUT / "services" / migrated / "migrations"])
            finally:
                await connection.close()
        return name

    async def _copy(self, template: str, name: str) -> Mapping[str, str]:
        admin = await asyncpg.connect(self.admin_dsn)
        try:
            await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
            await admit(admin, name, built_services())
        finally:
            await admin.close()
        return role_dsns(self.admin_dsn, name, built_services(), self.passwords)


async def drop_database(admin_dsn: str, name: str) -> None:
    """Whoever is still connected is cut off."""
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()
