"""Verify an export of GreenPoints' journal without any of its code: python verify_export.py EXPORT.json [HEADS.json]

Each row's hash follows from its content, its path leads from there to the root of its block, and the block's hash
covers that root. HEADS.json, if you have it, names blocks that you noted or were given before: they must agree.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

FIELDS = ("program_id", "member_id", "lot_id", "grant_id", "from_account", "to_account", "points", "cause_type",
          "cause_key", "cause_id")  # fmt: skip


def check(holds, wrong):
    if not holds:
        sys.exit(f"NOT PROVED: {wrong}")


def instant(text):
    since = datetime.fromisoformat(text) - datetime(2000, 1, 1, tzinfo=UTC)
    return f"{since // timedelta(microseconds=1) & (1 << 64) - 1:016x}"


def joined(*fields):
    return sha256("\x1f".join(map(str, fields)).encode()).digest()


def row_hash(row):
    return joined(*(row[name] for name in FIELDS), instant(row["business_time"]), instant(row["posted_at"]))


def root(row, count):
    found = sha256(b"\x00" + row["entry_id"].to_bytes(8, "big") + row_hash(row)).digest()
    index, path = row["index"], [bytes.fromhex(beside) for beside in row["path"]]
    while count > 1:
        if index ^ 1 < count:  # the last of an odd level goes up as it is
            check(path, f"row {row['entry_id']}: its path is too short")
            beside = path.pop(0)
            found = sha256(b"\x01" + (beside + found if index % 2 else found + beside)).digest()
        index, count = index // 2, (count + 1) // 2
    check(not path, f"row {row['entry_id']}: its path is too long")
    return found.hex()


def main(export, heads):
    program, blocks = export["program_id"], {block["block_no"]: block for block in export["blocks"]}
    for number, b in blocks.items():
        known = (number, b["after_entry"], b["up_to_entry"], b["rows"], instant(b["sealed_at"]), b["root"])
        check(joined(program, *known, b["previous_hash"]).hex() == b["block_hash"], f"block {number} is forged")
        before = blocks.get(number - 1, {}).get("block_hash", b["previous_hash"])
        check(before == b["previous_hash"], f"block {number} does not follow the block before")
    noted = heads.get(program, {})
    block = blocks.get(noted.get("block_no"), noted)
    check(block.get("block_hash") == noted.get("block_hash"), f"block {noted.get('block_no')} is not the one you noted")
    sealed = [row for row in export["rows"] if row["block_no"] is not None]
    for row in sealed:
        entry, block = row["entry_id"], blocks.get(row["block_no"])
        check(block and row["program_id"] == program, f"row {entry} names a block that is not there")
        check(block["after_entry"] < entry <= block["up_to_entry"], f"row {entry} is of another block")
        check(root(row, block["rows"]) == block["root"], f"row {entry} is not what was sealed")
    print(f"{len(sealed)} rows proved in {len(blocks)} blocks, {len(export['rows']) - len(sealed)} rows not sealed yet")


if __name__ == "__main__":
    files = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3]]
    main(*files, *[{}] * (2 - len(files)))
