"""Memory that one batch has used stays with the process for the next one.

glibc gives a large free block back to the kernel at once and fetches it anew, page by page, for the next batch's rows:
4 µs per event.
"""

import ctypes

_MEGABYTE = 2**20
# glibc's malloc.h: what a `mallopt` sets, and to what. Setting one of them stops the thresholds from moving.
_SETTINGS = {
    -1: 64 * _MEGABYTE,  # M_TRIM_THRESHOLD: free memory at the heap's end beyond which it is given back
    -2: 16 * _MEGABYTE,  # M_TOP_PAD: by how much more than asked the heap grows
    -3: 32 * _MEGABYTE,  # M_MMAP_THRESHOLD: from this size on a block is the kernel's own, and gone once it is free
}


def keep_memory() -> None:
    """Do so for this process; without effect where the C library is another than glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for setting, size in _SETTINGS.items():
            mallopt(setting, size)
