# SPDX-License-Identifier: GPL-2.0-or-later
"""kmortem kdump check in a guest that is broken in one way after the other, mended each time: defect and
cure are named, nothing else fails, and the exit code says whether a crash would be captured."""
import dataclasses
import json
import os
import struct
import sys

import pytest

from conftest import FULL, KERNELS, PROGRAM, ROOT

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import armed, boot, kernel as kernels  # noqa: E402
from kmlab.cache import Cache  # noqa: E402

CAPTURE = os.path.join(ROOT, 'build', 'kmortem-capture')
MIB = 1 << 20


@dataclasses.dataclass
class Case:
    name: str
    # Shell that breaks the machine, and that mends it (or leaves it for what comes after).
    broken: str
    item: str      # that names the defect …
    verdict: str
    text: str      # … with these words
    cure: str
    mend: str = ''
    # More items that may fail with it, for they follow from it.
    also: tuple = ()


CONF = 'echo "path /var/crash" > /etc/kmortem/kdump.conf'
CASES = [
    Case('not-armed', 'kmortem kdump disarm > /dev/null', 'loaded', 'FAIL', 'no crash kernel is loaded',
         'kmortem kdump arm', 'kmortem kdump arm > /dev/null'),
    Case('no-image', 'mv $image /tmp/image', 'capture image', 'FAIL', 'is not built', 'kmortem kdump build',
         'mv /tmp/image $image'),
    Case('old-image', 'echo "extra_modules loop" >> /etc/kmortem/kdump.conf', 'capture image', 'FAIL',
         'older than its parts', 'kmortem kdump arm', CONF, also=('loaded',)),
    Case('no-kernel', 'mv $kernel /tmp/kernel', 'kernel image', 'FAIL', 'is not to be found',
         'install the package', 'mv /tmp/kernel $kernel'),
    Case('other-kernel', 'mv $kernel /tmp/kernel; head -c 4096 /dev/zero > $kernel', 'kernel image', 'FAIL',
         'is not to be found', 'install the package', 'mv /tmp/kernel $kernel'),
    Case('no-modules', 'mv $modules/modules.dep.bin /tmp', 'capture image', 'FAIL', 'modules.dep.bin',
         'mend that', 'mv /tmp/modules.dep.bin $modules'),
    Case('driver-left-out', 'echo "blacklist virtio_blk" >> /etc/kmortem/kdump.conf', 'drivers', 'FAIL',
         'virtio_blk, which drives the target, is left out', 'take it out', CONF,
         also=('loaded', 'capture image')),
    Case('read-only', 'mount -o remount,ro /var/crash', 'target', 'FAIL', 'mounted read-only',
         'remount,rw', 'mount -o remount,rw /var/crash'),
    Case('full', 'dd if=/dev/zero of=/var/crash/fill bs=1M count=999 2> /dev/null; sync', 'target', 'FAIL',
         'MiB free: a dump of level 31 now keeps', 'make room', 'rm /var/crash/fill'),
    Case('no-device', 'echo "ext4 UUID=dead-beef" > /etc/kmortem/kdump.conf', 'target', 'FAIL',
         'no device UUID=dead-beef', 'attach it', CONF, also=('capture image',)),
    Case('raw-in-use', 'echo "raw /dev/vda" > /etc/kmortem/kdump.conf', 'target', 'FAIL',
         'is mounted on /var/crash', 'not in use', CONF, also=('loaded', 'capture image')),
    Case('in-memory', 'echo "path /tmp" > /etc/kmortem/kdump.conf', 'capture image', 'FAIL',
         'no file system on a block device', 'mend that', CONF),
    Case('bad-line', 'echo "failure_action sing" >> /etc/kmortem/kdump.conf', 'configuration', 'FAIL',
         'kdump.conf:2', 'mend the line', CONF),
    Case('not-wanted', 'mkdir -p /etc/default; echo USE_KDUMP=0 > /etc/default/kdump-tools; '
         'rm /etc/kmortem/kdump.conf', 'configuration', 'FAIL', 'USE_KDUMP=0', 'USE_KDUMP=1',
         'rm /etc/default/kdump-tools; ' + CONF, also=('loaded', 'capture image')),
    Case('no-vmcore', 'grep -v PROC_VMCORE= $config > /tmp/config; mount -o bind /tmp/config $config',
         'kernel configuration', 'FAIL', 'without CONFIG_PROC_VMCORE', 'use a kernel', 'umount $config'),
    Case('no-configuration', 'mv $config /tmp/config', 'kernel configuration', 'WARN', 'is not to be found',
         'install the package', 'mv /tmp/config $config'),
    Case('oops', 'echo 0 > /proc/sys/kernel/panic_on_oops', 'panic_on_oops', 'WARN', 'only kills that process',
         'kernel.panic_on_oops=1', 'echo 1 > /proc/sys/kernel/panic_on_oops'),
    Case('soft-lockup', 'echo 0 > /proc/sys/kernel/softlockup_panic', 'softlockup_panic', 'WARN',
         'is only logged', 'kernel.softlockup_panic=1', 'echo 1 > /proc/sys/kernel/softlockup_panic'),
    Case('hung-task', 'echo 0 > /proc/sys/kernel/hung_task_panic', 'hung_task_panic', 'WARN', 'is only logged',
         'kernel.hung_task_panic=1', 'echo 1 > /proc/sys/kernel/hung_task_panic'),
    Case('sysrq', 'echo 0 > /proc/sys/kernel/sysrq', 'sysrq', 'WARN', 'cannot be crashed from its console',
         'kernel.sysrq=8', 'echo 1 > /proc/sys/kernel/sysrq'),
    Case('notifiers', 'echo Y > /sys/module/kernel/parameters/crash_kexec_post_notifiers',
         'crash_kexec_post_notifiers', 'WARN', 'run before the crash kernel', 'off the kernel',
         'echo N > /sys/module/kernel/parameters/crash_kexec_post_notifiers'),
    Case('rehearsal-failed', 'printf "passed 0\\nrelease x\\ntime 9\\nfailed mount\\nwhy no xfs\\n" > '
         '/var/lib/kmortem/rehearsal', 'rehearsal', 'FAIL', 'failed at mount: no xfs', 'rehearse',
         'rm /var/lib/kmortem/rehearsal'),
    Case('foreign', 'mv /run/kmortem/armed /tmp', 'loaded', 'FAIL', 'not by kmortem', 'kmortem kdump arm',
         'mv /tmp/armed /run/kmortem'),
    # From here on nothing can be mended without a restart.
    Case('too-small', 'kmortem kdump disarm > /dev/null; echo $((64 << 20)) > /sys/kernel/kexec_crash_size',
         'crashkernel', 'FAIL', '64 MiB are reserved', 'crashkernel=', '', also=('loaded', 'loading')),
    Case('nothing-reserved', 'echo 0 > /sys/kernel/kexec_crash_size', 'crashkernel', 'FAIL',
         'though the command line has crashkernel=160M', 'crashkernel=', '', also=('loaded', 'loading')),
    Case('forbidden', 'echo 1 > /proc/sys/kernel/kexec_load_disabled', 'loading', 'FAIL',
         'kexec_load_disabled is 1', 'reboot', '', also=('loaded', 'crashkernel')),
]
# Lockdown forbids what is not signed: the kernel without its signature.
LOCKED = Case('locked-down', 'echo "kernel /boot/unsigned" >> /etc/kmortem/kdump.conf; '
              'kmortem kdump disarm > /dev/null; echo integrity > /sys/kernel/security/lockdown',
              'loading', 'FAIL', 'locked down', 'signed', CONF, also=('loaded', 'capture image'))

