"""What a program version brings into earning's books when it is read first: its budgets and its campaigns' caps."""

from services.earning.store.budget import adopt_budgets
from services.earning.store.campaign import adopt_campaigns
from shared.programs.versions import ProgramVersion
from shared.runtime.postgres import Connection


async def adopt_program(connection: Connection, version: ProgramVersion) -> None:
    await adopt_budgets(connection, version)
    await adopt_campaigns(connection, version)
