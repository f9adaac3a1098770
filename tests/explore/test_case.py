"""The C skeletons of counterexamples: they compile, against declarations of what they use of kvm-unit-tests."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from vgic.explore.case import c_case
from vgic.explore.case_code import CODE, operation_code
from vgic.explore.check import Verdict, check
from vgic.lab.loader import find_design, find_scenario
from vgic.lab.operations.control import START
from vgic.lab.program import OPERATIONS, parse

GCC = shutil.which("gcc") or shutil.which("clang")
HEADERS = ("libcflat.h", "asm/barrier.h", "asm/gic.h", "asm/io.h", "asm/processor.h", "asm/psci.h", "asm/setup.h",
           "asm/smp.h")
DECLARED = """
typedef unsigned int u32; typedef unsigned long long u64; typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)
#define __unused __attribute__((__unused__))
#define BIT(n) (1UL << (n))
#define SZ_64K 0x10000
extern u64 cpus[8]; extern int nr_cpus;
extern struct { void *redist_base[8]; } gicv3_data;
void *gicv2_dist_base(void); void *gicv2_cpu_base(void); void *gicv3_dist_base(void); void *gicv3_sgi_base(void);
enum { GICD_ISENABLER, GICD_ICENABLER, GICD_ISPENDR, GICD_ICPENDR, GICD_ISACTIVER, GICD_ICACTIVER, GICD_IPRIORITYR,
       GICD_ITARGETSR, GICD_IGROUPR, GICD_CTLR, GICC_PMR, GICC_CTLR };
