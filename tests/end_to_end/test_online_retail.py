"""The Online Retail file: the oracle against the file's published figures, and small files worked by hand.

`online_retail_oracle.compare` is what a run of the whole platform over this file is held against.
"""

import gzip
from pathlib import Path

import pytest

from services.operator.online_retail.events import Conversion
from services.operator.online_retail.table import read_invoices
from shared.events.cloudevent import Rejected
from shared.events.integrity import MAX_MESSAGE_BYTES
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode
from tests.end_to_end.online_retail_oracle import (
    Difference,
    MemberPoints,
    Oracle,
    compare,
    recompute,
    running_balance,
)

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "online-retail.csv.gz"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


@pytest.fixture(scope="module")
def file() -> Path:
    if not FILE.exists():
        pytest.skip(
            "The Online Retail file is not there: put online-retail.csv.gz into ../shared/data beside the "
            "checkout to hold the platform against it."
        )
    return FILE


@pytest.fixture(scope="module")
def oracle(file: Path) -> Oracle:
    return recompute(file)


def _worked(directory: Path, *rows: str) -> Oracle:
    """Rows as `invoice code quantity hour price customer`."""
    lines = [HEADER]
    for row in rows:
        invoice, code, quantity, hour, price, customer = row.split()
        member = "" if customer == "-" else customer
        lines.append(f"{invoice},{code},,{quantity},2011-01-04 {hour}:00:00,{price},{member},UK")
    path = directory / "worked.csv.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return recompute(path)


def test_the_file_is_read_as_its_description_reads_it(file: Path) -> None:
    assert running_balance(file) == (7516, 54, 1335)


def test_the_oracle_counts_every_invoice_once(oracle: Oracle) -> None:
    assert oracle.invoices == {
        "granted": 18_396,
        "nothing earned": 140,
        "anonymous purchase": 3_526,
        "dead letter": 2,
        "refund fully matched": 2_885,
        "refund partly matched": 247,
        "refund not matched": 522,
        "refund of nobody": 182,
    }
    assert sum(oracle.invoices.values()) == 25_900
    assert sum(oracle.lines.values()) == 8_905
    assert len(oracle.members) == 4_372


def test_the_totals_of_the_file(oracle: Oracle) -> None:
    assert (oracle.granted, oracle.clawed_back, oracle.open_claims) == (8_752_353, 449_473, 23_988)
    assert all(member.net >= 0 for member in oracle.members.values())


def test_the_replay_publishes_the_whole_file_and_only_the_bad_debts_are_refused(file: Path) -> None:
    conversion = Conversion()
    refused = []
    published = 0
    for invoice in read_invoices(file):
        for message in conversion.messages(invoice):
            published += 1
            assert len(message.value) <= MAX_MESSAGE_BYTES
            try:
                decode(message.topic, message.key.encode(), message.value, STRUCTURED_HEADERS)
            except Rejected as refusal:
                refused.append((message.event_id, refusal.code.value))

    assert published == 25_900 + 4_372
    assert refused == [("purchase-A563186", "MALFORMED"), ("purchase-A563187", "MALFORMED")]


def test_points_are_floored_once_per_receipt_and_services_earn_nothing(tmp_path: Path) -> None:
    oracle = _worked(tmp_path, "1 A 1 10 0.60 m1", "1 B 1 10 0.60 m1", "1 POST 1 10 18.00 m1", "2 POST 1 11 18.00 m1")

    assert oracle.members == {"m1": MemberPoints(granted=1)}
    assert oracle.invoices == {"granted": 1, "nothing earned": 1}


def test_a_cancellation_takes_the_newest_earlier_purchase_first(tmp_path: Path) -> None:
    """12 pieces for 12.00: 10 from the receipt of 11 h, 2 from that of 10 h, none from the later one."""
    oracle = _worked(
        tmp_path,
        "1 A 10 10 1.50 m1",
        "2 A 10 11 1.00 m1",
        "C3 A -12 12 1.00 m1",
        "4 A 10 13 1.00 m1",
    )

    assert oracle.members == {"m1": MemberPoints(granted=35, clawed_back=12)}
    assert oracle.refunds_clawed_back == 1


def test_at_equal_times_the_greater_receipt_id_is_taken_first(tmp_path: Path) -> None:
    """Taken from receipt 2 (1.00) the half pound costs a point; from receipt 1 (1.50) it would cost none."""
    oracle = _worked(tmp_path, "1 A 1 10 1.50 m1", "2 A 1 10 1.00 m1", "C3 A -1 12 0.50 m1")

    assert oracle.members == {"m1": MemberPoints(granted=2, clawed_back=1)}


def test_a_purchase_of_the_same_minute_is_not_earlier(tmp_path: Path) -> None:
    oracle = _worked(tmp_path, "1 A 3 10 1.00 m1", "C2 A -3 10 1.00 m1")

    assert oracle.members == {"m1": MemberPoints(granted=3, open_claims=3)}
    assert oracle.lines == {"not": 1}


def test_a_dearer_refund_takes_no_more_than_the_line_was_worth(tmp_path: Path) -> None:
    oracle = _worked(tmp_path, "1 A 2 10 1.00 m1", "1 B 5 10 1.00 m1", "C2 A -2 12 9.00 m1")

    assert oracle.members == {"m1": MemberPoints(granted=7, clawed_back=2)}


def test_what_matches_nothing_stays_an_open_claim(tmp_path: Path) -> None:
    oracle = _worked(tmp_path, "C1 A -5 10 1.00 m1", "2 B 2 11 1.00 m2", "C3 B -3 12 1.00 m2")

    assert oracle.members == {
        "m1": MemberPoints(open_claims=5),
        "m2": MemberPoints(granted=2, clawed_back=2, open_claims=1),
    }
    assert oracle.invoices == {"refund not matched": 1, "granted": 1, "refund partly matched": 1}


def test_nobody_earns_and_bad_debts_are_dead_letters(tmp_path: Path) -> None:
    oracle = _worked(tmp_path, "1 A 5 10 1.00 -", "C2 A -5 11 1.00 -", "A3 B 1 12 -11.00 -", "4 A -9 13 0.00 -")

    assert oracle.members == {}
    assert oracle.invoices == {"anonymous purchase": 2, "refund of nobody": 1, "dead letter": 1}


def test_compare_names_each_figure_that_differs(tmp_path: Path) -> None:
    oracle = _worked(tmp_path, "1 A 5 10 1.00 m1", "2 A 4 10 1.00 m2", "C3 B -1 11 1.00 m3")

    assert compare(oracle, dict(oracle.members)) == []
    assert compare(oracle, {"m1": MemberPoints(granted=6), "m2": MemberPoints(granted=4)}) == [
        Difference("m1", "granted", 5, 6),
        Difference("m1", "net", 5, 6),
        Difference("m3", "open_claims", 1, 0),
    ]
    assert compare(oracle, {**oracle.members, "m9": MemberPoints(granted=1)})[0].member_id == "m9"
