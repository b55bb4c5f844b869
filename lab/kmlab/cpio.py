# SPDX-License-Identifier: GPL-2.0-or-later
"""A writer of cpio archives in the "newc" form that the kernel unpacks.

Owners, modes and device numbers are what the caller says, so that an
initramfs with device nodes needs no root (Documentation/driver-api/
early-userspace/buffer-format.rst).
"""

import os
import stat


class Archive:
    def __init__(self):
        self.chunks = []
        self.size = 0
        self.inode = 0
        self.folders = set()

    def _put(self, data):
        self.chunks.append(data)
        self.size += len(data)
        if self.size % 4:
            pad = bytes(4 - self.size % 4)
            self.chunks.append(pad)
            self.size += len(pad)

    def _entry(self, path, mode, data=b"", device=(0, 0)):
        name = path.encode() + b"\0"
        self.inode += 1
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device,
                  len(name), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        self._put(header + name)
        self._put(data)

    def _parents(self, path):
        parent = os.path.dirname(path)
        if parent and parent not in self.folders:
            self.folder(parent)

    def folder(self, path):
        self._parents(path)
        if path not in self.folders:
            self.folders.add(path)
            self._entry(path, stat.S_IFDIR | 0o755)

    def data(self, path, data, mode=0o644):
        self._parents(path)
        self._entry(path, stat.S_IFREG | mode, data)

    def file(self, path, source, mode=0o644):
        with open(source, "rb") as file:
            self.data(path, file.read(), mode)

    def device(self, path, major, minor):
        self._parents(path)
        self._entry(path, stat.S_IFCHR | 0o600, device=(major, minor))

    def save(self, target):
        self._entry("TRAILER!!!", 0)
        with open(target, "wb") as file:
            file.writelines(self.chunks)
