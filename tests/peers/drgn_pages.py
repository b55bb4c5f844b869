# SPDX-License-Identifier: GPL-2.0-or-later
"""Run by drgn's own Python: what each page of a dump is, by the structures that lead to it.

usage: drgn_pages.py DUMP VMLINUX OUT

Free blocks are found through the buddy allocator's lists, page cache through the inodes that own it, user
pages, page tables, vmalloc and module memory through page tables, stacks through the tasks, the image
through symbols. Struct pages are asked (through drgn's helpers) for slabs, tails, types and LRU only.

OUT is, for each frame from 0 on, a 16-bit word of the bits below and then, for each frame, a 32-bit number:
the frame of its compound page's head, its own where it is none.
"""

import array
import os
import re
import struct
import sys

import drgn
from drgn import cast
from drgn.helpers.linux.cpumask import for_each_possible_cpu
from drgn.helpers.linux.fs import inode_for_each_page
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.mm import (PageLRU, PageSlab, PageTail, compound_head, follow_phys,
                                   for_each_vma, page_to_pfn, pfn_to_page)
from drgn.helpers.linux.mmzone import for_each_online_pgdat
from drgn.helpers.linux.percpu import per_cpu
from drgn.helpers.linux.pid import for_each_task

BITS = ("free", "slab", "table", "vmalloc", "stack", "user", "anon", "cache", "image", "lru", "kmalloc",
        "typed", "offline", "huge", "poisoned")
BIT = {name: 1 << i for i, name in enumerate(BITS)}
PAGE = 4096
ADDRESS = 0x000ffffffffff000
USER_END = 1 << 47
VMALLOC_SIZE = 32 << 40
MODULES = (0xffffffffc0000000, 0xffffffffff000000)


class Pages:
    def __init__(self, prog, vmcoreinfo):
        self.prog = prog
        self.ranges = ram(prog)
        self.count = max(end for _, end in self.ranges)
        self.bits = array.array("H", bytes(2 * self.count))
        self.heads = array.array("I", range(self.count))
        found = re.search(rb"NUMBER\(pgtable_l5_enabled\)=(\d)", vmcoreinfo)
        self.levels = 5 if found and found.group(1) == b"1" else 4

    def set(self, pfn, name, count=1):
        for at in range(pfn, min(pfn + count, self.count)):
            self.bits[at] |= BIT[name]

    def has(self, pfn, name):
        return bool(self.bits[pfn] & BIT[name])


