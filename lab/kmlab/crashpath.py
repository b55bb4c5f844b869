# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole crash path in one guest: armed, killed, saved by the capture image, rebooted,
looked at again by the system that came back.

    from kmlab import crashpath, kernel
    result = crashpath.run(cache, debian, crashpath.Crash(
        programs=crashpath.Programs(kmortem, capture), target="ext4"), folder)
    result.result["verdict"]     # result.json as the rebooted system found it
    result.sections["report"]    # what commands there said

The guest's first boot makes what the target stands on where the host cannot (arrays, volumes),
loads the capture kernel and dies; the capture kernel's reset starts the same guest again, which
finds the marker on a disk of its own, mounts the target and tells. The capture image here is
made by hand, so that PID 1 is tested for itself.
"""

import dataclasses
import json
import os
import shutil
import struct
import zlib

from . import boot, guest, module, scenarios, snapshot, tools
from .cache import hash_files
from .cpio import Archive
from .errors import LabError
from .run import run as run_program

MIB = 1 << 20
UUID = "5d0a4b1e-0c3f-4f43-9d7e-6b6d6f727465"
VFAT_ID = "4B4D-4F52"
ARRAY = "4b4d4f52:54454d00:4b4d4f52:54454d01"
BASE_MODULES = ("virtio_pci", "virtio_blk")
FILE_SYSTEMS = {
    "ext4": (["mkfs.ext4", "-q", "-F", "-U", UUID], ("ext4", "crc32c_generic")),
    "xfs": (["mkfs.xfs", "-q", "-f", "-m", f"uuid={UUID}"], ("xfs", "crc32c_generic")),
    "btrfs": (["mkfs.btrfs", "-q", "-f", "-U", UUID], ("btrfs", "crc32c_generic")),
    "vfat": (["mkfs.vfat", "-F", "32", "-i", VFAT_ID.replace("-", "")],
             ("vfat", "nls_cp437", "nls_ascii", "nls_utf8")),
}
# Of the target's disk where 256 MiB are too few: mkfs.xfs wants 300.
DISK_MIB = {"xfs": 384}
# What arrays and volumes are made with, in the guest.
STACKED = ("md", "lvm")
# ext4 on the first partition of a disk; sfdisk's name of the table, and the partition's UUID.
PARTITIONED = {"gpt": ("gpt", "4b4d4f52-5445-4d00-8001-6b6d6f727465"), "mbr": ("dos", "4b4d4f52-01")}
PARTITION_AT = 1 << 20
TARGETS = (*FILE_SYSTEMS, *PARTITIONED, *STACKED, "raw")
PATH = "/var/crash"
RAW_TAIL = 16 << 20   # bytes at the device's end: header and small files (service/raw.h)


@dataclasses.dataclass
class Programs:
    kmortem: str
    capture: str


@dataclasses.dataclass
class Crash:
    programs: Programs
    target: str = "ext4"
    scenario: str = "sysrq"
    crashkernel: int = 128   # MiB
    memory: int = 512
    cpus: int = 2
    disk: int = 0            # MiB of the target; 0: what its kind needs
    loader: str = "kexec"    # Debian's, or "kmortem"
    # More lines of the plan, before the targets; `targets` instead of the one of `target`.
    plan: str = ""
    targets: str = ""
    nr_cpus: int = 1
    append: str = ""         # to the capture kernel's command line: faults
    # Shell, in the first boot before the load, and in the second after the mount.
    before: str = ""
    after: str = ""
    look: bool = True        # the second boot looks for the dump; else it tells that it came back
    # {name in the image: bytes}; modules left out of it.
    image_files: dict = dataclasses.field(default_factory=dict)
    # Programs here, packed with their libraries as the builder does; more modules.
    image_programs: tuple = ()
    more_modules: tuple = ()
    missing_modules: tuple = ()
    corrupt: object = None   # a function over the image's bytes
    qemu: list = dataclasses.field(default_factory=list)
    commands: str = "sys; bt"
    deadline: int = 420
    disks: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Crashed:
    sections: dict
    console: str
    seconds: float
    image_bytes: int
    disk: str = ""     # the target's
    raw: dict = None   # a raw target's small files, and "header": (name, bytes of the dump)

    @property
    def result(self):
        if self.raw is not None:
            return json.loads(self.raw["result.json"])
        text = self.sections.get("result", "")
        return json.loads(text) if text.strip() else None

    @property
    def files(self):
        if self.raw is not None:
            return [name for name in self.raw if name != "header"]
        return self.sections.get("files", "").split()

    @property
    def dmesg(self):
        if self.raw is not None:
            return self.raw["vmcore-dmesg.txt"].decode(errors="replace")
        return self.sections.get("dmesg", "")

    def local_results(self):
        """result.json of each dump on the target's disk, an ext4 one; without the guest's help."""
        return [json.loads(run_program(["debugfs", "-R", f"cat {PATH}/{name}/result.json",
                                        self.disk]))
                for name in boot.list_folder(self.disk, PATH)]


def modules_of(crash):
    names = list(BASE_MODULES)
    if crash.target in FILE_SYSTEMS:
        names += FILE_SYSTEMS[crash.target][1]
    elif crash.target in PARTITIONED:
        names += FILE_SYSTEMS["ext4"][1]
    elif crash.target == "md":
        names += ("ext4", "crc32c_generic", "md_mod", "raid1")
    elif crash.target == "lvm":
        names += ("ext4", "crc32c_generic", "dm_mod")
    return (*names, *crash.more_modules)


def target_line(crash):
    if crash.targets:
        return crash.targets
    kind = crash.target
    if kind == "raw":
        return "target raw SERIAL=target % % % %\n"
    reference = f"UUID={VFAT_ID if kind == 'vfat' else UUID}"
    if kind in PARTITIONED:
        reference = f"PARTUUID={PARTITIONED[kind][1]}"
    fstype = kind if kind in FILE_SYSTEMS else "ext4"
    return f"target directory {reference} {fstype} {PATH} % %\n"


def plan_text(crash, loaded):
    text = "host lab\n" + crash.plan
    for number, (name, _) in enumerate(loaded):
        text += f"module /lib/modules/{number:02}-{name}.ko %\n"
    for name in crash.missing_modules:
        text += f"module /lib/modules/{name}.ko %\n"
    if crash.target == "md":
        text += f"array {ARRAY} 1 2 2\n"
    return text + target_line(crash)


def put_programs(cpio, crash):
    seen = set()
    for path in crash.image_programs:
        cpio.file(f"usr/bin/{os.path.basename(path)}", os.path.realpath(path), 0o755)
        for library, source in snapshot.libraries(path):
            if library not in seen:
                seen.add(library)
                cpio.file(library, source, 0o755)
    if seen:
        cpio.data("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")


def capture_image(path, kernel, crash):
    """The initramfs by hand, zstd where the program is there; padded so that more may follow."""
    cpio = Archive()
    cpio.device("dev/console", 5, 1)
    cpio.file("init", crash.programs.capture, 0o755)
    loaded = [pair for pair in kernel.modules_in_order(modules_of(crash))
              if pair[0] not in crash.missing_modules]
    for number, (name, data) in enumerate(loaded):
        cpio.data(f"lib/modules/{number:02}-{name}.ko", data)
    for name, data in crash.image_files.items():
        cpio.data(name, data, 0o700)
    put_programs(cpio, crash)
    cpio.data("etc/kmortem/plan", plan_text(crash, loaded).encode())
    plain = path + ".plain"
    cpio.save(plain)
    run_program(["zstd", "-q", "-f", "-10", plain, "-o", path])
    os.remove(plain)
    with open(path, "r+b") as file:
        data = file.read()
        data += bytes(-len(data) % 4)
        if crash.corrupt:
            data = crash.corrupt(data)
        file.seek(0)
        file.truncate()
        file.write(data)
    return len(data)


def partition(path, crash, mebibytes):
    """A table with one partition, and ext4 in that."""
    label, identity = PARTITIONED[crash.target]
    text = f"label: {label}\n"
    text += f"label-id: 0x{identity.split('-')[0]}\n" if label == "dos" else ""
    text += f"start={PARTITION_AT // 512}, size={(mebibytes - 2) * 2048}"
    text += f", uuid={identity}\n" if label == "gpt" else "\n"
    run_program([program("sfdisk"), "--quiet", path], data=text.encode())
    run_program([*FILE_SYSTEMS["ext4"][0], "-E", f"offset={PARTITION_AT}", path,
                 f"{(mebibytes - 2) * 1024}k"])


def make_disks(folder, crash):
    """[(path, serial)]: the target's, then the one with the marker."""
    disks = []
    mebibytes = crash.disk or DISK_MIB.get(crash.target, 256)
    for number in range(2 if crash.target == "md" else 1):
        path = os.path.join(folder, f"target{number}.img")
        with open(path, "wb") as file:
            file.truncate(mebibytes * MIB)
        if crash.target in FILE_SYSTEMS:
            run_program([*FILE_SYSTEMS[crash.target][0], path])
        elif crash.target in PARTITIONED:
            partition(path, crash, mebibytes)
        disks.append((path, "target" if not number else f"target{number}"))
    marker = os.path.join(folder, "marker.img")
    with open(marker, "wb") as file:
        file.truncate(MIB)
    return disks + list(crash.disks) + [(marker, "marker")]


