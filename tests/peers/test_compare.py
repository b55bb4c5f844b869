#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison with the peers must be able to fail: its own tests."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import lines  # noqa: E402  (the modules beside this script)
import stacks  # noqa: E402

TABLE = r"""
[[difference]]
name = "an exception's place twice"
kind = "repeated"
where = 'bt'
reason = "r"

[[difference]]
name = "source lines"
kind = "rewrite"
where = 'sym .*'
peer = ' \S+: \d+$'
as = ''
reason = "r"

[[difference]]
name = "not loaded"
kind = "line"
where = 'mod'
peer = '(?P<name>\w+)  \(not loaded\)'
ours = '(?P<name>\w+)'
reason = "r"

[[difference]]
name = "only ours"
kind = "line"
where = 'mod'
ours = 'note: .*'
reason = "r"

[[difference]]
name = "first frames"
kind = "leading"
where = 'drgn stack'
side = "ours"
frame = 'machine_kexec'
reason = "r"

[[difference]]
name = "labels"
kind = "frame"
where = 'drgn stack'
peer = 'entry_SYSCALL_64'
ours = 'entry_SYSCALL_64_after_hwframe'
reason = "r"

[[difference]]
name = "ends later"
kind = "tail"
where = 'drgn stack'
side = "ours"
frame = 'user_entry'
reason = "r"
"""

STACK = """PID: 7        TASK: ffff888000000000  CPU: 1    COMMAND: "it"
 #0 [ffffc90000000100] inner at ffffffff81000010
    [exception RIP: between+16]
    RIP: ffffffff81000020  RSP: ffffc90000000200  RFLAGS: 00000246
--- <NMI exception stack> ---
 #1 [ffffc90000000200] between at ffffffff81000020
 #2 [ffffc90000000300] outer at ffffffff81000030 [some_module]
    RIP: 00007f0000000000  RSP: 00007ffd00000000  RFLAGS: 00000246

PID: 8        TASK: ffff888000001000  CPU: 0    COMMAND: "gone"
(no stack)
"""


def differences():
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(TABLE)
        file.flush()
        return lines.Differences(file.name)


def task(*frames):
    made = stacks.Task(1, 1, "it", 0)
    made.frames = [stacks.Frame([name], sp, pc) for name, sp, pc in frames]
    return made


class Lines(unittest.TestCase):
    def check(self, where, peer, ours):
        return lines.compare(where, peer, ours, differences())

    def test_equal(self):
        self.assertEqual(self.check("ps", ["a", "b"], ["a", "b"]), [])

    def test_difference_fails(self):
        self.assertEqual(self.check("ps", ["a", "b"], ["a", "c"]), ["- b", "+ c"])

    def test_missing_and_extra_lines_fail(self):
        self.assertEqual(self.check("ps", ["a", "b"], ["a"]), ["- b"])
        self.assertEqual(self.check("ps", ["a"], ["a", "b"]), ["+ b"])

    def test_order_matters(self):
        self.assertTrue(self.check("ps", ["a", "b"], ["b", "a"]))

    def test_rewrite_only_where_listed(self):
        self.assertEqual(self.check("sym x", ["1 (T) x k.c: 5"], ["1 (T) x"]), [])
        self.assertTrue(self.check("ps", ["1 (T) x k.c: 5"], ["1 (T) x"]))

    def test_pair_needs_the_same_name(self):
        self.assertEqual(self.check("mod", ["ext4  (not loaded)"], ["ext4"]), [])
        self.assertTrue(self.check("mod", ["ext4  (not loaded)"], ["xfs"]))

    def test_pair_is_not_an_excuse_for_a_missing_line(self):
        self.assertTrue(self.check("mod", ["ext4  (not loaded)"], []))

    def test_one_sided(self):
        self.assertEqual(self.check("mod", ["a"], ["note: this", "a"]), [])
        self.assertTrue(self.check("mod", ["a", "note: this"], ["a"]))

    def test_long_texts(self):
        peer = [str(number) for number in range(lines.LONG + 10)]
        self.assertEqual(self.check("sym -l", peer, list(peer)), [])
        self.assertEqual(self.check("sym -l", peer, peer[:-1]), ["- " + peer[-1]])
        swapped = peer[:5] + [peer[6], peer[5]] + peer[7:]
        self.assertTrue(self.check("sym -l", peer, swapped))

    def test_repeated_frames_only_where_listed(self):
        head = ["PID: 7        TASK: ffff888000000000  CPU: 1    COMMAND: \"it\"",
                " #7 [ffffc90000000100] asm_exc_invalid_op at ffffffff81000010",
                "    [exception RIP: broken+16]",
                "    RIP: ffffffff81000020  RSP: ffffc90000000200  RFLAGS: 00000246"]
        twice = head + [" #8 [ffffc90000000200] broken at ffffffff81000020",
                        " #9 [ffffc90000000300] outer at ffffffff81000030",
                        "#10 [ffffc90000000400] outermost at ffffffff81000040"]
        once = head + [" #8 [ffffc90000000300] outer at ffffffff81000030",
                       " #9 [ffffc90000000400] outermost at ffffffff81000040"]
        self.assertFalse(self.check("bt", twice, once))
        self.assertTrue(self.check("foreach bt", twice, once))
        other = [line.replace("broken at ffffffff81000020", "broken at ffffffff81000024") for line in twice]
        self.assertTrue(self.check("bt", other, once))
        own_stack = twice[:4] + ["--- <NMI exception stack> ---"] + twice[4:]
        self.assertFalse(self.check("bt", own_stack, own_stack))

    def test_unseen(self):
        table = differences()
        lines.compare("mod", ["ext4  (not loaded)"], ["ext4"], table)
        names = [entry.name for entry in table.unseen()]
        self.assertIn("only ours", names)
        self.assertNotIn("not loaded", names)

    def test_the_table_of_the_tree_is_well_formed(self):
        table = lines.Differences(HERE / "differences.toml")
        self.assertTrue(all(len(entry.reason) > 20 for entry in table.entries))


