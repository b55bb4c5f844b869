# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash path with nothing but kmortem: its builder makes the capture image, its loader loads it, its
PID 1 saves and reboots, its status tells what became of it, its analyser opens the dump."""
import json
import os
import sys

import pytest

from conftest import FULL, KERNELS, PROGRAM, ROOT, SCENARIOS

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import armed, crashpath, kernel as kernels, servers  # noqa: E402
from kmlab.cache import Cache  # noqa: E402

CAPTURE = os.path.join(ROOT, 'build', 'kmortem-capture')
LIMIT = 8_000_000  # bytes of a packed image, for a virtio or NVMe disk with ext4 or xfs
SMALL = 80         # MiB: what must do on Debian's cloud kernels


def survive(tmp_path, name, **options):
    if not os.path.exists(CAPTURE):
        pytest.skip('kmortem-capture is not built: no static libraries')
    cache = Cache()
    programs = crashpath.Programs(PROGRAM, CAPTURE)
    return armed.run(cache, kernels.fetch(cache, name), armed.Armed(programs, **options), str(tmp_path))


def check(got, stack='sysrq_handle_crash'):
    """Everything that must be so after any crash that was saved."""
    crash = got.status['crash']
    assert crash, got.sections['status'] + got.console[-3000:]
    assert crash['verdict'] == 'saved' and crash['verified'], got.sections['result'] + got.console[-3000:]
    assert crash['level'] == 31 and not crash['why']
    assert [s for s in crash['steps'] if s['end'] != 'done'] == []
    # What was armed is armed no more, and says so; the crash accounts for the boot's end.
    assert got.status['state'] == 'not armed' and not got.status['unclean']
    assert got.arm['release'] == crash['release'] and got.arm['built']
    assert 0 < got.arm['image_bytes'] <= LIMIT
    assert stack in got.sections['commands']
    assert not got.sections['still-capture'].strip()


@pytest.mark.parametrize('name', KERNELS if FULL else KERNELS[-1:])
def test_with_80_mib_reserved(tmp_path, name):
    got = survive(tmp_path, name, crashkernel=SMALL, armed=r'''
kmortem kdump arm --json 2>&1 | section again
cat /sys/kernel/kexec_crash_loaded | section loaded
echo "path /var/crash/elsewhere" > /etc/kmortem/kdump.conf
kmortem kdump status --json | section stale
echo "path /var/crash" > /etc/kmortem/kdump.conf
kmortem kdump disarm --json | section disarm
cat /sys/kernel/kexec_crash_loaded | section unloaded
kmortem kdump status --json | section status-disarmed
[ -e /var/lib/kmortem/boot ] || echo gone | section mark
kmortem kdump arm > /dev/null
''')
    check(got)
    assert got.status['reserved'] == SMALL << 20
    assert got.arm['cpus'] == 1
    # A second arm finds the image as it would make it, and loads all the same.
    again = json.loads(got.sections['again'])['records'][0]
    assert again['armed'] and not again['built']
    assert got.sections['loaded'].strip() == '1' and got.sections['unloaded'].strip() == '0'
    assert json.loads(got.sections['status-armed'])['records'][0]['state'] == 'armed'
    stale = json.loads(got.sections['stale'])['records'][0]
    assert stale['state'] == 'armed, out of date' and 'configuration' in stale['why']
    assert json.loads(got.sections['disarm'])['records'][0]['was_loaded']
    assert json.loads(got.sections['status-disarmed'])['records'][0]['state'] == 'not armed'
    assert got.sections['mark'].strip() == 'gone'


@pytest.mark.skipif(not FULL, reason='KMORTEM_E2E=full: each a guest of its own')
@pytest.mark.parametrize('target', [t for t in crashpath.TARGETS if t != 'ext4'])
@pytest.mark.parametrize('name', KERNELS)
def test_each_target(tmp_path, name, target):
    got = survive(tmp_path, name, target=target)
    check(got)


@pytest.mark.skipif(not FULL, reason='KMORTEM_E2E=full: each a guest of its own')
@pytest.mark.parametrize('fstype', ['ext4', 'xfs'])
@pytest.mark.parametrize('name', KERNELS)
def test_nvme(tmp_path, name, fstype):
    got = survive(tmp_path, name, target=fstype, disk_kind='nvme', crashkernel=SMALL, disk=320)
    check(got)
    assert 'nvme' in got.sections['own-log']


@pytest.mark.skipif(not FULL, reason='KMORTEM_E2E=full: each a guest of its own')
@pytest.mark.parametrize('scenario', [name for name in SCENARIOS if name != 'sysrq'])
@pytest.mark.parametrize('name', KERNELS)
def test_each_scenario(tmp_path, name, scenario):
    got = survive(tmp_path, name, scenario=scenario, commands='sys; bt -a; foreach bt')
    check(got, stack=SCENARIOS[scenario]['stack'][0])


@pytest.mark.skipif(not FULL, reason='KMORTEM_E2E=full: each a guest of its own')
@pytest.mark.parametrize('call', ['file', 'parts'])
def test_each_system_call(tmp_path, call):
    check(survive(tmp_path, KERNELS[-1], arm=f'kmortem kdump arm --json --syscall {call}'))


@pytest.mark.skipif(not FULL, reason='KMORTEM_E2E=full: each a guest of its own')
@pytest.mark.parametrize('name', KERNELS)
def test_off_the_machine(tmp_path, name):
    """The builder finds the way to two servers in the running system, and packs what it takes to go it:
    https with certificates of another signer fails, ssh has the dump."""
    with servers.Ssh(str(tmp_path)) as ssh, servers.Https(str(tmp_path)) as https:
        hosts = ssh.files[f'etc/kmortem/net/{ssh.port}-hosts']
        got = survive(
            tmp_path / 'guest', name, crashkernel=192, memory=640, qemu=servers.QEMU,
            more_modules=('virtio_net',), files={
                **armed.program_files('ssh', 'curl'), 'root/.ssh/known_hosts': hosts,
                'root/.ssh/kdump_id_rsa': ssh.read('user'), 'etc/ca.pem': https.path('other.pem'),
                'etc/resolv.conf': b'nameserver 10.0.2.3\n'},
            before='ifconfig lo 127.0.0.1 up; ifconfig eth0 10.0.2.15 netmask 255.255.255.0 mtu 1400 up;'
                   ' route add default gw 10.0.2.2',
            conf=f'https https://{servers.HOST}:{https.port}/in\nhttps_ca /etc/ca.pem\n'
                 f'ssh ssh://{servers.user()}@{servers.HOST}:{ssh.port}\npath {ssh.store}\n'
                 f'ext4 UUID={crashpath.UUID}\npath /var/crash\n')
        folder, = ssh.folders()
        assert not folder.endswith('.incomplete'), got.console[-3000:]
        with open(os.path.join(ssh.store, folder, 'result.json'), encoding='utf-8') as file:
            result = json.load(file)
        assert result['verdict'] == 'saved' and result['verified']
        assert result['target'].startswith('ssh ssh://')
        opened = [step for step in result['steps'] if step['name'] == 'folder']
        assert [step['end'] for step in opened] == ['failed', 'done']
        assert 'certificate' in opened[0]['message']
        assert not https.stored()
        assert '-20' not in got.sections['folders']  # the local one was not needed
