"""Packs for the tests of publish controls, as a file would write them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from shared.programs.compliance import ProgramCompliance
from shared.programs.controls.context import Control, PublishContext
from shared.programs.findings import Finding
from shared.programs.pack import ProgramPack

DECEMBER = "2026-12-01T00:00:00+08:00"
IN_TIME = datetime(2026, 11, 24, 15, 59, tzinfo=UTC)  # 11-24, 23:59 in Shanghai
TOO_LATE = IN_TIME + timedelta(minutes=1)  # 11-25, 00:00 there
ONE_PER_YUAN: dict[str, Any] = {
    "rule_id": "one-per-yuan",
    "kind": "rate",
    "points": 1,
    "per_minor": 100,
    "budget_id": "marketing",
}
NAME = {"zh-CN": "鲜果", "en": "Fruit"}
QUALITY = {
    "supplier": "Orchard Co., Ltd.",
    "standard": "GB 2763",
    "checked_by": "Quality Desk",
    "checked_on": "2026-10-01",
}


def written(**changes: Any) -> dict[str, Any]:
    """A whole pack, every part of which breaks no control and is meant."""
    return {
        "program_id": "fruit-shop",
        "version": 1,
        "name": NAME,
        "issuer": "Fruit Shop Co., Ltd.",
        "currency": "CNY",
        "time_zone": "Asia/Shanghai",
        "effective_at": DECEMBER,
        "expiry": {"years": 1},
        "budgets": [
            {
                "budget_id": "marketing",
                "source": "marketing_expense",
                "approver": "Head of Marketing",
                "document": "MKT-1",
                "period": {"from": "2026-01-01", "to": "2030-01-01"},
                "approved_minor": 100_000_000,
                "cost_per_point": {"minor": 5, "points": 1},
            }
        ],
        "filings": [
            {"kind": kind, "number": "F-1", "authority": "Authority", "issued_on": "2026-01-01"}
            for kind in ("filing", "assessment", "credit_certificate")
        ],
        "rules": [ONE_PER_YUAN],
        "rewards": [reward()],
        **changes,
    }


def as_yaml(**changes: Any) -> str:
    """The same as a file's text; every part written out, for packs have no aliases."""
    return yaml.safe_dump(json.loads(json.dumps(written(**changes))), sort_keys=False, allow_unicode=True)


def pack(**changes: Any) -> ProgramPack:
    return ProgramPack.model_validate(written(**changes))


def reward(points: int = 500, value: int = 2_500, **changes: Any) -> dict[str, Any]:
    """A box of fruit: `points` points for something worth `value` minor units."""
    return {
        "reward_id": "fruit-box",
        "kind": "goods",
        "name": NAME,
        "description": NAME,
        "market_value_minor": value,
        "price": {"points": points},
        "quality": QUALITY,
        **changes,
    }


def double(**changes: Any) -> dict[str, Any]:
    """A multiplier of every rate rule."""
    return {"rule_id": "double", "kind": "multiplier", "factor": 2, "budget_id": "marketing", **changes}


def run(
    control: Control, new: ProgramPack, *previous: ProgramPack, at: datetime = TOO_LATE, **compliance: Any
) -> tuple[Finding, ...]:
    """The control's findings when `new` is published at `at` after `previous`."""
    return control(new, previous, PublishContext(at, ProgramCompliance.model_validate(compliance)))


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [str(found.code) for found in findings]
