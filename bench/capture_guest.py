#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest whose memory is full of page cache, anonymous and slab pages, dead: its whole /proc/vmcore.

    bench/capture_guest.py [--memory 4608] [--kernel 6.12]     prints the ELF file's path

The machine reads a file system full of this machine's own /usr, a process holds a copy of
part of it, another makes files by the hundred thousand; then it panics, and the capture kernel
copies /proc/vmcore to a blank disk. Kept in the lab's cache.
"""
import argparse
import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "lab"))
from kmlab import boot, kernel as kernels, whole  # noqa: E402
from kmlab.cache import Cache  # noqa: E402
from kmlab.run import progress  # noqa: E402

FILL = """
mkdir -p /data /tmp/files
mount -t ext4 -o ro /dev/vdb /data
fill /data/all 900 /tmp/files {files} > /tmp/fill.log &
cat /data/all > /dev/null
i=0
while ! grep -q full /tmp/fill.log && [ $i -lt 400 ]; do sleep 1; i=$((i + 1)); done
cat /tmp/fill.log
cat /proc/meminfo | head -50
cat /proc/meminfo | section meminfo
"""


def build(folder, source, name):
    target = os.path.join(folder, name)
    subprocess.run(["gcc", "-O2", "-static", "-o", target, source], check=True)
    return target


def data_disk(folder, mebibytes):
    """One file of what this machine has below /usr, on an ext4 disk."""
    tree = os.path.join(folder, "tree")
    os.makedirs(tree)
    left = (mebibytes - 200) << 20
    with open(os.path.join(tree, "all"), "wb") as out:
        for top in ("/usr/share", "/usr/lib", "/usr/bin"):
            for root, folders, files in os.walk(top):
                folders.sort()
                for name in sorted(files):
                    path = os.path.join(root, name)
                    if os.path.islink(path) or not os.path.isfile(path) or left <= 0:
                        continue
                    with open(path, "rb") as file:
                        part = file.read(min(left, 4 << 20))
                    out.write(part)
                    left -= len(part)
    disk = os.path.join(folder, "data.img")
    with open(disk, "wb") as file:
        file.truncate(mebibytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-d", tree, disk], check=True)
    subprocess.run(["rm", "-rf", tree], check=True)
    return disk


def make(cache, debian, memory, folder):
    fill = build(folder, str(TOP / "bench" / "fill.c"), "fill")
    progress("making the disk that fills the page cache")
    data = data_disk(folder, 2200)
    result = whole.dump(cache, debian, boot.Recipe(
        script=whole.LOAD + FILL.format(files=400000) + whole.DIE, programs=[fill],
        disks=[(data, "data")], memory=memory, deadline=1800), folder, "a machine full of pages")
    with open(os.path.join(folder, "meminfo"), "w", encoding="utf-8") as file:
        file.write(result.sections.get("meminfo", ""))
    for path in (data, fill):
        os.remove(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", type=int, default=4608, help="MiB of the guest")
    parser.add_argument("--kernel", default="6.12")
    options = parser.parse_args()
    cache = Cache()
    debian = kernels.fetch(cache, options.kernel)
    entry = cache.entry(("bench-capture", f"{debian.release}-{options.memory}-1"),
                        lambda folder: make(cache, debian, options.memory, folder))
    print(os.path.join(entry, "vmcore.elf"))


if __name__ == "__main__":
    main()
