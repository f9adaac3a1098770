"""QEMU as an oracle: our model of the GIC, driven operation by operation beside QEMU's.

`machine` starts QEMU with a bare-metal stub (`stub`, `a64`) on every PE; `mailbox` hands it operations and brings back
what they answer. An `episode` is a script of such operations. `lockstep` runs one in QEMU and in `vgic.silicon` and
compares; `shrink` cuts a differing one down; `generate` makes them from a seed; `deviations` names what QEMU is known
to do otherwise than the architecture.
"""