SCRIPT = r'''
release=$(uname -r); kernel=/boot/vmlinuz-$release; config=/boot/config-$release
modules=/lib/modules/$release; image=/var/lib/kmortem/capture-$release.img
mkdir -p /var/crash /etc/kmortem /var/lib /etc
mount -t ext4 /dev/vda /var/crash
@CONF@
look() {
	kmortem kdump check --json > /tmp/check 2> /tmp/errors
	echo $? | section "exit-$1"
	section "check-$1" < /tmp/check
	section "errors-$1" < /tmp/errors
}
look fresh
kmortem kdump check --fix 2>&1 | section fixed
echo 1 > /proc/sys/kernel/softlockup_panic
echo 1 > /proc/sys/kernel/hung_task_panic
section sysctls < /etc/sysctl.d/60-kmortem.conf
look good
'''


def unsigned(path):
    """The kernel without its certificate table: data directory 4 of the PE header."""
    with open(path, 'rb') as file:
        data = bytearray(file.read())
    optional = struct.unpack_from('<I', data, 0x3c)[0] + 24
    struct.pack_into('<QQ', data, optional + 112 + 4 * 8, 0, 0)
    return bytes(data)


def script(cases):
    text = SCRIPT.replace('@CONF@', CONF)
    for case in cases:
        text += f'{case.broken}\nlook {case.name}\n{case.mend}\n'
    return text


