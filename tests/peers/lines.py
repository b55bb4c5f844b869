# SPDX-License-Identifier: GPL-2.0-or-later
"""Comparison of two texts line by line, and the table of differences that are wanted.

differences.toml holds a reason for each.  A difference that is not in the table is a
failure; an entry that nothing needed is reported, so that the table cannot rot.
"""

import collections
import difflib
import re
import tomllib

KINDS = {
    # Part of a line, the peer's or ours, is put in another form before the lines are compared.
    "rewrite": {"peer", "ours", "as"},
    # Of the peer's text: a frame at the very pc that the exception before it on the same stack names is
    # left out, and those after it are numbered one lower.
    "repeated": set(),
    # A line that differs, or that only one side has; named groups must agree on both sides.
    "line": {"peer", "ours"},
    # A function that only one side shows above the first frame in common.
    "leading": {"side", "frame"},
    # Two frames at the same pc (or not, where "pc" is false), named differently, or whose
    # stack pointers differ by "sp".
    "frame": {"peer", "ours", "sp", "pc"},
    # A stack that goes on where the other one ends.
    "tail": {"side", "frame"},
}
LONG = 4000
FRAME = re.compile(r"(?P<head>\s*#)(?P<level>\d+)(?P<rest> \[[0-9a-f]+\] .* at (?P<pc>[0-9a-f]+)\b.*)")
EXCEPTION = re.compile(r"\s+\[exception RIP: ")
REGISTERS = re.compile(r"\s+RIP: (?P<pc>[0-9a-f]{16})\s")


class Entry:
    def __init__(self, table):
        self.name, self.reason = table.pop("name"), table.pop("reason")
        self.kind = table.pop("kind")
        self.where = re.compile(table.pop("where"))
        if self.kind not in KINDS or not set(table) <= KINDS[self.kind]:
            raise ValueError("differences.toml: %s: kind or keys are wrong" % self.name)
        self.substitute = table.get("as")
        self.side = table.get("side")
        self.sp = table.get("sp", 0)
        self.same_pc = table.get("pc", True)
        self.peer = re.compile(table["peer"]) if "peer" in table else None
        self.ours = re.compile(table["ours"]) if "ours" in table else None
        self.frame = re.compile(table["frame"]) if "frame" in table else None
        self.seen = 0
        self.asked = 0


def agree(entry, peer, ours):
    """Whether both sides match in whole, with the same text in groups of the same name."""
    left = entry.peer.fullmatch(peer) if entry.peer else None
    right = entry.ours.fullmatch(ours) if entry.ours else None
    if (entry.peer and not left) or (entry.ours and not right):
        return False
    if not (left and right):
        return True
    return all(left[name] == right[name] for name in set(left.groupdict()) & set(right.groupdict()))


class Differences:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.entries = [Entry(table) for table in tomllib.load(file).get("difference", [])]

    def of(self, kind, where):
        for entry in self.entries:
            if entry.kind == kind and entry.where.fullmatch(where):
                yield entry

    def visit(self, where):
        """WHERE is compared: its entries may be expected to be needed."""
        for entry in self.entries:
            entry.asked += bool(entry.where.fullmatch(where))

    def rewrite(self, where, side, lines):
        for entry in self.of("rewrite", where):
            pattern = getattr(entry, side)
            if not pattern:
                continue
            changed = [pattern.sub(entry.substitute, line) for line in lines]
            entry.seen += sum(a != b for a, b in zip(lines, changed))
            lines = changed
        return lines

    def repeated(self, where, lines):
        """The peer's lines without frames that repeat an exception's pc."""
        for entry in self.of("repeated", where):
            lines, dropped = drop_repeated(lines)
            entry.seen += dropped
        return lines

    def line(self, where, peer, ours):
        """Whether this pair is listed; None stands for a line that is not there."""
        for entry in self.of("line", where):
            if bool(entry.peer) != (peer is not None) or bool(entry.ours) != (ours is not None):
                continue
            if not agree(entry, peer, ours):
                continue
            entry.seen += 1
            return True
        return False

    def pair(self, where, peer, ours):
        return self.line(where, peer, ours) or (
            peer is not None and ours is not None
            and self.line(where, peer, None) and self.line(where, None, ours))

    def leading_frame(self, where, side, frame):
        return self._one_side("leading", where, side, frame)

    def _one_side(self, kind, where, side, frame):
        for entry in self.of(kind, where):
            if entry.side == side and any(entry.frame.fullmatch(name) for name in frame.names):
                entry.seen += 1
                return True
        return False

    def same_frame(self, where, peer, ours):
        if peer.same(ours):
            return True
        for entry in self.of("frame", where):
            if (ours.sp - peer.sp == entry.sp and (peer.pc == ours.pc or not entry.same_pc)
                    and any(agree(entry, a, b) for a in peer.names for b in ours.names)):
                entry.seen += 1
                return True
        return False

    def whole_stack(self, where, peer, ours):
        """Whether the stacks agree but for a listed tail on one side."""
        common = min(len(peer), len(ours))
        if not all(self.same_frame(where, a, b) for a, b in zip(peer, ours)):
            return False
        return (all(self._one_side("tail", where, "peer", frame) for frame in peer[common:])
                and all(self._one_side("tail", where, "ours", frame) for frame in ours[common:]))

    def unseen(self):
        """Entries whose command was compared and that no difference needed."""
        return [entry for entry in self.entries if entry.asked and not entry.seen]


