# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine's own truth: from the guest's raw output to truth.json."""

import json

from .errors import LabError

SCHEMA = 1


def split_sections(text):
    """[(name, text)] of the sections that the guest framed, in order."""
    sections, name, lines = [], None, []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith("@@kmlab-begin "):
            name, lines = line.split(" ", 1)[1], []
        elif line.startswith("@@kmlab-end ") and name:
            sections.append((name, "\n".join(lines)))
            name = None
        elif name:
            lines.append(line)
    return sections


def read(path):
    with open(path, "rb") as file:
        return file.read().decode(errors="backslashreplace")


def symbols(text):
    """[{address, type, name, module?}] from lines of /proc/kallsyms."""
    rows = []
    for line in text.splitlines():
        words = line.split()
        row = {"address": "0x" + words[0].lstrip("0").rjust(1, "0"),
               "type": words[1], "name": words[2]}
        if len(words) > 3:
            row["module"] = words[3].strip("[]")
        rows.append(row)
    return rows


def meminfo(text):
    """{name: KiB, or a plain count} from /proc/meminfo."""
    return {line.split(":")[0]: int(line.split()[1])
            for line in text.splitlines() if ":" in line}


def slabinfo(text):
    """[{name, active_objects, objects, size, per_slab, slabs}]."""
    rows = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 16 or words[0].startswith("#"):
            continue
        rows.append({"name": words[0], "active_objects": int(words[1]),
                     "objects": int(words[2]), "size": int(words[3]),
                     "per_slab": int(words[4]), "slabs": int(words[14])})
    return rows


def known_process(files):
    """What /proc says of the process with open files."""
    prefix = "known_process/"
    parts = {name[len(prefix):]: text for name, text in files.items()
             if name.startswith(prefix)}
    descriptors = dict(line.split(" ", 1) for line in
                       parts.pop("fd", "").splitlines() if " " in line)
    return {"pid": int(files["known_process"]), "comm": "crowd-files",
            "fd": descriptors, **parts}


def build(text, expect_module):
    """The whole of truth.json as data."""
    files, machine, stable = {}, None, None
    for name, body in split_sections(text):
        if name == "truth":
            machine = json.loads(body)
        elif name == "stable":
            stable = body == "1"
        else:
            files[name] = body
    if expect_module:
        if machine is None or machine["when"] != "crash":
            raise LabError("the module wrote no truth when the machine died")
        if machine.pop("overflow"):
            raise LabError("the module's truth did not fit its buffer")
        machine["stable"] = stable
    result = {
        "schema": SCHEMA,
        "machine": machine,
        "symbols": symbols(files.pop("kallsyms")),
        "meminfo": meminfo(files.get("proc/meminfo", "")),
        "slabinfo": slabinfo(files.get("proc/slabinfo", "")),
        "known_process": known_process(files),
        "files": {name: body for name, body in files.items()
                  if not name.startswith("known_process")},
    }
    return result


def write(raw, serial, target, expect_module):
    result = build(read(raw) or read(serial), expect_module)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