def guest(tmp_path, name, cases, **options):
    if not os.path.exists(CAPTURE):
        pytest.skip('kmortem-capture is not built: no static libraries')
    cache = Cache()
    kernel = kernels.fetch(cache, name)
    disk = str(tmp_path / 'target.img')
    boot.make_disk(disk, 256)
    files = {**armed.module_tree(kernel), **armed.installed(kernel), **armed.libkmod(),
             'boot/unsigned': unsigned(kernel.vmlinuz)}
    result = boot.run(cache, kernel, boot.Recipe(
        script=script(cases), programs=[PROGRAM, CAPTURE], files=files, memory=768, cpus=2,
        disks=[(disk, 'target')], append='crashkernel=160M', deadline=900, **options),
        str(tmp_path), 'kdump check')
    assert result.exit is not None, result.console[-3000:]
    return result


def items(result, name):
    text = result.sections[f'check-{name}']
    assert text.strip(), result.sections[f'errors-{name}']
    return json.loads(text)['records'][0]['items']


def failed(rows):
    return {row['name'] for row in rows if row['verdict'] == 'FAIL'}


def check_case(result, case):
    """What is not as the case says, a sentence each."""
    rows = items(result, case.name)
    found = [row for row in rows if row['name'] == case.item and case.text in row['text']
             and row['verdict'] == case.verdict]
    if not found:
        return [f'{case.name}: not found among ' + str([row for row in rows if row['verdict'] != 'PASS'])]
    wrong = []
    if case.cure not in found[0]['cure']:
        wrong.append(f'{case.name}: cure is {found[0]["cure"]}')
    fails = case.verdict == 'FAIL'
    if not ({case.item} if fails else set()) <= failed(rows) <= ({case.item, *case.also} if fails else set()):
        wrong.append(f'{case.name}: these fail: {failed(rows)}')
    if result.sections[f'exit-{case.name}'].strip() != ('1' if fails else '0'):
        wrong.append(f'{case.name}: exit code {result.sections[f"exit-{case.name}"]}')
    return wrong


@pytest.mark.parametrize('name', KERNELS if FULL else KERNELS[-1:])
def test_each_defect_and_its_cure(tmp_path, name):
    result = guest(tmp_path, name, CASES)
    fresh = items(result, 'fresh')
    assert failed(fresh) == {'loaded', 'capture image'}
    assert result.sections['exit-fresh'].strip() == '1'
    # --fix builds, loads, and sets the sysctls that are nobody's choice, now and for the next start.
    assert 'image built and crash kernel loaded: done' in result.sections['fixed']
    assert 'kernel.panic_on_oops = 1' in result.sections['sysctls']
    good = items(result, 'good')
    assert not failed(good) and result.sections['exit-good'].strip() == '0'
    assert {row['name'] for row in good if row['verdict'] == 'PASS'} >= {
        'configuration', 'kernel configuration', 'kernel image', 'target', 'capture image', 'drivers',
        'loading', 'crashkernel', 'loaded', 'panic_on_oops', 'sysrq'}
    wrong = [str(error) for case in CASES for error in check_case(result, case)]
    assert not wrong, '\n'.join(wrong)


@pytest.mark.skipif(not FULL, reason='a boot more')
def test_lockdown(tmp_path):
    result = guest(tmp_path, KERNELS[-1], [LOCKED])
    assert not check_case(result, LOCKED)
