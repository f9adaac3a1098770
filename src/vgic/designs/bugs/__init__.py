"""Historical bugs: each a design with one rule flipped back to what shipped.

A class is named after its entry (B002), says where it was, what was wrong and what the guest sees, and names a scenario
whose script shows it, with rules that it breaks there. Facts come from public histories and lists; the code is ours.

    lists.py    list registers, queues and the guest's distributor in KVM
    timers.py   the guest's timers in KVM
    others.py   Xen, Bao, FreeBSD, libvmm
"""

from vgic.designs.bugs.bug import Bug, bugs

__all__ = ["Bug", "bugs"]
