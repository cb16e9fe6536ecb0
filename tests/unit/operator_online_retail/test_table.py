"""The Online Retail table is read invoice by invoice, quirks included."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.operator.online_retail.table import TableError, fingerprint, read_invoices
from tests.unit.operator_online_retail.files import row, write_table


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_plain_and_compressed_files_read_alike(tmp_path: Path, name: str) -> None:
    path = write_table(tmp_path / name, row("1", quantity=3, price="2.55"), row("1", "71053"))

    [invoice] = read_invoices(path)

    assert (invoice.number, invoice.customer_id, invoice.total_minor) == ("1", "17850", 765 + 100)
    assert [line.stock_code for line in invoice.lines] == ["85123A", "71053"]


def test_the_second_tables_header_names_are_known(tmp_path: Path) -> None:
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    path = write_table(tmp_path / "t.csv", row("1", customer="13085.0"), header=header)

    [invoice] = read_invoices(path)

    assert invoice.customer_id == "13085"


def test_rows_that_stand_apart_are_one_invoice_with_the_first_rows_time(tmp_path: Path) -> None:
    path = write_table(
        tmp_path / "t.csv",
        row("1", "A", time="2011-02-01 11:19:00"),
        row("2", "B", time="2011-02-01 11:19:00"),
        row("1", "C", time="2011-02-01 11:20:00"),
        row("3", "D", time="2011-02-01 11:21:00"),
    )

    invoices = list(read_invoices(path))

    assert [invoice.number for invoice in invoices] == ["1", "2", "3"]
    assert [line.stock_code for line in invoices[0].lines] == ["A", "C"]
    assert invoices[0].time == datetime(2011, 2, 1, 11, 19, tzinfo=UTC)


def test_exact_duplicate_rows_are_repeated_lines(tmp_path: Path) -> None:
    [invoice] = read_invoices(write_table(tmp_path / "t.csv", row("1"), row("1")))

    assert len(invoice.lines) == 2


def test_a_file_out_of_order_is_put_in_order_of_time(tmp_path: Path) -> None:
    path = write_table(
        tmp_path / "t.csv",
        row("2", time="2011-03-01 09:00:00"),
        row("1", time="2011-02-01 09:00:00"),
    )

    assert [invoice.number for invoice in read_invoices(path)] == ["1", "2"]


@pytest.mark.parametrize(
    ("wall", "utc"),
    [
        ("2011-01-04 10:00:00", datetime(2011, 1, 4, 10, tzinfo=UTC)),
        ("2011-07-04 10:00:00", datetime(2011, 7, 4, 9, tzinfo=UTC)),
        ("12/1/2010 8:26", datetime(2010, 12, 1, 8, 26, tzinfo=UTC)),
    ],
)
def test_times_are_london_wall_time(tmp_path: Path, wall: str, utc: datetime) -> None:
    [invoice] = read_invoices(write_table(tmp_path / "t.csv", row("1", time=wall)))

    assert invoice.time == utc


@pytest.mark.parametrize(
    ("quantity", "price", "pence"),
    [(1, "0.001", 0), (5, "0.001", 1), (4, "0.001", 0), (15, "0.125", 188), (-5, "0.001", -1), (3, "2.55", 765)],
)
def test_each_line_is_rounded_half_up_to_the_penny(tmp_path: Path, quantity: int, price: str, pence: int) -> None:
    [invoice] = read_invoices(write_table(tmp_path / "t.csv", row("1", quantity=quantity, price=price)))

    assert invoice.lines[0].net_minor == pence


def test_a_missing_customer_is_nobody(tmp_path: Path) -> None:
    [invoice] = read_invoices(write_table(tmp_path / "t.csv", row("1", customer="")))

    assert invoice.customer_id is None


def test_bytes_that_are_not_utf_8_do_not_stop_the_file(tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", row("1", description="PRICE"))
    path.write_bytes(path.read_bytes().replace(b"PRICE", b"\xa31 SALE"))

    [invoice] = read_invoices(path)

    assert invoice.lines[0].description.endswith("1 SALE")


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("1,A,B,x,2011-01-04 10:00:00,1.00,17850,UK", "line 2"),
        ("1,A,B,1,2011-01-04 10:00:00,free,17850,UK", "price"),
        ("1,A,B,1,2011-01-04 10:00:00,NaN,17850,UK", "price"),
        ("1,A,B,1,yesterday,1.00,17850,UK", "not a time"),
        ("1,A,B", "too few cells"),
        (" ,A,B,1,2011-01-04 10:00:00,1.00,17850,UK", "invoice number"),
    ],
)
def test_an_unreadable_row_is_named(tmp_path: Path, broken: str, says: str) -> None:
    with pytest.raises(TableError, match=says):
        list(read_invoices(write_table(tmp_path / "t.csv", broken)))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="customer_id"):
        list(read_invoices(write_table(tmp_path / "t.csv", header="InvoiceNo,StockCode,Description,"
                                       "Quantity,InvoiceDate,UnitPrice,Country")))  # fmt: skip


def test_a_spreadsheet_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "Online Retail.xlsx"
    path.write_bytes(b"PK")

    with pytest.raises(TableError, match="save the sheet as CSV"):
        list(read_invoices(path))


def test_the_fingerprint_tells_files_apart(tmp_path: Path) -> None:
    one = write_table(tmp_path / "one.csv", row("1"))
    same = write_table(tmp_path / "same.csv", row("1"))
    other = write_table(tmp_path / "other.csv", row("2"))

    assert fingerprint(one) == fingerprint(same) != fingerprint(other)