def broken_disks(folder):
    """Disks that fail on purpose, as QEMU's arguments: "no-write" takes no write once it is
    mounted, "no-read" gives nothing back from its 1 MiB on."""
    argv = []
    for serial, kind in (("no-write", "write"), ("no-read", "read")):
        path = os.path.join(folder, f"{serial}.img")
        with open(path, "wb") as file:
            file.truncate(256 * MIB)
        if kind == "write":
            run_program(["mkfs.ext4", "-q", "-F", path])
        sectors = "" if kind == "write" else "inject-error.0.sector=4096,"
        argv += ["-blockdev", f"driver=file,node-name={serial}-file,filename={path}",
                 "-blockdev", f"driver=blkdebug,node-name={serial}-bad,image={serial}-file,"
                 f"inject-error.0.event=none,inject-error.0.iotype={kind},{sectors}"
                 "inject-error.0.errno=5,inject-error.0.once=off",
                 "-blockdev", f"driver=raw,node-name={serial},file={serial}-bad",
                 "-device", f"virtio-blk-pci,drive={serial},serial={serial}"]
    return argv


# ---- the guest's script -----------------------------------------------------------------------

MAKE_STACK = {
    "md": f"""
mdadm --create /dev/md0 --run --metadata=1.2 --level=1 --raid-devices=2 \\
	--uuid={ARRAY} --assume-clean $(dev target) $(dev target1) || fail mdadm
make-ext4 -q -t ext4 -U {UUID} /dev/md0 || fail make-ext4
""",
    "lvm": f"""
lvm pvcreate -q $(dev target) && lvm vgcreate -q vg $(dev target) || fail vgcreate
lvm lvcreate -q -Zn -Wn -an -L 32m -n other vg && lvm lvcreate -q -Zn -Wn -ay -l 100%FREE -n crash vg ||
	fail lvcreate
dmsetup mknodes
make-ext4 -q -t ext4 -U {UUID} /dev/mapper/vg-crash || fail make-ext4
pv=$(lvm pvs --noheadings -o uuid | tr -d ' ')
: > /tmp/more
echo "mapping vg-crash LVM-test" >> /tmp/more
dmsetup table vg-crash | while read start sectors type device offset; do
	echo "row $start $sectors $type {{PV=$pv}}%20$offset" >> /tmp/more
done
""",
}