class Stacks(unittest.TestCase):
    A, B, C = ("a", 0x10, 1), ("b", 0x20, 2), ("c", 0x30, 3)

    def check(self, peer, ours):
        return stacks.compare(peer, ours, differences(), "drgn stack")

    def test_parse(self):
        tasks = stacks.parse_text(STACK)
        frames = tasks[0xffff888000000000].frames
        self.assertEqual([(frame.names, frame.sp, frame.pc) for frame in frames],
                         [(["inner"], 0xffffc90000000100, 0xffffffff81000010),
                          (["between"], 0xffffc900000001f8, 0xffffffff81000020),
                          (["outer"], 0xffffc90000000300, 0xffffffff81000030)])
        self.assertEqual(tasks[0xffff888000001000].frames, [])

    def test_equal(self):
        self.assertEqual(self.check(task(self.A, self.B), task(self.A, self.B)), [])

    def test_no_stack_on_either_side(self):
        self.assertEqual(self.check(task(), task()), [])
        self.assertTrue(self.check(task(self.A), task()))
        self.assertTrue(self.check(task(), task(self.A)))

    def test_each_part_of_a_frame_counts(self):
        for other in (("x", 0x20, 2), ("b", 0x28, 2), ("b", 0x20, 4)):
            self.assertTrue(self.check(task(self.A, self.B), task(self.A, other)))

    def test_missing_frames_fail(self):
        self.assertTrue(self.check(task(self.A, self.B, self.C), task(self.A, self.C)))
        self.assertTrue(self.check(task(self.A, self.B), task(self.A)))
        self.assertTrue(self.check(task(self.A), task(self.A, self.B)))

    def test_leading_frames_only_where_listed(self):
        kexec = ("machine_kexec", 8, 9)
        self.assertEqual(self.check(task(self.A), task(kexec, self.A)), [])
        self.assertTrue(self.check(task(kexec, self.A), task(self.A)))
        self.assertTrue(self.check(task(self.A), task(self.B, self.A)))

    def test_names_only_where_listed(self):
        peer, ours = ("entry_SYSCALL_64", 0x40, 4), ("entry_SYSCALL_64_after_hwframe", 0x40, 4)
        self.assertEqual(self.check(task(self.A, peer), task(self.A, ours)), [])
        self.assertTrue(self.check(task(self.A, ours), task(self.A, peer)))

    def test_tail_only_where_listed(self):
        end = ("user_entry", 0x50, 5)
        self.assertEqual(self.check(task(self.A), task(self.A, end)), [])
        self.assertTrue(self.check(task(self.A, end), task(self.A)))


if __name__ == "__main__":
    unittest.main()
