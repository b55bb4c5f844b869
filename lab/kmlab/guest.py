# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest runs: the initramfs of the dying and of the saving kernel."""

import os
import shlex

from .cpio import Archive
from .errors import LabError
from .run import run

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GUEST = os.path.join(HERE, "guest")
BUSYBOX = ("/bin/busybox", "/usr/bin/busybox")
# Both are modules in Debian's cloud kernels; ext4 is built in, or loaded here.
DISK_MODULES = ("virtio_pci", "virtio_blk", "ext4", "crc32c_generic")
COMPRESSIONS = {"zlib": "-c", "lzo": "-l", "snappy": "-p", "zstd": "-z",
                "none": ""}


def busybox():
    for path in BUSYBOX:
        if os.path.exists(path):
            return path
    raise LabError("busybox is not installed (package busybox-static)")


def build_crowd(cache, source_hash):
    """The static program that starts the guest's processes."""
    def make(folder):
        run(["gcc", "-std=gnu17", "-O2", "-static", "-pthread", "-o",
             os.path.join(folder, "crowd"), os.path.join(GUEST, "crowd.c")],
            what="building the guest's processes")
    return os.path.join(cache.entry(("crowd", source_hash), make), "crowd")


def settings(values):
    """Text of a file that the guest's shell sources."""
    return "".join(f"{key}={shlex.quote(str(value))}\n"
                   for key, value in values.items()).encode()


def base(kernel, init, values):
    cpio = Archive()
    for name in ("dev", "proc", "sys", "tmp", "run", "etc", "bin", "lib"):
        cpio.folder(name)
    cpio.device("dev/console", 5, 1)
    cpio.file("init", os.path.join(GUEST, init), 0o755)
    cpio.file("bin/busybox", busybox(), 0o755)
    modules = kernel.modules_in_order(DISK_MODULES)
    for name, data in modules:
        cpio.data(f"lib/kmlab/{name}.ko", data)
    cpio.data("etc/modules", "\n".join(name for name, _ in modules).encode())
    cpio.data("etc/kmlab.conf", settings(values))
    return cpio


def capture_initramfs(path, kernel, tools, *, level, compression, elf):
    options = f"{COMPRESSIONS[compression]} -d {level} --message-level 31"
    cpio = base(kernel, "capture-init",
                {"MAKEDUMPFILE_OPTIONS": options, "ELF": int(elf)})
    tools.put(cpio, ["makedumpfile"])
    cpio.save(path)


def boot_initramfs(path, kernel, tools, capture, *, scenario, crowd, module):
    cpio = base(kernel, "init", {
        "SCENARIO": scenario["name"],
        "TRIGGER": scenario["trigger"],
        "PATIENCE": scenario["patience"],
        "SYSCTLS": " ".join(scenario["sysctls"]),
        "KEXEC_OPTIONS": "-s",
        "CAPTURE_COMMAND_LINE": "console=ttyS0,115200 nr_cpus=1 reset_devices"
                                " panic=1 rdinit=/init",
    })
    tools.put(cpio, ["kexec"])
    cpio.file("bin/crowd", crowd, 0o755)
    cpio.file("bin/kmlab-crash", os.path.join(GUEST, "kmlab-crash"), 0o755)
    cpio.file("kexec/vmlinuz", kernel.vmlinuz)
    cpio.file("kexec/initrd", capture)
    if module:
        cpio.file("lib/kmlab.ko", module)
    cpio.save(path)
