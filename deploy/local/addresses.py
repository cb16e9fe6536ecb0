"""Kafka and PostgreSQL that somebody else runs, named by their addresses."""

import os

from deploy.local import kafka, postgres
from deploy.local.trouble import Trouble

KAFKA = "GREENPOINTS_KAFKA"
POSTGRES = "GREENPOINTS_POSTGRES"


def given_addresses() -> tuple[str, str] | None:
    """(bootstrap servers, admin DSN) from the environment, None if neither is set.

    Raises Trouble when only one is set: half a stack of each kind is nobody's wish.
    """
    bootstrap, dsn = os.environ.get(KAFKA), os.environ.get(POSTGRES)
    if bootstrap and dsn:
        return bootstrap, dsn
    if not bootstrap and not dsn:
        return None
    there, missing = (KAFKA, POSTGRES) if bootstrap else (POSTGRES, KAFKA)
    raise Trouble("HALF_AN_ADDRESS", f"{there} is set but {missing} is not.", f"Set {missing} too, or unset {there}.")


async def check_addresses(bootstrap: str, dsn: str) -> None:
    """Raises Trouble, naming the variable and never the password, unless both answer."""
    if not await kafka.answers(bootstrap):
        raise Trouble("KAFKA_UNREACHABLE", f"No Kafka answers at {bootstrap}.", f"Start it, or correct {KAFKA}.")
    if not await postgres.answers(dsn):
        raise Trouble(
            "POSTGRESQL_UNREACHABLE",
            f"The address in {POSTGRES} does not answer a query.",
            "Start that PostgreSQL, or correct the address, user or password in it.",
        )
