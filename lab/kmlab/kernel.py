# SPDX-License-Identifier: GPL-2.0-or-later
"""From what a user calls a kernel to its unpacked packages."""

import os
import re

from . import archive, elf
from .errors import LabError
from .run import run

FLAVOUR = "cloud-amd64"
# Where a kernel that this machine's own suite lacks is looked for, in order.
LATER_SUITES = ("trixie", "trixie-backports", "forky", "sid")
IMAGE = re.compile(r"^linux-image-(?P<release>\d[^/]*)$")


def first(paths):
    for path in paths:
        if os.path.exists(path):
            return path
    return None


class Kernel:
    """One kernel: the unpacked trees of its image and, where found, headers."""

    def __init__(self, release, version, images, headers, origin):
        self.release = release
        self.version = version
        self.images = images
        self.headers = headers
        self.origin = origin
        folders = [os.path.join(image, parent, release) for image in images
                   for parent in ("usr/lib/modules", "lib/modules")]
        self.vmlinuz = first(
            [os.path.join(image, "boot", f"vmlinuz-{release}") for image in images]
            + [os.path.join(folder, "vmlinuz") for folder in folders])
        self.modules = first(os.path.join(folder, "kernel") for folder in folders)
        if not self.vmlinuz or not self.modules:
            raise LabError(f"no kernel {release} in {', '.join(images)}")
        self._paths = None

    def describe(self):
        return {"release": self.release, "version": self.version,
                "origin": self.origin, "vmlinuz": self.vmlinuz,
                "modules": self.modules, "headers": self.headers}

    def module_path(self, name):
        """Path of a module by its name, or None (built in, or not there)."""
        if self._paths is None:
            self._paths = {}
            for folder, _, names in os.walk(self.modules):
                for file in names:
                    match = re.match(r"(.+)\.ko(\.xz|\.zst)?$", file)
                    if match:
                        self._paths[match[1].replace("-", "_")] = \
                            os.path.join(folder, file)
        return self._paths.get(name.replace("-", "_"))

    def modules_in_order(self, names):
        """[(name, bytes)]: the modules and what they need, dependencies first.

        The package has no modules.dep (depmod makes it at installation), so
        the order comes from each module's own "depends".
        """
        done, result = set(), []

        def add(name):
            if name in done:
                return
            done.add(name)
            path = self.module_path(name)
            if path is None:
                return
            data = elf.read_module(path)
            for other in elf.modinfo(data).get("depends", "").split(","):
                if other:
                    add(other.replace("-", "_"))
            result.append((name, data))

        for name in names:
            add(name.replace("-", "_"))
        return result


def depends(suite, package, pattern):
    """[(package, version)]: it and its dependencies whose names fit.

    Empty when the suite lacks one of them.
    """
    fields = suite.show(package)
    if not fields:
        return []
    wanted = [(package, fields["Version"])]
    for item in fields.get("Depends", "").split(","):
        name = re.split(r"[ :(|]", item.strip())[0]
        if re.match(pattern, name):
            other = suite.show(name)
            if not other:
                return []
            wanted.append((name, other["Version"]))
    return wanted


def headers_of(suite, release):
    """[(package, version)] that building a module for release needs, or []."""
    return depends(suite, f"linux-headers-{release}", r"linux-(headers|kbuild)-")


def image_of(suite, package):
    """[(package, version)] that hold the kernel and its modules, or [].

    In newer packages the image package is an empty one that depends on the others.
    """
    return depends(suite, package, r"linux-(base|binary|modules)-\d")


def candidates(suite, spec):
    """Image packages of the suite that the spec means."""
    if spec.startswith("linux-image-"):
        return [spec] if suite.show(spec) else []
    names = []
    for name in suite.names(f"linux-image-{spec}"):
        match = IMAGE.match(name)
        if not match or name.endswith(("-dbg", "-unsigned")):
            continue
        release = match["release"]
        if release == spec:
            return [name]
        rest = release[len(spec):]
        # A meta package ("linux-image-6.12-cloud-amd64") holds no kernel.
        if release.endswith("-" + FLAVOUR) and re.match(r"[.+]\d", rest):
            names.append(name)
    return names


def search(cache, spec, suite_name=None):
    """(suite, package, version, headers) of the newest kernel that fits."""
    if suite_name:
        names = [suite_name]
    else:
        native = archive.native_suite()
        names = [native] + [name for name in LATER_SUITES if name != native]
    for name in names:
        suite = archive.Suite(cache, name)
        found = []
        for package in candidates(suite, spec):
            fields = suite.show(package)
            if fields:
                found.append((fields["Version"], package))
        found.sort(key=lambda pair: archive.version_key(pair[0]), reverse=True)
        for version, package in found:
            headers = headers_of(suite, package[len("linux-image-"):])
            if headers:
                return suite, package, version, headers
        if found:
            return suite, found[0][1], found[0][0], []
    raise LabError(f"no kernel '{spec}' in {', '.join(names)}"
                   " (see 'lab list', or name another suite with --suite)")


def debs_beside(path, pattern, release):
    """Packages of the same kernel in the same folder as the .deb."""
    folder = os.path.dirname(os.path.abspath(path))
    found = []
    for name in sorted(os.listdir(folder)):
        match = re.match(pattern + r"([^_]+)_.*\.deb$", name)
        if match and release.startswith(match[1].removesuffix("-common")):
            found.append(os.path.join(folder, name))
    return found


def from_deb(cache, path, suite_name=None):
    """A kernel from a .deb file; the rest from beside it or the archive."""
    package = run(["dpkg-deb", "-f", path, "Package"]).strip()
    version = run(["dpkg-deb", "-f", path, "Version"]).strip()
    match = IMAGE.match(package)
    if not match:
        raise LabError(f"{path}: {package} is not a kernel image package")
    release = match["release"].removesuffix("-unsigned")
    images = [path] + debs_beside(path, r"linux-(?:base|binary|modules)-", release)
    headers = debs_beside(path, r"linux-(?:headers|kbuild)-", release)
    names = [suite_name] if suite_name else \
        [archive.native_suite(), *LATER_SUITES]
    while names and not headers:
        suite = archive.Suite(cache, names.pop(0))
        headers = [suite.download(*item) for item in headers_of(suite, release)]
    return Kernel(release, version,
                  [archive.unpack(cache, deb) for deb in images],
                  [archive.unpack(cache, deb) for deb in headers],
                  os.path.abspath(path))


def fetch(cache, spec, suite_name=None):
    """The kernel that spec names, downloaded and unpacked."""
    if spec.endswith(".deb"):
        if not os.path.exists(spec):
            raise LabError(f"{spec}: no such file")
        return from_deb(cache, spec, suite_name)
    suite, package, version, headers = search(cache, spec, suite_name)
    trees = [[archive.unpack(cache, suite.download(*item)) for item in items]
             for items in (image_of(suite, package), headers)]
    return Kernel(package[len("linux-image-"):], version, *trees,
                  f"{suite.name}: {package} {version}")
