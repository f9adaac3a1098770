"""`vgic oracle run` and `vgic oracle replay`.

`add` gives the command line its two commands; everything heavy is imported when one runs. Exit status: 0 QEMU and the
model agree, 1 they differ, 2 the input can't be used or there is no QEMU.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vgic.oracle.campaign import Report
    from vgic.oracle.episode import Episode
    from vgic.oracle.lockstep import Difference

KINDS = ("v2", "v2-virtual", "v2-secure", "v3", "v3-virtual", "v3-secure")
_MOST_OPERATIONS = 1_000_000_000
_MOST_TEXT = 64 << 20


def add(commands: Any) -> None:
    """Add `oracle` to the command line.

    Args:
        commands: what `add_subparsers` returned.
    """
    oracle = commands.add_parser("oracle", help="drive QEMU's GIC and the model side by side, and compare")
    inner = oracle.add_subparsers(metavar="run|replay", required=True)
    run = inner.add_parser("run", help="compare episodes generated from a seed; a difference is shrunk and printed")
    run.add_argument(
        "--kind", metavar="KIND", action="append", help=f"one of {', '.join(KINDS)} (all; may be repeated)"
    )
    run.add_argument("--pes", metavar="N", help="PEs of the machine (1, then 2)")
    run.add_argument("--operations", metavar="N", default="10000", help="of each kind (10,000)")
    run.add_argument("--seed", metavar="N", help="of the first episode (a fresh one)")
    run.add_argument("--coverage", action="store_true", help="print how often each situation was met")
    run.add_argument("--json", action="store_true")
    run.set_defaults(run=_run)
    replay = inner.add_parser("replay", help="run one episode, as `run` prints them, and say where it differs")
    replay.add_argument("episode", metavar="EPISODE", help="a file, - for standard input")
    replay.add_argument("--json", action="store_true")
    replay.set_defaults(run=_replay)


def _refuse(message: str) -> int:
    print(f"vgic: {message}", file=sys.stderr)
    return 2


def _number(text: str, low: int, high: int) -> int | None:
    from vgic.arch.register import number

    try:
        value = number(text)
    except ValueError:
        return None
    return value if low <= value <= high else None


def _run(options: argparse.Namespace) -> int:
    import secrets

    from vgic.oracle.campaign import campaign
    from vgic.oracle.errors import OracleError

    kinds = options.kind or KINDS
    for kind in kinds:
        if kind not in KINDS:
            return _refuse(f"--kind {kind}: expected one of {', '.join(KINDS)}")
    operations = _number(options.operations, 1, _MOST_OPERATIONS)
    if operations is None:
        return _refuse(f"--operations {options.operations}: expected 1 to {_MOST_OPERATIONS:,}")
    seed = secrets.randbelow(1 << 30) if options.seed is None else _number(options.seed, 0, 1 << 62)
    if seed is None:
        return _refuse(f"--seed {options.seed}: expected a number from 0 on")
    pes = (1, 2) if options.pes is None else (_number(options.pes, 1, 2),)
    told: list[dict[str, Any]] = []
    status = 0
    for kind in kinds:
        for count in pes:
            if count is None:
                return _refuse(f"--pes {options.pes}: expected 1 or 2")
            try:
                report = campaign(kind, -(-operations // len(pes)), seed, pes=count, progress=_progress(kind, count))
            except OracleError as e:
                return _refuse(str(e))
            status = max(status, int(report.finding is not None))
            told.append(_as_json(report))
            if not options.json:
                print(_as_text(report, options.coverage), flush=True)
    if options.json:
        json.dump(told, sys.stdout, indent=2)
        print()
    return status


def _progress(kind: str, pes: int) -> Any:
    """A line that is rewritten, on a terminal."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, wanted: int) -> None:
        end = "" if done < wanted else "\r\033[K"
        print(f"\r  {kind} pes={pes}  {done:,} of {wanted:,} operations{end}", end="", file=sys.stderr, flush=True)

    return show


