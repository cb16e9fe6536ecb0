"""Fixtures every test may ask for; see tests/infrastructure/fixtures.py for what each gives."""

from hypothesis import HealthCheck, settings

from tests.infrastructure.fixtures import (
    database,
    fresh_topics,
    kafka,
    migrated_service,
    module_database,
    passwords,
    stack,
    templates,
    unique,
)

__all__ = [
    "database",
    "fresh_topics",
    "kafka",
    "migrated_service",
    "module_database",
    "passwords",
    "stack",
    "templates",
    "unique",
]

# A busy machine makes everything slow; that says nothing about what is tested.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
