"""What must hold: the rules, and the checks that judge them from a chip's state and events."""

from vgic.rules.catalogue import RULES, Rule
from vgic.rules.hardware import HARDWARE_CHECKS
from vgic.rules.judge import MOMENTS, Broken, Check, Judge

__all__ = ["HARDWARE_CHECKS", "MOMENTS", "RULES", "Broken", "Check", "Judge", "Rule"]