def ram(prog):
    """Frames that the dump has, [first, end)."""
    ranges = []
    with open(sys.argv[1], "rb") as file:
        header = file.read(64)
        offset, = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        for i in range(count):
            file.seek(offset + i * size)
            kind, _, _, _, physical, length, _, _ = struct.unpack("<IIQQQQQQ", file.read(56))
            if kind == 1 and length:
                ranges.append((physical // PAGE, (physical + length + PAGE - 1) // PAGE))
    return ranges


def free_lists(pages):
    prog = pages.prog
    member = "buddy_list" if prog.type("struct page").has_member("buddy_list") else "lru"
    for node in for_each_online_pgdat(prog):
        for zone in node.node_zones:
            if not zone.present_pages:
                continue
            for order, area in enumerate(zone.free_area):
                for head in area.free_list:
                    for page in list_for_each_entry("struct page", head.address_of_(), member):
                        pages.set(page_to_pfn(page).value_(), "free", 1 << order)


def page_cache(pages):
    """Every page that an inode of any file system owns; swap's own are left to page tables."""
    prog = pages.prog
    for block in list_for_each_entry("struct super_block", prog["super_blocks"].address_of_(), "s_list"):
        for inode in list_for_each_entry("struct inode", block.s_inodes.address_of_(), "i_sb_list"):
            if not inode.i_mapping.nrpages:
                continue
            for _, page in inode_for_each_page(inode):
                pages.set(page_to_pfn(page).value_(), "cache")


def tables(pages, root, region, leaf, seen):
    """Walks the page tables at physical ROOT within REGION (pairs of virtual addresses), marks them, and
    calls LEAF(virtual, frame, frames) for what is mapped."""
    def walk(at, level, base):
        shift = 12 + 9 * (level - 1)
        first = at not in seen
        seen.add(at)
        pages.set(at // PAGE, "table")
        try:
            entries = struct.unpack("<512Q", pages.prog.read(at, PAGE, True))
        except drgn.FaultError:
            return
        for i, entry in enumerate(entries):
            if not entry & 1:
                continue
            virtual = base + (i << shift)
            if level == pages.levels and i >= 256:
                virtual |= (0xffff << 48) if pages.levels == 4 else (0xfe << 56)
            if not any(start < virtual + (1 << shift) and virtual < end for start, end in region):
                continue
            if level == 1 or (level <= 3 and entry & 0x80):
                leaf(virtual, (entry & ADDRESS & ~((1 << shift) - 1)) // PAGE, 1 << (shift - 12))
            elif first or level == pages.levels:
                walk(entry & ADDRESS, level - 1, virtual)
    walk(root, pages.levels, 0)


def kernel_memory(pages):
    prog = pages.prog

    def base(name):
        return prog[name].value_()

    vmalloc = (base("vmalloc_base"), min(base("vmalloc_base") + VMALLOC_SIZE, base("vmemmap_base")))
    region = (vmalloc, (base("vmemmap_base"), base("vmemmap_base") + (1 << 40)), MODULES)

    def leaf(virtual, pfn, count):
        if pfn < pages.count:
            pages.set(pfn, "vmalloc", count)

    root = physical(pages, prog["init_mm"].pgd.value_())
    tables(pages, root, region, leaf, set())
    # The rest of the kernel's tables: the direct map's own.
    tables(pages, root, ((1 << 63, 1 << 64),), lambda *_: None, set())
    for task in for_each_task(prog):
        stack = task.stack.value_()
        for at in range(stack, stack + 4 * PAGE, PAGE):
            try:
                pages.set(physical(pages, at) // PAGE, "stack")
            except drgn.FaultError:
                pass


def physical(pages, virtual):
    """Of a kernel address, in the image, the direct map or by page tables."""
    return follow_phys(pages.prog["init_mm"].address_of_(), virtual).value_()


def user_memory(pages):
    prog = pages.prog
    seen_mm = set()
    special = {physical(pages, prog.symbol("empty_zero_page").address) // PAGE}
    for task in for_each_task(prog):
        mm = task.mm
        if not mm or mm.value_() in seen_mm:
            continue
        seen_mm.add(mm.value_())
        areas = []
        for vma in for_each_vma(mm):
            pfnmap = vma.vm_flags.value_() & (0x400 | 0x10000000)  # VM_PFNMAP, VM_MIXEDMAP
            operations = vma.vm_ops.value_()
            special_area = operations and not vma.vm_file
            kind = None if pfnmap or special_area else "anon" if not vma.vm_file else "user"
            areas.append((vma.vm_start.value_(), vma.vm_end.value_(), kind))

        def leaf(virtual, pfn, count, areas=areas):
            for start, end, kind in areas:
                if start <= virtual < end and kind and pfn < pages.count and pfn not in special:
                    pages.set(pfn, kind, count)

        tables(pages, physical(pages, mm.pgd.value_()), ((0, USER_END),), leaf, set())


def batches(pages):
    """Pages that CPUs have collected to put on LRU lists, or to move there: a process's, or a file's."""
    prog = pages.prog
    for cpu in for_each_possible_cpu(prog):
        each = per_cpu(prog["cpu_fbatches"], cpu)
        for member in each.type_.members:
            if member.name and member.type.type_name() == "struct folio_batch":
                batch = each.member_(member.name)
                for i in range(batch.nr):
                    pages.set(page_to_pfn(cast("struct page *", batch.folios[i])).value_(), "user")


def image(pages):
    prog = pages.prog
    for start, end in (("_stext", "_etext"), ("__start_rodata", "__end_rodata"), ("_sdata", "_edata")):
        at = prog.symbol(start).address
        first = physical(pages, at)
        pages.set(first // PAGE, "image", (prog.symbol(end).address - at) // PAGE)


def types(prog):
    """page_type's values by name, where this kernel has an enum of them."""
    try:
        enum = prog.type("enum pagetype")
    except LookupError:
        return {}
    return {e.name: e.value for e in enum.enumerators if e.name.startswith("PGTY_")}


def poison_mask(prog):
    try:
        return 1 << prog.constant("PG_hwpoison").value_()
    except LookupError:
        return 0


def flag_word(page):
    """6.18 wraps it in a structure."""
    word = page.flags
    return (word.f if word.type_.kind == drgn.TypeKind.TYPEDEF and word.type_.type.kind == drgn.TypeKind.STRUCT
            else word).value_()


def struct_pages(pages):
    prog = pages.prog
    poisoned = poison_mask(prog)
    known = types(prog)
    names = {known.get("PGTY_large_kmalloc"): "kmalloc", known.get("PGTY_table"): "table",
             known.get("PGTY_offline"): "offline", known.get("PGTY_hugetlb"): "huge"}
    for first, end in pages.ranges:
        for pfn in range(first, end):
            if pages.has(pfn, "free"):
                continue
            page = pfn_to_page(prog, pfn)
            if flag_word(page) & poisoned:
                pages.set(pfn, "poisoned")
            if PageTail(page):
                pages.heads[pfn] = page_to_pfn(compound_head(page)).value_()
                continue
            if PageSlab(page):
                pages.set(pfn, "slab")
            elif known and 0xf0 <= page.page_type.value_() >> 24 < 0xff:
                pages.set(pfn, names.get(page.page_type.value_() >> 24, "typed"))
            elif PageLRU(page):
                pages.set(pfn, "lru")
    # A tail is what its head is.
    for first, end in pages.ranges:
        for pfn in range(first, end):
            if pages.heads[pfn] != pfn:
                pages.bits[pfn] |= pages.bits[pages.heads[pfn]] & (
                    BIT["slab"] | BIT["kmalloc"] | BIT["table"] | BIT["lru"] | BIT["huge"] | BIT["typed"])


def main():
    prog = drgn.Program()
    prog.set_core_dump(sys.argv[1])
    prog.load_debug_info([sys.argv[2]])
    pages = Pages(prog, prog["VMCOREINFO"].string_())
    free_lists(pages)
    image(pages)
    kernel_memory(pages)
    user_memory(pages)
    batches(pages)
    page_cache(pages)
    struct_pages(pages)
    with open(sys.argv[3], "wb") as file:
        file.write(struct.pack("<I", pages.count))
        pages.bits.tofile(file)
        pages.heads.tofile(file)
    os._exit(0)


if __name__ == "__main__":
    main()
