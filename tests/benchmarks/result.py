"""Everything one run measured."""

from dataclasses import dataclass, field

from tests.benchmarks.comparison import Comparison, Plan
from tests.benchmarks.fraud import FraudFigures
from tests.benchmarks.latency import Latency
from tests.benchmarks.machine import Machine
from tests.benchmarks.memory import Memory
from tests.benchmarks.notifier import Notifier
from tests.benchmarks.rules import RuleCost
from tests.benchmarks.slices import SliceCost
from tests.benchmarks.sustained import Sustained
from tests.benchmarks.till import TillFigures


@dataclass(slots=True)
class Result:
    plan: Plan
    machine: Machine
    rules: RuleCost | None = None
    slices: list[SliceCost] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    latency: Latency | None = None
    memory: Memory | None = None
    fraud: FraudFigures | None = None
    notifier: Notifier | None = None
    till: TillFigures | None = None
    sustained: list[Sustained] = field(default_factory=list)
