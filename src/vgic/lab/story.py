"""What happens, told in words: a listener that gathers what one step of a machine does into a sentence.

The words are those of the field: the host takes an interrupt and drops its priority; the hypervisor injects, populates
a list register, folds it; the guest reads IAR and writes EOIR. They are written here, and not in `vgic.view`, because a
step is told by them wherever it goes: in a run, in a counterexample, in the files that one is exported to.
"""

from __future__ import annotations

from vgic.arch.intid import PRIVATE, special
from vgic.lab.operations.operands import NEVER
from vgic.rules.moments import Moments
from vgic.rules.world import VcpuView
from vgic.silicon.virtual_interface import ListRegister

DIR = ("ICC_DIR_EL1", "GICC+0x1000")
LIST_REGISTERS = ("ICH_LR", "GICH+0x1")
"""How the places of list registers begin."""


class Story(Moments[VcpuView]):
    """Tells each step.

    Args:
        design: its name. alone: whether the machine has a single vCPU, so that "guest" says whose.

    Attributes:
        counts: how often what happened, by word; what `vgic.cost` prices.
        states: what each vCPU does, in a word, by name.
    """

    def __init__(self, design: str, alone: bool) -> None:
        self.design_name, self.alone = design, alone
        self.states: dict[str, str] = {}
        self.words: list[str] = []
        self.counts: dict[str, int] = {}
        self._taken = -1

    def begin(self) -> None:
        """A new step begins: what is heard from now on is its."""
        self.words = []

    def end(self) -> str:
        """What the step did, in words; "" where nothing was heard."""
        self._taken = -1
        return "; ".join(dict.fromkeys(self.words))

    def count(self, word: str) -> None:
        """One more of what is counted."""
        self.counts[word] = self.counts.get(word, 0) + 1

    # -- wires, time and the host

    def device_drives(self, who: VcpuView | None, vintid: int, level: bool, device: str) -> None:
        if who is None or device not in who.timers:
            self.words.append(f"{device}: line {'high' if level else 'low'}")

    def device_pulses(self, who: VcpuView | None, vintid: int, device: str) -> None:
        self.words.append(f"{device}: line high")

    def time_passed(self, count: int) -> None:
        self.words.append(f"the counter reaches {count}")

    def host_takes(self, pe: int, what: str, pintid: int) -> None:
        if what == "take":
            self.count("host interrupt")
            self.words.append(f"host takes {pintid}, priority drop, no deactivate")
            self._taken = len(self.words) - 1
        elif what == "spurious":
            self.words.append(f"host reads IAR = {pintid}, nothing to take")
        else:
            self.words.append(f"host takes {pintid} ({what})")

    def host_disables(self, pintid: int, disable: bool) -> None:
        self.words.append(f"host: {'disable' if disable else 'enable'}_irq {pintid}")

    def work_runs(self, work: str) -> None:
        self.words.append(work)

    def accessed(self, pe: int, kind: str, write: bool, place: str, value: int, guest: bool) -> None:
        done = "write" if write else "read"
        self.count(f"{'guest' if guest else 'host'} {kind} {done}")
        if guest:
            return
        if place.startswith(LIST_REGISTERS):
            self.count(f"list register {done}")
        if write and place in DIR and self._taken >= 0:
            self.words[self._taken] = self.words[self._taken].replace("no deactivate", "deactivate")
            self._taken = -1

    # -- the hypervisor and its vCPUs

    def designed(self, event: str, who: VcpuView | None, intid: int) -> None:
        self.count(event)
        if event == "inject":
            self.words.append(f"{self.design_name} inject {intid}")
        elif event == "overflow":
            self.words.append("more interrupts than list registers")
        elif event == "replay":
            self.words.append(f"EOIcount: ends {intid}")
        elif event == "resample":
            self.words.append(f"samples the line of {intid}")
        elif event in ("set_active", "clear_active"):
            self.words.append(f"{'PPI' if intid < PRIVATE else 'SPI'} {intid} active := {int(event == 'set_active')}")
        elif event in ("mask", "unmask"):
            self.words.append(f"{event} {intid}")
        elif event == "ack":
            self.words.append(f"told: guest completed {intid}")
        elif event in ("halt", "wake") and who is not None:
            self.words.append(f"{who.name} is stopped" if event == "halt" else f"wakes {who.name}")
            self.states[who.name] = "stopped" if event == "halt" else "woken"

    def _vcpu(self, who: VcpuView, state: str, what: str) -> None:
        self.states[who.name] = state
        self.words.append(what)

    def loaded(self, who: VcpuView, pe: int) -> None:
        self.count("load")
        self._vcpu(who, "loaded", f"load {who.name} on pe{pe}")

    def put(self, who: VcpuView) -> None:
        self.count("put")
        self._vcpu(who, "off" if who.vcpu.off else "preempted", f"put {who.name}")

    def enters(self, who: VcpuView) -> None:
        self.count("entry")
        self._vcpu(who, "running", f"{who.name} enters")

    def entry_given_up(self, who: VcpuView) -> None:
        self.count("given up")
        self.words.append(f"{who.name}: flush, then the entry is given up: sync")

    def left(self, who: VcpuView, reason: str) -> None:
        self.count("exit")
        self.count(f"exit {reason}")
        self._vcpu(who, f"exit {reason}", f"{who.name} exits ({reason})")

    def blocked(self, who: VcpuView) -> None:
        self._vcpu(who, "blocked", f"{who.name} blocks")

    def stayed(self, who: VcpuView) -> None:
        self._vcpu(who, "loaded", f"{who.name} does not block: it has an interrupt to take")

    def trapped(self, who: VcpuView, name: str, value: int | None) -> None:
        self.count("trap")
        self.words.append(f"{who.name}: {name}{f' = {value:#x}' if value is not None else ''} traps")

    # -- the guest

    def guest_says(self, who: VcpuView, text: str) -> None:
        self.words.append(f"{'guest' if self.alone else f'guest of {who.name}'} {text}")

    def guest_read_iar(self, who: VcpuView, expected: int, got: int, changed: bool | None) -> None:
        self.count("spurious acknowledge" if special(got) else "acknowledged")
        self.guest_says(who, f"reads {'GICV_IAR' if who.vcpu.vm.gic == 2 else 'ICV_IAR1_EL1'} = {got}")

    def guest_ended(self, who: VcpuView, register: str, vintid: int, lr: ListRegister | None) -> None:
        if "EOIR" in register:
            self.count("ended")
        self.guest_says(who, f"writes {register} = {vintid}")

    def guest_read(self, who: VcpuView, register: str, owner: VcpuView, vintid: int, value: int) -> None:
        self.guest_says(who, f"reads {register} of {vintid}: {value if value < 2 else hex(value)}")

    def switched_off(self, who: VcpuView) -> None:
        self.guest_says(who, "calls CPU_OFF")

    def switched_on(self, who: VcpuView, target: VcpuView, started: bool) -> None:
        self.words.append(f"{target.name} {'starts' if started else 'is on already'}")

    def timer_written(self, who: VcpuView, register: str, value: int) -> None:
        self.guest_says(who, f"writes {register} = {'never' if value == NEVER else value}")
