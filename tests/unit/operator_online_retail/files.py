"""Small tables in the shape of the Online Retail file."""

import gzip
from pathlib import Path

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def write_table(path: Path, *rows: str, header: str = HEADER) -> Path:
    text = "\n".join((header, *rows)) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def row(
    invoice: str,
    code: str = "85123A",
    quantity: int = 1,
    *,
    time: str = "2011-01-04 10:00:00",
    price: str = "1.00",
    customer: str = "17850",
    description: str = "LANTERN",
) -> str:
    return f"{invoice},{code},{description},{quantity},{time},{price},{customer},United Kingdom"
