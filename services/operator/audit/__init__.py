"""`greenpoints audit`: proves, while traffic flows, that every point adds up in every service."""

from services.operator.audit.command_line import app, command
from services.operator.audit.run import run_audit
from services.operator.audit.verdict import CheckResult, Difference, Verdict

__all__ = ["CheckResult", "Difference", "Verdict", "app", "command", "run_audit"]
