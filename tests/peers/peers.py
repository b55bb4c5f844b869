# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the peers lie and how they are run.

The peers are not run in a chroot: the suite's own dynamic linker starts them with
the suite's libraries, so neither root nor mounts are needed and paths mean the same
to every tool that is compared.
"""

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


def run(argv, timeout=600, **options):
    """Standard output as bytes; errors come with the peer's own last words."""
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=timeout, check=False, **options)
    return result.returncode, result.stdout, result.stderr


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(2)
