# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that run inside the guest: kexec and makedumpfile of a suite that
is newer than this machine, with the libraries that they need."""

import os

from . import archive, elf
from .cache import digest
from .errors import LabError
from .run import run

PACKAGES = ("kexec-tools", "makedumpfile")
LOADER = "ld-linux-x86-64.so.2"


def wanted(name):
    """Packages of the closure that can hold a library the tools load."""
    return name in PACKAGES or \
        (name.startswith(("lib", "zlib")) and not name.startswith("libperl"))


class Tools:
    def __init__(self, tree, versions):
        self.tree = tree
        self.versions = versions
        self.libraries = {}
        for folder, _, names in os.walk(tree):
            for name in names:
                if ".so" in name:
                    self.libraries.setdefault(name, os.path.join(folder, name))

    def program(self, name):
        for folder in ("usr/sbin", "sbin", "usr/bin", "bin"):
            path = os.path.join(self.tree, folder, name)
            if os.path.exists(path):
                return path
        raise LabError(f"no {name} in {self.tree}")

    def put(self, cpio, names):
        """Add programs with all libraries that they need to an archive."""
        seen = set()
        todo = [self.program(name) for name in names]
        for name, path in zip(names, todo):
            cpio.file(f"bin/{name}", path, 0o755)
        while todo:
            for library in elf.needed_libraries(todo.pop()):
                if library in seen:
                    continue
                seen.add(library)
                if library not in self.libraries:
                    raise LabError(f"no package of the tools has {library}")
                path = self.libraries[library]
                todo.append(path)
                if library != LOADER:
                    cpio.file(f"lib/x86_64-linux-gnu/{library}", path, 0o755)
        cpio.file(f"lib64/{LOADER}", self.libraries[LOADER], 0o755)


def fetch(cache, suite_name):
    suite = archive.Suite(cache, suite_name)
    packages = [item for item in suite.closure(PACKAGES) if wanted(item[0])]
    if not any(name == "libc6" for name, _ in packages):
        raise LabError(f"{suite_name}: no C library among the tools' packages")

    def make(folder):
        for package, version in packages:
            run(["dpkg-deb", "-x", suite.download(package, version), folder])

    tree = cache.entry(("tools", f"{suite_name}-{digest(packages)}"), make)
    versions = {name: version for name, version in packages if name in PACKAGES}
    return Tools(tree, versions)
