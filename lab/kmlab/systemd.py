# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots a small Debian with systemd on an ext4 disk: the stage for tests of what a
distribution does with its kernels, its services and its packages.

    from kmlab import kernel, systemd
    from kmlab.cache import Cache

    cache = Cache()
    result = systemd.run(cache, kernel.fetch(cache, "6.12"), systemd.Recipe(
        script='systemctl is-system-running | section state',
        programs=[PROGRAM], append="crashkernel=192M"), folder)
    result.sections["state"]

The system is this machine's own suite, made once by debootstrap (which needs root) with
kexec-tools, kdump-tools and initramfs-tools in it, and kept in the cache; so is a disk
image with one of the lab's kernels for each of them: /boot/vmlinuz-RELEASE, config-RELEASE,
initrd.img-RELEASE (which leads to this root), /lib/modules/RELEASE. A run writes to a
layer above the image that is thrown away at its end.

The script runs as a service, as root, once multi-user.target is reached; `section NAME`
works as in lab/kmlab/boot.py. It may end the system by any way of its own; at each later
boot of the same run it is run again, with $BOOT one higher (from 1). Where it returns and
nothing shuts the system down, its exit code goes to the section "exit" and the machine is
switched off. kdump-tools.service is there, but not enabled.
"""

import dataclasses
import os
import shutil

from . import archive, boot, elf, guest, snapshot
from .cache import digest, hash_files
from .cpio import Archive
from .errors import LabError
from .run import progress, run as run_program

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STAGE = os.path.join(HERE, "systemd")
SERIAL = "kmlab-root"
IMAGE_MIB = 3072
# One that is there already: a first boot would enable all services again.
MACHINE_ID = "6b6d6c61622d73797374656d642d3031"
PACKAGES = (
    "systemd", "systemd-sysv", "udev", "dbus", "kmod", "busybox", "kexec-tools",
    "kdump-tools", "makedumpfile", "initramfs-tools-core", "zstd", "procps", "e2fsprogs",
    # What kmortem is linked with and opens, so that a package of it can be installed.
    "zlib1g", "libdeflate0", "libzstd1", "liblzo2-2", "libsnappy1v5", "libsodium23",
    "liblzma5", "liblz4-1", "libbz2-1.0")
# Timers and terminals that only take the emulated processor's time.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
          "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
          "systemd-tmpfiles-clean.timer", "serial-getty@ttyS0.service", "getty@tty1.service",
          "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
          "systemd-pstore.service")


@dataclasses.dataclass
class Recipe:
    """One guest. Paths on the left are the guest's, without a leading slash."""
    script: str
    # {name in the guest: path here, or bytes}, put there before systemd starts; mode 0755 where
    # a folder of the name is called bin or sbin.
    files: dict = dataclasses.field(default_factory=dict)
    # Paths here, or (path, name); each goes to /opt/kmlab/bin, first in the script's PATH, with
    # the shared libraries that the guest lacks.
    programs: list = dataclasses.field(default_factory=list)
    # More packages of the suite in the image (each set is an image of its own).
    packages: tuple = ()
    memory: int = 1024  # MiB
    cpus: int = 2
    cpu: str = "Nehalem"
    uefi: bool = False
    # (path, serial) of raw images, from /dev/vda on; the root disk comes behind them.
    disks: list = dataclasses.field(default_factory=list)
    append: str = ""
    qemu: list = dataclasses.field(default_factory=list)
    resets: bool = True  # go on after a reset, as a real machine does
    deadline: int = 600  # seconds


def _bootstrap(cache, suite, packages, target):
    if os.geteuid() != 0:
        raise LabError("a systemd guest is made by debootstrap, which needs root")
    mirror, _ = archive.machine_sites()
    progress(f"making a {suite} system with {', '.join(packages)}")
    run_program(["debootstrap", "--variant=minbase", "--merged-usr",
                 f"--cache-dir={cache.folder('debootstrap')}",
                 f"--include={','.join(packages)}", suite, target, mirror],
                timeout=1800, what="debootstrap")


def _set_up(tree):
    """What every guest of the tree has."""
    units = os.path.join(tree, "etc/systemd/system")
    for name in ("kmlab-script.service", "kmlab.target"):
        shutil.copy(os.path.join(STAGE, name), units)
    _link(os.path.join(units, "default.target"), "kmlab.target")
    for name in MASKED:
        _link(os.path.join(units, name), "/dev/null")
    for folder, _, names in os.walk(units):
        if "kdump-tools.service" in names:
            os.remove(os.path.join(folder, "kdump-tools.service"))
    tools = os.path.join(tree, "opt/kmlab/bin")
    os.makedirs(tools)
    for source, folder in ((os.path.join(STAGE, "run"), os.path.dirname(tools)),
                           (os.path.join(boot.STAGE, "section"), tools)):
        os.chmod(shutil.copy(source, folder), 0o755)
    for name, text in (("etc/hostname", "kmlab\n"), ("etc/machine-id", MACHINE_ID + "\n"),
                       ("etc/fstab", "LABEL=kmlab-root / ext4 defaults 0 1\n"),
                       ("etc/hosts", "127.0.0.1 localhost kmlab\n")):
        with open(os.path.join(tree, name), "w", encoding="ascii") as file:
            file.write(text)


