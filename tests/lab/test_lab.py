#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the lab's pure parts: no network, no guest."""

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
LAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lab")
sys.path.insert(0, LAB)

# pylint: disable=wrong-import-position
from kmlab import elf, module, scenarios, truth  # noqa: E402
from kmlab.btf import Btf  # noqa: E402
from kmlab.cache import Cache, digest, hash_files  # noqa: E402
from kmlab.cpio import Archive  # noqa: E402
from kmlab.errors import LabError  # noqa: E402


class Scratch(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)


class TestCpio(Scratch):
    def test_busybox_reads_what_is_written(self):
        archive = Archive()
        archive.data("etc/deep/name", b"odd!\n", 0o600)
        archive.data("init", b"#!/bin/sh\n", 0o755)
        archive.device("dev/console", 5, 1)
        archive.save(self.path("a.cpio"))
        with open(self.path("a.cpio"), "rb") as file:
            out = subprocess.run(["busybox", "cpio", "-tv"], stdin=file,
                                 capture_output=True, check=True).stdout.decode()
        names = {line.split()[-1]: line for line in out.splitlines()}
        self.assertEqual(set(names), {"etc", "etc/deep", "etc/deep/name", "init",
                                      "dev", "dev/console"})
        self.assertTrue(names["init"].startswith("-rwxr-xr-x"))
        self.assertTrue(names["etc/deep/name"].startswith("-rw-------"))
        self.assertTrue(names["dev/console"].startswith("c"))

    def test_contents_survive(self):
        archive = Archive()
        archive.data("file", bytes(range(256)) * 3 + b"x")
        archive.save(self.path("a.cpio"))
        os.mkdir(self.path("out"))
        with open(self.path("a.cpio"), "rb") as file:
            subprocess.run(["busybox", "cpio", "-i"], stdin=file,
                           cwd=self.path("out"), capture_output=True, check=True)
        with open(self.path("out", "file"), "rb") as file:
            self.assertEqual(file.read(), bytes(range(256)) * 3 + b"x")


class BtfMaker:
    """Writes BTF with structs and functions only."""

    def __init__(self):
        self.types, self.names = b"", b"\0"

    def name(self, text):
        if not text:
            return 0
        at = len(self.names)
        self.names += text.encode() + b"\0"
        return at

    def struct(self, name, size, members):
        self.types += struct.pack("<III", self.name(name),
                                  4 << 24 | len(members), size)
        for member, type_, offset in members:
            self.types += struct.pack("<III", self.name(member), type_, offset * 8)

    def int(self, name):
        self.types += struct.pack("<IIII", self.name(name), 1 << 24, 8, 64)

    def array(self):
        self.types += struct.pack("<IIIIII", 0, 3 << 24, 0, 1, 1, 4)

    def func(self, name):
        self.types += struct.pack("<III", self.name(name), 12 << 24, 0)

    def bytes(self):
        return struct.pack("<HBBIIIII", 0xeb9f, 1, 0, 24, 0, len(self.types),
                           len(self.types), len(self.names)) \
            + self.types + self.names


class TestBtf(unittest.TestCase):
    def test_members_sizes_and_functions(self):
        maker = BtfMaker()
        maker.int("long")
        maker.struct("", 16, [("inner_a", 1, 0), ("inner_b", 1, 8)])
        maker.struct("outer", 24, [("first", 1, 0), ("", 2, 8)])
        maker.func("some_function")
        btf = Btf(maker.bytes())
        self.assertEqual(btf.member("outer", "first"), (0, 1))
        self.assertEqual(btf.member("outer", "inner_b"), (16, 1))
        self.assertIsNone(btf.member("outer", "nothing"))
        self.assertIsNone(btf.member("nothing", "first"))
        self.assertEqual(btf.size("outer"), 24)
        self.assertEqual(btf.functions, {"some_function"})

    def test_not_btf_is_refused(self):
        with self.assertRaises(LabError):
            Btf(b"\0" * 64)

    def layout(self, cache_members, more=()):
        maker = BtfMaker()
        maker.int("long")
        maker.array()
        maker.struct("kmem_cache", 64, cache_members)
        for name, size, members in more:
            maker.struct(name, size, members)
        return module.layout_header(Btf(maker.bytes()))

    def test_layout_of_pointers_in_a_row(self):
        text = self.layout([("name", 1, 8), ("node", 2, 40)])
        self.assertIn("#define KMLAB_CACHE_NODE 40\n", text)
        self.assertIn("#define KMLAB_CACHE_NODE_STRIDE 8\n", text)
        self.assertIn("#define KMLAB_CACHE_NAME 8\n", text)
        self.assertNotIn("KMLAB_RSS_PERCPU", text)

    def test_layout_of_pairs(self):
        text = self.layout(
            [("per_node", 2, 40)],
            [("kmem_cache_per_node_ptrs", 16, [("barn", 1, 0), ("node", 1, 8)]),
             ("mm_struct", 64, [("rss_stat", 2, 8)])])
        self.assertIn("#define KMLAB_CACHE_NODE 48\n", text)
        self.assertIn("#define KMLAB_CACHE_NODE_STRIDE 16\n", text)
        self.assertIn("#define KMLAB_RSS_PERCPU\n", text)

    def test_layout_without_nodes(self):
        self.assertNotIn("KMLAB_CACHE_NODE", self.layout([("name", 1, 8)]))


