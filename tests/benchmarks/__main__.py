"""`python -m tests.benchmarks`: everything the README of this folder explains, in one run on one machine."""

import argparse
import asyncio
import json
import logging
import os
import random
import sys
from pathlib import Path

from deploy.local.compiled import BuildError, build
from deploy.local.stack import default_state_dir
from deploy.local.trouble import Trouble
from shared.compiled import SETTING
from tests.benchmarks.comparison import Plan
from tests.benchmarks.report import as_json
from tests.benchmarks.stage import CONSUMING, BenchmarkFailedError
from tests.benchmarks.suite import PARTS, run


def main() -> None:
    """Exit code 0 whatever the figures say: it measures, it does not judge; 1 when the run itself failed."""
    asked = _arguments()
    _settle_what_runs(asked.plain or asked.profile is not None)  # a profile sees nothing of compiled modules
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it logs what it then does again by itself
    seed = int(os.environ.get("GREENPOINTS_TEST_SEED") or random.SystemRandom().randrange(10**6))
    plan = Plan(
        quick=asked.quick,
        seed=seed,
        events=asked.events or (30_000 if asked.quick else 40_000),
        repetitions=1 if asked.quick else 3,
        naive_seconds=3.0 if asked.quick else 10.0,
    )
    print(f"seed {seed}")
    try:
        result = asyncio.run(run(plan, asked.only, asked.sustained, asked.profile, print))
    except (BenchmarkFailedError, Trouble) as failed:
        sys.exit(f"The benchmark failed: {failed}")
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(as_json(result), indent=1) + "\n")


def _settle_what_runs(plain: bool) -> None:
    """Begin again with a build or without one, if need be: which modules a process takes is settled when it starts."""
    told = os.environ.get(SETTING)
    if plain == (not told):
        return
    wanted = ""
    if not plain:
        folder = default_state_dir() / "compiled"
        try:
            build(folder)
        except BuildError as error:
            print(f"Measured without compiled modules. {error}")
            return
        wanted = str(folder)
    again = [sys.executable, "-m", "tests.benchmarks", *sys.argv[1:]]
    os.execve(sys.executable, again, {**os.environ, SETTING: wanted})  # noqa: S606 - ourselves


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repetition of little: a look, not a figure to quote")
    parser.add_argument("--plain", action="store_true", help="without compiled modules, as where no C compiler is")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[], metavar="NAME", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--events", type=int, help="purchases per backlog")
    parser.add_argument("--sustained", type=int, metavar="SECONDS", help="steady load for so long, at 70%% and in full")
    parser.add_argument(
        "--profile", nargs="?", const="earning", choices=(*CONSUMING, "rules"), help="one worker under cProfile"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
