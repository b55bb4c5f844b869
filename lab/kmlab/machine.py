# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of QEMU, with a deadline, from power-on to power-off."""

import os
import subprocess
import time

from .errors import LabError

QEMU = "qemu-system-x86_64"
TAIL_LINES = 40


def console_tail(path):
    """The last lines of a console, for a message."""
    try:
        with open(path, "rb") as file:
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no console output)"
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join("  | " + line for line in lines[-TAIL_LINES:])


def disk_options(path, serial):
    # Zeros become holes in the host's file: a vmcore is mostly zeros.
    return ["-drive", f"file={path},format=raw,if=none,id={serial},"
            "cache=unsafe,discard=unmap,detect-zeroes=unmap",
            "-device", f"virtio-blk-pci,drive={serial},serial={serial}"]


def command(machine, kernel, initrd, command_line, folder, disks):
    argv = [QEMU, "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "pc", "-accel", "tcg,thread=multi",
            "-cpu", machine["cpu"], "-m", str(machine["memory"]),
            "-smp", str(machine["cpus"]), "-no-reboot",
            "-kernel", kernel, "-initrd", initrd, "-append", command_line,
            "-serial", f"file:{os.path.join(folder, 'console.log')}",
            "-serial", f"file:{os.path.join(folder, 'serial1')}",
            "-chardev", f"file,id=truth,path={os.path.join(folder, 'truth.raw')}",
            "-device", "isa-debugcon,iobase=0xe9,chardev=truth"]
    for path, serial in disks:
        argv += disk_options(path, serial)
    return argv


def run_guest(machine, kernel, initrd, command_line, folder, disks, deadline):
    """Run a guest until it ends; its outputs lie in folder. Seconds it took."""
    return run_command(
        command(machine, kernel, initrd, command_line, folder, disks), folder, deadline)


def run_command(argv, folder, deadline):
    """The same for QEMU's arguments as command() makes them."""
    console = os.path.join(folder, "console.log")
    begin = time.monotonic()
    try:
        with open(os.path.join(folder, "qemu.log"), "wb") as log:
            guest = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                     stdout=log, stderr=log)
    except FileNotFoundError as error:
        raise LabError(f"{QEMU} is not installed"
                       " (lab/README.md lists the packages)") from error
    try:
        code = guest.wait(timeout=deadline)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"the guest did not end within {deadline} s; its console"
                       f" ends in\n{console_tail(console)}") from error
    finally:
        if guest.poll() is None:
            guest.kill()
            guest.wait()
    if code:
        with open(os.path.join(folder, "qemu.log"), encoding="utf-8",
                  errors="replace") as log:
            raise LabError(f"QEMU ended with exit code {code}: {log.read()}")
    return time.monotonic() - begin
