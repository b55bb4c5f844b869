# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots a guest that runs a script: the stage for tests that load kernels, die,
and save what is left.

    from kmlab import boot, kernel
    from kmlab.cache import Cache

    cache = Cache()
    debian = kernel.fetch(cache, "6.12")
    result = boot.run(cache, debian, boot.Recipe(
        script="kmortem load --help | section help",
        programs=[PROGRAM], deadline=120), folder)
    result.sections["help"]      # what the script framed with `section NAME`
    result.console               # the serial console: all kernels that ran

The script runs as root in a busybox system with /proc, /sys, /dev and /tmp; its
first line needs no `#!`. What goes through `section NAME` leaves the guest by its
second serial port, so it survives the guest's death. The script's own output goes
to the console; its exit code is in the section "exit". When it ends, the guest
ends. A kernel that is started by kexec runs on in the same QEMU; a reset ends it,
unless the recipe says `resets=True`.

The caller makes and reads disks (`make_disk`, `read_file`); in the guest
/dev/disk/by-id is not there, but /dev/vda, /dev/vdb, … are in the recipe's order.
"""

import dataclasses
import os
import shutil

from . import elf, guest, machine, snapshot, tools, truth
from .errors import LabError
from .run import progress, run as run_program

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STAGE = os.path.join(HERE, "boot")
OVMF_CODE = ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd")
MIB = 1 << 20


@dataclasses.dataclass
class Recipe:
    """One guest. Paths on the left are the guest's, without a leading slash."""
    script: str
    # {name in the guest: path here, or bytes}; mode 0755 where the name is below bin/.
    files: dict = dataclasses.field(default_factory=dict)
    # Paths here; each goes to bin/ with its shared libraries. A pair (path, name) renames it.
    programs: list = dataclasses.field(default_factory=list)
    # Debian's kexec, makedumpfile of the tools' suite, by name.
    tools: list = dataclasses.field(default_factory=list)
    tools_suite: str = "forky"
    # Loaded before the script, with what they need; names that are built in are passed over.
    modules: tuple = guest.DISK_MODULES
    # Put under lib/modules/RELEASE/ but not loaded.
    carried_modules: tuple = ()
    memory: int = 768  # MiB
    cpus: int = 2
    cpu: str = "Nehalem"
    # MiB of each NUMA node; they must add up to `memory`. CPUs are dealt out in turn.
    nodes: tuple = ()
    uefi: bool = False
    # (path, serial) of raw images.
    disks: list = dataclasses.field(default_factory=list)
    append: str = ""
    # More arguments of QEMU: devices, network.
    qemu: list = dataclasses.field(default_factory=list)
    resets: bool = False  # go on after a reset, as a real machine does
    deadline: int = 300   # seconds
    # Another kernel or initramfs than the lab's own.
    vmlinuz: str = ""
    initrd: str = ""


@dataclasses.dataclass
class Result:
    console: str
    sections: dict
    seconds: float

    @property
    def exit(self):
        """Of the script; None where the guest died before its end."""
        return int(self.sections["exit"]) if "exit" in self.sections else None


def make_disk(path, mebibytes, kind="ext4"):
    """A raw image with an empty file system; kind "" leaves it blank."""
    with open(path, "wb") as file:
        file.truncate(mebibytes * MIB)
    if kind:
        command = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"],
                   "btrfs": ["mkfs.btrfs", "-q", "-f"], "vfat": ["mkfs.vfat"]}[kind]
        run_program([*command, path])


def read_file(disk, name, target):
    """Copy one file off an ext4 image; LabError where it is not there."""
    if os.path.exists(target):
        os.remove(target)
    run_program(["debugfs", "-R", f'dump "{name}" "{target}"', disk])
    if not os.path.exists(target):
        raise LabError(f"{disk} has no {name}")


def list_folder(disk, name):
    """Names in a folder of an ext4 image."""
    text = run_program(["debugfs", "-R", f'ls -p "{name}"', disk])
    rows = [line.split("/") for line in text.splitlines() if line.startswith("/")]
    return [row[5] for row in rows if len(row) > 6 and row[5] not in (".", "..", "")]


def _put_programs(cpio, recipe):
    seen = set()
    for program in recipe.programs:
        path, name = program if isinstance(program, tuple) else \
            (program, os.path.basename(program))
        cpio.file(f"bin/{name}", os.path.abspath(path), 0o755)
        if not elf.needed_libraries(path):
            continue
        for library, source in snapshot.libraries(path):
            if library not in seen:
                seen.add(library)
                cpio.file(library, source, 0o755)


