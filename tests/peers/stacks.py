# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks as crash prints them and as drgn gives them, in one form, and their comparison.

In crash's text `[address]` is where the return address lies, 8 below the stack
pointer that drgn gives for the same frame.  A function that was interrupted has no
line of its own in crash's text, only "[exception RIP: …]" and the registers: here it
becomes a frame, as it is one for drgn.  Above an exception stack crash names the same
function a second time on a line of its own, with another address: that one is left out.
"""

import re

TASK = re.compile(r'PID: (?P<pid>\d+)\s+TASK: (?P<task>[0-9a-f]+)\s+CPU: (?P<cpu>\d+)\s+COMMAND: "(?P<comm>.*)"$')
FRAME = re.compile(r"\s*#(?P<level>\d+) \[(?P<sp>[0-9a-f]+)\] (?P<name>.+?) at (?P<pc>[0-9a-f]+)(?: \[(?P<module>\S+)\])?$")
EXCEPTION = re.compile(r"\s+\[exception RIP: (?P<name>[^\]+]+)(?:\+(?P<offset>\d+|0x[0-9a-f]+))?\]")
REGISTERS = re.compile(r"\s+RIP: (?P<pc>[0-9a-f]+)\s+RSP: (?P<sp>[0-9a-f]+)")
KERNEL_HALF = 1 << 63


class Frame:
    def __init__(self, names, sp, pc):
        self.names, self.sp, self.pc = list(dict.fromkeys(names)), sp, pc

    def same(self, other):
        return (self.sp == other.sp and self.pc == other.pc
                and bool(set(self.names) & set(other.names)))

    def __str__(self):
        return "[%x] %s at %x" % (self.sp, "/".join(map(str, self.names)), self.pc)


class Task:
    def __init__(self, address, pid, comm, cpu):
        self.address, self.pid, self.comm, self.cpu = address, pid, comm, cpu
        self.frames = []
        self.rest = []

    def __str__(self):
        return '%d "%s" %x' % (self.pid, self.comm, self.address)


def parse_text(text):
    """Tasks of a `bt` or `foreach bt` text, by address of task_struct."""
    tasks = {}
    task = None
    exception = interrupted = None
    for line in text.splitlines():
        header = TASK.match(line)
        if header:
            task = Task(int(header["task"], 16), int(header["pid"]), header["comm"], int(header["cpu"]))
            tasks[task.address] = task
            exception = interrupted = None
            task.rest.append(line)
            continue
        if task is None:
            continue
        frame = FRAME.match(line)
        if frame:
            found = Frame([frame["name"]], int(frame["sp"], 16), int(frame["pc"], 16))
            if not (interrupted and found.pc == interrupted.pc):
                task.frames.append(found)
            interrupted = None
            continue
        if line:
            task.rest.append(line)
        found = EXCEPTION.match(line)
        if found:
            exception = found["name"]
        registers = REGISTERS.match(line)
        if registers:
            pc = int(registers["pc"], 16)
            if exception is not None and pc >= KERNEL_HALF:
                interrupted = Frame([exception], int(registers["sp"], 16) - 8, pc)
                task.frames.append(interrupted)
            exception = None
    return tasks


def parse_drgn(data):
    tasks = {}
    for record in data["tasks"]:
        task = Task(int(record["task"], 16), record["pid"], record["comm"], record["cpu"])
        for frame in record.get("frames", ()):
            if frame["inline"] or frame["pc"] is None or frame["sp"] is None:
                continue
            names = [name for name in (frame["symbol"], frame["name"]) if name]
            task.frames.append(Frame(names, int(frame["sp"], 16) - 8, int(frame["pc"], 16)))
        tasks[task.address] = task
    return tasks


def compare(peer, ours, differences, where):
    """What is wrong with OURS beside PEER, as lines; none when the stacks agree.

    Where a tool begins inside the crash path is its own choice, so leading frames
    may be missing on one side, but only such as the table of differences names.
    """
    differences.visit(where)
    skip_peer = skip_ours = 0
    for distance in range(len(peer.frames) + len(ours.frames)):
        for skip_peer in range(distance + 1):
            skip_ours = distance - skip_peer
            if (skip_peer < len(peer.frames) and skip_ours < len(ours.frames)
                    and differences.same_frame(where, peer.frames[skip_peer], ours.frames[skip_ours])):
                break
        else:
            continue
        break
    else:
        if not peer.frames and not ours.frames:
            return []
        if differences.whole_stack(where, peer.frames, ours.frames):
            return []
        return ["no frame in common"] + side_by_side(peer.frames, ours.frames)
    problems = []
    for frame in peer.frames[:skip_peer]:
        if not differences.leading_frame(where, "peer", frame):
            problems.append("only the peer begins with %s" % frame)
    for frame in ours.frames[:skip_ours]:
        if not differences.leading_frame(where, "ours", frame):
            problems.append("only kmortem begins with %s" % frame)
    rest_peer, rest_ours = peer.frames[skip_peer:], ours.frames[skip_ours:]
    same = len(rest_peer) == len(rest_ours) and all(
        differences.same_frame(where, a, b) for a, b in zip(rest_peer, rest_ours))
    if not same and not differences.whole_stack(where, rest_peer, rest_ours):
        problems += side_by_side(rest_peer, rest_ours)
    return problems


def side_by_side(peer, ours):
    lines = []
    for index in range(max(len(peer), len(ours))):
        left = str(peer[index]) if index < len(peer) else "-"
        right = str(ours[index]) if index < len(ours) else "-"
        lines.append("%s %-64s %s" % (" " if left == right else "!", left, right))
    return lines
