"""What handing interrupts over costs: counts of events, and cycles by published measurements."""

from vgic.cost.compare import Comparison, DesignCost, compare_designs
from vgic.cost.meter import Meter
from vgic.cost.profile import Profile, find_profile, profiles, usual

__all__ = ["Comparison", "DesignCost", "Meter", "Profile", "compare_designs", "find_profile", "profiles", "usual"]
