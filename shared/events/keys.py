"""Record keys: what decides an event's partition ("One member, one partition, one writer")."""


def member_key(program_id: str, member_id: str) -> str:
    """`<program_id>/<member_id>`; a program id holds no "/", so the first one separates the two."""
    return f"{program_id}/{member_id}"


def receipt_key(program_id: str, receipt_id: str) -> str:
    """`<program_id>/<receipt_id>`, the key of an anonymous receipt."""
    return f"{program_id}/{receipt_id}"


def version_key(program_id: str, version: int) -> str:
    """`<program_id>/<version>`, the key of a published program version."""
    return f"{program_id}/{version}"