def drop_repeated(lines):
    """(lines, how many frames were dropped)."""
    kept, dropped, lower, armed, pc = [], 0, 0, False, None
    for line in lines:
        frame = FRAME.fullmatch(line)
        if line.startswith("PID: "):
            lower = 0
        if frame and pc == frame["pc"]:
            lower += 1
            dropped += 1
        elif frame and lower:
            number = "#%d" % (int(frame["level"]) - lower)
            kept.append("%*s%s" % (len(frame["head"] + frame["level"]), number, frame["rest"]))
        else:
            kept.append(line)
        registers = armed and REGISTERS.match(line)
        if registers:
            pc, armed = registers["pc"], False
        elif EXCEPTION.match(line):
            pc, armed = None, True
        elif frame or line.startswith("--- <"):
            # On a stack of its own the frame is repeated by both.
            pc, armed = None, False
    return kept, dropped


def opcodes(peer, ours):
    """Blocks of lines that differ, as (peer's lines, our lines)."""
    if max(len(peer), len(ours)) <= LONG:
        matcher = difflib.SequenceMatcher(None, peer, ours, autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag != "equal":
                yield peer[a:b], ours[c:d]
        return
    # difflib is quadratic: long texts are compared as sets of lines first, those that
    # only one side has in blocks with the same first word (an address), and then the
    # order of the lines that both have.
    left, right = collections.Counter(peer), collections.Counter(ours)
    blocks = collections.defaultdict(lambda: ([], []))
    for side, rest in enumerate((left - right, right - left)):
        for line in rest.elements():
            blocks[line.split(" ", 1)[0]][side].append(line)
    for block in blocks.values():
        yield tuple(sorted(lines, key=lambda line: line.rsplit(" ", 1)[-1]) for lines in block)
    common = left & right
    ordered = [list(keep(lines, common)) for lines in (peer, ours)]
    for a, b in zip(*ordered):
        if a != b:
            yield [a], [b]
            break


def keep(lines, counter):
    left = collections.Counter(counter)
    for line in lines:
        if left[line] > 0:
            left[line] -= 1
            yield line


def compare(where, peer, ours, differences):
    """Lines that differ and are not listed, in diff's form; none when all is well."""
    differences.visit(where)
    peer = differences.rewrite(where, "peer", differences.repeated(where, peer))
    ours = differences.rewrite(where, "ours", ours)
    problems = []
    for left, right in opcodes(peer, ours):
        if len(left) != len(right):
            left = [line for line in left if not differences.line(where, line, None)]
            right = [line for line in right if not differences.line(where, None, line)]
        if len(left) == len(right):
            for a, b in zip(left, right):
                if a != b and not differences.pair(where, a, b):
                    problems += ["- " + a, "+ " + b]
        else:
            problems += ["- " + line for line in left] + ["+ " + line for line in right]
    return problems
