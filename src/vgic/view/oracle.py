"""`vgic oracle`: a campaign, or one episode, run in QEMU and in the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vgic.oracle.campaign import Campaign
from vgic.view.report import Report, Status
from vgic.view.words import WIDTH

if TYPE_CHECKING:
    from vgic.oracle.episode import Episode
    from vgic.oracle.lockstep import Mismatch
    from vgic.oracle.qemu import Outcome


class CampaignReport(Report):
    """What `vgic oracle run` says of one kind of episodes. `met`: whether to say how often each situation was met."""

    def __init__(self, campaign: Campaign, met: bool = False) -> None:
        self.campaign, self.met = campaign, met

    @property
    def exit_status(self) -> int:
        """BROKEN where QEMU and the model differ."""
        return Status.HOLDS if self.campaign.finding is None else Status.BROKEN

    def text(self) -> str:
        """How much was compared; the shortest episode that differs, if one does."""
        c, tally = self.campaign, self.campaign.tally
        verdict = "no unexplained difference" if c.finding is None else "DIFFERS"
        lines = [
            f"{c.kind}  pes={c.options.pes}  QEMU {c.qemu}  seeds from {c.seed}: {verdict}",
            f"  {tally.operations:,} operations in {tally.episodes:,} episodes, {tally.compared:,} values compared"]
        if c.seconds:
            lines.append(f"  {tally.operations / c.seconds:,.0f} operations/s, {tally.wait_seconds / c.seconds:.0%} of"
                         " the time waiting for QEMU")
        if tally.tolerated:
            lines += _listed("tolerated", [f"{name} {count:,}" for name, count in sorted(tally.tolerated.items())])
        if self.met:
            lines += _listed("met", [f"{name} {count:,}" for name, count in sorted(c.coverage.counts.items())])
        missing = c.coverage.missing(c.kind)
        if missing and c.finding is None:
            lines += _listed("never met", missing)
        if c.finding is not None:
            lines += ["", c.finding.text().rstrip()]
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        """All figures, and how often each situation was met."""
        c, tally, finding = self.campaign, self.campaign.tally, self.campaign.finding
        difference = None if finding is None else {
            "seed": finding.seed, "says": str(finding.difference) if finding.difference is not None else finding.death,
            "episode": finding.text()}
        return {
            "kind": c.kind, "machine": str(c.options), "qemu": c.qemu, "seed": c.seed, "operations": tally.operations,
            "episodes": tally.episodes, "compared": tally.compared, "seconds": round(c.seconds, 3),
            "waiting_for_qemu": round(tally.wait_seconds, 3), "tolerated": tally.tolerated,
            "met": dict(sorted(c.coverage.counts.items())), "never_met": c.coverage.missing(c.kind),
            "difference": difference}


def _listed(head: str, items: list[str]) -> list[str]:
    lines = [f"  {head:<10}"]
    for i, item in enumerate(items):
        piece = item + ("," if i < len(items) - 1 else "")
        if len(lines[-1]) + len(piece) + 1 > WIDTH:
            lines.append(" " * 12)
        lines[-1] += f" {piece}"
    return lines


class EpisodeReport(Report):
    """What `vgic oracle replay` says.

    Args:
        episode: what ran. qemu: its version. outcomes: of its operations, as far as they came. difference: after one of
            them, None where there is none. death: what QEMU said where it ended, "" where it did not.
    """

    def __init__(
        self, episode: Episode, qemu: str, outcomes: Sequence[Outcome], difference: Mismatch | None, death: str,
    ) -> None:
        self.episode, self.qemu, self.outcomes = episode, qemu, outcomes
        self.difference, self.death = difference, death

    @property
    def exit_status(self) -> int:
        """BROKEN where QEMU and the model differ, or QEMU died."""
        return Status.HOLDS if self.difference is None and not self.death else Status.BROKEN

    def text(self) -> str:
        """Each operation with what it answered, up to the one that differs."""
        operations, difference = self.episode.operations, self.difference
        lines = [f"{self.episode.options}  QEMU {self.qemu}  {len(operations)} operations"]
        last = difference.index if difference is not None else len(operations)
        width = len(str(len(operations)))
        for i, operation in enumerate(operations[: last + 1]):
            read = ""
            if i < len(self.outcomes) and i != last and (
                    operation.kind == "read" or self.outcomes[i].how.value != "done"):
                read = f"   -> {self.outcomes[i]}"
            lines.append(f"{i + 1:>{width}}: {operation.text(self.episode.options.gic)}{read}")
        if self.death:
            lines.append(f"QEMU DIED: {self.death}")
        else:
            lines.append(f"DIFFERS {difference}" if difference is not None else
                         "QEMU and the model agree after each operation.")
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        """Whether it differs, and where."""
        return {
            "machine": str(self.episode.options), "qemu": self.qemu, "operations": len(self.episode.operations),
            "difference": str(self.difference) if self.difference is not None else self.death or None}
