"""How blind are the rules? `python -m bench.check.mutants [--sample N] [--seed S] [--of kvm|vgic|all] [--jobs N]
[--keep FILE] [--only TEXT] [--states N] [--seconds N] [--doubt]`.

Draws a sample of the mutants of the design `kvm` (`bench.check.mutation`: one condition negated, one operand, call or
assignment dropped), and sees who tells each. First every scenario is looked at with the design as it is: which lines of
it its script and its search run (kept in a cache, until the design or the scenario changes). Then a mutant is judged by
the scenarios that reach its line: by their scripts, and by searches, the shortest first, bounded. A line each tells

    rule 9 ...      a rule broke that does not break without the change: in which scenario, by its script or in a
                    search, in how many steps
    crash, hangs    the design raised an exception in some schedule, or never came back
    EQUIVALENT      bench/check/equivalent.toml says why nobody can tell it; judged all the same with --doubt
    SURVIVED        nobody told it

--sample 0 takes all of them; --only those whose text contains TEXT. Each mutant has a process of its own, with
--seconds of CPU time. --keep: what came out is written to FILE as it comes, and what FILE tells already is not judged
again; a survivor is, by the scenarios that have been changed or added since. Exit status 1 where one SURVIVED.
"""
from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from bench.check.judging import Answer, Bases, judge
from bench.check.mutation import KINDS, POPULATIONS, Mutant, equivalents, mutants


def judged(
    drawn: Sequence[Mutant], bases: Bases, keep: Path | None, jobs: int, seconds: int, trusted: Collection[str],
) -> Iterator[tuple[Mutant, Answer]]:
    """Each mutant with its record, as they are done. `trusted`: those that are not judged, by their keys."""
    lines = keep.read_text(encoding="utf-8").splitlines() if keep is not None and keep.is_file() else []
    known: dict[str, Answer] = {record["key"]: record for record in map(json.loads, lines)}

    def one(mutant: Mutant) -> Answer:
        before = known.get(mutant.key, {"key": mutant.key, "told": "", "cpu": 0.0, "tried": []})
        return before if before["told"] or mutant.key in trusted else judge(mutant, bases, before, seconds)

    with ThreadPoolExecutor(jobs) as pool:
        under_way = {pool.submit(one, mutant): mutant for mutant in drawn}
        try:
            for done in as_completed(under_way):
                mutant, record = under_way[done], done.result()
                if keep is not None and record["tried"] and record != known.get(mutant.key):
                    with keep.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(record) + "\n")
                yield mutant, record
        finally:
            pool.shutdown(cancel_futures=True)


def words(record: Answer, reasons: dict[str, str]) -> str:
    """Who told it."""
    if record["told"]:
        place = f" by {record['scenario']}, {record['by']}" if record["scenario"] else ""
        return f"{record['told']}{place}" + (f", {record['steps']} steps" if record["steps"] else "")
    if record["key"] in reasons:
        return f"EQUIVALENT: {reasons[record['key']]}"
    return "SURVIVED" + ("" if record["tried"] else ": no scenario reaches it")


def main() -> int:
    """Judges a sample."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=150, help="how many; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--of", choices=sorted(POPULATIONS), default="kvm")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--states", type=int, default=20_000, help="of each search, at most")
    parser.add_argument("--doubt", action="store_true", help="judge what is listed as equivalent, too")
    parser.add_argument("--seconds", type=int, default=200, help="of CPU time, for each mutant")
    options = parser.parse_args()
    population = [m for m in mutants(POPULATIONS[options.of]) if options.only in str(m)]
    many = min(options.sample or len(population), len(population))
    drawn = random.Random(options.seed).sample(population, many)
    bases, reasons = Bases(options.states, options.jobs), equivalents()
    counts: Counter[str] = Counter()
    kinds: Counter[tuple[str, str]] = Counter()
    trusted: Collection[str] = () if options.doubt else reasons
    for n, (mutant, record) in enumerate(
            judged(drawn, bases, options.keep, options.jobs, options.seconds, trusted), 1):
        what = words(record, reasons)
        word = what.split()[0].rstrip(":")
        counts[word] += 1
        kinds[mutant.kind, word] += 1
        also = f"  LISTED AS EQUIVALENT, and is not: {mutant.key}" if record["told"] and mutant.key in reasons else ""
        print(f"{n}/{many} {mutant}\n    {what}  ({record['cpu']} s){also}", flush=True)
    print(f"\n{many} of {len(population)} mutants of {options.of}, seed {options.seed}:")
    for word, count in counts.most_common():
        parts = ", ".join(f"{kinds[kind, word]} {kind}" for kind in KINDS)
        print(f"    {word:12} {count:4}  {100 * count / max(1, many):5.1f} %   {parts}")
    return 1 if counts["SURVIVED"] else 0


if __name__ == "__main__":
    sys.exit(main())
