# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of machines on which kernels are loaded, started and left by a panic, and one run of it: the first
kernel starts a second one (-l, -e), that one loads a capture kernel (-p) and dies, and the capture kernel reads
/proc/vmcore. Both loads go by the system call that is asked for."""
import os
import tempfile

from conftest import PROGRAM
from guest import boot_guest, capture_initramfs, run_program
from kmlab import boot
from kmlab.guest import DISK_MODULES

CONSOLE = 'console=ttyS0,115200 rdinit=/init panic=1'
CRASHKERNEL = 'crashkernel=160M'
MEMORY = 768  # MiB
# All but the named have two CPUs, 768 MiB, one node, a BIOS and KASLR.
MACHINES = {
    'plain': {},
    'one-cpu': {'cpus': 1},
    # A PC has 3 GiB of these below the 4 GiB line, the fourth above it.
    '4gib': {'memory': 4096},
    'numa': {'memory': 1024, 'nodes': (512, 512)},
    'uefi': {'uefi': True},
    'no-kaslr': {'append': 'nokaslr'},
}
CALLS = {'file': '-s', 'parts': '-c'}

# What each kernel knows of the machine, to be compared: the sections end in the kernel's number.
LOOK = '''
look() {
	cat /proc/cmdline | section cmdline-$1
	cat /proc/cpuinfo | grep -c ^processor | section cpus-$1
	ls -d /sys/devices/system/node/node* | wc -l | section nodes-$1
	grep 'System RAM' /proc/iomem | section ram-$1
	[ ! -d /sys/firmware/efi ] && echo none | section efi-$1 || ls /sys/firmware/efi | section efi-$1
	grep ' _text$' /proc/kallsyms | section text-$1
}
'''
FIRST = LOOK + f'''
look 1
kmortem load -l @CALL@ --console-serial /vmlinuz --initrd=/second --command-line="{CONSOLE} {CRASHKERNEL} @APPEND@ second=1" 2>&1 |
	section load-1
kmortem --json -c kexec | section images-1
rm /second
kmortem exec
'''
SECOND = LOOK + f'''
look 2
kmortem load -p @CALL@ --console-serial /vmlinuz --initrd=/capture --command-line="{CONSOLE} nr_cpus=1 @APPEND@ third=1" 2>&1 |
	section load-2
kmortem --json -c kexec | section images-2
rm /capture /vmlinuz
echo c > /proc/sysrq-trigger
'''
CAPTURE = '''
cat /proc/cmdline | section cmdline-3
kmortem /proc/vmcore -c 'sys; bt' 2>&1 | section bt
[ ! -b /dev/vda ] || {
	stat -c %s /proc/vmcore | section vmcore-size
	dd if=/proc/vmcore of=/dev/vda bs=1M conv=fsync 2>&1 | section copy
}
'''


def run(series, machine, call, vmcore=None):
    """boot.Result of one case. VMCORE is a file that gets the capture kernel's /proc/vmcore."""
    if not vmcore:
        return _run(series, machine, call, None)
    with tempfile.NamedTemporaryFile(suffix='.img', dir=os.path.dirname(vmcore)) as disk:
        boot.make_disk(disk.name, MACHINES[machine].get('memory', MEMORY) + 128, kind='')
        result = _run(series, machine, call, disk.name)
        if 'vmcore-size' in result.sections:
            run_program(['cp', '--sparse=always', disk.name, vmcore])
            os.truncate(vmcore, int(result.sections['vmcore-size']))
    return result


def _run(series, machine, call, disk):
    options = dict(MACHINES[machine])
    memory = options.setdefault('memory', MEMORY)
    words = {'@CALL@': CALLS[call], '@APPEND@': options.pop('append', '')}

    def filled(script):
        for word, text in words.items():
            script = script.replace(word, text)
        return script

    capture = capture_initramfs(series, CAPTURE, [PROGRAM], modules=DISK_MODULES if disk else ())
    second = capture_initramfs(series, filled(SECOND), [PROGRAM], files={'capture': capture},
                               with_kernel=True)
    return boot_guest(series, filled(FIRST), with_kernel=True, programs=[PROGRAM], files={'second': second},
                      append=f'{CRASHKERNEL} {words["@APPEND@"]}', modules=(),
                      disks=[(disk, 'vmcore')] if disk else [], deadline=900 if memory > 2048 else 600,
                      **options)
