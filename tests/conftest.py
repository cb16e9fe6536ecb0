"""Fixtures every test may ask for; see tests/infrastructure/fixtures.py for what each gives."""

from tests.infrastructure.fixtures import (
    database,
    fresh_topics,
    kafka,
    module_database,
    passwords,
    stack,
    unique,
)

__all__ = ["database", "fresh_topics", "kafka", "module_database", "passwords", "stack", "unique"]
