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
        unseen: what its checks in scenarios do not see, though the sentence speaks of it; "" where that is nothing, and
            for a rule that is judged nowhere yet.
        needs: the mechanism that it is about where not every machine has it: "ITS", "VFIO", "x86"; else "".
    """

    id: int
    sentence: str
    section: str
    judged_from: str
    unseen: str = ""
    needs: str = ""

    def __str__(self) -> str:
        return f"rule {self.id}  {self.sentence}"


RULES: dict[int, Rule] = {r.id: r for r in (
    Rule(1, "An accepted edge stays in exactly one carrier until it is acknowledged or explicitly cleared.",
         "IHI 0069 4.1.2; IHI 0048B 3.2.4", SYSTEM,
         "an edge in two carriers at once, until it is delivered twice (rule 4); a loss, until its guest "
         "would take the interrupt again; which of two edges was lost; SGIs of a GICv2 (rule 39)."),
    Rule(2, "At quiescence an enabled, inactive level interrupt whose line is high is visible as pending to its guest.",
         "IHI 0069 4.1.2", SYSTEM,
         "a level that its guest has masked or disabled, or that belongs to a vCPU which waits for a PE."),
    Rule(3, "After the line drops and one exit has passed, the interrupt is not delivered again without a new cause.",
         "IHI 0069 4.1.2", SYSTEM,
         "a line that rises again before its guest has been out; levels of another VM's or the host's; "
         "what irqfd was not told, for it carries no falling edge."),
    Rule(4, "One edge is acknowledged by the guest at most once, and never after it was cleared.",
         "IHI 0069 4.1.2", SYSTEM,
         "a third edge while two wait: edges are told apart up to two. An edge that was cleared may still "
         "be taken from the list register of a vCPU that runs, or come from where its hypervisor does not "
         "know of it yet."),
    Rule(5, "No virtual CPU interface has two valid list registers for one vINTID or one pINTID.",
         "IHI 0069 ICH_LR<n>_EL2; IHI 0048B 5.2.2", CHIP,
         "list registers of a vCPU that is out of its guest; a pINTID shared by two PEs, if its vINTID is "
         "not."),
    Rule(6, "Whenever the guest can deactivate a list register with the HW bit, its physical interrupt is active.",
         "IHI 0069 ICH_LR<n>_EL2.HW; IHI 0048B 5.2.2", CHIP,
         "a vCPU that is out of its guest; a twin that goes inactive and active again in between."),
    Rule(7, "No list register with the HW bit is ever Pending and Active.",
         "IHI 0069 ICH_LR<n>_EL2.State; IHI 0048B 5.3.10", CHIP),
    Rule(8, "A physically active forwarded interrupt has a virtual owner, pending or active: none gets stuck.",
         "IHI 0069 4.1.2, 6.2", CHIP,
         "an owner that is there but never shown, where all list registers are full or the vCPU sleeps; an"
         " interrupt that its guest has disabled or would not take."),
    Rule(9, "The host never re-takes a forwarded level interrupt while its guest has it pending or active.",
         "IHI 0069 4.1.2", SYSTEM,
         "edges; a private interrupt whose vCPU is off its PE; what is taken again after its guest wrote "
         "its pending or active state, or after a driver of the host's disabled it."),
    Rule(10, "A guest's deactivation changes only the interrupt that it names, and only that one's physical twin.",
         "IHI 0069 ICV_EOIR1_EL1, ICV_DIR_EL1; IHI 0048B 5.2.2", CHIP,
         "a deactivation that the hypervisor carries out: one of another interrupt is told by rules 11 and"
         " 12, of another twin by 6, 8 and 9."),
    Rule(11, "Replaying EOIcount deactivates exactly that many interrupts, all outside list registers, latest first.",
         "IHI 0069 ICH_HCR_EL2.EOIcount", SYSTEM,
         "a loss that is made good before all vCPUs of the VM are out of their guests; LPIs; in which "
         "order interrupts were ended that are all over by then."),
    Rule(12, "An active virtual interrupt stays active through exits, spills and migration until it is deactivated.",
         "IHI 0069 4.1.2", SYSTEM,
         "a loss that is made good before all vCPUs of the VM are out of their guests; LPIs; an interrupt "
         "of a design that can't be read by userspace, outside list registers."),
    Rule(13, "A deliverable pending interrupt is not kept out of list registers for ever.", "IHI 0069 6.2", SYSTEM,
         "an interrupt that is kept out by pending ones, as long as its guest goes on; one of a vCPU that "
         "waits for a PE."),
    Rule(14, "Active priorities equal what was acknowledged and not dropped: each acknowledge has one drop.",
         "IHI 0069 4.8.3; IHI 0048B 3.3.3", CHIP,
         "which priorities are active, where a guest has ended interrupts in another order than it took "
         "them, or has changed a priority meanwhile: then they are counted. A vCPU that is out of its "
         "guest."),
    Rule(15, "No LPI is active: one in a list register is gone after its EOIR, in both EOImodes.",
         "IHI 0069 4.1.2, 6.2", CHIP,
         "a list register of a vCPU that is out of its guest."),
    Rule(16, "With nothing deliverable IAR returns a special INTID, and that read changes no state.",
         "IHI 0069 2.2.1, ICC_IAR1_EL1; IHI 0048B 3.2.5", CHIP,
         "whether what is acknowledged is the most urgent; a binary point of the guest's other than the "
         "least; a priority that was changed while the interrupt was active, or where nobody reached it; "
         "HPPIR and RPR."),
    Rule(17, "Each guest entry allows a step: no maintenance condition stays asserted across an exit that left it so.",
         "IHI 0069 ICH_MISR_EL2; IHI 0048B 5.3.3", CHIP,
         "a guest that makes a step between two exits, however small; exits for anything but a maintenance"
         " interrupt."),
    Rule(18, "While work lies outside list registers, or a completion must be seen, an exit for it is armed.",
         "IHI 0069 ICH_HCR_EL2; IHI 0048B 5.3.1", CHIP,
         "an exit that is armed and comes too late; an end by a guest that is wrong about EOImode."),
    Rule(19, "A blocked vCPU has no deliverable interrupt in any carrier, or its wake-up is on the way.",
         "DDI 0487 WFI", SYSTEM,
         "how late a wake-up comes; an interrupt that was deliverable and is so no more when the machine "
         "is at rest."),
    Rule(20, "Queueing to a running vCPU leaves a request that it sees before it next runs the guest.",
         "KVM vcpu-requests", SYSTEM,
         "how late a kick is seen; a request that is made in vain. A vCPU whose list registers are all "
         "full (rule 18)."),
    Rule(21, "Save then restore is the identity on what the guest sees; userspace alone alters no physical state.",
         "KVM arm-vgic-v3, arm-vgic devices", SYSTEM,
         "priorities, groups, triggers and routes that are not written back, for a VM is restored in its "
         "own place; what the guest notices only later breaks the rules of delivery."),
    Rule(22, "A guest's read of enable, priority, pending or active state returns what was true at some moment of it.",
         "IHI 0069 GICD_ISACTIVER<n>", SYSTEM,
         "CTLR, TYPER, ICFGR, IGROUPR, IROUTER, ITARGETSR, SPENDSGIR and timers' registers; a pending "
         "bit that reads as 0 while the interrupt may be on its way to its hypervisor, or as 1 after "
         "two edges were taken as one; LPIs."),
    Rule(23, "At entry, at block and after timer writes the virtual line equals ENABLE and condition and not IMASK.",
         "DDI 0487 CNTV_CTL_EL0", SYSTEM,
         "the virtual line itself, while the vCPU is out of its guest; a timer that the hypervisor "
         "emulates (rules 2 and 3 tell what comes of it)."),
    Rule(24, "Each (DeviceID, EventID) translates to exactly one of a host LPI, a guest VLPI or nothing.",
         "IHI 0069 5.2", SYSTEM, needs="ITS"),
    Rule(25, "An LPI pends where it is mapped now, and a move command moves exactly the set named, pending too.",
         "IHI 0069 5.3", SYSTEM, needs="ITS"),
    Rule(26, "A vPE is resident on one redistributor at most, one has one vPE at most, and the ITS agrees.",
         "IHI 0069 GICR_VPENDBASER", CHIP, needs="ITS"),
    Rule(27, "GICR_VPENDBASER is not rewritten while Valid or Dirty forbids it; PendingLast is read only when final.",
         "IHI 0069 GICR_VPENDBASER", CHIP, needs="ITS"),
    Rule(28, "A doorbell rings only for a vPE that is not resident; a blocked one with a pending VLPI is always told.",
         "IHI 0069 GICR_VPENDBASER.Doorbell", SYSTEM, needs="ITS"),
    Rule(29, "INV, INT and CLEAR on a VLPI are followed by VSYNC before they are relied on; no command names"
         " an unmapped vPE.", "IHI 0069 5.3", CHIP, needs="ITS"),
    Rule(30, "All ITSs that map a vPE agree on its redistributor after VMOVP, and ITSList names exactly those.",
         "IHI 0069 VMOVP", CHIP, needs="ITS"),
    Rule(31, "No MSI uses a translation whose removal has completed.", "IHI 0069 5.3", SYSTEM, needs="ITS"),
    Rule(32, "Restore never brings back a discarded entry, and a table walk ends in range.",
         "KVM arm-vgic-its device", SYSTEM, needs="ITS"),
    Rule(33, "One VM leaves no mask, active bit or pending change on another VM's or the host's interrupt.",
         "IHI 0069 4.1.2", SYSTEM,
         "another VM's interrupts: rules 6, 8 and 9 tell of those. Pending state, until the line or the "
         "latch is lost."),
    Rule(34, "A disabled interrupt, or one of a disabled group, stays pending and is weighed again on enable.",
         "IHI 0069 4.7.1; IHI 0048B 4.3.6", SYSTEM,
         "a group that is disabled at the distributor; what was lost while disabled and is not enabled "
         "again."),
    Rule(35, "Retargeting moves a pending inactive interrupt, and leaves an active one with who acknowledged it.",
         "IHI 0069 GICD_IROUTER<n>; IHI 0048B 4.3.12", SYSTEM,
         "what is pending in the list register of a vCPU that runs on, and in a hypervisor's memory, until"
         " a vCPU is entered; active ones are told by rules 11 and 12."),
    Rule(36, "Switching between software and forwarded injection neither loses nor doubles pending, active or mask.",
         "KVM VFIO device", SYSTEM, needs="VFIO"),
    Rule(37, "PIR not empty with SN clear implies ON; a notification is sent exactly when ON goes from 0 to 1.",
         "Intel SDM 3C, posted interrupts", SYSTEM, needs="x86"),
    Rule(38, "A blocked vCPU with posted interrupts has NV = wakeup and stands on the wake list of CPU NDST.",
         "Intel SDM 3C, posted interrupts", SYSTEM, needs="x86"),
    Rule(39, "A GICv2 SGI is delivered once for each source that sent it, and IAR and EOIR name that source.",
         "IHI 0048B 3.2.2, 4.4.4", SYSTEM,
         "a source that sends again before its SGI is taken; what waits for a scheduler."),
    Rule(40, "A virtual interrupt that is signalled is there to be acknowledged, or is signalled no more.",
         "IHI 0069 4.8.6, 6.2; IHI 0048B 5.2", SYSTEM,
         "a single signal that is withdrawn, and any number with something new between."),
    Rule(41, "The host ends what it acknowledged and has not ended: in the order of its priorities, and by its source.",
         "IHI 0069 ICC_EOIR1_EL1; IHI 0048B 4.4.5, 4.4.15", CHIP,
         "LPIs; ends at the virtual interface, which are a guest's; an end after ICACTIVER, which is "
         "permitted."),
    Rule(42, "A vCPU that executes WFI with nothing to take is put to sleep, not sent round.", "DDI 0487 WFI", SYSTEM,
         "a vCPU that stays awake for what its running priority or its group holds back, or for an edge that its guest"
         " has cleared elsewhere."),
    Rule(43, "A vCPU that its guest has switched off runs when another one switches it on, and not before.",
         "DEN 0022 5.5, 5.6", SYSTEM,
         "what a reset leaves of a vCPU's registers; one that is switched on, and waits for a PE."),
)}
