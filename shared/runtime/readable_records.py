"""Record batches whose header names are not UTF-8, made readable.

Kafka takes any bytes as a header's name; the client's parser fails on such a name, and with it on the whole batch,
however often it is read. Here the name's foreign bytes become `?` (so that it does not grow) and the record gets one
more header that says so; everything else of the batch stays as it was.
"""

import struct
import time
from typing import Any

import structlog
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c, decode_varint, encode_varint

log = structlog.get_logger()

UNREADABLE_HEADER = "greenpoints-unreadable-header"  # its value shows the first such name of the record
_SHOWN_BYTES = 60
_SWITCHED_ON_SECONDS = 60.0

# Places in a v2 batch: base offset 8, length 4, leader epoch 4, magic 1, CRC 4, attributes 2, …, record count 4.
_LENGTH_AT, _AFTER_LENGTH, _MAGIC_AT, _CRC_AT, _ATTRIBUTES_AT, _COUNT_AT, _RECORDS_AT = 8, 12, 16, 17, 21, 57, 61
_CODEC_BITS = 0x07
_DECODERS = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}

_until = float("-inf")


class UnreadableHeaderError(Exception):
    """A fetched batch holds a header name that is not UTF-8: fetch it again, it will be made readable."""


def install() -> None:
    """Let the client's fetcher parse what `readable` leaves while that is switched on.

    The parser has no hook for this. While it is off, a fetched answer pays one comparison.
    """
    fetcher.MemoryRecords = _memory_records


def switch_on() -> None:
    """Make batches readable for the next minute; every need of it begins the minute anew."""
    global _until  # noqa: PLW0603 - one fetcher module, one switch
    _until = time.monotonic() + _SWITCHED_ON_SECONDS


def _memory_records(raw: bytes) -> Any:
    if time.monotonic() < _until:
        try:
            raw = readable(raw)
        except Exception:  # raised here it would end the client's fetch loop for good
            log.exception("fetched records stay as they came")
    return MemoryRecords(raw)


def readable(raw: bytes | memoryview) -> bytes:
    """The same record batches, each v2 batch with an unreadable header name rewritten without compression.

    All other batches, and an incomplete one at the end, pass through byte for byte.
    """
    data = bytes(raw)
    pieces: list[bytes] = []
    position = 0
    while len(data) - position >= _AFTER_LENGTH:
        (length,) = struct.unpack_from(">i", data, position + _LENGTH_AT)
        end = position + _AFTER_LENGTH + length
        if length < 0 or end > len(data):
            break
        batch = data[position:end]
        pieces.append(_mended(batch) if _is_unreadable(batch) else batch)
        position = end
    pieces.append(data[position:])
    return b"".join(pieces)


def _is_unreadable(batch: bytes) -> bool:
    """Asks the client's own parser; whatever else is wrong with a batch stays for it to say."""
    if len(batch) < _RECORDS_AT or batch[_MAGIC_AT] != 2:
        return False
    parsed = DefaultRecordBatch(batch)
    try:
        if parsed.is_control_batch or not parsed.validate_crc():
            return False
        for _ in parsed:
            pass
    except UnicodeDecodeError:
        return True
    except Exception:
        return False
    return False


def _mended(batch: bytes) -> bytes:
    (attributes,) = struct.unpack_from(">h", batch, _ATTRIBUTES_AT)
    (count,) = struct.unpack_from(">i", batch, _COUNT_AT)
    body = batch[_RECORDS_AT:]
    if codec := attributes & _CODEC_BITS:
        body = _DECODERS[codec](body)
    records = bytearray(body)
    mended = bytearray(batch[:_RECORDS_AT])
    position = 0
    for _ in range(count):
        length, start = decode_varint(records, position)
        position = start + length
        record = _mended_record(records[start:position])
        encode_varint(len(record), mended.append)
        mended += record
    struct.pack_into(">i", mended, _LENGTH_AT, len(mended) - _AFTER_LENGTH)
    struct.pack_into(">h", mended, _ATTRIBUTES_AT, attributes & ~_CODEC_BITS)
    struct.pack_into(">I", mended, _CRC_AT, calc_crc32c(bytes(mended[_ATTRIBUTES_AT:])))
    return bytes(mended)


def _mended_record(record: bytearray) -> bytearray:
    """One record without its leading length: attributes, time and offset deltas, key, value, headers."""
    position = 0
    for _ in ("attributes", "time delta", "offset delta"):  # attributes as the client's parser takes them
        _, position = decode_varint(record, position)
    for _ in ("key", "value"):
        position = _after_bytes(record, position)
    count, headers_at = decode_varint(record, position)
    headers = record[headers_at:]
    unreadable: list[bytes] = []
    at = 0
    for _ in range(count):
        length, name_at = decode_varint(headers, at)
        name = bytes(headers[name_at : name_at + length])
        if not _is_utf8(name):
            unreadable.append(name)
            headers[name_at : name_at + length] = bytes(byte if byte < 0x80 else ord("?") for byte in name)
        at = _after_bytes(headers, name_at + length)
    if not unreadable:
        return record
    mended = record[:position]
    encode_varint(count + 1, mended.append)
    mended += headers
    for part in (UNREADABLE_HEADER.encode(), ascii(unreadable[0][:_SHOWN_BYTES]).encode()):
        encode_varint(len(part), mended.append)
        mended += part
    return mended


def _after_bytes(data: bytearray, position: int) -> int:
    length, start = decode_varint(data, position)
    return int(start + max(length, 0))  # -1 stands for no value


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
