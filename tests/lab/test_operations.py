"""The table of what a guest can do: texts are read and printed, checked against a VM, and told in the documentation."""
from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgic.designs import vm as designs
from vgic.designs.kvm import Kvm
from vgic.explore.check import with_vcpus
from vgic.lab.errors import ScenarioError
from vgic.lab.loader import all_scenarios, find_design, find_scenario
from vgic.lab.machine import Machine
from vgic.lab.operations.operands import NEVER, Awaited, Intid, Operand, Sgi, Vcpu, VmShape
from vgic.lab.operations.operation import Op, Operation
from vgic.lab.program import OPERATIONS, parse, table
from vgic.lab.scenario import Scenario, parse_scenario
from vgic.lab.schedule import Schedule

ROOT = Path(__file__).parent.parent.parent
SHAPE = VmShape("vm0", 3, 2, ("CNTV",))


def values(operand: Operand) -> st.SearchStrategy[int | None]:
    there: st.SearchStrategy[int | None] = st.sampled_from(list(operand.values()))
    return st.none() | there if operand.optional else there


@st.composite
def ops(draw: st.DrawFn) -> Op:
    operation = draw(st.sampled_from(OPERATIONS))
    return Op(operation, tuple(draw(values(operand)) for operand in operation.operands))


@given(op=ops())
def test_an_operation_prints_what_is_read_as_it(op: Op) -> None:
    again = parse(str(op), handler=True)
    assert again == op
    assert hash(again) == hash(op)
    assert str(again) == str(op)


@given(op=ops(), other=ops())
def test_different_operations_have_different_texts(op: Op, other: Op) -> None:
    assert (op == other) == (str(op) == str(other))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.forms[-1])
def test_what_it_does_takes_its_operands(operation: Operation) -> None:
    taken = list(inspect.signature(operation.do).parameters)
    assert taken[:2] == ["guests", "run"]
    assert len(taken) == 2 + operation.own + len(operation.operands)
    most = [list(operand.values())[-1] for operand in operation.operands]
    assert parse(operation.text(tuple(most)), handler=True) == Op(operation, tuple(most))
    assert all(not operand.optional for operand in operation.operands[:-1])
    assert operation.help[0].islower()


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.own], ids=lambda operation: operation.word)
def test_a_handler_alone_has_what_is_of_its_own_interrupt(operation: Operation) -> None:
    assert parse(operation.word, handler=True) == Op(operation, ())
    with pytest.raises(ValueError, match=r"only a handler can do this|outside a handler"):
        parse(operation.word)


def test_numbers_are_read_in_both_ways_and_printed_in_one() -> None:
    assert parse("ISENABLER 0x28") == parse("ISENABLER 40")
    assert str(parse("PMR 240")) == "PMR 0xf0"
    assert str(parse("  SGI  1  to 0 ")) == "SGI 1 to 0"
    assert parse("CNTV_CVAL never").values == (NEVER,)
    assert parse("ICENABLER 1").values == (1, None)


