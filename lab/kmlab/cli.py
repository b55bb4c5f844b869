# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's command line."""

import argparse
import os
import shutil
import signal
import sys

from . import archive, armed, boot, dump, guest, kernel, scenarios, snapshot, tools
from .cache import Cache
from .errors import LabError

EPILOG = """KERNEL is a series (6.1, 6.12, 7.3: the newest of it that the archive
has), a release (6.1.0-9-cloud-amd64), a package (linux-image-...) or the path of
a .deb. Results are kept in ${KMORTEM_CACHE:-${XDG_CACHE_HOME:-~/.cache}/kmortem}/lab.
Exit codes: 0 done, 1 failed, 2 wrong usage."""


def run_dump(cache, options):
    print(dump.dump(cache, kernel.fetch(cache, options.kernel, options.suite),
                    options))


def run_snapshot(cache, options):
    folder = snapshot.snapshot(
        cache, kernel.fetch(cache, options.kernel, options.suite), options)
    print(os.path.join(folder, snapshot.FORMS[options.form][0])
          if options.form else folder)


def run_live(cache, options):
    print(snapshot.live(
        cache, kernel.fetch(cache, options.kernel, options.suite), options))


def run_boot(cache, options):
    boot.run_cli(cache, kernel.fetch(cache, options.kernel, options.suite), options)


def run_armed(cache, options):
    armed.run_cli(cache, kernel.fetch(cache, options.kernel, options.suite), options)


def run_path(cache, options):
    found = kernel.fetch(cache, options.kernel, options.suite)
    scenario = scenarios.find(options.scenario)
    path, _ = dump.find(cache, found, scenario, options,
                        tools.fetch(cache, options.tools_suite))
    if not os.path.isdir(path):
        raise LabError(f"{path}: not made yet")
    print(path)


def run_fetch(cache, options):
    found = kernel.fetch(cache, options.kernel, options.suite)
    print("\n".join(found.images))


def run_list(cache, options):
    print("scenarios:")
    for row in scenarios.load():
        print(f"  {row['name']:16} {row['description']}")
    name = options.suite or archive.native_suite()
    print(f"kernels in {name}:")
    suite = archive.Suite(cache, name)
    rows = []
    for package in suite.names("linux-image-"):
        match = kernel.IMAGE.match(package)
        if match and match["release"].endswith("-" + kernel.FLAVOUR):
            fields = suite.show(package)
            if fields and fields.get("Source", "").startswith("linux"):
                rows.append((fields["Version"], match["release"]))
    rows.sort(key=lambda row: (archive.version_key(row[0]), row[1]))
    for version, release in rows:
        print(f"  {release:40} {version}")
    folder = cache.folder("dumps")
    print(f"dumps in {folder}:")
    for entry in sorted(os.listdir(folder)):
        if not entry.startswith("."):
            print(f"  {entry}")


def run_clean(cache, options):
    names = ["dumps"] if not options.all else os.listdir(cache.folder())
    with cache.locked("machine", "waiting for a lab guest to end"):
        for name in names:
            if name != "locks":
                shutil.rmtree(cache.path(name), ignore_errors=True)


def add_machine_options(parser, memory):
    parser.add_argument("--memory", type=int, default=memory, metavar="MIB",
                        help="the guest's memory (default %(default)s)")
    parser.add_argument("--cpus", type=int, default=2, metavar="N",
                        help="the guest's CPUs (default %(default)s)")
    parser.add_argument("--cpu", default="Nehalem", metavar="MODEL",
                        help="QEMU's CPU model, such as Nehalem,+la57"
                             " (default %(default)s)")
    parser.add_argument("--append", action="append", default=[], metavar="WORD",
                        help="add to the kernel's command line")
    parser.add_argument("--deadline", type=int, default=300, metavar="S",
                        help="end the guest after S seconds (default %(default)s)")
    parser.add_argument("--tools-suite", default="forky", metavar="SUITE",
                        help="where the guest's kexec and makedumpfile come"
                             " from (default %(default)s)")