class TestElf(unittest.TestCase):
    def test_needed_libraries_of_a_program(self):
        self.assertIn("libc.so.6", elf.needed_libraries(shutil.which("ls")))

    def test_not_elf_is_refused(self):
        with self.assertRaises(LabError):
            elf.sections(b"#!/bin/sh\n" * 20)


RAW = """garbled before
@@kmlab-begin proc/meminfo
MemTotal:         541700 kB
HugePages_Total:       3
@@kmlab-end proc/meminfo
@@kmlab-begin kallsyms
ffffffff81000000 T _text
0000000000000000 A zero
ffffffffc0000010 t kmlab_null_inner\t[kmlab]
@@kmlab-end kallsyms
@@kmlab-begin known_process
104
@@kmlab-end known_process
@@kmlab-begin known_process/fd
3 /tmp/a file with spaces
7 socket:[99]
@@kmlab-end known_process/fd
"""
TRUTH = """
@@kmlab-begin truth
{"when":"%s","pid":%d,"overflow":%d,"tasks":[]}
@@kmlab-end truth
"""
STABLE = "\n@@kmlab-begin stable\n1\n@@kmlab-end stable\n"


class TestTruth(unittest.TestCase):
    def test_the_last_snapshot_counts(self):
        text = RAW + TRUTH % ("trigger", 1, 0) + STABLE \
            + TRUTH % ("crash", 2, 0) + TRUTH % ("crash", 3, 0) + STABLE
        result = truth.build(text, expect_module=True)
        self.assertEqual(result["machine"]["pid"], 3)
        self.assertIs(result["machine"]["stable"], True)
        self.assertEqual(result["meminfo"],
                         {"MemTotal": 541700, "HugePages_Total": 3})
        self.assertEqual(result["symbols"], [
            {"address": "0xffffffff81000000", "type": "T", "name": "_text"},
            {"address": "0x0", "type": "A", "name": "zero"},
            {"address": "0xffffffffc0000010", "type": "t",
             "name": "kmlab_null_inner", "module": "kmlab"}])
        self.assertEqual(result["known_process"]["pid"], 104)
        self.assertEqual(result["known_process"]["fd"],
                         {"3": "/tmp/a file with spaces", "7": "socket:[99]"})

    def test_a_machine_that_only_was_triggered_has_no_truth(self):
        with self.assertRaises(LabError):
            truth.build(RAW + TRUTH % ("trigger", 1, 0), expect_module=True)

    def test_overflow_is_an_error(self):
        with self.assertRaises(LabError):
            truth.build(RAW + TRUTH % ("crash", 1, 1), expect_module=True)

    def test_without_module(self):
        self.assertIsNone(truth.build(RAW, expect_module=False)["machine"])

    def test_slabinfo(self):
        rows = truth.slabinfo(
            "slabinfo - version: 2.1\n# name <active_objs> ...\n"
            "filp 27 48 256 16 1 : tunables 0 0 0 : slabdata 3 3 0\n")
        self.assertEqual(rows, [{"name": "filp", "active_objects": 27,
                                 "objects": 48, "size": 256, "per_slab": 16,
                                 "slabs": 3}])


class TestCache(Scratch):
    def test_made_once_by_many_callers(self):
        cache = Cache(self.folder)
        made = []

        def make(folder):
            made.append(folder)
            with open(os.path.join(folder, "x"), "w", encoding="ascii"):
                pass

        threads = [threading.Thread(target=cache.entry, args=(("a", "b"), make))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(made), 1)
        self.assertEqual(os.listdir(self.path("a", "b")), ["x"])

    def test_a_failed_entry_leaves_nothing(self):
        cache = Cache(self.folder)

        def make(folder):
            with open(os.path.join(folder, "half"), "w", encoding="ascii"):
                raise LabError("no")

        with self.assertRaises(LabError):
            cache.entry(("a", "b"), make)
        self.assertEqual(os.listdir(self.path("a")), [])

    def test_hash_sees_names_and_bytes(self):
        os.mkdir(self.path("tree"))
        def put(name, data):
            with open(self.path("tree", name), "wb") as file:
                file.write(data)
            return hash_files(self.path("tree"))
        first = put("a", b"1")
        second = put("a", b"2")
        third = put("b", b"2")
        self.assertEqual(len({first, second, third}), 3)
        self.assertNotEqual(digest({"a": 1}), digest({"a": 2}))


class TestScenarios(unittest.TestCase):
    def test_each_failing_function_is_in_the_module(self):
        with open(os.path.join(LAB, "module", "kmlab_scenarios.c"),
                  encoding="utf-8") as file:
            source = file.read()
        rows = scenarios.load()
        self.assertEqual(len(rows), len({row["name"] for row in rows}))
        for row in rows:
            stacks = row["stack"] + [name for other in row.get("others", [])
                                     for name in other["stack"]]
            own = [name for name in stacks if name.startswith("kmlab_")
                   and name != "kmlab_trigger_write"]
            for name in own:
                self.assertIn(name + "(", source, row["name"])
            if row["trigger"] != "sysrq":
                self.assertIn('{ "%s", ' % row["name"], source)
                self.assertTrue(own, row["name"])

    def test_unknown_scenario(self):
        with self.assertRaises(LabError):
            scenarios.find("no such")

    def test_table_is_json_of_the_known_fields(self):
        with open(scenarios.TABLE, encoding="utf-8") as file:
            rows = json.load(file)["scenarios"]
        known = {"name", "description", "trigger", "command_line", "sysctls",
                 "patience", "culprit", "panicking", "stack", "others", "console"}
        for row in rows:
            self.assertLessEqual(set(row), known)


if __name__ == "__main__":
    unittest.main()
