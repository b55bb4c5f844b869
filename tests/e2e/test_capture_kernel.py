# SPDX-License-Identifier: GPL-2.0-or-later
"""`kmortem capture` where it is for: in a crash kernel, of /proc/vmcore, in the memory that was set aside."""
import json
import os
import re
import subprocess
import sys

import pytest

from conftest import FULL, KERNELS, PROGRAM, ROOT
from guest import boot_guest, capture_initramfs

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import boot, guest as lab_guest  # noqa: E402

CRASHKERNEL = 128  # MiB; without kmortem's own initramfs, which packs less: Debian's rule gives 192 and more
FIRST = f'''
kmortem load -p /vmlinuz --initrd=/capture --append="console=ttyS0,115200 rdinit=/init panic=1 nr_cpus=1" \\
	2>&1 | section load
rm /vmlinuz /capture
echo c > /proc/sysrq-trigger
sleep 60
'''
# What each of the program's processes has at most: of all that is resident, and of its own memory.
CAPTURE = r'''
mkdir -p /target/first
mount -t ext4 /dev/vda /target && mkdir -p /target/first || echo mount | section failed
sort -u /proc/meminfo | grep -E 'MemTotal|MemAvailable' | section before
(kmortem capture --json /proc/vmcore /target/first > /tmp/json 2> /tmp/said; echo $? > /tmp/code) &
while [ ! -e /tmp/code ]; do
	for pid in $(pidof kmortem); do
		grep -E 'VmHWM|RssAnon' /proc/$pid/status 2> /dev/null | sed "s/^/$pid /" >> /tmp/memory
	done
	sed -n 's/^MemAvailable: *//p' /proc/meminfo >> /tmp/available
	sleep 0.05
done
for name in code json said memory available; do section $name < /tmp/$name; done
kmortem verify /target/first/vmcore | section verify
kmortem /target/first/vmcore -c 'sys; bt' | section bt
kmortem capture --non-mmap --message-level 4 /proc/vmcore /target/second 2>&1 | section second
cmp /target/first/vmcore /target/second && echo same | section compared
kmortem capture -E --message-level 4 /proc/vmcore /target/elf 2>&1 | section elf
kmortem verify --json /target/elf | section elf-verify
umount /target
'''


@pytest.fixture(scope='module', params=KERNELS if FULL else KERNELS[-1:])
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp('capture-kernel')
    disk = str(folder / 'disk')
    boot.make_disk(disk, 256)
    initramfs = capture_initramfs(request.param, CAPTURE, [PROGRAM], modules=lab_guest.DISK_MODULES)
    result = boot_guest(request.param, FIRST, with_kernel=True, programs=[PROGRAM],
                        files={'capture': initramfs}, append=f'crashkernel={CRASHKERNEL}M',
                        memory=768, disks=[(disk, 'target')], deadline=400)
    assert 'code' in result.sections, result.console[-3000:]
    return result.sections, disk, folder


def test_it_is_saved_whole_and_proved(saved):
    sections, *_ = saved
    assert sections['code'].strip() == '0', sections['said']
    answer = json.loads(sections['json'])
    assert answer['outcome'] == 'complete' and answer['verified'] and answer['stack_checked']
    assert answer['level'] == 31 and answer['pages']['unreadable'] == 0
    assert answer['staged'] == {'dmesg.txt': 'done', 'summary.json': 'done', 'summary.txt': 'done', 'why': ''}
    assert ': whole' in sections['verify']
    assert 'sysrq_handle_crash' in sections['bt']


def test_mapped_or_read_it_is_the_same(saved):
    sections, *_ = saved
    assert sections['compared'].strip() == 'same', sections['second']
    assert json.loads(sections['elf-verify'])['verdict'] == 'whole', sections['elf']


def test_it_opens_outside(saved, kmortem):
    _, disk, folder = saved
    for name in ('vmcore', 'summary.txt', 'dmesg.txt'):
        boot.read_file(disk, f'first/{name}', str(folder / name))
    assert 'sysrq triggered crash' in (folder / 'summary.txt').read_text()
    assert 'Kernel panic' in (folder / 'dmesg.txt').read_text(errors='replace')
    dump = str(folder / 'vmcore')
    assert 'sysrq_handle_crash' in kmortem.text(dump, 'bt')
    done = subprocess.run([PROGRAM, 'verify', dump], stdout=subprocess.PIPE, check=False, text=True)
    assert done.returncode == 0, done.stdout


def test_its_memory_is_small(saved):
    """32 MB and 2 MB a thread; windows on /proc/vmcore are the dead kernel's memory, not this one's."""
    sections, *_ = saved
    rows = re.findall(r'^(\d+) (\w+):\s+(\d+) kB', sections['memory'], re.M)
    assert rows
    own = max(int(size) for _, what, size in rows if what == 'RssAnon')
    resident = max(int(size) for _, what, size in rows if what == 'VmHWM')
    threads = json.loads(sections['json'])['threads']
    print(f'own {own} KiB, resident {resident} KiB, {threads} threads; lowest MemAvailable '
          f'{min(int(line.split()[0]) for line in sections["available"].splitlines())} KiB of\n'
          f'{sections["before"]}')
    assert own <= (32 << 10) + (2 << 10) * threads