# The target is mounted when the machine dies, as it is on a real one: its journal is not clean.
USE = """
mkdir -p /mnt/target
mount -t @FSTYPE@ $node /mnt/target || fail mount
dd if=/dev/zero of=/mnt/target/in-use bs=64k count=4 2> /dev/null
"""

FIND_STACK = {
    "gpt": "node=${node}1",
    "mbr": "node=${node}1",
    "md": "[ -e /sys/block/md0/md ] || mdadm --assemble --run /dev/md0 $(dev target) $(dev target1)\n"
          "node=/dev/md0",
    "lvm": "lvm vgchange -q -ay; dmsetup mknodes; node=/dev/mapper/vg-crash",
}

SCRIPT = r"""
dev() {
	for disk in /sys/block/*; do
		[ "$(cat $disk/serial 2> /dev/null)" != "$1" ] || echo /dev/${disk##*/}
	done
}
fail() {
	echo "crashpath: $* failed" | section failed
	sync; stty -F /dev/ttyS1 > /dev/null; sleep 1; poweroff -f
}
export LVM_SUPPRESS_FD_WARNINGS=1
marker=$(dev marker)
if [ "$(head -c 5 $marker)" = armed ]; then
	echo came back | section back
	node=$(dev target)
	@FIND@
	@LOOK@
	@AFTER@
	ls -l /proc/vmcore 2> /dev/null | section still-capture
	stty -F /dev/ttyS1 > /dev/null
	sleep 0.3
	poweroff -f
	sleep 60
fi
@STACK@
node=$(dev target)
@FIND@
@USE@
@BEFORE@
[ ! -e /tmp/more ] || {
	# A second archive: the plan again, with what only this boot knows.
	mkdir -p /tmp/add/etc/kmortem
	{ grep -v ^target /kexec/plan; cat /tmp/more; grep ^target /kexec/plan; } > /tmp/add/etc/kmortem/plan
	(cd /tmp/add && find . | cpio -o -H newc) >> /kexec/initrd
}
@LOAD@
printf armed > $marker
sync
@DIE@
sleep 90
fail "the machine lives, dying"
"""

