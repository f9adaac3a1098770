"""`vgic oracle run` and `vgic oracle replay`."""

from __future__ import annotations

import argparse
import secrets
from typing import TYPE_CHECKING, Any

from vgic.commands.arguments import Refused, number, one_of, standard_input
from vgic.commands.output import Progress, print_json, tell
from vgic.view.report import Status

if TYPE_CHECKING:
    from vgic.oracle.campaign import Campaign
    from vgic.oracle.qemu import Outcome

KINDS = ("v2", "v2-virtual", "v2-secure", "v3", "v3-virtual", "v3-secure")
MOST_OPERATIONS = 1_000_000_000
MOST_TEXT = 64 << 20


def add(commands: Any) -> None:
    """Adds the command to what `add_subparsers` returned."""
    oracle = commands.add_parser("oracle", help="drive QEMU's GIC and the model side by side, and compare")
    inner = oracle.add_subparsers(metavar="run|replay", required=True)
    campaign = inner.add_parser(
        "run", help="compare episodes generated from a seed; a difference is shrunk and printed")
    campaign.add_argument(
        "--kind", metavar="KIND", action="append", help=f"one of {', '.join(KINDS)} (all; may be repeated)")
    campaign.add_argument("--pes", metavar="N", help="PEs of the machine (1, then 2)")
    campaign.add_argument("--operations", metavar="N", default="10000", help="of each kind (10,000)")
    campaign.add_argument("--seed", metavar="N", help="of the first episode (a fresh one)")
    campaign.add_argument("--coverage", action="store_true", help="print how often each situation was met")
    campaign.add_argument("--json", action="store_true")
    campaign.set_defaults(run=run)
    episode = inner.add_parser("replay", help="run one episode, as `run` prints them, and say where it differs")
    episode.add_argument("episode", metavar="EPISODE", help="a file, - for standard input")
    episode.add_argument("--json", action="store_true")
    episode.set_defaults(run=replay)


def run(options: argparse.Namespace) -> int:
    """Runs a campaign of each kind and number of PEs; tells each as it ends."""
    from vgic.oracle.errors import OracleError
    from vgic.view.oracle import CampaignReport

    kinds = [one_of(kind, "--kind", KINDS) for kind in options.kind or KINDS]
    operations = number(options.operations, "--operations", 1, MOST_OPERATIONS)
    seed = secrets.randbelow(1 << 30) if options.seed is None else number(options.seed, "--seed")
    pes = (1, 2) if options.pes is None else (number(options.pes, "--pes", 1, 2),)
    told: list[dict[str, Any]] = []
    status: int = Status.HOLDS
    for kind, count in ((kind, count) for kind in kinds for count in pes):
        try:
            report = CampaignReport(_campaign(kind, -(-operations // len(pes)), seed, count), options.coverage)
        except OracleError as e:
            raise Refused(str(e)) from None
        status = max(status, report.exit_status)
        told.append(report.json())
        if not options.json:
            print(report.text(), flush=True)
    if options.json:
        print_json(told)
    return status


def _campaign(kind: str, operations: int, seed: int, pes: int) -> Campaign:
    from vgic.oracle.campaign import campaign

    with Progress() as progress:
        def show(done: int, wanted: int) -> None:
            progress.part(f"{kind} pes={pes}", done, wanted)
        return campaign(kind, operations, seed, pes=pes, progress=show)


def replay(options: argparse.Namespace) -> int:
    """Runs one episode in QEMU and in the model."""
    from vgic.oracle.episode import EpisodeError, parse
    from vgic.oracle.errors import OracleDied, OracleError
    from vgic.oracle.lockstep import Lockstep, Mismatch
    from vgic.oracle.qemu import Qemu
    from vgic.view.oracle import EpisodeReport

    name = "standard input" if options.episode == "-" else options.episode
    outcomes: list[Outcome] = []
    difference: Mismatch | None = None
    death = ""
    try:
        episode = parse(_text(options.episode), name)
        with Qemu(episode.options, fiq_to_el3=episode.fiq_to_el3) as qemu:
            lockstep = Lockstep(qemu)
            lockstep.watcher = lambda operation, outcome, seen: outcomes.append(outcome)
            version = qemu.machine.version
            try:
                difference = lockstep.run(episode)
            except OracleDied as e:
                death = str(e)
    except UnicodeDecodeError:
        raise Refused(f"{name}: not text: expected an episode, as `vgic oracle run` prints them") from None
    except (EpisodeError, OracleError) as e:
        raise Refused(str(e)) from None
    return tell(EpisodeReport(episode, version, outcomes, difference, death), options.json)


def _text(path: str) -> str:
    if path == "-":
        return standard_input().read(MOST_TEXT)
    with open(path, encoding="utf-8") as f:
        return f.read(MOST_TEXT)
