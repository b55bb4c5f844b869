# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest of boot.py that dies and whose whole /proc/vmcore is kept, nothing left out.

    script = whole.LOAD + "…what the machine does…" + whole.DIE
    whole.dump(cache, debian, boot.Recipe(script=script, …), folder, "what it is")

leaves vmcore.elf and console.log in FOLDER. The recipe's first disk is the dump's: its own begin at
/dev/vdb.
"""

import os
import struct

from . import boot
from .errors import LabError

SAVE = """
dd if=/proc/vmcore of=/dev/vda bs=4M 2>&1
echo "vmcore $(stat -c %s /proc/vmcore)"
sync
"""
# The kernel that saves is the machine's own.
LOAD = """
kexec -p /boot/vmlinuz --initrd=/boot/capture.cpio \\
    --append="console=ttyS0,115200 rdinit=/init panic=1 irqpoll nr_cpus=1 reset_devices"
"""
DIE = """
stty -F /dev/ttyS1 > /dev/null
sleep 1
echo c > /proc/sysrq-trigger
"""


def elf_end(path):
    """Where the last program header says that an ELF core ends."""
    with open(path, "rb") as file:
        head = file.read(64)
        (offset,) = struct.unpack_from("<Q", head, 32)
        (count,) = struct.unpack_from("<H", head, 56)
        file.seek(offset)
        end = 0
        for _ in range(count):
            place, size = struct.unpack_from("<8xQ16xQ", file.read(56))
            end = max(end, place + size)
    return end


def dump(cache, debian, recipe, folder, what):
    capture = os.path.join(folder, "capture.cpio")
    boot.initramfs(cache, capture, debian, boot.Recipe(script=SAVE))
    target = os.path.join(folder, "vmcore.elf")
    with open(target, "wb") as file:
        file.truncate((recipe.memory + 256) << 20)
    recipe.disks = [(target, "vmcore"), *recipe.disks]
    recipe.tools = ["kexec", *recipe.tools]
    recipe.files = {**recipe.files, "boot/vmlinuz": debian.vmlinuz, "boot/capture.cpio": capture}
    recipe.append = f"crashkernel=256M {recipe.append}".strip()
    result = boot.run(cache, debian, recipe, folder, what)
    if "vmcore " not in result.console:
        raise LabError(f"the capture kernel did not save /proc/vmcore; {folder}/console.log")
    os.truncate(target, elf_end(target))
    os.remove(capture)
    return result