def _as_text(report: Report, coverage: bool) -> str:
    tally = report.tally
    verdict = "no unexplained difference" if report.finding is None else "DIFFERS"
    lines = [
        f"{report.kind}  pes={report.options.pes}  QEMU {report.qemu}  seeds from {report.seed}: {verdict}",
        f"  {tally.operations:,} operations in {tally.episodes:,} episodes, {tally.compared:,} values compared",
    ]
    if report.seconds:
        share = tally.wait_seconds / report.seconds
        lines.append(
            f"  {tally.operations / report.seconds:,.0f} operations/s, {share:.0%} of the time waiting for QEMU"
        )
    if tally.tolerated:
        lines += _wrap("tolerated", [f"{name} {count:,}" for name, count in sorted(tally.tolerated.items())])
    if coverage:
        lines += _wrap("met", [f"{name} {count:,}" for name, count in sorted(report.coverage.counts.items())])
    missing = report.coverage.missing(report.kind)
    if missing and report.finding is None:
        lines += _wrap("never met", missing)
    if report.finding is not None:
        lines += ["", report.finding.text().rstrip()]
    return "\n".join(lines)


def _wrap(head: str, items: list[str]) -> list[str]:
    lines = [f"  {head:<10}"]
    for i, item in enumerate(items):
        piece = item + ("," if i < len(items) - 1 else "")
        if len(lines[-1]) + len(piece) + 1 > 100:
            lines.append(" " * 12)
        lines[-1] += f" {piece}"
    return lines


def _as_json(report: Report) -> dict[str, Any]:
    tally, finding = report.tally, report.finding
    return {
        "kind": report.kind,
        "machine": str(report.options),
        "qemu": report.qemu,
        "seed": report.seed,
        "operations": tally.operations,
        "episodes": tally.episodes,
        "compared": tally.compared,
        "seconds": round(report.seconds, 3),
        "waiting_for_qemu": round(tally.wait_seconds, 3),
        "tolerated": tally.tolerated,
        "met": dict(sorted(report.coverage.counts.items())),
        "never_met": report.coverage.missing(report.kind),
        "difference": None
        if finding is None
        else {
            "seed": finding.seed,
            "says": str(finding.difference) if finding.difference is not None else finding.death,
            "episode": finding.text(),
        },
    }


def _replay(options: argparse.Namespace) -> int:
    from vgic.oracle.episode import EpisodeError, parse
    from vgic.oracle.errors import OracleDied, OracleError
    from vgic.oracle.lockstep import Lockstep
    from vgic.oracle.qemu import Outcome, Qemu

    name = "standard input" if options.episode == "-" else options.episode
    try:
        episode = parse(_read(options.episode), name)
    except OSError as e:
        return _refuse(f"{name}: {e.strerror or e}")
    except UnicodeDecodeError:
        return _refuse(f"{name}: not text: expected an episode, as `vgic oracle run` prints them")
    except EpisodeError as e:
        return _refuse(str(e))
    outcomes: list[Outcome] = []
    difference: Difference | None = None
    death = ""
    try:
        with Qemu(episode.options, fiq_to_el3=episode.fiq_to_el3) as qemu:
            lockstep = Lockstep(qemu)
            lockstep.watcher = lambda operation, outcome, seen: outcomes.append(outcome)
            version = qemu.machine.version
            try:
                difference = lockstep.run(episode)
            except OracleDied as e:
                death = str(e)
    except OracleError as e:
        return _refuse(str(e))
    if options.json:
        answer = {
            "machine": str(episode.options),
            "qemu": version,
            "operations": len(episode.operations),
            "difference": str(difference) if difference is not None else death or None,
        }
        json.dump(answer, sys.stdout, indent=2)
        print()
    else:
        print(_replayed(episode, version, outcomes, difference, death))
    return int(difference is not None or bool(death))


def _read(path: str) -> str:
    if path == "-":
        return sys.stdin.read(_MOST_TEXT)
    with open(path, encoding="utf-8") as f:
        return f.read(_MOST_TEXT)


def _replayed(episode: Episode, version: str, outcomes: list[Any], difference: Difference | None, death: str) -> str:
    lines = [f"{episode.options}  QEMU {version}  {len(episode.operations)} operations"]
    last = difference.index if difference is not None else len(episode.operations)
    width = len(str(len(episode.operations)))
    for i, operation in enumerate(episode.operations[: last + 1]):
        read = ""
        if i < len(outcomes) and (operation.kind == "read" or outcomes[i].how.value != "done") and i != last:
            read = f"   -> {outcomes[i]}"
        lines.append(f"{i + 1:>{width}}: {operation.text(episode.options.gic)}{read}")
    if death:
        lines.append(f"QEMU DIED: {death}")
    else:
        lines.append(
            f"DIFFERS {difference}" if difference is not None else "QEMU and the model agree after each operation."
        )
    return "\n".join(lines)
