# SPDX-License-Identifier: GPL-2.0-or-later
"""Run by drgn's own Python: every task's stack of a dump, as JSON on standard output.

usage: drgn_stacks.py DUMP VMLINUX DIRECTORY_OF_MODULES...
"""

import itertools
import json
import os
import sys

import drgn
from drgn.helpers.linux.cpumask import for_each_possible_cpu
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.sched import idle_task, task_cpu, task_state_to_char


def load(dump, vmlinux, directories):
    prog = drgn.Program()
    prog.set_core_dump(dump)
    prog.load_debug_info([vmlinux])
    paths = []
    names = []
    for module in list_for_each_entry("struct module", prog["modules"].address_of_(), "list"):
        name = module.name.string_().decode()
        names.append(name)
        for spelling in {name, name.replace("_", "-")}:
            candidates = [os.path.join(directory, spelling + suffix)
                          for directory in directories for suffix in (".ko.debug", ".ko")]
            paths += list(filter(os.path.exists, candidates))[:1]
    if paths:
        try:
            prog.load_debug_info(paths)
        except drgn.MissingDebugInfoError as error:
            print("drgn: %s" % error, file=sys.stderr)
    return prog, names


def in_kernel(frame):
    """Above a system call or an exception from user mode drgn walks on into user memory."""
    try:
        return frame.pc >= 1 << 63
    except LookupError:
        return True


def frame_record(frame):
    record = {"name": frame.name if hasattr(frame, "name") and frame.name else None,
              "inline": frame.is_inline, "interrupted": frame.interrupted}
    try:
        symbol = frame.symbol()
        record["symbol"] = symbol.name
        record["offset"] = frame.pc - symbol.address
    except LookupError:
        record["symbol"] = None
    for key, read in (("pc", lambda: frame.pc), ("sp", lambda: frame.sp)):
        try:
            record[key] = "0x%x" % read()
        except LookupError:
            record[key] = None
    try:
        source = frame.source()
        record["source"] = "%s:%d" % (source[0], source[1])
    except LookupError:
        record["source"] = None
    return record


def task_record(prog, task):
    record = {"task": "0x%x" % task.value_(), "pid": task.pid.value_(),
              "tgid": task.tgid.value_(), "cpu": int(task_cpu(task)),
              "comm": task.comm.string_().decode("utf-8", "backslashreplace"),
              "state": task_state_to_char(task)}
    # A zombie's stack has gone back, another task may have it: what drgn would find there is not its own.
    if not task.stack:
        return dict(record, frames=[])
    try:
        record["frames"] = [frame_record(frame) for frame in
                            itertools.takewhile(in_kernel, prog.stack_trace(task))]
    except (ValueError, LookupError, drgn.FaultError) as error:
        record["error"] = str(error)
    return record


def main():
    dump, vmlinux, *directories = sys.argv[1:]
    prog, names = load(dump, vmlinux, directories)
    tasks = [idle_task(prog, cpu) for cpu in for_each_possible_cpu(prog)]
    tasks += list(for_each_task(prog))
    output = {"drgn": drgn.__version__, "modules": names,
              "tasks": [task_record(prog, task) for task in tasks]}
    try:
        thread = prog.crashed_thread()
        output["crashed"] = {"pid": thread.object.pid.value_(),
                             "task": "0x%x" % thread.object.value_()}
    except (AttributeError, LookupError, ValueError, drgn.FaultError) as error:
        output["crashed"] = {"error": str(error)}
    json.dump(output, sys.stdout, indent=1)
    sys.stdout.write("\n")


main()
