# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages of any suite, through apt with a private state.

The mirror is the one that this machine's apt is set up for; only the suite's
name is put in its place. Nothing is installed and root is not needed.
Signatures are checked with the machine's own Debian keyring.
"""

import functools
import getpass
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from .cache import digest
from .errors import LabError
from .run import progress, run

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LISTS_AGE = 24 * 3600
INRELEASE = re.compile(r"^'(\S+)/dists/(\S+)/InRelease'")


def native_suite():
    """The suite of this machine, as /etc/os-release names it."""
    with open("/etc/os-release", encoding="utf-8") as file:
        for line in file:
            key, _, value = line.strip().partition("=")
            if key == "VERSION_CODENAME":
                return value.strip('"')
    raise LabError("/etc/os-release names no suite; give one with --suite")


@functools.lru_cache
def machine_sites():
    """(site of the archive, site of the security archive or None)."""
    suite = native_suite()
    with tempfile.TemporaryDirectory() as lists:
        os.mkdir(os.path.join(lists, "partial"))
        text = run(["apt-get", "-o", f"Dir::State::lists={lists}", "update",
                    "--print-uris"], what="reading apt's configuration")
    sites = {}
    for line in text.splitlines():
        match = INRELEASE.match(line)
        if match:
            sites.setdefault(match[2], match[1])
    if suite not in sites:
        raise LabError(f"apt on this machine has no source for {suite}:"
                       " the lab takes the mirror from there")
    return sites[suite], sites.get(f"{suite}-security")


def version_key(version):
    """A sort key that orders Debian versions as dpkg does."""
    def compare(left, right):
        if left == right:
            return 0
        less = subprocess.run(["dpkg", "--compare-versions", left, "lt", right],
                              check=False).returncode == 0
        return -1 if less else 1
    return functools.cmp_to_key(compare)(version)


class Suite:
    """One suite's package lists and packages."""

    def __init__(self, cache, name):
        self.cache = cache
        self.name = name
        self.dir = cache.path("apt", name)

    def _options(self):
        path = functools.partial(os.path.join, self.dir)
        settings = {
            "APT::Architecture": "amd64",
            "APT::Architectures": "amd64",
            "APT::Sandbox::User": getpass.getuser(),
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Dir::State": path("state"),
            "Dir::State::lists": path("lists"),
            "Dir::State::status": path("status"),
            "Dir::Cache": path("cache"),
            "Dir::Log": path("log"),
            # Container images switch these off; each call would parse all lists.
            "Dir::Cache::pkgcache": "pkgcache.bin",
            "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
            "Dir::Etc::sourcelist": path("sources.list"),
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
        }
        if self.name != native_suite():
            # A machine that stood still for months may hold an old mirror.
            settings["Acquire::Check-Valid-Until"] = "false"
        options = []
        for key, value in settings.items():
            options += ["-o", f"{key}={value}"]
        return options

    def _apt(self, tool, *arguments, cwd=None, timeout=900, what=None):
        return run([tool, *self._options(), *arguments], cwd=cwd,
                   timeout=timeout, what=what)

    def _sources(self, with_updates):
        site, security = machine_sites()
        signed = f" signed-by={KEYRING}" if os.path.exists(KEYRING) else ""
        lines = [f"deb [arch=amd64{signed}] {site} {self.name} main"]
        if with_updates:
            lines.append(f"deb [arch=amd64{signed}] {site} {self.name}-updates main")
            if security:
                lines.append(f"deb [arch=amd64{signed}] {security}"
                             f" {self.name}-security main")
        return "\n".join(lines) + "\n"

    def _update(self, with_updates):
        with open(os.path.join(self.dir, "sources.list"), "w",
                  encoding="utf-8") as file:
            file.write(self._sources(with_updates))
        text = self._apt("apt-get", "update", "-o", "APT::Update::Error-Mode=any",
                         what=f"fetching the package lists of {self.name}")
        return text

    def refresh(self, force=False):
        """Fetch the suite's lists if there are none or they are a day old."""
        stamp = os.path.join(self.dir, "stamp")
        with self.cache.locked(f"apt-{self.name}"):
            age = None
            if os.path.exists(stamp):
                age = time.time() - os.path.getmtime(stamp)
            if age is not None and age < LISTS_AGE and not force:
                return
            progress(f"fetching the package lists of {self.name}")
            for sub in ("state", "lists/partial", "cache/archives/partial", "log"):
                os.makedirs(os.path.join(self.dir, sub), exist_ok=True)
            with open(os.path.join(self.dir, "status"), "a", encoding="ascii"):
                pass
            try:
                self._fetch_lists()
            except LabError as error:
                if age is None:
                    raise
                progress(f"{error}\nlab: going on with older lists")
                return
            shutil.rmtree(os.path.join(self.dir, "answers"), ignore_errors=True)
            with open(stamp, "w", encoding="ascii"):
                pass

    def _fetch_lists(self):
        try:
            if "-" not in self.name:
                try:
                    self._update(with_updates=True)
                    return
                except LabError:
                    # testing and unstable have no -updates and no -security
                    pass
            self._update(with_updates=False)
        except LabError as error:
            if "NO_PUBKEY" in str(error) or "not signed" in str(error):
                raise LabError(
                    f"the key that signs {self.name} is not known here: install"
                    " a newer debian-archive-keyring\n" + str(error)) from error
            raise

    def _answer(self, question, find):
        """find()'s answer, kept as long as the lists that it came from.

        One call of apt takes a good part of a second; a dump that is in the
        cache must be found at once.
        """
        self.refresh()
        path = os.path.join(self.dir, "answers", digest(question))
        try:
            with open(path, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            answer = find()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        partial = f"{path}.{os.getpid()}"
        with open(partial, "w", encoding="utf-8") as file:
            json.dump(answer, file)
        os.rename(partial, path)
        return answer

    def names(self, prefix):
        return self._answer(
            ["names", prefix],
            lambda: self._apt("apt-cache", "pkgnames", prefix).split())

    def _show(self, package):
        text = self._apt("apt-cache", "madison", package)
        if not text.strip():
            return None
        text = self._apt("apt-cache", "show", "--no-all-versions", package)
        fields = {}
        for line in text.split("\n\n", maxsplit=1)[0].splitlines():
            key, colon, value = line.partition(": ")
            if colon and not line.startswith(" "):
                fields[key] = value
        return fields

    def show(self, package):
        """The newest version's control fields, or None."""
        return self._answer(["show", package], lambda: self._show(package))

    def download(self, package, version):
        """Path of the package's .deb in the cache."""
        name = f"{package}_{version.replace(':', '%3a')}"
        def fetch(folder):
            progress(f"fetching {package} {version} from {self.name}")
            try:
                self._apt("apt-get", "download", f"{package}={version}", cwd=folder)
            except LabError:
                # The lists may be older than the archive.
                self.refresh(force=True)
                self._apt("apt-get", "download", f"{package}={version}", cwd=folder)
        folder = self.cache.entry(("debs", name), fetch)
        debs = [entry for entry in os.listdir(folder) if entry.endswith(".deb")]
        if len(debs) != 1:
            raise LabError(f"{folder}: expected one package")
        return os.path.join(folder, debs[0])

    def _closure(self, packages):
        text = self._apt("apt-get", "install", "--simulate", "-y",
                         "--no-install-recommends", *packages,
                         what=f"resolving {' '.join(packages)} in {self.name}")
        return re.findall(r"^Inst (\S+) \((\S+) ", text, re.M)

    def closure(self, packages):
        """[[name, version]] of the packages and all that they depend on."""
        return self._answer(["closure", packages],
                            lambda: self._closure(packages))


def unpack(cache, deb):
    """The tree of a .deb, unpacked once."""
    name = os.path.basename(deb)[:-len(".deb")]
    def make(folder):
        run(["dpkg-deb", "-x", deb, folder])
    return cache.entry(("trees", name), make)