LOOK_DIRECTORY = r"""
mkdir -p /mnt/target
mount -t @FSTYPE@ $node /mnt/target || fail mount
cd /mnt/target@PATH@ || fail folder
ls | section folders
for dump in *-20*; do
	ls "$dump" | section files
	cat "$dump/result.json" | section result
	cat "$dump/vmcore-dmesg.txt" | section dmesg
	cat "$dump/summary.txt" 2> /dev/null | section summary
	cat "$dump/kexec-dmesg.log" | section own-log
	stat -c %s "$dump/vmcore" 2> /dev/null | section size
	[ ! -e "$dump/vmcore" ] || kmortem "$dump/vmcore" -c '@COMMANDS@' 2>&1 | section commands
	[ ! -e "$dump/vmcore" ] || kmortem report "$dump/vmcore" 2>&1 | section report
done
cd /
umount /mnt/target
"""

LOOK_RAW = r"""
kmortem $node -c '@COMMANDS@' 2>&1 | section commands
"""

LOAD = {
    "kmortem": 'kmortem load -p /kexec/vmlinuz --initrd=/kexec/initrd --append="$line"',
    "kexec": 'kexec -s -p /kexec/vmlinuz --initrd=/kexec/initrd --command-line="$line"',
}


def load_script(crash):
    line = ("console=ttyS0,115200 rdinit=/init panic=3 reset_devices cgroup_disable=memory"
            f" nr_cpus={crash.nr_cpus} {crash.append}")
    return (f'line="{line.strip()}"\n{LOAD[crash.loader]} || fail load\n'
            "rm -rf /kexec /tmp/add")


def die_script(scenario):
    lines = [f"echo {value.split('=')[1]} > /proc/sys/{value.split('=')[0]}"
             for value in scenario["sysctls"]]
    if scenario["trigger"] != "sysrq":
        lines.append("insmod /lib/kmlab.ko || fail kmlab.ko")
    lines += ["/bin/crowd", "sleep 0.5",
              f"kmlab-crash {scenario['trigger']} {scenario['name']} &"]
    if scenario["trigger"] == "module+sysrq":
        lines += ["sleep 2", "echo c > /proc/sysrq-trigger"]
    return "\n".join(lines)