def _link(path, target):
    if os.path.lexists(path):
        os.remove(path)
    os.symlink(target, path)


def _tree(cache, packages):
    """The bootstrapped system, without a kernel and as Debian has it."""
    suite = archive.native_suite()

    def make(folder):
        # debootstrap wants a folder of its own, with the mode of a root directory.
        _bootstrap(cache, suite, packages, os.path.join(folder, "tree"))

    name = f"tree-{suite}-{digest(packages)}"
    return os.path.join(cache.entry(("systemd", name), make), "tree")


def _initramfs(kernel, path):
    cpio = guest.base(kernel, os.path.join("..", "systemd", "init"), {})
    cpio.save(path)


def _install_kernel(kernel, tree):
    """As the kernel's package would, whose scripts are not run: depmod, and an initramfs."""
    target = os.path.join(tree, "usr/lib/modules", kernel.release)
    source = os.path.dirname(kernel.modules)
    shutil.copytree(source, target, symlinks=True,
                    ignore=shutil.ignore_patterns("build", "source", "vmlinuz"))
    shutil.copy(kernel.vmlinuz, os.path.join(tree, "boot", f"vmlinuz-{kernel.release}"))
    for image in kernel.images:
        for name in ("config", "System.map"):
            path = os.path.join(image, "boot", f"{name}-{kernel.release}")
            if os.path.exists(path):
                shutil.copy(path, os.path.join(tree, "boot"))
    run_program(["depmod", "-b", tree, kernel.release])
    _initramfs(kernel, os.path.join(tree, "boot", f"initrd.img-{kernel.release}"))


def image(cache, kernel, packages=()):
    """The folder with root.img (ext4) and initrd.img, made once for a kernel."""
    packages = sorted({*PACKAGES, *packages})
    tree = _tree(cache, packages)

    def make(folder):
        progress(f"{kernel.release}: making a disk with systemd")
        copy = os.path.join(folder, "copy")
        run_program(["cp", "-a", "--reflink=auto", tree, copy], timeout=1800)
        _set_up(copy)
        _install_kernel(kernel, copy)
        shutil.copy(os.path.join(copy, "boot", f"initrd.img-{kernel.release}"),
                    os.path.join(folder, "initrd.img"))
        disk = os.path.join(folder, "root.img")
        with open(disk, "wb") as file:
            file.truncate(IMAGE_MIB << 20)
        run_program(["mkfs.ext4", "-q", "-F", "-L", SERIAL, "-d", copy, disk], timeout=1800)
        shutil.rmtree(copy)

    key = digest(os.path.basename(os.path.dirname(tree)), kernel.version,
                 hash_files(STAGE, __file__))
    name = f"{kernel.release}-{key}"
    return cache.entry(("systemd", name), make)


def _mode(name):
    return 0o755 if {"bin", "sbin"} & set(os.path.dirname(name).split("/")) else 0o644


def _injection(recipe, path):
    """The archive behind the initramfs: the run's own files and the programs' libraries."""
    cpio = Archive()
    cpio.data("inject/opt/kmlab/script", recipe.script.encode())
    for name, source in recipe.files.items():
        if isinstance(source, bytes):
            cpio.data(f"inject/{name}", source, _mode(name))
        else:
            cpio.file(f"inject/{name}", source, _mode(name))
    libraries = {}
    for program in recipe.programs:
        source, name = program if isinstance(program, tuple) else \
            (program, os.path.basename(program))
        cpio.file(f"inject/opt/kmlab/bin/{name}", source, 0o755)
        if elf.needed_libraries(source):
            libraries.update(snapshot.libraries(source))
    for name, source in libraries.items():
        cpio.file(f"libraries/{name}", source, 0o755)
    cpio.data("etc/inject-libraries", "".join(f"/{name}\n" for name in libraries).encode())
    cpio.save(path)


def run(cache, kernel, recipe, folder, what="systemd"):
    """Run the guest to its end: boot.Result. LabError where it does not end in time."""
    base = image(cache, kernel, recipe.packages)
    os.makedirs(folder, exist_ok=True)
    initrd = os.path.join(folder, "systemd.cpio")
    _injection(recipe, initrd + ".own")
    with open(initrd, "wb") as file:
        for part in (os.path.join(base, "initrd.img"), initrd + ".own"):
            with open(part, "rb") as source:
                shutil.copyfileobj(source, file)
            file.write(bytes(-file.tell() % 4))
    disk = ["-drive", f"file={os.path.join(base, 'root.img')},format=raw,if=none,id=root,"
            "cache=unsafe,snapshot=on",
            "-device", f"virtio-blk-pci,drive=root,serial={SERIAL}"]
    try:
        return boot.run(cache, kernel, boot.Recipe(
            script="", initrd=initrd, memory=recipe.memory, cpus=recipe.cpus, cpu=recipe.cpu,
            uefi=recipe.uefi, disks=recipe.disks, qemu=disk + recipe.qemu,
            append=f"root=LABEL={SERIAL} {recipe.append}".strip(),
            resets=recipe.resets, deadline=recipe.deadline), folder, what)
    finally:
        for path in (initrd, initrd + ".own"):
            if os.path.exists(path):
                os.remove(path)
