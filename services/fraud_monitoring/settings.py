"""Settings of fraud monitoring alone, beside those of every process."""

import sys
from pathlib import Path

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.fraud_monitoring.domain.limits import Limits


class FraudSettings(BaseSettings):
    """`GREENPOINTS_<NAME>`.

    `store_dir` holds the local copy of the tables, in a directory per ordinal; absent, a temporary one is made and
    the tables are rebuilt from their changelogs at every start. `limits` is JSON and names what differs. The
    `reviewer_token` opens the cases and nothing else.
    """

    model_config = SettingsConfigDict(env_prefix="GREENPOINTS_", extra="ignore")

    store_dir: Path | None = None
    limits: Limits = Limits()
    reviewer_token: SecretStr = SecretStr("")


def read_settings() -> FraudSettings:
    """From the environment; exits with a sentence where something is wrong."""
    try:
        return FraudSettings()
    except ValidationError as error:
        wrong = "; ".join(f"GREENPOINTS_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        sys.exit(f"fraud_monitoring cannot start: {wrong}. Mend the environment.")
