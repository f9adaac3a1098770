"""When a guest is entered, as far as the accesses of a recording tell.

An entry shows in no access of its own. A hypervisor programs the virtual interface by several writes, in an order of
its choice (Linux on a GICv2 enables the interface before it writes the list registers), and enters its guest behind the
last of them. So an entry is known at what comes next and can only come from outside the programming: the guest's first
access, or the hypervisor looking at what the guest left (a read of anything but HCR and VTR, or the write that disables
the interface). A read of HCR and the write after it are a change of HCR, which hypervisors make on their way in and on
their way out; what follows them tells nothing, until the guest itself does.

Where exceptions are logged (`-d int`) it is known: a guest is entered where a PE whose interface was programmed leaves
EL2, and nowhere else while it is known where that PE is.
"""

from __future__ import annotations

from vgic.arch.ich import EN
from vgic.trace.events import ExceptionLevel
from vgic.trace.exceptions import Whereabouts
from vgic.trace.places import Reached


class Entries:
    """What the PEs of one recording are about.

    Attributes:
        inside: the PEs whose guest is in, or has accessed its interface since its hypervisor last did.
    """

    def __init__(self, pes: int) -> None:
        self.whereabouts = Whereabouts(pes)
        self.inside: set[int] = set()
        self.shown: set[int] = set()
        self.changing: set[int] = set()

    def hypervisor(self, place: Reached, value: int, write: bool, pe: int) -> bool:
        """The hypervisor is about to access the virtual interface. Whether a guest was in since it programmed it, if
        the interface is enabled."""
        role = place.role
        self.inside.discard(pe)
        if role == "hcr" and not write:
            self.shown.discard(pe)
            self.changing.add(pe)
        elif role == "hcr" and value & EN:
            if pe not in self.changing:
                self.shown.add(pe)
            self.changing.discard(pe)
        elif role != "constant":
            self.changing.discard(pe)
            if pe in self.shown and (role == "hcr" or not write):
                self.shown.discard(pe)
                return not self.whereabouts.known(pe)
        return False

    def exception(self, e: ExceptionLevel) -> int | None:
        """An exception, or the return from one. The PE that leaves its hypervisor, once it has programmed something."""
        pe = self.whereabouts.change(e)
        if pe is None or pe not in self.shown or not (e.before == 2 and e.after < 2):
            return None
        self.guest(pe)
        return pe

    def list_register_shown(self, pe: int) -> None:
        """The hypervisor has put an interrupt into a list register."""
        self.shown.add(pe)

    def guest(self, pe: int) -> None:
        """A guest that is not known to be inside is about to access its interface: it is."""
        self.inside.add(pe)
        self.shown.discard(pe)
