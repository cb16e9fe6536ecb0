"""`greenpoints program`: check packs, publish them, say what changed and what was published."""

from services.operator.program.command import app
from services.operator.program.history import read_book
from services.operator.program.publish import SHIPPED, apply_shipped, publish_pack, read_pack

__all__ = ["SHIPPED", "app", "apply_shipped", "publish_pack", "read_book", "read_pack"]
