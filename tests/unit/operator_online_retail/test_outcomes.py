"""What became of the invoices: earning's answers added up, each invoice once, and the report's verdict."""

import base64
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deploy.local.trouble import Trouble
from services.operator.online_retail.command import addresses_for, report
from services.operator.online_retail.outcomes import Outcomes, read_outcomes

COMPLETED, REFUNDED = "greenpoints.purchase.completed.v1", "greenpoints.purchase.refunded.v1"


def _row(event_type: str, outcome: str, code: str | None, events: int) -> dict[str, object]:
    return {"event_type": event_type, "outcome": outcome, "code": code, "events": events}


def _letter(key: str, event_id: str) -> dict[str, object]:
    value = json.dumps({"id": event_id}).encode()
    return {"key_base64": base64.b64encode(key.encode()).decode(), "value_base64": base64.b64encode(value).decode()}


class _Earning:
    """Answers as earning does."""

    letters = (
        _letter("online-retail/A1", "purchase-A1"),
        _letter("online-retail/A1", "purchase-A1"),  # sent again by a second replay
        _letter("online-retail/17850", "purchase-2"),
        _letter("fruit-shop/m1", "sale-1"),
    )

    def get(self, service: str, path: str, **_: str | int | None) -> Any:
        assert service == "earning"
        if path == "/v1/dead-letters":
            return [{"dead_letter_id": str(number), "code": "MALFORMED"} for number in range(len(self.letters))]
        if path.startswith("/v1/dead-letters/"):
            return self.letters[int(path.rpartition("/")[2])]
        if path.endswith("/progress"):
            return {"issued": 90, "clawed_back": 12, "open_claims": 4, "waiting": 1}
        return [
            _row("greenpoints.member.registered.v1", "registered", None, 50),
            _row(COMPLETED, "granted", None, 6),
            _row(COMPLETED, "granted", "BUDGET_EXHAUSTED", 1),
            _row(COMPLETED, "declined", "ISSUE_TO_UNSPECIFIED", 2),
            _row(REFUNDED, "declined", "ISSUE_TO_UNSPECIFIED", 3),
            _row(REFUNDED, "clawed_back", None, 4),
            _row(REFUNDED, "partly_open_claim", "REFUND_WITHOUT_PURCHASE", 1),
        ]


def test_every_invoice_counts_once() -> None:
    outcomes = read_outcomes(_Earning())
    assert outcomes.invoices == {
        "granted": 7,
        "declined ISSUE_TO_UNSPECIFIED": 5,
        "clawed back": 4,
        "partly open claim REFUND_WITHOUT_PURCHASE": 1,
        "dead letter MALFORMED": 2,
        "waiting": 1,
    }
    assert (outcomes.issued, outcomes.clawed_back, outcomes.open_claims) == (90, 12, 4)


@pytest.mark.parametrize(
    ("published", "adds_up", "words"),
    [
        (10, True, "All 10 invoices published have exactly one outcome."),
        (9, True, "exactly one outcome (and 1 more of other replays)."),
        (11, False, "11 invoices were published, but only 10 have an outcome."),
    ],
)
def test_the_report_says_whether_the_invoices_add_up(published: int, adds_up: bool, words: str) -> None:
    written = StringIO()
    outcomes = Outcomes({"granted": 7, "declined ISSUE_TO_UNSPECIFIED": 3}, 90, 12, 4)
    assert report(Console(file=written, width=150), outcomes, published) is adds_up
    assert words in written.getvalue()


def test_without_anything_running_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENPOINTS_STATE_DIR", str(tmp_path))
    for name in ("KAFKA", "EARNING_URL", "GATEWAY_URL", "REDEMPTION_URL", "AUDIT_DATABASE"):
        monkeypatch.delenv(f"GREENPOINTS_{name}", raising=False)
    with pytest.raises(Trouble, match="No GreenPoints is running here") as nothing:
        addresses_for(None, wait=True)
    assert nothing.value.code == "NOT_RUNNING"
    with pytest.raises(Trouble, match="--no-wait") as nobody:
        addresses_for("broker:9092", wait=True)
    assert nobody.value.code == "NOBODY_TO_ASK"
    assert addresses_for("broker:9092", wait=False).kafka == "broker:9092"
