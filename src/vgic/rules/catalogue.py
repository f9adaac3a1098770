"""The rules: what must hold of a chip, its kernel, its hypervisor and its guests. Each one sentence, with its source.

Where a rule is judged, and by what, is in `vgic.rules.checks`.
"""

from __future__ import annotations

from typing import NamedTuple

CHIP, SYSTEM = "chip", "system"


class Rule(NamedTuple):
    """One rule.

    Attributes:
        id: its number. sentence: what must hold. section: where the specification says so.
        judged_from: CHIP, where the events and the state of a chip suffice, so that a recording of one will do; SYSTEM,
            where what guests, devices or the hypervisor did must be known, too: a scenario, or a kernel's events.
        needs: the mechanism that it is about where not every machine has it: "ITS", "VFIO", "x86"; else "".
    """

    id: int
    sentence: str
    section: str
    judged_from: str
    needs: str = ""

    def __str__(self) -> str:
        return f"rule {self.id}  {self.sentence}"


RULES: dict[int, Rule] = {r.id: r for r in (
    Rule(1, "An accepted edge stays in exactly one carrier until it is acknowledged or explicitly cleared.",
         "IHI 0069 4.1.2; IHI 0048B 3.2.4", SYSTEM),
    Rule(2, "At quiescence an enabled, inactive level interrupt whose line is high is visible as pending to its guest.",
         "IHI 0069 4.1.2", SYSTEM),
    Rule(3, "After the line drops and one exit has passed, the interrupt is not delivered again without a new cause.",
         "IHI 0069 4.1.2", SYSTEM),
    Rule(4, "One edge is acknowledged by the guest at most once.", "IHI 0069 4.1.2", SYSTEM),
    Rule(5, "No virtual CPU interface has two valid list registers for one vINTID or one pINTID.",
         "IHI 0069 ICH_LR<n>_EL2; IHI 0048B 5.2.2", CHIP),
    Rule(6, "Whenever the guest can deactivate a list register with the HW bit, its physical interrupt is active.",
         "IHI 0069 ICH_LR<n>_EL2.HW; IHI 0048B 5.2.2", CHIP),
    Rule(7, "No list register with the HW bit is ever Pending and Active.",
         "IHI 0069 ICH_LR<n>_EL2.State; IHI 0048B 5.3.10", CHIP),
    Rule(8, "A physically active forwarded interrupt has a virtual owner, pending or active: none gets stuck.",
         "IHI 0069 4.1.2, 6.2", CHIP),
    Rule(9, "The host never re-takes a forwarded level interrupt while its guest has it pending or active.",
         "IHI 0069 4.1.2", SYSTEM),
    Rule(10, "A guest's deactivation changes only the interrupt that it names, and only that one's physical twin.",
         "IHI 0069 ICV_EOIR1_EL1, ICV_DIR_EL1; IHI 0048B 5.2.2", CHIP),
    Rule(11, "Replaying EOIcount deactivates exactly that many interrupts, all outside list registers, latest first.",
         "IHI 0069 ICH_HCR_EL2.EOIcount", SYSTEM),
    Rule(12, "An active virtual interrupt stays active through exits, spills and migration until it is deactivated.",
         "IHI 0069 4.1.2", SYSTEM),
    Rule(13, "A deliverable pending interrupt is not kept out of list registers for ever.", "IHI 0069 6.2", SYSTEM),
    Rule(14, "Active priorities equal what was acknowledged and not dropped: each acknowledge has one drop.",
         "IHI 0069 4.8.3; IHI 0048B 3.3.3", CHIP),
    Rule(15, "No LPI is active: one in a list register is gone after its EOIR, in both EOImodes.",
         "IHI 0069 4.1.2, 6.2", CHIP),
    Rule(16, "With nothing deliverable IAR returns a special INTID, and that read changes no state.",
         "IHI 0069 2.2.1, ICC_IAR1_EL1; IHI 0048B 3.2.5", CHIP),
    Rule(17, "Each guest entry allows a step: no maintenance condition stays asserted across an exit that left it so.",
         "IHI 0069 ICH_MISR_EL2; IHI 0048B 5.3.3", CHIP),
    Rule(18, "While work lies outside list registers, or a completion must be seen, an exit for it is armed.",
         "IHI 0069 ICH_HCR_EL2; IHI 0048B 5.3.1", CHIP),
    Rule(19, "A blocked vCPU has no deliverable interrupt in any carrier, or its wake-up is on the way.",
         "DDI 0487 WFI", SYSTEM),
    Rule(20, "Queueing to a running vCPU leaves a request that it sees before it next runs the guest.",
         "KVM vcpu-requests", SYSTEM),
    Rule(21, "Save then restore is the identity on what the guest sees; userspace alone alters no physical state.",
         "KVM arm-vgic-v3, arm-vgic devices", SYSTEM),
    Rule(22, "A guest's read of pending or active state returns what was true at some moment of the read.",
         "IHI 0069 GICD_ISACTIVER<n>", SYSTEM),
    Rule(23, "At entry, at block and after timer writes the virtual line equals ENABLE and condition and not IMASK.",
         "DDI 0487 CNTV_CTL_EL0", SYSTEM),
    Rule(24, "Each (DeviceID, EventID) translates to exactly one of a host LPI, a guest VLPI or nothing.",
         "IHI 0069 5.2", SYSTEM, "ITS"),
    Rule(25, "An LPI pends where it is mapped now, and a move command moves exactly the set named, pending too.",
         "IHI 0069 5.3", SYSTEM, "ITS"),
    Rule(26, "A vPE is resident on one redistributor at most, one has one vPE at most, and the ITS agrees.",
         "IHI 0069 GICR_VPENDBASER", CHIP, "ITS"),
    Rule(27, "GICR_VPENDBASER is not rewritten while Valid or Dirty forbids it; PendingLast is read only when final.",
         "IHI 0069 GICR_VPENDBASER", CHIP, "ITS"),
    Rule(28, "A doorbell rings only for a vPE that is not resident; a blocked one with a pending VLPI is always told.",
         "IHI 0069 GICR_VPENDBASER.Doorbell", SYSTEM, "ITS"),
    Rule(29, "INV, INT and CLEAR on a VLPI are followed by VSYNC before they are relied on; no command names"
         " an unmapped vPE.", "IHI 0069 5.3", CHIP, "ITS"),
    Rule(30, "All ITSs that map a vPE agree on its redistributor after VMOVP, and ITSList names exactly those.",
         "IHI 0069 VMOVP", CHIP, "ITS"),
    Rule(31, "No MSI uses a translation whose removal has completed.", "IHI 0069 5.3", SYSTEM, "ITS"),
    Rule(32, "Restore never brings back a discarded entry, and a table walk ends in range.",
         "KVM arm-vgic-its device", SYSTEM, "ITS"),
    Rule(33, "One VM leaves no mask, active bit or pending change on another VM's or the host's interrupt.",
         "IHI 0069 4.1.2", SYSTEM),
    Rule(34, "A disabled interrupt, or one of a disabled group, stays pending and is weighed again on enable.",
         "IHI 0069 4.7.1; IHI 0048B 4.3.6", SYSTEM),
    Rule(35, "Retargeting moves a pending inactive interrupt, and leaves an active one with who acknowledged it.",
         "IHI 0069 GICD_IROUTER<n>; IHI 0048B 4.3.12", SYSTEM),
    Rule(36, "Switching between software and forwarded injection neither loses nor doubles pending, active or mask.",
         "KVM VFIO device", SYSTEM, "VFIO"),
    Rule(37, "PIR not empty with SN clear implies ON; a notification is sent exactly when ON goes from 0 to 1.",
         "Intel SDM 3C, posted interrupts", SYSTEM, "x86"),
    Rule(38, "A blocked vCPU with posted interrupts has NV = wakeup and stands on the wake list of CPU NDST.",
         "Intel SDM 3C, posted interrupts", SYSTEM, "x86"),
    Rule(39, "A GICv2 SGI is delivered once for each source that sent it, and IAR and EOIR name that source.",
         "IHI 0048B 3.2.2, 4.4.4", SYSTEM),
    Rule(40, "A virtual interrupt that is signalled is there to be acknowledged, or is signalled no more.",
         "IHI 0069 4.8.6, 6.2; IHI 0048B 5.2", SYSTEM),
    Rule(42, "A vCPU that executes WFI with nothing to take is put to sleep, not sent round.", "DDI 0487 WFI", SYSTEM),
)}
