# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps of a machine that did not die, taken from outside as a hypervisor does.

There is no vmcoreinfo device: nothing but memory and, in the ELF and kdump
forms, QEMU's CPU notes says where the kernel is. One boot yields all forms.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time

from . import guest, machine, module, tools, truth
from .cache import digest, hash_files
from .errors import LabError
from .run import progress

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INIT = os.path.join(HERE, "snapshot", "init")
READY = b"@@kmlab-ready"
# Form: file, arguments of QEMU's dump-guest-memory. The raw form is the memory
# backend's own file: what the guest's RAM is, with no hole below 4 GiB.
FORMS = {"elf": ("qemu.elf", {"paging": False}),
         "elf-paging": ("qemu-paging.elf", {"paging": True}),
         "kdump-zlib": ("qemu.kdump", {"paging": False, "format": "kdump-zlib"}),
         "raw": ("memory.raw", None)}
SOURCES = tuple(os.path.join(HERE, name) for name in
                ["guest", "module", "snapshot"] +
                [f"kmlab/{part}.py" for part in
                 ("btf", "cpio", "guest", "machine", "module", "snapshot")])


class Monitor:
    """QEMU's machine protocol over its socket: one command, one answer."""

    def __init__(self, path, deadline):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(deadline)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rw", encoding="utf-8")
        self.stream.readline()
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        json.dump({"execute": command, "arguments": arguments}, self.stream)
        self.stream.flush()
        while True:
            line = self.stream.readline()
            if not line:
                raise LabError(f"QEMU ended during {command}")
            answer = json.loads(line)
            if "error" in answer:
                raise LabError(f"QEMU: {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]


def dig_holes(path):
    """QEMU writes every page; pages of zeros need no room on the disk."""
    subprocess.run(["fallocate", "--dig-holes", path], check=False,
                   stderr=subprocess.DEVNULL)


def wait_until_ready(process, folder, deadline):
    """Until the guest has written its truth."""
    path = os.path.join(folder, "truth.raw")
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if os.path.exists(path):
            with open(path, "rb") as file:
                if READY in file.read():
                    return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    console = machine.console_tail(os.path.join(folder, "console.log"))
    raise LabError(f"the guest wrote no truth; its console ends in\n{console}")


def take(monitor, folder):
    monitor("stop")
    for name, arguments in FORMS.values():
        if arguments is None:
            continue
        path = os.path.join(folder, name)
        monitor("dump-guest-memory", protocol=f"file:{path}", **arguments)
        dig_holes(path)
    monitor("quit")


def with_memory_file(argv, options, folder):
    """QEMU's arguments with the guest's RAM in a file."""
    path = os.path.join(folder, FORMS["raw"][0])
    at = argv.index("-machine")
    argv[at + 1] += ",memory-backend=ram"
    return argv + ["-object", f"memory-backend-file,id=ram,mem-path={path},"
                   f"size={options.memory}M,share=on"]


def run_guest(kernel, options, folder, command_line):
    argv = machine.command(
        {"memory": options.memory, "cpus": options.cpus, "cpu": options.cpu},
        kernel.vmlinuz, os.path.join(folder, "boot.cpio"), command_line, folder, [])
    control = os.path.join(folder, "qmp")
    argv = with_memory_file(argv, options, folder) + \
        ["-qmp", f"unix:{control},server=on,wait=off"]
    with open(os.path.join(folder, "qemu.log"), "wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log)
    try:
        wait_until_ready(process, folder, options.deadline)
        take(Monitor(control, options.deadline), folder)
        process.wait(timeout=options.deadline)
    except subprocess.TimeoutExpired as error:
        raise LabError("QEMU did not end") from error
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def boot_initramfs(path, kernel, crowd, built, extra=()):
    """EXTRA: (name in the guest, path here, mode)."""
    cpio = guest.base(kernel, INIT, {})
    cpio.file("bin/crowd", crowd, 0o755)
    cpio.file("lib/kmlab.ko", built)
    for name, source, mode in extra:
        cpio.file(name, source, mode)
    cpio.save(path)


def write_truth(raw, target):
    result = truth.build(truth.read(raw), expect_module=False)
    if not result["machine"] or result["machine"].pop("overflow"):
        raise LabError("the module wrote no truth, or not all of it")
    with open(target, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)


def prepare(cache, kernel, options):
    """(crowd, module) that the guest needs."""
    built = module.build(cache, kernel, tools.fetch(cache, options.tools_suite))
    if built is None:
        raise LabError(f"no headers for {kernel.release}, so no truth module")
    return guest.build_crowd(cache, hash_files(guest.GUEST)[:12]), built


def make(cache, kernel, options, key, folder):
    path = lambda name: os.path.join(folder, name)
    crowd, built = prepare(cache, kernel, options)
    boot_initramfs(path("boot.cpio"), kernel, crowd, built)
    with cache.locked("machine", "waiting for another lab guest to end"):
        progress(f"{kernel.release}: snapshot, {options.memory} MiB,"
                 f" {options.cpus} CPUs")
        run_guest(kernel, options, folder, key["command_line"])
    write_truth(path("truth.raw"), path("truth.json"))
    for name in ("boot.cpio", "truth.raw", "serial1", "qemu.log", "qmp"):
        if os.path.exists(path(name)):
            os.remove(path(name))
    with open(path("kernel.json"), "w", encoding="utf-8") as file:
        json.dump({"kernel": kernel.describe(), "key": key}, file, indent=1)


def command_line(options):
    return " ".join(["console=ttyS0,115200", "rdinit=/init", "panic=1"]
                    + options.append)


def snapshot(cache, kernel, options):
    """Path of the folder with all forms, made now if it is not in the cache."""
    key = {"kernel": [kernel.release, kernel.version], "memory": options.memory,
           "cpus": options.cpus, "cpu": options.cpu,
           "command_line": command_line(options),
           "sources": hash_files(*SOURCES)}
    name = f"{kernel.release}-snapshot-{digest(key)}"
    return cache.entry(("dumps", name),
                       lambda folder: make(cache, kernel, options, key, folder))


def libraries(program):
    """[(name in the guest, path here)] of the shared libraries of a program."""
    text = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return [(path.lstrip("/"), os.path.realpath(path))
            for path in re.findall(r"(/\S+) \(0x", text)]


def live(cache, kernel, options):
    """What a program prints that a living guest runs; its libraries go with it."""
    crowd, built = prepare(cache, kernel, options)
    extra = [("bin/live", os.path.abspath(options.script), 0o755),
             ("bin/" + os.path.basename(options.program),
              os.path.abspath(options.program), 0o755)]
    extra += [(name, path, 0o755) for name, path in libraries(options.program)]
    folder = cache.folder("live", str(os.getpid()))
    try:
        boot_initramfs(os.path.join(folder, "boot.cpio"), kernel, crowd, built, extra)
        with cache.locked("machine", "waiting for another lab guest to end"):
            progress(f"{kernel.release}: live")
            machine.run_guest(
                {"memory": options.memory, "cpus": options.cpus, "cpu": options.cpu},
                kernel.vmlinuz, os.path.join(folder, "boot.cpio"),
                command_line(options), folder, [], options.deadline)
        text = truth.read(os.path.join(folder, "truth.raw"))
        sections = dict(truth.split_sections(text))
        if "live" not in sections:
            raise LabError("the guest ran nothing; its console ends in\n" +
                           machine.console_tail(os.path.join(folder, "console.log")))
        return sections["live"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
