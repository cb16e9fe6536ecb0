"""`make planted [NAME …]`: plants each bug in a copy of the tree and shows which test catches it.

A NAME is a part of a patch's name; without one all are planted. Exit code 1 if a bug is not caught, a patch does not
apply, or the tests fail without any bug.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.local.addresses import given_addresses
from deploy.local.stack import CHECKOUT
from tests.faults.planted.bug import Bug, DoesNotApplyError, read_bugs
from tests.faults.planted.trial import copied_tree, tried


async def main(names: Sequence[str]) -> int:
    bugs = [bug for bug in read_bugs() if not names or any(name in bug.name for name in names)]
    if not bugs:
        print(f"No patch has a name with {' or '.join(names)} in it.")
        return 1
    started = time.monotonic()
    at_once = asyncio.Semaphore(1 if given_addresses() else 2)  # given servers cannot be shared
    async with copied_tree(CHECKOUT) as whole:  # one state of the tree, whatever is written meanwhile
        if not await _healthy(bugs, whole, at_once):
            return 1
        caught = sum(await asyncio.gather(*(_caught(bug, whole, at_once) for bug in _slowest_first(bugs))))
    print(f"{caught} of {len(bugs)} caught in {time.monotonic() - started:.0f} s")
    return 0 if caught == len(bugs) else 1


async def _healthy(bugs: Sequence[Bug], whole: Path, at_once: asyncio.Semaphore) -> bool:
    """Every selection passes where nothing is planted: else a failure would show nothing."""
    selections = sorted({selection for bug in bugs for selection in bug.caught_by})
    slow = [selection for selection in selections if _is_slow(selection)]
    others = [selection for selection in selections if not _is_slow(selection)]

    async def passes(part: Sequence[str]) -> bool:
        async with at_once, copied_tree(whole) as tree:
            trial = await tried(tree, part, to_the_end=True)
        if not trial.passed:
            print(f"without any bug: {trial.failed or 'the tests could not be run'}: {trial.said}", flush=True)
        return trial.passed

    started = time.monotonic()
    healthy = all(await asyncio.gather(*(passes(part) for part in (slow, others) if part)))
    if healthy:
        print(f"without any bug: {len(selections)} selections pass, {time.monotonic() - started:.0f} s", flush=True)
    return healthy


def _slowest_first(bugs: Sequence[Bug]) -> list[Bug]:
    """So that the last one to end is a short one."""
    return sorted(bugs, key=lambda bug: not _is_slow(bug.caught_by[0]))


def _is_slow(selection: str) -> bool:
    return selection.startswith(("tests/faults/", "tests/end_to_end/"))


async def _caught(bug: Bug, whole: Path, at_once: asyncio.Semaphore) -> bool:
    async with at_once:
        try:
            async with copied_tree(whole) as tree:
                for path, text in bug.planted(tree).items():
                    (tree / path).write_text(text)
                trial = await tried(tree, bug.caught_by)
        except DoesNotApplyError as error:
            print(f"{bug.name}: DOES NOT APPLY. {error}", flush=True)
            return False
    if trial.failed is None:
        said = f" {trial.said}" if trial.said else ""
        print(f"{bug.name}: NOT CAUGHT in {trial.seconds:.0f} s.{said}\n    {bug.broken}", flush=True)
        return False
    print(f"{bug.name}: caught by {trial.failed} in {trial.seconds:.0f} s\n    {trial.said}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