def add_dump_options(parser):
    parser.add_argument("kernel", metavar="KERNEL")
    parser.add_argument("scenario", metavar="SCENARIO",
                        choices=[row["name"] for row in scenarios.load()],
                        help="one of %(choices)s")
    add_machine_options(parser, 768)
    parser.add_argument("--level", type=int, default=31, metavar="N",
                        choices=range(32),
                        help="makedumpfile's dump level (default %(default)s)")
    parser.add_argument("--compression", default="zlib",
                        choices=guest.COMPRESSIONS,
                        help="of the pages (default %(default)s)")
    parser.add_argument("--elf", action="store_true",
                        help="keep the whole of /proc/vmcore too, as vmcore.elf")
    parser.add_argument("--crashkernel", type=int, metavar="MIB",
                        default=dump.CRASHKERNEL_MIB,
                        help="memory reserved for saving (default %(default)s)")


def add_boot_options(parser):
    parser.add_argument("script", metavar="SCRIPT", help="a shell script")
    parser.add_argument("--program", action="append", default=[], metavar="PATH",
                        help="put it in /bin with its libraries (repeatable)")
    parser.add_argument("--file", action="append", default=[], metavar="NAME=PATH",
                        help="put PATH there as NAME (repeatable)")
    parser.add_argument("--tool", action="append", default=[], metavar="NAME",
                        choices=["kexec", "makedumpfile"],
                        help="Debian's kexec or makedumpfile (repeatable)")
    parser.add_argument("--uefi", action="store_true", help="start through OVMF")


def add_armed_options(parser):
    parser.add_argument("scenario", metavar="SCENARIO",
                        choices=[row["name"] for row in scenarios.load()],
                        help="one of %(choices)s")
    parser.add_argument("--kmortem", default="build/kmortem", metavar="PATH",
                        help="the program (default %(default)s)")
    parser.add_argument("--capture", default="build/kmortem-capture", metavar="PATH",
                        help="PID 1 of the capture image (default %(default)s)")
    parser.add_argument("--crashkernel", type=int, default=128, metavar="MIB",
                        help="memory reserved for saving (default %(default)s)")
    parser.add_argument("--output", required=True, metavar="FOLDER",
                        help="where the dump and what the guest said go")


def build_parser():
    parser = argparse.ArgumentParser(
        prog="lab", description="Boot real kernels, kill them, keep the dumps.",
        epilog=EPILOG)
    commands = parser.add_subparsers(dest="command", required=True)
    rows = (("dump", run_dump, "make a dump and print its folder"),
            ("path", run_path, "print a dump's folder if it is made"),
            ("snapshot", run_snapshot, "dump a living guest from outside, with no"
             " VMCOREINFO; print the folder"),
            ("live", run_live, "run a program in a living guest, print what it says"),
            ("boot", run_boot, "run a script in a guest, print the sections that it frames"),
            ("armed", run_armed, "kmortem arms a guest, which dies, saves its dump, restarts and"
             " tells; print the folder with all of it"),
            ("fetch", run_fetch, "download a kernel, print its unpacked tree"),
            ("list", run_list, "show scenarios, kernels and dumps"),
            ("clean", run_clean, "remove dumps from the cache"))
    for name, function, text in rows:
        sub = commands.add_parser(name, help=text, description=text,
                                  epilog=EPILOG)
        sub.set_defaults(run=function)
        if name in ("dump", "path"):
            add_dump_options(sub)
        if name in ("snapshot", "live", "boot", "armed"):
            sub.add_argument("kernel", metavar="KERNEL")
            add_machine_options(sub, 512)
        if name == "snapshot":
            sub.add_argument("--form", choices=snapshot.FORMS,
                             help="print the path of this one of %(choices)s")
        if name == "live":
            sub.add_argument("script", metavar="SCRIPT",
                             help="a shell script; /bin/NAME is the program")
            sub.add_argument("program", metavar="PROGRAM")
        if name == "boot":
            add_boot_options(sub)
        if name == "armed":
            add_armed_options(sub)
        if name == "fetch":
            sub.add_argument("kernel", metavar="KERNEL")
        if name == "clean":
            sub.add_argument("--all", action="store_true",
                             help="packages, trees and modules too")
        else:
            sub.add_argument("--suite", metavar="SUITE",
                             help="look for kernels in this suite only")
    return parser


def interrupt(number, frame):
    raise KeyboardInterrupt


def main(arguments=None):
    # A lab that is told to end must not leave its guest behind.
    signal.signal(signal.SIGTERM, interrupt)
    options = build_parser().parse_args(arguments)
    try:
        options.run(Cache(), options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 1
    return 0
