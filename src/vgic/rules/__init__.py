"""What must hold: the rules, and the checks that judge them on machines, on recordings of chips, on kernel events."""

from vgic.rules.catalogue import RULES, Rule
from vgic.rules.checks import CHECKS, KERNEL_CHECKS, MACHINE_RULES, RECORDING_CHECKS
from vgic.rules.judge import Breach, Judge, RecordingCheck
from vgic.rules.moments import Moments, Teller

__all__ = [
    "CHECKS", "KERNEL_CHECKS", "MACHINE_RULES", "RECORDING_CHECKS", "RULES", "Breach", "Judge", "Moments",
    "RecordingCheck", "Rule", "Teller",
]
