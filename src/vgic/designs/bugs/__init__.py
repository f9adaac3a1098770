"""Historical bugs: each a design, a chip or a kernel with one rule flipped back to what shipped.

A design's class, or the build with an exchanged chip or kernel, is named after its entry (B002). That says where it
was, what was wrong and what the guest sees, and names a scenario whose script shows it, with rules that it breaks
there. Facts come from public histories and lists; the code is ours.

    lists.py    list registers, queues and the guest's distributor in KVM
    timers.py   the guest's timers in KVM
    others.py   Xen, Bao, FreeBSD, libvmm
    chips.py    emulated GICs: the chip itself
    bases.py    designs that some of these were planted in, or are compared with
    awaited.py  the entries that are no designs yet, each with what it awaits
"""

from vgic.designs.bugs.awaited import AWAITED
from vgic.designs.bugs.bug import SECTIONS, Awaited, Bug, BugBuild, Section, bugs, section

__all__ = ["AWAITED", "SECTIONS", "Awaited", "Bug", "BugBuild", "Section", "bugs", "section"]
