"""A pack that a command names: by its file, or as PROGRAM@VERSION."""

import asyncio
from pathlib import Path

from deploy.local.trouble import Trouble
from services.operator.printed import plain
from services.operator.program.history import read_book
from services.operator.program.publish import invalid
from services.operator.program.written import written_in
from services.operator.running import find_addresses
from shared.programs.load import Draft, InvalidPackError, load_draft
from shared.programs.pack import ProgramPack


def bootstrap_of(kafka: str | None) -> str:
    """As given, else of the GreenPoints that runs here; raises Trouble when there is neither."""
    found = kafka or find_addresses().kafka
    if found is None:
        raise Trouble("ADDRESS_UNKNOWN", "Where Kafka answers is not known.", "Set GREENPOINTS_KAFKA.")
    return found


def draft_in(path: Path) -> Draft:
    """Raises InvalidPackError."""
    return load_draft(written_in(path), str(path))


def named_pack(name: str, kafka: str | None) -> ProgramPack:
    """A file, else a published version. Raises Trouble where there is neither."""
    if Path(name).is_file():
        try:
            return draft_in(Path(name)).pack
        except InvalidPackError as error:
            raise invalid(error) from error
    program, _, number = name.rpartition("@")
    if not program or not number.isdecimal():
        raise Trouble("PACK_UNKNOWN", f"{plain(name)} is no file.", "Name a pack's file, or PROGRAM@VERSION.")
    version = asyncio.run(read_book(bootstrap_of(kafka))).version(program, int(number))
    if version is None:
        raise Trouble("PACK_UNKNOWN", f"No version {number} of {plain(program)} stands.", "See `program history`.")
    return version.pack
