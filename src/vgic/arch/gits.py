"""GITS, the interrupt translation service (IHI 0069, ITS register map).

One frame of up to three pages of 64 KB: the control registers, at 0x10000 the page that devices write, and with GICv4.1
at 0x20000 the page of virtual SGIs.
"""

from __future__ import annotations

from vgic.arch.common import (
    CACHE,
    ENABLED,
    IIDR,
    OUTER_CACHE,
    PAGE_SIZE,
    SHAREABILITY,
    STATUSR,
    V3,
    bit,
    identification,
    mapped,
)
from vgic.arch.register import Field, Frame

TRANSLATION = 0x10000
VSGI = 0x20000

_SUPPORTED = {0: "not supported", 1: "supported"}
_QUEUE_MEMORY = (
    Field(61, 59, "InnerCache", "inner cacheability", CACHE),
    Field(55, 53, "OuterCache", "outer cacheability", OUTER_CACHE),
)

GITS = Frame(
    "GITS",
    "interrupt translation service: control, translation (+0x10000) and virtual SGIs (+0x20000, GICv4.1)",
    (
        mapped(
            V3,
            "GITS_CTLR",
            0x0000,
            "RW",
            "ITS control register",
            (
                bit(31, "Quiescent", "the ITS is idle and has written its caches back", {0: "no", 1: "yes"}),
                bit(8, "UMSIirq", "interrupt for an unmapped MSI", ENABLED),
                Field(7, 4, "ITS_Number", "number of the ITS in GICv4.0's VMOVP"),
                bit(1, "ImDe", "IMPLEMENTATION DEFINED"),
                bit(0, "Enabled", "translation and command queue", ENABLED),
            ),
            reset=0x80000000,
        ),
        mapped(V3, "GITS_IIDR", 0x0004, "RO", "ITS identification register", IIDR, reset=None),
        mapped(
            V3,
            "GITS_TYPER",
            0x0008,
            "RO",
            "ITS type register",
            (
                bit(46, "INV", "caches after a table is unmapped", {0: "may keep entries", 1: "are invalidated"}),
                bit(45, "UMSIirq", "interrupt for an unmapped MSI", _SUPPORTED),
                bit(44, "UMSI", "reporting of unmapped MSIs", _SUPPORTED),
                bit(43, "nID", "individual doorbells", {0: "supported", 1: "not supported"}),
                Field(
                    42,
                    41,
                    "SVPET",
                    "vPE table shared with the redistributors",
                    {0: "not shared", 1: "of one Aff3", 2: "of one Aff3.Aff2", 3: "of one Aff3.Aff2.Aff1"},
                ),
                bit(40, "VMAPP", "layout of VMAPP", {0: "GICv4.0", 1: "GICv4.1"}),
                bit(39, "VSGI", "direct injection of virtual SGIs", _SUPPORTED),
                bit(38, "MPAM", "memory partitioning", _SUPPORTED),
                bit(37, "VMOVP", "VMOVP", {0: "is given to every ITS, in step", 1: "is given to one ITS"}),
                bit(36, "CIL", "bits of a collection's ID", {0: "16", 1: "CIDbits+1"}),
                Field(35, 32, "CIDbits", "bits of a collection's ID, less one, where CIL is 1"),
                Field(31, 24, "HCC", "collections held without memory"),
                bit(19, "PTA", "redistributors are named by", {0: "Processor_Number", 1: "address"}),
                bit(18, "SEIS", "SEIs for command errors", _SUPPORTED),
                Field(17, 13, "Devbits", "bits of a DeviceID, less one"),
                Field(12, 8, "ID_bits", "bits of an EventID, less one"),
                Field(7, 4, "ITT_entry_size", "bytes of an ITT entry, less one"),
                bit(2, "CCT", "cumulative collection tables", _SUPPORTED),
                bit(1, "Virtual", "virtual LPIs", _SUPPORTED),
                bit(0, "Physical", "physical LPIs", _SUPPORTED),
            ),
            width=64,
            reset=None,
        ),
        mapped(
            V3,
            "GITS_MPAMIDR",
            0x0010,
            "RO",
            "largest supported PARTID and PMG",
            (Field(23, 16, "PMGmax", "largest PMG"), Field(15, 0, "PARTIDmax", "largest PARTID")),
            reset=None,
        ),
        mapped(
            V3,
            "GITS_PARTIDR",
            0x0014,
            "RW",
            "PARTID and PMG of the ITS's accesses",
            (Field(23, 16, "PMG", "performance monitoring group"), Field(15, 0, "PARTID", "partition")),
        ),
        mapped(
            V3,
            "GITS_MPIDR",
            0x0018,
            "RO",
            "affinity of the ITS, where it shares a vPE table (GICv4.1)",
            (
                Field(31, 24, "Aff3", "affinity level 3"),
                Field(23, 16, "Aff2", "affinity level 2"),
                Field(15, 8, "Aff1", "affinity level 1"),
            ),
            reset=None,
        ),
        mapped(
            V3,
            "GITS_STATUSR",
            0x0040,
            "RW",
            "error reporting status register",
            (
                Field(9, 6, "Syndrome", "why the MSI was unmapped"),
                bit(5, "Overflow", "more than one unmapped MSI; write 1 to clear"),
                bit(4, "UMSI", "an unmapped MSI was detected; write 1 to clear"),
                *STATUSR,
            ),
        ),
        mapped(
            V3,
            "GITS_UMSIR",
            0x0048,
            "RO",
            "the unmapped MSI",
            (Field(63, 32, "DeviceID", "of its device"), Field(31, 0, "EventID", "of its event")),
            width=64,
            reset=None,
        ),
        mapped(
            V3,
            "GITS_CBASER",
            0x0080,
            "RW",
            "command queue's base address register",
            (
                bit(63, "Valid", "the queue is allocated", {0: "no", 1: "yes"}),
                *_QUEUE_MEMORY,
                Field(51, 12, "Physical_Address", "bits [51:12] of the queue's address"),
                Field(11, 10, "Shareability", "of the queue", SHAREABILITY),
                Field(7, 0, "Size", "pages of 4 KB, less one"),
            ),
            width=64,
            reset=None,
        ),
        mapped(
            V3,
            "GITS_CWRITER",
            0x0088,
            "RW",
            "where software writes the next command",
            (
                Field(19, 5, "Offset", "bits [19:5] of the offset in the queue"),
                bit(0, "Retry", "goes on after a stall (write only)"),
            ),
            width=64,
            reset=None,
        ),
        mapped(
            V3,
            "GITS_CREADR",
            0x0090,
            "RO",
            "where the ITS reads the next command",
            (
                Field(19, 5, "Offset", "bits [19:5] of the offset in the queue"),
                bit(0, "Stalled", "the queue stalled at a command error", {0: "no", 1: "yes"}),
            ),
            width=64,
        ),
        mapped(
            V3,
            "GITS_BASER<n>",
            0x0100,
            "RW",
            "table base address register",
            (
                bit(63, "Valid", "the table is allocated", {0: "no", 1: "yes"}),
                bit(62, "Indirect", "levels of the table", {0: "one", 1: "two"}),
                _QUEUE_MEMORY[0],
                Field(
                    58, 56, "Type", "what the table is of", {0: "nothing", 1: "devices", 2: "vPEs", 4: "collections"}
                ),
                _QUEUE_MEMORY[1],
                Field(52, 48, "Entry_Size", "bytes of an entry, less one"),
                Field(47, 12, "Physical_Address", "of the table; with 64 KB pages bits 15:12 are address bits 51:48"),
                Field(11, 10, "Shareability", "of the table", SHAREABILITY),
                Field(9, 8, "Page_Size", "of the table", PAGE_SIZE),
                Field(7, 0, "Size", "pages of the table, less one"),
            ),
            width=64,
            reset=None,
            count=8,
        ),
        *identification(V3, "GITS", 0xFFD0),
        mapped(
            V3,
            "GITS_TRANSLATER",
            TRANSLATION + 0x0040,
            "WO",
            "ITS translation register, which devices write",
            (Field(31, 0, "EventID", "the event; the DeviceID comes with the write"),),
            reset=None,
            sizes=(2, 4),
        ),
        mapped(
            V3,
            "GITS_SGIR",
            VSGI + 0x0020,
            "WO",
            "generates a virtual SGI (GICv4.1)",
            (Field(47, 32, "vPEID", "the vPE"), Field(3, 0, "vINTID", "the virtual SGI")),
            width=64,
            reset=None,
            sizes=(8,),
        ),
    ),
    size=0x30000,
)