@pytest.mark.parametrize(("text", "says"), [
    ("", "no operation ''"), ("WIF", "expected one of ISENABLER, "), ("SGI 1 at 0", "'at': expected to"),
    ("SGI 16 to 0", "16: expected an SGI, 0 to 15"), ("SGI 1 to 8", "8: expected a vCPU, 0 to 7"),
    ("SGI 1", 'expected "SGI N to VCPU"'), ("ISENABLER 1020", "1020: expected an INTID, 0 to 1019"),
    ("ISENABLER", 'expected "ISENABLER INTID" or "ISENABLER INTID of VCPU"'), ("ISENABLER 1 at 1", "'at': expected of"),
    ("ISENABLER 1 of", 'expected "ISENABLER INTID" or'), ("READ 40", 'expected "READ ISPENDR INTID" or "READ'),
    ("IPRIORITYR 40 256", "256: expected a priority, 0 to 255"), ("EOIMODE 2", "2: expected a value, 0 to 1"),
    ("CNTV_CTL 4", "4: expected a value, 0 to 3"), ("CNTV_CVAL 1", "1: expected never, or ticks from now"),
    ("CNTV_CVAL +10", "10: expected ticks from now, 0 to 9"), ("EOI", "only a handler can do this"),
    ("DIR", 'expected "DIR INTID" outside a handler'), ("WFI 3", 'expected "WFI"'),
])
def test_what_is_no_operation_is_told(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as told:
        parse(text)
    assert str(told.value).startswith(f'"{text}": ')
    assert says in str(told.value)


@pytest.mark.parametrize(("text", "kinds"), [
    ("SGI 1 to 0", {Sgi: (1,), Vcpu: (0,), Intid: ()}), ("ROUTE 40 1", {Intid: (40,), Vcpu: (1,)}),
    ("ISENABLER 40", {Intid: (40,), Vcpu: ()}), ("ISENABLER 1 of 3", {Intid: (1,), Vcpu: (3,)}),
    ("AWAIT 41", {Intid: (41,), Awaited: (41,)}), ("DIR 41", {Intid: (41,), Awaited: ()}),
    ("IPRIORITYR 40 3", {Intid: (40,), Vcpu: ()}), ("CNTV_CTL 1", {Intid: (), Vcpu: ()}), ("DIR", {Intid: ()}),
])
def test_what_an_operation_names(text: str, kinds: dict[type[Operand], tuple[int, ...]]) -> None:
    op = parse(text, handler=True)
    assert {kind: op.named(kind) for kind in kinds} == kinds


V2, ALONE, WITHOUT = SHAPE._replace(gic=2), SHAPE._replace(vcpus=1), SHAPE._replace(timers=())


@pytest.mark.parametrize(("text", "vm", "says"), [
    ("SGI 1 to 1", SHAPE, []), ("SGI 1 to 1", ALONE, ["expected a vCPU 0 to 0"]),
    ("ROUTE 32 1", SHAPE, []),
    ("ROUTE 31 1", SHAPE, ["a private interrupt has no target: expected an SPI, 32 to 1019"]),
    ("ICENABLER 1 of 1", SHAPE, []), ("ICENABLER 1 of 2", SHAPE, ["expected a vCPU 0 to 1"]),
    ("ICENABLER 1 of 1", V2, ['a GICv2 guest reaches its own private interrupts alone: expected no "of 1"']),
    ("ICENABLER 32 of 1", V2, []), ("ICENABLER 1", V2, []), ("CNTV_CTL 1", SHAPE, []),
    ("CNTV_CVAL +1", WITHOUT, ['expected a device of vm0 with kind = "timer", timer = "CNTV"']),
    ("CNTP_CTL 0", SHAPE, ['expected a device of vm0 with kind = "timer", timer = "CNTP"']),
])
def test_what_a_vm_lacks_for_it(text: str, vm: VmShape, says: list[str]) -> None:
    assert list(parse(text).wrong(vm)) == says


def with_program(program: list[str]) -> Scenario:
    text = "\n".join(['name = "it"\ntitle = "something happens"\nteaches = "something is learned"',
                      '[[vm]]\nsgis = [3]\n[[vm.vcpu]]', f"program = {program}".replace("'", '"'), "[[vm.vcpu]]"])
    return parse_scenario(text)


def test_a_vm_has_what_its_programs_name() -> None:
    scenario = with_program(["SGI 1 to 1", "ISENABLER 45", "AWAIT 50", "PMR 0x40"])
    [vm] = Machine(scenario, find_design("kvm")).vms
    assert vm.sgis == (1, 3)
    assert vm.intids == (1, 3, 45, 50)
    assert vm.vcpus[0].guest.awaited == {50}


@pytest.mark.parametrize("text", ["SGI 1 to 1", "ROUTE 40 1", "ICENABLER 1 of 1"])
def test_fewer_vcpus_than_a_program_names(text: str) -> None:
    assert len(with_vcpus(with_program([text]), 3).vm[0].vcpu) == 3
    with pytest.raises(ScenarioError, match=f"it: 1 vCPUs: a program says '{text}'"):
        with_vcpus(with_program([text]), 1)


def test_programs_of_scenarios_are_written_as_they_are_printed() -> None:
    for scenario in all_scenarios():
        for vcpu in (vcpu for vm in scenario.vm for vcpu in vm.vcpu):
            for text in (*vcpu.program, *(text for ops in vcpu.handlers.values() for text in ops)):
                assert str(parse(text, handler=True)) == text


def test_the_documentation_has_the_table() -> None:
    assert table() in (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    assert all(operation.help in table() for operation in OPERATIONS)


def test_what_only_one_architecture_has_is_refused_on_the_other() -> None:
    v2 = SHAPE._replace(gic=2)
    assert list(parse("SPENDSGIR 1 from 0").wrong(SHAPE)) == ["SGIs have sources only for a GICv2 guest"]
    assert list(parse("SGI0R 1 to 1").wrong(v2)) == ["only a GICv3 guest asks for SGIs by group"]
    assert not list(parse("SPENDSGIR 1 from 0").wrong(v2))
    assert not list(parse("SGI0R 1 to 1").wrong(SHAPE))


def test_sources_of_an_sgi_come_and_go() -> None:
    """SPENDSGIR and CPENDSGIR: by source, and of its own SGIs alone."""
    machine = Machine(find_scenario("sgi-v2-source-cleared"), find_design("kvm"))
    ghost, seen = machine.vcpus[0].irqs[1], []
    for _ in range(4):
        machine.actions["vcpu0 steps"].do()
        seen.append((ghost.sources, machine.vcpus[1].irqs[1].sources))
        machine.actions["vcpu0 enters"].do()
    assert seen == [(0, 0), (1, 0), (3, 0), (2, 0)]


@pytest.mark.parametrize("scenario", ["saved-edge", "saved-sgi-v2"])
def test_a_cpu_interface_that_is_not_restored_is_told(scenario: str) -> None:
    class Forgets(Kvm):
        def uaccess_write(self, vcpu: designs.Vcpu, address: int, size: int, value: int) -> None:
            if vcpu.vm.gic == 3 or not 0 <= address - vcpu.vm.map.gicc < 0x2000:
                super().uaccess_write(vcpu, address, size, value)

        def uaccess_sysreg_write(self, vcpu: designs.Vcpu, register: str, value: int) -> None:
            """Ignored."""
    assert 21 in Schedule(find_scenario(scenario), Forgets, lenient=True).run().broken
    assert 21 not in Schedule(find_scenario(scenario), Kvm, lenient=True).run().broken
