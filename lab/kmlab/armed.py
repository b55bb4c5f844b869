# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash path with kmortem's own loader and builder, in one guest: `kmortem kdump arm`, a death,
the capture, the reboot, `kmortem kdump status`.

    from kmlab import armed, crashpath, kernel
    result = armed.run(cache, debian, armed.Armed(crashpath.Programs(kmortem, capture)), folder)
    result.sections["arm"], result.status, result.files

The guest looks like an installed machine as far as the builder asks: /boot with the kernel and its
configuration, /lib/modules with what depmod makes, the target mounted. Its root is an initramfs, so
/var/lib/kmortem is kept on the target's file system (or on a disk of its own) over the reboot.
"""

import dataclasses
import json
import os
import shutil
import tempfile

from . import archive, boot, crashpath, guest, module, scenarios, snapshot, tools
from .cache import hash_files
from .errors import LabError
from .run import run as run_program

# What may be asked for by the builder; each with what it needs.
CARRIED = ("virtio_pci", "virtio_blk", "virtio_scsi", "nvme", "sd_mod", "ahci", "ext4", "xfs", "btrfs",
           "vfat", "nls_cp437", "nls_ascii", "nls_utf8", "nls_iso8859_1", "crc32c_generic",
           "crc32c_intel", "dm_mod", "md_mod", "raid1", "i6300esb", "loop", "virtio_net",
           "nfsv3", "nfsv4")
LIBKMOD = ("/usr/lib/x86_64-linux-gnu/libkmod.so.2", "/lib/x86_64-linux-gnu/libkmod.so.2",
           "/usr/lib64/libkmod.so.2", "/usr/lib/libkmod.so.2")


@dataclasses.dataclass
class Armed:
    programs: crashpath.Programs
    target: str = "ext4"
    scenario: str = "sysrq"
    crashkernel: int = 128   # MiB
    memory: int = 512
    cpus: int = 2
    disk: int = 0            # MiB of the target; 0: what its kind needs
    more_modules: tuple = ()  # in the guest, before it arms
    conf: str = ""           # of kdump.conf; "": path /var/crash, or the raw device
    arm: str = "kmortem kdump arm --json"
    # Shell: before arming; after it, before the death; in the second boot.
    before: str = ""
    armed: str = ""
    after: str = ""
    commands: str = "sys; bt"
    deadline: int = 600
    files: dict = dataclasses.field(default_factory=dict)
    qemu: list = dataclasses.field(default_factory=list)
    disk_kind: str = "virtio"  # or "nvme"


@dataclasses.dataclass
class Survived:
    sections: dict
    console: str
    seconds: float

    @property
    def status(self):
        """The record that `kmortem kdump status --json` wrote after the reboot."""
        return json.loads(self.sections["status"])["records"][0]

    @property
    def arm(self):
        return json.loads(self.sections["arm"])["records"][0]

    @property
    def files(self):
        return self.sections.get("files", "").split()


ARM = r"""
hostname lab
mkdir -p /var/lib/kmortem /var/crash
node=$(dev target)
@NODE@
@MOUNT@
mkdir -p /etc/kmortem
cat > /etc/kmortem/kdump.conf << EOF
@CONF@
EOF
@BEFORE@
@ARM@ > /tmp/arm.json 2> /tmp/arm.err
code=$?
section arm < /tmp/arm.json
section arm-errors < /tmp/arm.err
[ $code = 0 ] || fail "arm (exit $code): $(cat /tmp/arm.err)"
kmortem kdump status --json 2>&1 | section status-armed
@ARMED@
sync
"""

LOOK = r"""
mkdir -p /var/lib/kmortem /var/crash /etc/kmortem
@MOUNT@
cat > /etc/kmortem/kdump.conf << EOF
@CONF@
EOF
kmortem kdump status --json 2> /tmp/err | section status
section status-errors < /tmp/err
kmortem kdump status 2>&1 | section status-text
@FILES@
"""

FILES_DIRECTORY = r"""
ls /var/crash | section folders
for dump in /var/crash/*-20*; do
	ls "$dump" | section files
	section result < "$dump/result.json"
	section own-log < "$dump/kexec-dmesg.log"
	[ ! -e "$dump/vmcore" ] || kmortem "$dump/vmcore" -c '@COMMANDS@' 2>&1 | section commands
done
"""

FILES_RAW = r"""
kmortem kdump save --from $node /tmp/saved 2>&1 | section save
for dump in /tmp/saved/*-20*; do
	ls "$dump" | section files
	section result < "$dump/result.json"
	kmortem "$dump/vmcore" -c '@COMMANDS@' 2>&1 | section commands
done
"""

NODES = {"md": "node=/dev/md0", "lvm": "node=/dev/mapper/vg-crash"}


def _mount(armed):
    if armed.target == "raw":
        return ""
    fstype = armed.target if armed.target in crashpath.FILE_SYSTEMS else "ext4"
    # The marks of boots are state, not a dump: a folder beside the dumps on the only disk there is.
    return (f"mount -t {fstype} $node /var/crash || fail mount\n"
            "mkdir -p /var/crash/.state && mount -o bind /var/crash/.state /var/lib/kmortem")


def _conf(armed):
    if armed.conf:
        return armed.conf
    return "raw $node" if armed.target == "raw" else "path /var/crash"


def script(armed, scenario):
    text = crashpath.SCRIPT.replace("@LOAD@", ARM).replace("@LOOK@", LOOK)
    files = FILES_RAW if armed.target == "raw" else FILES_DIRECTORY
    for word, value in (
            ("@FILES@", files), ("@FIND@", crashpath.FIND_STACK.get(armed.target, "")),
            ("@STACK@", crashpath.MAKE_STACK.get(armed.target, "")), ("@USE@", ""),
            ("@DIE@", crashpath.die_script(scenario)), ("@BEFORE@", armed.before),
            ("@ARM@", armed.arm), ("@ARMED@", armed.armed), ("@AFTER@", armed.after),
            ("@NODE@", NODES.get(armed.target, "")), ("@MOUNT@", _mount(armed)),
            ("@CONF@", _conf(armed)), ("@COMMANDS@", armed.commands)):
        text = text.replace(word, value)
    return text


def module_tree(kernel):
    """{name in the guest: path or bytes}: /lib/modules/RELEASE as an installation leaves it."""
    source = os.path.dirname(kernel.modules)
    files = {}
    names = [name for name, _ in kernel.modules_in_order(CARRIED)]
    with tempfile.TemporaryDirectory() as root:
        folder = os.path.join(root, "lib", "modules", kernel.release)
        for name in names:
            path = kernel.module_path(name)
            copy = os.path.join(folder, os.path.relpath(path, source))
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy(path, copy)
            files[f"lib/modules/{kernel.release}/{os.path.relpath(path, source)}"] = path
        for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
            if os.path.exists(os.path.join(source, name)):
                shutil.copy(os.path.join(source, name), folder)
        run_program(["/sbin/depmod", "-b", root, kernel.release])
        for name in os.listdir(folder):
            if name.startswith("modules."):
                with open(os.path.join(folder, name), "rb") as file:
                    files[f"lib/modules/{kernel.release}/{name}"] = file.read()
    return files


def installed(kernel):
    """The same for /boot."""
    files = {f"boot/vmlinuz-{kernel.release}": kernel.vmlinuz}
    for image in kernel.images:
        config = os.path.join(image, "boot", f"config-{kernel.release}")
        if os.path.exists(config):
            files[f"boot/config-{kernel.release}"] = config
    return files


def libkmod():
    for path in LIBKMOD:
        if os.path.exists(path):
            # The loader is in the guest with the programs, executable.
            needs = {name: source for name, source in snapshot.libraries(path)
                     if not os.path.basename(name).startswith("ld-")}
            return {path.lstrip("/"): os.path.realpath(path), **needs}
    raise LabError("libkmod is not installed (package libkmod2)")


def program_files(*names):
    """Programs of this machine in the guest, at /bin, with the libraries that the guest has not."""
    files = {}
    for name in names:
        path = crashpath.program(name)
        files[f"bin/{name}"] = os.path.realpath(path)
        files.update({library: source for library, source in snapshot.libraries(path)
                      if not os.path.basename(library).startswith("ld-")})
    return files


def _disks(armed, folder):
    disks = crashpath.make_disks(folder, armed_as_crash(armed))
    if armed.disk_kind == "virtio":
        return disks, []
    path, serial = disks[0]
    return disks[1:], ["-drive", f"if=none,id=nvm,format=raw,file={path}",
                       "-device", f"nvme,drive=nvm,serial={serial}"]


def armed_as_crash(armed):
    return crashpath.Crash(armed.programs, target=armed.target, scenario=armed.scenario, disk=armed.disk,
                           more_modules=armed.more_modules)


class HostTools:
    """In place of tools.fetch(): programs that build modules for a kernel of this machine's own suite
    run on this machine's C library, and nothing else of a later suite is wanted here."""
    libraries = {tools.LOADER: f"/lib64/{tools.LOADER}"}


def _scenario_module(cache, kernel):
    own = kernel.origin.startswith(f"{archive.native_suite()}: ")
    return module.build(cache, kernel, HostTools() if own else tools.fetch(cache, "forky"))


def recipe(cache, kernel, armed, folder):
    scenario = scenarios.find(armed.scenario)
    crash = armed_as_crash(armed)
    files = {
        **module_tree(kernel), **installed(kernel), **libkmod(), **armed.files,
        "bin/crowd": guest.build_crowd(cache, hash_files(guest.GUEST)[:12]),
        "bin/kmlab-crash": os.path.join(guest.GUEST, "kmlab-crash"),
    }
    if scenario["trigger"] != "sysrq":
        files["lib/kmlab.ko"] = _scenario_module(cache, kernel)
    disks, devices = _disks(armed, folder)
    modules = crashpath.modules_of(crash) + (("nvme",) if armed.disk_kind == "nvme" else ())
    return boot.Recipe(
        script=script(armed, scenario), files=files,
        programs=[armed.programs.kmortem, armed.programs.capture, *crashpath.tools_of(crash)],
        modules=modules, memory=armed.memory, cpus=armed.cpus, disks=disks,
        qemu=armed.qemu + devices, resets=True, deadline=armed.deadline,
        append=" ".join([f"crashkernel={armed.crashkernel}M", "oops=panic",
                         *scenario["command_line"]]))


def run(cache, kernel, armed, folder):
    """Run it; LabError where the first boot could not arm, or nothing came back in time."""
    os.makedirs(folder, exist_ok=True)
    result = boot.run(cache, kernel, recipe(cache, kernel, armed, folder), folder,
                      f"armed by kmortem, {armed.scenario}, {armed.target}")
    if "failed" in result.sections:
        raise LabError(f"{result.sections['failed'].strip()}; the console ends in\n"
                       + result.console[-3000:])
    return Survived(result.sections, result.console, result.seconds)


def run_cli(cache, kernel, options):
    """The command `lab armed`: what the guest said goes to FOLDER/NAME.txt, the dump beside it."""
    folder = options.output
    programs = crashpath.Programs(options.kmortem, options.capture)
    result = run(cache, kernel, Armed(
        programs, scenario=options.scenario, crashkernel=options.crashkernel, memory=options.memory,
        cpus=options.cpus, deadline=options.deadline, arm="kmortem kdump arm",
        armed="kmortem kdump status 2>&1 | section status-before"), folder)
    for name, text in result.sections.items():
        with open(os.path.join(folder, f"{name}.txt"), "w", encoding="utf-8") as file:
            file.write(text)
    disk = os.path.join(folder, "target0.img")
    for dump in boot.list_folder(disk, "/"):
        if "-20" in dump:
            for name in boot.list_folder(disk, f"/{dump}"):
                boot.read_file(disk, f"/{dump}/{name}", os.path.join(folder, name))
    print(folder)