int gic_init(void); void gic_enable_defaults(void); void gic_enable_irq(int irq);
u32 gic_read_iar(void); u32 gic_iar_irqnr(u32 iar); void gic_write_eoir(u32 irqstat);
void gic_ipi_send_single(int irq, int cpu);
void gicv3_write_pmr(u32 v); void gicv3_write_grpen1(u32 v);
void writel(u32 v, void *at); void writeb(u32 v, void *at); void writew(u32 v, void *at); void writeq(u64 v, void *at);
u32 readl(void *at); u32 readb(void *at); u32 readw(void *at); u64 readq(void *at);
enum { PSCI_0_2_FN64_CPU_SUSPEND }; int psci_invoke(unsigned long f, unsigned long a, unsigned long b, unsigned long c);
int cpu_psci_cpu_boot(unsigned int cpu); void cpu_psci_cpu_die(void);
enum { cntv_ctl_el0, cntp_ctl_el0, cntv_cval_el0, cntp_cval_el0, cntvct_el0, cntpct_el0 };
u64 read_sysreg(int which); void write_sysreg(u64 v, int which); void write_sysreg_s(u64 v, int which);
#define sys_reg(a, b, c, d, e) ((a) + (b) + (c) + (d) + (e))
void local_irq_disable(void); void wfi(void); void isb(void); void smp_mb(void); void cpu_relax(void);
void on_cpu(int cpu, void (*f)(void *), void *data); void on_cpu_async(int cpu, void (*f)(void *), void *data);
void report_abort(const char *format, ...); void report_info(const char *format, ...);
bool report(bool pass, const char *format, ...); int report_summary(void);
"""


class Tree(NamedTuple):
    """Headers to compile against."""
    path: Path

    def compile(self, text: str) -> str:
        """What the compiler complains about."""
        assert GCC is not None
        (self.path / "case.c").write_text(text)
        done = subprocess.run(
            [GCC, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdinc", f"-I{self.path}",
             "-include", str(self.path / "declared.h"), str(self.path / "case.c")],
            capture_output=True, text=True, check=False)
        return done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    if GCC is None:
        pytest.skip("no C compiler")
    (tmp_path / "asm").mkdir()
    (tmp_path / "declared.h").write_text(DECLARED)
    for name in HEADERS:
        (tmp_path / name).write_text("")
    return Tree(tmp_path)


def broken(scenario: str, design: str) -> Verdict:
    verdict = check(find_scenario(scenario), find_design(design))
    assert verdict.rule is not None
    return verdict


@pytest.mark.parametrize(("scenario", "design", "has"), [
    ("sgi-v2-while-active", "B022", ("gic_ipi_send_single(1, 0);", "on_cpu_async(2, vcpu2, NULL);", "3 CPUs required")),
    ("active-cleared-elsewhere", "B017",
     ("writeq(cpus[1], gicv3_dist_base() + 0x6000 + 8 * 32);", "GICD_ICACTIVER + 4", "my_turn(14);")),
    ("timer-cval-only", "timer-mask", ("write_sysreg(read_sysreg(cntvct_el0) + 1 * TICK, cntv_cval_el0);",
                                       "gic_enable_irq(27);")),
    ("level-irqfd-v3", "kvm", ("iar[0] = gic_read_iar();", "serve_device(gic_iar_irqnr(iar[0]));")),
])
def test_it_compiles(tree: Tree, scenario: str, design: str, has: tuple[str, ...]) -> None:
    text = c_case(broken(scenario, design), design)
    assert tree.compile(text) == ""
    for words in has:
        assert words in text
    assert "gic_begin" in tree.compile(text.replace("gic_init", "gic_begin"))      # the compiler does look


def test_a_step_each_once_and_in_turn() -> None:
    verdict = broken("sgi-v2-while-active", "B022")
    text = c_case(verdict, "B022")
    for n in range(1, len(verdict.schedule) + 1):
        assert text.count(f"my_turn({n});") == 1
        assert text.count(f" * {n}. ") == 1
    assert text.count("next_turn();") == len(verdict.schedule)


def test_no_operation_lacks_code() -> None:
    assert set(CODE) == {type(operation) for operation in (*OPERATIONS, START.operation)}


BITS = ("ISENABLER", "ICENABLER", "ISPENDR", "ICPENDR", "ISACTIVER", "ICACTIVER")


@pytest.mark.parametrize("v2", [False, True])
def test_every_operation_is_code(tree: Tree, v2: bool) -> None:
    texts = [f"{word} {intid}" for word in BITS for intid in (1, 27, 40)]
    texts += ["ICENABLER 1 of 1", "IPRIORITYR 40 0x80", "ROUTE 40 1", "READ ISPENDR 40", "READ ISACTIVER 27",
              "READ ISENABLER 27", "READ IPRIORITYR 40", "SGI 1 to 0", "PMR 0x80", "EOIMODE 1", "IGRPEN 0", "MASK",
              "UNMASK", "CNTV_CTL 1", "CNTP_CTL 3", "CNTV_CVAL +1", "CNTP_CVAL never", "WFI", "AWAIT 40", "IAR",
              "EOIR 40", "DIR 40", "AGAIN", "ICFGR 27 edge", "ICFGR 27 level", "IROUTER 40 2.3.4.5", "IGROUPR 40 0",
              "IGROUPR 1 1", "ICC_SGI1R 1 others", "ICC_SGI1R 1 0.0.1.2,3", "SGI0R 1 to 1", "GICD_CTLR 0",
              "GICD_CTLR 1", "CPU_ON 1", "CPU_OFF", "CPU_SUSPEND"]
    texts += [f"{text} by {width}" for width in ("byte", "halfword", "word", "doubleword")
              for text in ("IPRIORITYR 41 0x80", "READ IPRIORITYR 41", "ROUTE 41 1", "IROUTER 40 2.3.4.5",
                           "SPENDSGIR 9 from 1", "CPENDSGIR 9 from 1")]
    ops = [*map(parse, texts), *(parse(t, handler=True) for t in ("HANDLE", "EOI", "DIR"))]
    assert {op.operation for op in ops} == set(OPERATIONS)
    lines = [line for op in ops for line in operation_code(op, "iar[0]", v2)]
    stub = "\n".join(f"#include <{name}>" for name in HEADERS)
    done = tree.compile(f"{stub}\n#define TICK 1\nvoid serve_device(u32 n);\nvoid f(void);\nvoid f(void) {{\n"
                        "\tu32 iar[1] = {0};\n" + "\n".join(lines) + "\n}\n")
    assert done == ""
    said = [op.operation.word for op in ops if all(line.startswith("/*") for line in operation_code(op, "iar[0]", v2))]
    assert said == ["MASK", "UNMASK", "AWAIT", "AGAIN"]


def test_a_title_can_not_end_the_comment(tree: Tree) -> None:
    verdict = broken("level-irqfd-v3", "kvm")
    assert verdict.replay is not None
    step = verdict.replay.steps[0]._replace(what='*/ #error "out" /*', action="disk raises")
    replay = verdict.replay._replace(steps=(step, *verdict.replay.steps[1:]))
    from dataclasses import replace
    assert tree.compile(c_case(replace(verdict, replay=replay), "kvm")) == ""


@pytest.mark.parametrize(("text", "v2", "lines"), [
    ("IPRIORITYR 41 0x80 by word", False, ["writel(0x80808080, gicv3_dist_base() + GICD_IPRIORITYR + 40);"]),
    ("ROUTE 41 1 by word", True, ["writel(0x2020202, gicv2_dist_base() + GICD_ITARGETSR + 40);"]),
    ("ROUTE 41 1 by word", False, ["writel(cpus[1], gicv3_dist_base() + 0x6000 + 8 * 41);\t/* GICD_IROUTER */",
                                   "writel(cpus[1] >> 32, gicv3_dist_base() + 0x6000 + 8 * 41 + 4);"]),
    ("IROUTER 40 2.3.4.5", False,
     ["writeq(0x200030405UL, gicv3_dist_base() + 0x6000 + 8 * 40);\t/* GICD_IROUTER */"]),
    ("SPENDSGIR 9 from 1", True, ["writeb(0x2, gicv2_dist_base() + 0xf29);\t/* GICD_SPENDSGIR */"]),
    ("CPENDSGIR 9 from 1 by word", True, ["writel(0x200, gicv2_dist_base() + 0xf18);\t/* GICD_CPENDSGIR */"]),
    ("ICFGR 27 edge", False, ["writel(0x800000, gicv3_sgi_base() + 0xc04);\t/* ICFGR1 */"]),
    ("IGROUPR 40 0", False,
     ["writel(readl(gicv3_dist_base() + GICD_IGROUPR + 4) & ~BIT(8), gicv3_dist_base() + GICD_IGROUPR + 4);"]),
    ("GICD_CTLR 1", False, ["writel(0x12, gicv3_dist_base() + GICD_CTLR);\t/* ARE, EnableGrp1 */"]),
    ("GICD_CTLR 0", True, ["writel(0, gicv2_dist_base() + GICD_CTLR);"]),
])
def test_an_access_has_its_width_its_place_and_its_value(text: str, v2: bool, lines: list[str]) -> None:
    assert operation_code(parse(text), "iar[0]", v2) == lines