def script(crash, scenario):
    look = LOOK_RAW if crash.target == "raw" else LOOK_DIRECTORY
    look = look if crash.look else ""
    text = SCRIPT
    for word, value in (
            ("@LOOK@", look), ("@USE@", "" if crash.target == "raw" else USE), ("@FIND@", FIND_STACK.get(crash.target, "")),
            ("@STACK@", MAKE_STACK.get(crash.target, "")), ("@LOAD@", load_script(crash)),
            ("@DIE@", die_script(scenario)), ("@BEFORE@", crash.before),
            ("@AFTER@", crash.after), ("@PATH@", PATH), ("@COMMANDS@", crash.commands),
            ("@FSTYPE@", crash.target if crash.target in FILE_SYSTEMS else "ext4")):
        text = text.replace(word, value)
    return text


def tools_of(crash):
    """Programs that the first boot makes arrays and volumes with. busybox has a mke2fs of its own,
    which its shell prefers to one of that name in the path."""
    found = {"md": ("mdadm",), "lvm": ("lvm", "dmsetup")}.get(crash.target, ())
    paths = [os.path.realpath(program(name)) for name in found]
    if paths:
        paths.append((os.path.realpath(program("mke2fs")), "make-ext4"))
    return paths


def program(name):
    path = shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not path:
        raise LabError(f"{name} is not installed (lab/README.md lists the packages)")
    return path


def read_raw(path):
    """The small files of a raw target, as service/raw.h lays them out; None where no header is good."""
    with open(path, "rb") as file:
        file.seek(-RAW_TAIL, os.SEEK_END)
        tail = file.read()
    header = tail[:4096]
    if not header.startswith(b"KMORTEM RAW DUMP") or \
            struct.unpack_from("<I", header, 4092)[0] != zlib.crc32(header[:4092]):
        return None
    count = struct.unpack_from("<I", header, 20)[0]
    found = {"header": (header[64:128].rstrip(b"\0").decode(),
                        struct.unpack_from("<Q", header, 56)[0])}
    for number in range(count):
        name, offset, size = struct.unpack_from("<32sQQ", header, 128 + 48 * number)
        found[name.rstrip(b"\0").decode()] = tail[offset:offset + size]
    return found


def recipe(cache, kernel, crash, folder):
    scenario = scenarios.find(crash.scenario)
    image = os.path.join(folder, "capture.zst")
    size = capture_image(image, kernel, crash)
    loaded = [pair for pair in kernel.modules_in_order(modules_of(crash))
              if pair[0] not in crash.missing_modules]
    files = {
        "kexec/vmlinuz": kernel.vmlinuz, "kexec/initrd": image,
        "kexec/plan": plan_text(crash, loaded).encode(),
        "bin/crowd": guest.build_crowd(cache, hash_files(guest.GUEST)[:12]),
        "bin/kmlab-crash": os.path.join(guest.GUEST, "kmlab-crash"),
    }
    if scenario["trigger"] != "sysrq":
        files["lib/kmlab.ko"] = module.build(cache, kernel, tools.fetch(cache, "forky"))
    return size, boot.Recipe(
        script=script(crash, scenario), files=files,
        programs=[crash.programs.kmortem, *tools_of(crash)],
        tools=["kexec"] if crash.loader == "kexec" else [],
        modules=modules_of(crash), memory=crash.memory, cpus=crash.cpus,
        disks=make_disks(folder, crash), qemu=crash.qemu, resets=True,
        deadline=crash.deadline,
        append=" ".join([f"crashkernel={crash.crashkernel}M", "oops=panic",
                         *scenario["command_line"]]))


def run(cache, kernel, crash, folder):
    """Run it; LabError where the first boot could not arm, or nothing came back in time."""
    os.makedirs(folder, exist_ok=True)
    size, made = recipe(cache, kernel, crash, folder)
    result = boot.run(cache, kernel, made, folder, f"crash path, {crash.scenario}, {crash.target}")
    if "failed" in result.sections:
        raise LabError(f"{result.sections['failed'].strip()}; the console ends in\n"
                       + result.console[-3000:])
    disk = os.path.join(folder, "target0.img")
    raw = read_raw(disk) if crash.target == "raw" else None
    return Crashed(result.sections, result.console, result.seconds, size, disk, raw)
