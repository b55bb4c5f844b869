# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the peers lie and how they are run.

The peers are not run in a chroot: the suite's own dynamic linker starts them with
the suite's libraries, so neither root nor mounts are needed and paths mean the same
to every tool that is compared.
"""

import json
import os
import pathlib
import re
import subprocess
import sys


def say(text):
    print(text, flush=True)


def cache_directory():
    cache = os.environ.get("KMORTEM_CACHE")
    if cache:
        return pathlib.Path(cache)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(home) / "kmortem"


def suite_directory(suite):
    return cache_directory() / "peers" / suite


def debug_directory(release):
    """vmlinux and modules/*.ko* with DWARF of one kernel release."""
    return cache_directory() / "peers" / "dbg" / release


class Suite:
    """The programs of one Debian suite."""

    def __init__(self, name):
        self.name = name
        self.root = suite_directory(name)

    def exists(self):
        return (self.root / "usr/bin/crash").exists()

    def command(self, program, *arguments):
        """The argument vector that runs the suite's PROGRAM (a path below its root)."""
        libraries = ":".join(str(self.root / part) for part in
                             ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu",
                              "usr/lib/x86_64-linux-gnu/crash"))
        return [str(self.root / "usr/lib64/ld-linux-x86-64.so.2"), "--library-path", libraries,
                str(self.root / program), *map(str, arguments)]

    def environment(self):
        environment = dict(os.environ)
        for name in list(environment):
            # Neither the user's habits nor debuginfod may take part.
            if name.startswith(("PYTHON", "DRGN", "CRASH", "DEBUGINFOD", "GDB", "LD_")):
                del environment[name]
        environment.update(PYTHONHOME=str(self.root / "usr"), PYTHONDONTWRITEBYTECODE="1",
                           LC_ALL="C.UTF-8", TERM="dumb", HOME="/nonexistent", TZ="UTC",
                           PAGER="/bin/cat")
        return environment

    def python(self, *arguments):
        found = sorted((self.root / "usr/bin").glob("python3.[0-9]*"),
                       key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)])
        found = [path for path in found if re.fullmatch(r"python3\.\d+", path.name)]
        return self.command("usr/bin/" + found[-1].name, *arguments)

    def versions(self):
        """Package versions of the peers, from the suite's own dpkg database."""
        status = (self.root / "var/lib/dpkg/status").read_text(errors="replace")
        wanted = ("crash", "python3-drgn", "makedumpfile", "kexec-tools", "dwarves", "pahole")
        found = {}
        for paragraph in status.split("\n\n"):
            name = re.search(r"^Package: (.*)$", paragraph, re.M)
            version = re.search(r"^Version: (.*)$", paragraph, re.M)
            if name and version and name.group(1) in wanted:
                found[name.group(1)] = version.group(1)
        return found


TOP = pathlib.Path(__file__).resolve().parent.parent.parent


def release_of(dump):
    """OSRELEASE of VMCOREINFO, which all formats keep uncompressed near their start."""
    tail = b""
    with open(dump, "rb") as file:
        # Small pieces: the benches' children start with what this process holds.
        for _ in range(64):
            piece = file.read(1 << 18)
            found = re.search(rb"OSRELEASE=([^\s\0]+)[\s\0]", tail + piece)
            if found:
                return found.group(1).decode()
            tail = piece[-256:]
    return fail("%s: names no kernel release" % dump)


def lab_dump(kernel, scenario, *options):
    """The folder of a dump that the lab makes, or made before."""
    result = subprocess.run([str(TOP / "lab" / "lab"), "dump", *options, kernel, scenario],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        fail("the lab could not make %s on %s" % (scenario, kernel))
    return pathlib.Path(result.stdout.splitlines()[-1])


def lab_scenarios():
    with open(TOP / "lab" / "scenarios.json", encoding="utf-8") as file:
        return [row["name"] for row in json.load(file)["scenarios"]]


def newest_suite():
    """Of the suites that are set up, the one with the newest crash; None where there is none."""
    directory = cache_directory() / "peers"
    names = [path.name for path in directory.iterdir()] if directory.exists() else []
    suites = [suite for suite in map(Suite, names) if suite.exists()]
    return max(suites, default=None, key=lambda suite: [
        int(number) for number in re.findall(r"\d+", suite.versions()["crash"])[:3]])


def set_up(suite_name, release):
    """The suite to use, and the release's debug symbols; what is missing is set up by root."""
    suite = Suite(suite_name) if suite_name else newest_suite() or Suite("trixie")
    debug = debug_directory(release)
    if not suite.exists() or not (debug / "vmlinux").exists():
        command = [str(TOP / "tests" / "peers" / "setup"), "--suite", suite.name,
                   "--also", "trixie-backports", "--kernel", release]
        if os.geteuid() != 0:
            fail("peers or debug symbols are missing; as root: " + " ".join(command))
        if subprocess.run(command, check=False).returncode:
            fail("the peers could not be set up")
    return suite, debug


def run(argv, timeout=600, **options):
    """Standard output as bytes; errors come with the peer's own last words."""
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=timeout, check=False, **options)
    return result.returncode, result.stdout, result.stderr


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(2)
