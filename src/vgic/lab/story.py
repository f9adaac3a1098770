"""What happens, told in words: an observer that gathers what one step of a machine does into a sentence.

The words are those of the field: the host takes an interrupt and drops its priority; the hypervisor injects, populates
a list register, folds it; the guest reads IAR and writes EOIR.
"""

from __future__ import annotations

from typing import Any

from vgic.arch.intid import special
from vgic.designs.vm import Vcpu
from vgic.lab.guest import FaceV2, FaceV3
from vgic.lab.observe import Observer

DIR = ("ICC_DIR_EL1", "GICC+0x1000")


class Story(Observer):
    """Tells each step. `names`: the machine's vCPUs, by design's object; filled by whoever has the machine.

    Attributes:
        counts: how often what happened, by word; what `vgic.cost` prices.
        states: what each vCPU does, in a word, by name.
    """

    def __init__(self, design: str, v2: bool = False) -> None:
        self.design_name = design
        self.iar, self.eoir, self.dir_name = (FaceV2 if v2 else FaceV3).names
        self.names: dict[int, str] = {}
        self.states: dict[str, str] = {}
        self.words: list[str] = []
        self.counts: dict[str, int] = {}
        self._taken = -1
        self._lines: dict[str, str] = {}

    def begin(self) -> None:
        """A new step."""
        self.words = []

    def end(self) -> str:
        """The step in words."""
        self._close_take()
        return "; ".join(dict.fromkeys(self.words))

    def count(self, word: str, n: int = 1) -> None:
        """One more."""
        self.counts[word] = self.counts.get(word, 0) + n

    def name(self, vcpu: Vcpu | None) -> str:
        """A vCPU's name."""
        return self.names.get(id(vcpu), "") if vcpu is not None else ""

    def _close_take(self) -> None:
        self._taken = -1

    # -- what is heard

    def access(self, kind: str, write: bool, place: str, value: int, pe: int, guest: bool) -> None:
        who = "guest" if guest else "host"
        self.count(f"{who} {kind} {'write' if write else 'read'}")
        if guest:
            return
        if write and place.startswith(("ICH_LR", "GICH+0x1")):
            self.count("list register write")
        elif not write and place.startswith(("ICH_LR", "GICH+0x1")):
            self.count("list register read")
        if write and place in DIR and self._taken >= 0:
            self.words[self._taken] = self.words[self._taken].replace("no deactivate", "deactivate")
            self._taken = -1

    def kernel(self, what: str, intid: int, pe: int) -> None:
        if what == "take":
            self.count("host interrupt")
            self.words.append(f"host takes {intid}, priority drop, no deactivate")
            self._taken = len(self.words) - 1
        elif what == "spurious":
            self.words.append(f"host reads IAR = {intid}, nothing to take")
        else:
            self.words.append(f"host takes {intid} ({what})")

    def design(self, event: str, vcpu: Vcpu | None, intid: int) -> None:
        self.count(event)
        if event in ("inject", "refused"):
            if event == "inject":
                self.words.append(f"{self.design_name} inject {intid}")
        elif event == "overflow":
            self.words.append("more interrupts than list registers")
        elif event == "replay":
            self.words.append(f"EOIcount: ends {intid}")
        elif event == "resample":
            self.words.append(f"samples the line of {intid}")
        elif event in ("set_active", "clear_active"):
            self.words.append(f"PPI {intid} active := {int(event == 'set_active')}" if intid < 32 else
                              f"SPI {intid} active := {int(event == 'set_active')}")
        elif event in ("mask", "unmask"):
            self.words.append(f"{event} {intid}")
        elif event == "ack":
            self.words.append(f"told: guest completed {intid}")
        elif event == "halt":
            self.words.append(f"{self.name(vcpu)} is stopped")
            self.states[self.name(vcpu)] = "stopped"
        elif event == "wake":
            self.words.append(f"wakes {self.name(vcpu)}")
            self.states[self.name(vcpu)] = "woken"

    def happens(self, what: str, vcpu: Vcpu | None = None, **more: Any) -> None:
        name = self.name(vcpu)
        match what:
            case "enter":
                self._enter(name)
            case "exit":
                reason = more["reason"]
                self.count("exit")
                self.count(f"exit {reason}")
                self.states[name] = f"exit {reason}"
                self.words.append(f"{name} exits ({reason})")
            case "give up":
                self.words.append(f"{name}: flush, then the entry is given up: sync")
                self.count("given up")
            case "load":
                self.count("load")
                self.states[name] = "loaded"
                self.words.append(f"load {name} on pe{more['pe']}")
            case "put":
                self.count("put")
                self.states[name] = "preempted"
                self.words.append(f"put {name}")
            case "block":
                self.states[name] = "blocked"
                self.words.append(f"{name} blocks")
            case "stay":
                self.states[name] = "loaded"
                self.words.append(f"{name} does not block: it has an interrupt to take")
            case "trap":
                self.count("trap")
                value = more.get("value")
                self.words.append(f"{name}: {more['name']}{f' = {value:#x}' if value is not None else ''} traps")
            case "ack":
                self.count("spurious acknowledge" if special(more["intid"]) else "acknowledged")
                self._guest(name, f"reads {self.iar} = {more['intid']}")
            case "eoi":
                self.count("ended")
                self._guest(name, f"writes {self.eoir} = {more['intid']}")
            case "dir":
                self._guest(name, f"writes {self.dir_name} = {more['intid']}")
            case "line":
                self.words.append(f"{more['device']}: line {'high' if more['level'] else 'low'}")
            case "time":
                self.words.append(f"the counter reaches {more['count']}")
            case "soft timer":
                self.words.append("a timer of the kernel fires")
            case "host":
                self.words.append(f"host: {more['text']}")
            case "guest":
                self._guest(name, more["text"])

    def _enter(self, name: str) -> None:
        self.count("entry")
        self.states[name] = "running"
        self.words.append(f"{name} enters")

    def _guest(self, name: str, what: str) -> None:
        guest = "guest" if len(self.names) == 1 else f"guest of {name}"
        self.words.append(f"{guest} {what}")
