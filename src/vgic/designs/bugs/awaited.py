"""The entries that are no designs yet: each with what it takes that is not modelled."""

from __future__ import annotations

from vgic.designs.bugs.bug import Awaited

HOST_ITS = "the host's ITS and GICv4: vPEs, VLPIs, doorbells"
V41 = "GICv4.1: vPEs, doorbells, hardware SGIs"
VITS = "a virtual ITS"
VFIO = "VFIO: a device's INTx and MSI modes"
X86 = "x86's posted interrupts"

AWAITED: dict[str, Awaited] = {
    "B033": Awaited(
        2026, "Linux", "19bc5d79ece6, e079ef0b1c40", "an LPI is freed while the vCPU's last list register holds it",
        "lifetimes of LPIs: a guest's GICR_CTLR.EnableLPIs, references"),
    "B036": Awaited(
        2015, "Linux", "1a74847885cc", "a restored guest has its timer masked, and no interrupt pending",
        "a save in several steps, with the registers of the timers"),
    "B045": Awaited(
        2019, "Linux", "6479450f72c1", "a VLPI is lost between its mapping and the vCPU's first run",
        HOST_ITS),
    "B047": Awaited(
        2019, "Linux", "ed0e4aa9cc74", "a guest's CLEAR returns before the pending table is updated",
        HOST_ITS),
    "B048": Awaited(2019, "Linux", "8424312516e5", "ITSs that don't know a vPE take part in its move", HOST_ITS),
    "B049": Awaited(
        2019, "Linux", "046b5054f566", "an unmapping at the same time: the wrong property byte is written",
        HOST_ITS),
    "B050": Awaited(
        2024, "Linux", "b97e8a2f7130", "a configuration is written through a mapping that is gone",
        HOST_ITS),
    "B052": Awaited(
        2020, "Linux", "96806229ca03", "a guest enters, waits, is woken by its doorbell, for ever",
        HOST_ITS),
    "B053": Awaited(2022, "Linux", "af27e41612ec", "VPENDBASER is rewritten while it must not be", HOST_ITS),
    "B055": Awaited(2020, "Linux", "a3f574cd6548", "a vCPU sleeps with a VLPI pending", V41),
    "B056": Awaited(
        2023, "Linux", "b321c31c9b7b", "a VM hangs at boot on preemptible kernels: the doorbell is dropped",
        HOST_ITS),
    "B058": Awaited(2024, "Linux", "80e9963fb3b5", "an SError when a VM is destroyed", V41),
    "B059": Awaited(2024, "Linux", "1442ee001198", "a command names a vPE that is unmapped", HOST_ITS),
    "B061": Awaited(2024, "Linux", "7d2c2048a864", "a vPE is moved while it is resident", HOST_ITS),
    "B062": Awaited(2024, "Linux", "a84a07fa3100", "an ITS maps a vPE to its old redistributor", HOST_ITS),
    "B063": Awaited(2020, "Linux", "f3a059219bc7", "an invalidation goes to the wrong redistributor", V41),
    "B064": Awaited(2020, "Linux", "9058a4e98064", "two invalidations at once on one redistributor", V41),
    "B065": Awaited(2020, "Linux", "b978c25f6ee7", "a guest sees the old configuration after SYNC", V41),
    "B067": Awaited(2024, "Linux", "ec4308ecfc88", "all SGIs and LPIs of VMs are lost after a kexec", HOST_ITS),
    "B068": Awaited(2020, "Linux", "mail of 2020-04-25 to kvmarm", "hardware SGIs are enabled, and no vPE exists", V41),
    "B070": Awaited(2023, "Linux", "7b95382f9651", "the pending state of a restored hardware SGI is lost", V41),
    "B071": Awaited(
        2017, "Linux", "Don't queue VLPIs on INV/INVALL", "a VLPI is delivered twice after an INV",
        HOST_ITS),
    "B073": Awaited(
        2025, "Linux", "05b9405f2fa1", "a host interrupt stays forwarded after its guest changed the mapping",
        HOST_ITS),
    "B074": Awaited(
        2025, "Linux", "5c57533eb8c1, a0d7e2fc61ab", "an MSI enabled before its mapping has no way to the guest",
        HOST_ITS),
    "B076": Awaited(2019, "Linux", "ca185b260951", "a save writes one vCPU's pending LPI into another's table", VITS),
    "B077": Awaited(
        2019, "Linux", "Fixes ea1ad53e1e31", "a restore fails where an event's collection is unmapped",
        VITS),
    "B079": Awaited(2024, "Linux", "e9649129d33d", "a device that was unmapped is there again after a restore", VITS),
    "B080": Awaited(2022, "Linux", "mail of 2022-10-12 to kvmarm", "a restore walks far beyond a table", VITS),
    "B081": Awaited(2024, "Linux", "ad362fe07fec", "a cached LPI is used after it was freed", VITS),
    "B082": Awaited(2024, "Linux", "85a71ee9a070, 8d3a7dfb801d", "MOVALL meets an LPI that is gone", VITS),
    "B084": Awaited(
        2022, "QEMU", "QEMU 80dcd37feb3a", "the last ID that is valid is refused, or the first that is not taken",
        VITS),
    "B085": Awaited(2020, "Linux", "969ce8b5260d", "a pending LPI is never freed when its vCPU goes", VITS),
    "B086": Awaited(2023, "Linux", "fef8f2b90edb", "one more interrupt after the guest unmasks an oneshot level", VFIO),
    "B088": Awaited(2024, "Linux", "fe9a7082684e", "an interrupt is enabled although its user has masked it", VFIO),
    "B089": Awaited(2024, "Linux", "675daf435e9f", "a test trigger before there is a handler", VFIO),
    "B090": Awaited(2012, "Linux", "899649b7d4ea", "DisINTx can never be cleared", VFIO),
    "B092": Awaited(2021, "Linux", "a2486020a82e", "a vCPU that blocked before a device was assigned sleeps on", X86),
    "B093": Awaited(2021, "Linux", "fdba608f15e2", "a vCPU about to block misses what its own thread posts", X86),
    "B095": Awaited(
        2021, "Linux", "mail of 2021-10-09 to kvm", "a notification is dropped between two reads of a word",
        X86),
    "B108": Awaited(
        2021, "QEMU", "QEMU 382c7160d1cd", "the emulator aborts at an EOIR with nothing active",
        "an emulator that ends: no state follows"),
}
