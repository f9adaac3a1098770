"""Flow handlers: what happens between the acknowledge and the deactivation, and how disabling works with it."""

from __future__ import annotations

from vgic.host.descriptor import IrqDesc


def handle_fasteoi_irq(desc: IrqDesc, pe: int) -> None:
    """A shared interrupt on a chip with a transparent end: run the handler, then irq_eoi.

    Disabled (lazily): mask it now, remember it, don't run the handler.
    """
    chip = desc.data.chip
    if desc.depth or desc.handler is None:
        desc.pending = True
        mask_irq(desc, pe)
    else:
        desc.pending = False
        desc.handler(desc, pe)
    chip.irq_eoi(desc, desc.data, pe)


def handle_percpu_devid_irq(desc: IrqDesc, pe: int) -> None:
    """A private interrupt: run the handler, then irq_eoi. Without a handler it is disabled on this PE."""
    if desc.handler is None:
        disable_percpu_irq(desc, pe)
    else:
        desc.handler(desc, pe)
    desc.data.chip.irq_eoi(desc, desc.data, pe)


def mask_irq(desc: IrqDesc, pe: int) -> None:
    """Masks at the chip, if it isn't."""
    if not desc.masked:
        desc.data.chip.irq_mask(desc, desc.data, pe)
        desc.masked = True


def unmask_irq(desc: IrqDesc, pe: int) -> None:
    """Unmasks at the chip, if it is masked."""
    if desc.masked:
        desc.data.chip.irq_unmask(desc, desc.data, pe)
        desc.masked = False


def disable_irq(desc: IrqDesc, pe: int) -> None:
    """One level deeper; the first disables, and with `unlazy` masks."""
    desc.depth += 1
    if desc.depth == 1 and desc.unlazy:
        mask_irq(desc, pe)


def enable_irq(desc: IrqDesc, pe: int) -> None:
    """One level up; the last unmasks, and sends an edge again that was swallowed. A level needs no replay: its line
    still asks."""
    if desc.depth == 0:
        raise RuntimeError(f"{desc!r}: enable_irq without a disable_irq")
    desc.depth -= 1
    if desc.depth:
        return
    unmask_irq(desc, pe)
    if desc.pending:
        desc.pending = False
        if desc.edge:
            desc.data.chip.irq_retrigger(desc, desc.data, pe)


def enable_percpu_irq(desc: IrqDesc, pe: int) -> None:
    """Unmasks a private interrupt on this PE."""
    desc.percpu[pe].enabled = True
    desc.data.chip.irq_unmask(desc, desc.data, pe)


def disable_percpu_irq(desc: IrqDesc, pe: int) -> None:
    """Masks a private interrupt on this PE."""
    desc.percpu[pe].enabled = False
    desc.data.chip.irq_mask(desc, desc.data, pe)
