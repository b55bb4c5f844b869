# SPDX-License-Identifier: GPL-2.0-or-later
"""From a kernel and a scenario to a folder with the dump."""

import json
import os
import shutil

from . import guest, machine, module, scenarios, tools, truth
from .cache import digest, hash_files
from .errors import LabError
from .run import progress, run

CRASHKERNEL_MIB = 192
DISK_MIB = 1024
# What of the lab's own files has a say in what a dump holds.
SOURCES = tuple(os.path.join(guest.HERE, name) for name in
                ["guest", "module"] +
                [f"kmlab/{part}.py" for part in
                 ("btf", "cpio", "guest", "machine", "module", "truth")])


def kernel_command_line(scenario, options):
    parts = ["console=ttyS0,115200", "rdinit=/init", "panic=1", "oops=panic",
             f"crashkernel={options.crashkernel}M", "net.ifnames=0"]
    return " ".join(parts + scenario["command_line"] + options.append)


def options_key(kernel, scenario, options, tool_set):
    """Everything that determines a dump, but whether the ELF is kept."""
    return {
        "kernel": [kernel.release, kernel.version],
        "scenario": {name: scenario[name] for name in
                     ("name", "trigger", "command_line", "sysctls", "patience")},
        "memory": options.memory,
        "cpus": options.cpus,
        "cpu": options.cpu,
        "level": options.level,
        "compression": options.compression,
        "command_line": kernel_command_line(scenario, options),
        "tools": tool_set.versions,
        "sources": hash_files(*SOURCES),
    }


def folder_name(kernel, scenario, key, elf):
    return "-".join([kernel.release, scenario["name"], digest(key)]
                    + (["elf"] if elf else []))


def find(cache, kernel, scenario, options, tool_set):
    """(path, key): where the dump is or will be; an ELF one serves both."""
    key = options_key(kernel, scenario, options, tool_set)
    with_elf = cache.path("dumps", folder_name(kernel, scenario, key, True))
    if options.elf or os.path.isdir(with_elf):
        return with_elf, key
    return cache.path("dumps", folder_name(kernel, scenario, key, False)), key


def make_disk(path, mebibytes):
    run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal",
         "-E", "lazy_itable_init=1,nodiscard", path, f"{mebibytes}M"])


def read_disk_file(disk, name, target):
    run(["debugfs", "-R", f"dump {name} {target}", disk], timeout=120)
    if not os.path.exists(target):
        raise LabError(f"the guest left no {name}")


def collect(folder, options, elf_disk):
    """Take what the capture kernel saved off its disks."""
    disk = os.path.join(folder, "disk.img")
    result_path = os.path.join(folder, "result")
    console = machine.console_tail(os.path.join(folder, "console.log"))
    try:
        read_disk_file(disk, "/result", result_path)
    except LabError as error:
        raise LabError("no capture kernel saved anything; the console ends in\n"
                       + console) from error
    with open(result_path, encoding="ascii") as file:
        result = dict(line.split() for line in file if len(line.split()) == 2)
    read_disk_file(disk, "/makedumpfile.log",
                   os.path.join(folder, "makedumpfile.log"))
    if result.get("makedumpfile") != "0":
        tail = machine.console_tail(os.path.join(folder, "makedumpfile.log"))
        raise LabError(f"makedumpfile failed in the guest:\n{tail}")
    read_disk_file(disk, "/vmcore.kdump", os.path.join(folder, "vmcore.kdump"))
    if options.elf:
        if result.get("elf") != "0":
            raise LabError("copying /proc/vmcore failed; the console ends in\n"
                           + console)
        os.truncate(elf_disk, int(result["elf_size"]))
        os.rename(elf_disk, os.path.join(folder, "vmcore.elf"))
    os.remove(disk)
    os.remove(result_path)


def make(cache, kernel, scenario, options, tool_set, key, folder):
    path = lambda name: os.path.join(folder, name)
    built = module.build(cache, kernel, tool_set)
    if built is None and scenario["trigger"] != "sysrq":
        raise LabError(f"no headers for {kernel.release}, so no scenario module:"
                       " only the sysrq scenario is possible")
    crowd = guest.build_crowd(cache, hash_files(guest.GUEST)[:12])
    guest.capture_initramfs(path("capture.cpio"), kernel, tool_set,
                            level=options.level, elf=options.elf,
                            compression=options.compression)
    guest.boot_initramfs(path("boot.cpio"), kernel, tool_set,
                         path("capture.cpio"), scenario=scenario,
                         crowd=crowd, module=built)
    make_disk(path("disk.img"), DISK_MIB + options.memory)
    disks = [(path("disk.img"), "kdump")]
    if options.elf:
        with open(path("elf.img"), "wb") as file:
            file.truncate((options.memory + 256) << 20)
        disks.append((path("elf.img"), "elf"))
    command_line = key["command_line"]
    with cache.locked("machine", "waiting for another lab guest to end"):
        progress(f"{kernel.release}: {scenario['name']}, {options.memory} MiB,"
                 f" {options.cpus} CPUs")
        took = machine.run_guest(
            {"memory": options.memory, "cpus": options.cpus, "cpu": options.cpu},
            kernel.vmlinuz, path("boot.cpio"), command_line, folder, disks,
            options.deadline)
    collect(folder, options, path("elf.img"))
    truth.write(path("truth.raw"), path("serial1"), path("truth.json"),
                expect_module=built is not None)
    if built:
        # Peers that know no BTF need the module's debug information.
        shutil.copy(built, path("kmlab.ko"))
    for name in ("capture.cpio", "boot.cpio", "truth.raw", "serial1", "qemu.log"):
        os.remove(path(name))
    with open(path("kernel.json"), "w", encoding="utf-8") as file:
        json.dump({"kernel": kernel.describe(), "key": key,
                   "command_line": command_line, "scenario": scenario,
                   "seconds": round(took, 1)}, file, indent=1)
    progress(f"saved after {took:.0f} s")


def dump(cache, kernel, options):
    """Path of the folder with the dump, made now if it is not in the cache."""
    scenario = scenarios.find(options.scenario)
    tool_set = tools.fetch(cache, options.tools_suite)
    path, key = find(cache, kernel, scenario, options, tool_set)
    return cache.entry(
        ("dumps", os.path.basename(path)),
        lambda folder: make(cache, kernel, scenario, options, tool_set, key,
                            folder))
