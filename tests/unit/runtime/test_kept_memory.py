"""What a batch used and freed is there for the next one without a page being fetched from the kernel."""

import ctypes
import subprocess
import sys

import pytest

from shared.runtime import kept_memory

_PAGES = 4 * 2**20 // 4096
# Faults of blocks of 4 MB, each written to and freed, once one of them has been there.
_SCRIPT = """
import resource
from shared.runtime.kept_memory import keep_memory
keep_memory()
bytearray(b"x") * 2**22
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    bytearray(b"x") * 2**22
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc has mallopt")
def test_a_freed_block_is_not_fetched_again() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    assert int(done.stdout) < _PAGES


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    kept_memory.keep_memory()