def initramfs(cache, path, kernel, recipe):
    cpio = guest.base(kernel, os.path.join("..", "boot", "init"), {})
    cpio.data("bin/stage-script", recipe.script.encode(), 0o755)
    cpio.file("bin/section", os.path.join(STAGE, "section"), 0o755)
    loaded = kernel.modules_in_order(recipe.modules)
    for name, data in loaded:
        cpio.data(f"lib/stage/{name}.ko", data)
    cpio.data("etc/stage-modules", "\n".join(name for name, _ in loaded).encode())
    for name, data in kernel.modules_in_order(recipe.carried_modules):
        cpio.data(f"lib/modules/{kernel.release}/{name}.ko", data)
    _put_programs(cpio, recipe)
    if recipe.tools:
        tools.fetch(cache, recipe.tools_suite).put(cpio, recipe.tools)
    for name, source in recipe.files.items():
        mode = 0o755 if name.startswith(("bin/", "sbin/")) else 0o644
        if isinstance(source, bytes):
            cpio.data(name, source, mode)
        else:
            cpio.file(name, source, mode)
    cpio.save(path)


def _firmware(folder):
    for code in OVMF_CODE:
        if os.path.exists(code):
            variables = os.path.join(folder, "uefi-variables.fd")
            shutil.copy(code.replace("_CODE", "_VARS"), variables)
            return ["-drive", f"if=pflash,format=raw,readonly=on,file={code}",
                    "-drive", f"if=pflash,format=raw,file={variables}"]
    raise LabError("no UEFI firmware (package ovmf)")


def _nodes(recipe):
    argv = []
    for number, size in enumerate(recipe.nodes):
        cpus = ",".join(f"cpus={cpu}" for cpu in range(recipe.cpus)
                        if cpu % len(recipe.nodes) == number)
        argv += ["-object", f"memory-backend-ram,id=node{number},size={size}M",
                 "-numa", f"node,nodeid={number},memdev=node{number}"
                 + ("," + cpus if cpus else "")]
    return argv


def command(kernel, recipe, folder):
    """QEMU's arguments."""
    argv = machine.command(
        {"memory": recipe.memory, "cpus": recipe.cpus, "cpu": recipe.cpu},
        recipe.vmlinuz or kernel.vmlinuz,
        recipe.initrd or os.path.join(folder, "stage.cpio"),
        f"console=ttyS0,115200 panic=1 {recipe.append}".strip()
        if recipe.initrd else
        f"console=ttyS0,115200 rdinit=/init panic=1 {recipe.append}".strip(),
        folder, recipe.disks)
    if recipe.resets:
        argv.remove("-no-reboot")
    if recipe.uefi:
        argv += _firmware(folder)
    return argv + _nodes(recipe) + recipe.qemu


def run(cache, kernel, recipe, folder, what="stage"):
    """Run the guest to its end. Its console.log stays in FOLDER. LabError where it does
    not end in time: the error shows the end of the console."""
    os.makedirs(folder, exist_ok=True)
    if not recipe.initrd:
        initramfs(cache, os.path.join(folder, "stage.cpio"), kernel, recipe)
    argv = command(kernel, recipe, folder)
    with cache.slot("machine", os.cpu_count() or 1,
                    "waiting for another lab guest to end"):
        progress(f"{kernel.release}: {what}, {recipe.memory} MiB, {recipe.cpus} CPUs")
        took = machine.run_command(argv, folder, recipe.deadline)
    sections = dict(truth.split_sections(
        truth.read(os.path.join(folder, "serial1"))))
    console = truth.read(os.path.join(folder, "console.log"))
    for name in ("stage.cpio", "uefi-variables.fd"):
        if os.path.exists(os.path.join(folder, name)):
            os.remove(os.path.join(folder, name))
    return Result(console.replace("\r\n", "\n"), sections, took)


def run_cli(cache, kernel, options):
    """The command `lab boot`: the console's path, and each section."""
    with open(options.script, encoding="utf-8") as file:
        recipe = Recipe(script=file.read(), programs=options.program,
                        memory=options.memory, cpus=options.cpus, cpu=options.cpu,
                        uefi=options.uefi, append=" ".join(options.append),
                        deadline=options.deadline, tools=options.tool,
                        tools_suite=options.tools_suite)
    for pair in options.file:
        name, _, source = pair.partition("=")
        recipe.files[name.lstrip("/")] = source
    folder = cache.folder("boot", str(os.getpid()))
    result = run(cache, kernel, recipe, folder)
    print(os.path.join(folder, "console.log"))
    for name, text in result.sections.items():
        print(f"@@ {name}\n{text}")
