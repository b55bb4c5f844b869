# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash path in the lab: a kernel dies, kmortem-capture as PID 1 saves it and reboots, the system
that comes back finds the dump and opens it. Short: ext4 on both kernels, md, and the faults that cost
least. KMORTEM_E2E=full: every target, scenario and fault."""
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import FULL, KERNELS, PROGRAM, ROOT, SCENARIOS

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import crashpath, kernel as kernels, servers  # noqa: E402
from kmlab.cache import Cache  # noqa: E402

CAPTURE = os.path.join(ROOT, 'build', 'kmortem-capture')
NEWEST = KERNELS[-1]
OTHER = '5d0a4b1e-0c3f-4f43-9d7e-6b6d6f746f72'  # a file system that is nowhere


def crash(tmp_path, name, **options):
    if not os.path.exists(CAPTURE):
        pytest.skip('kmortem-capture is not built: no static libraries')
    cache = Cache()
    programs = crashpath.Programs(PROGRAM, CAPTURE)
    return crashpath.run(cache, kernels.fetch(cache, name),
                         crashpath.Crash(programs, **options), str(tmp_path))


def assert_saved(got):
    assert got.result, got.console[-3000:]
    assert got.result['verdict'] == 'saved', got.result
    assert got.result['verified'] and got.result['unwound'], got.result
    assert not any(name.endswith('.incomplete') for name in got.sections.get('folders', '').split())
    assert not got.sections.get('still-capture', '').strip()


def ends(got, name):
    """How the steps of that name ended, in order."""
    return [step['end'] for step in got.result['steps'] if step['name'] == name]


# ---- targets -----------------------------------------------------------------------------------

TARGETS = [(kernel, target) for kernel in KERNELS for target in crashpath.TARGETS
           if FULL or target == 'ext4' or (target == 'md' and kernel == NEWEST)]


@pytest.mark.parametrize('kernel,target', TARGETS)
def test_saved_verified_and_opened_after_the_reboot(tmp_path, kernel, target):
    got = crash(tmp_path, kernel, target=target)
    assert_saved(got)
    assert got.result['level'] == 31
    assert 'sysrq triggered crash' in got.result['panic']
    assert got.result['release'] in got.sections['commands']
    assert all(step['end'] == 'done' for step in got.result['steps'])
    assert set(got.files) >= {'vmcore-dmesg.txt', 'kexec-dmesg.log', 'result.json', 'summary.txt',
                              'summary.json'}
    assert 'sysrq triggered crash' in got.dmesg
    assert 'sysrq_handle_crash' in got.sections['commands']
    assert re.match(r'kmlab-crash \(pid \d+\): \d+ frames', got.result['stack'])
    if target == 'raw':
        assert got.raw['header'] == (got.result['folder'], got.result['dump_bytes'])
    else:
        assert int(got.sections['size']) == got.result['dump_bytes'] > 1 << 20


# ---- scenarios ---------------------------------------------------------------------------------

@pytest.mark.skipif(not FULL, reason='KMORTEM_E2E=full')
@pytest.mark.parametrize('kernel', KERNELS)
@pytest.mark.parametrize('name', [name for name in SCENARIOS if name != 'sysrq'])
def test_every_way_to_die(tmp_path, kernel, name):
    """As the lab's own dumps, the one that our path saves opens with the culprit's stack."""
    scenario = SCENARIOS[name]
    got = crash(tmp_path, kernel, scenario=name, memory=768, commands=f'bt {scenario["culprit"]}',
                deadline=900)
    assert_saved(got)
    assert scenario['console'] in got.dmesg
    at = 0
    for function in scenario['stack']:
        found = re.search(rf'\b{re.escape(function)}\b', got.sections['commands'][at:])
        assert found, f'{function} is not in\n{got.sections["commands"]}'
        at += found.end()
    # The report names the one to blame, or at least who panicked.
    assert scenario['culprit'] in got.sections['report']


# ---- faults ------------------------------------------------------------------------------------

only_full = pytest.mark.skipif(not FULL, reason='KMORTEM_E2E=full')
MAIN = KERNELS if FULL else [NEWEST]


@pytest.mark.parametrize('kernel', MAIN)
def test_full_disk(tmp_path, kernel):
    """What fits is kept: the log and the summary were there first."""
    got = crash(tmp_path, kernel, disk=10)
    assert got.result['verdict'] in ('incomplete', 'log')
    assert not got.result['verified']
    assert 'space' in got.result['why'].lower()
    assert got.sections['folders'].split()[0].endswith('.incomplete')
    assert set(got.files) >= {'vmcore-dmesg.txt', 'summary.txt', 'result.json'}
    assert 'sysrq triggered crash' in got.dmesg


@pytest.mark.parametrize('kernel', MAIN)
def test_targets_in_order(tmp_path, kernel):
    """The first is nowhere, the module of the second is missing, the third has it all; the summary
    crashes and the capture is killed once on the way."""
    second = str(tmp_path / 'xfs.img')
    with open(second, 'wb') as file:
        file.truncate(8 << 20)
    got = crash(tmp_path, kernel, disks=[(second, 'second')], missing_modules=('xfs',),
                plan='limit-device 3\n',
                targets=f'target directory UUID={OTHER} ext4 /var/crash % %\n'
                        'target directory SERIAL=second xfs /var/crash % %\n'
                        f'target directory UUID={crashpath.UUID} ext4 /var/crash % %\n',
                append='kmortem.fault=summary:crash,capture:kill!')
    assert_saved(got)
    assert ends(got, 'modules')[-1] == 'failed'
    assert ends(got, 'device') == ['late', 'done', 'done']
    assert ends(got, 'mount') == ['failed', 'done']
    assert ends(got, 'summary') == ['crashed']
    assert ends(got, 'capture') == ['crashed', 'done']
    assert 'summary.txt' not in got.files
    assert 'sysrq triggered crash' in got.dmesg


@only_full
@pytest.mark.parametrize('fault', ['missing-target', 'missing-driver'])
def test_nothing_to_write_to(tmp_path, fault):
    """The log goes to the console, and the machine comes back."""
    options = {'missing_modules': ('virtio_blk',)} if fault == 'missing-driver' else {
        'targets': f'target directory UUID={OTHER} ext4 /var/crash % %\n'}
    got = crash(tmp_path, NEWEST, plan='limit-device 4\n', look=False, **options)
    console = got.console[got.console.index('no target took the log'):]
    assert 'sysrq triggered crash' in console
    assert 'came back' in got.sections['back']


@only_full
@pytest.mark.parametrize('kind', ['hang', 'spin', 'memory', 'kill', 'stuck'])
def test_summary_fails(tmp_path, kind):
    got = crash(tmp_path, NEWEST, plan='limit-summary 4\n', append=f'kmortem.fault=summary:{kind}')
    if kind == 'stuck':
        # A file system that is frozen takes nothing any more; the log was on it before.
        assert got.result is None or got.result['verdict'] in ('log', 'nothing')
    else:
        assert_saved(got)
        assert ends(got, 'summary')[0] in ('late', 'crashed', 'failed')
    assert 'sysrq triggered crash' in got.dmesg


@only_full
@pytest.mark.parametrize('kind', ['kill', 'hang', 'memory', 'panic'])
def test_capture_fails(tmp_path, kind):
    got = crash(tmp_path, NEWEST, plan='limit-capture 10\n', append=f'kmortem.fault=capture:{kind}')
    assert got.sections['folders'].split()[0].endswith('.incomplete')
    assert set(got.files) >= {'vmcore-dmesg.txt', 'summary.txt'}
    assert 'sysrq triggered crash' in got.dmesg
    if kind == 'panic':
        assert got.result is None   # nobody was left to write it
    else:
        assert got.result['verdict'] == 'log'
        assert set(ends(got, 'capture')) <= {'crashed', 'late'}


@only_full
def test_all_that_may_go_wrong_does_once(tmp_path):
    got = crash(tmp_path, NEWEST, plan='limit-dmesg 5\n', append='kmortem.fault=modules:crash!,'
                'identify:hang,log:crash,summary:fail,capture:kill!,stack:crash')
    assert got.result['verdict'] == 'saved' and got.result['verified']
    assert not got.result['unwound'] and ends(got, 'stack') == ['crashed']
    assert ends(got, 'identify') == ['late'] and ends(got, 'log') == ['crashed']


@only_full
@pytest.mark.parametrize('kernel', KERNELS)
def test_disk_with_errors(tmp_path, kernel):
    """All writes to the first target fail, and reads of the second after it was written: neither is
    taken for a dump. The third has it."""
    got = crash(tmp_path, kernel, qemu=crashpath.broken_disks(str(tmp_path)),
                targets='target directory SERIAL=no-write ext4 /var/crash % %\n'
                        'target raw SERIAL=no-read % % % %\n'
                        f'target directory UUID={crashpath.UUID} ext4 /var/crash % %\n')
    assert_saved(got)
    assert got.result['target'].startswith('directory UUID=')
    assert sum(end == 'failed' for end in
               ends(got, 'mount') + ends(got, 'folder') + ends(got, 'log')) >= 1
    assert 'failed' in ends(got, 'raw') + ends(got, 'device') + ends(got, 'verify')


@only_full
@pytest.mark.parametrize('kernel', KERNELS)
def test_corrupt_image(tmp_path, kernel):
    """The capture kernel finds no PID 1: `panic=` on its command line brings the machine back."""
    def corrupt(data):
        middle = len(data) // 2
        return data[:middle] + bytes(byte ^ 0x55 for byte in data[middle:middle + 4096]) + \
            data[middle + 4096:]
    got = crash(tmp_path, kernel, corrupt=corrupt, look=False)
    assert 'came back' in got.sections['back']
    assert 'kmortem: modules' not in got.console


@only_full
@pytest.mark.parametrize('step', ['modules', 'log', 'verify'])
def test_capture_kernel_panics(tmp_path, step):
    got = crash(tmp_path, NEWEST, append=f'kmortem.fault={step}:panic', look=step != 'modules')
    if step == 'modules':
        assert 'came back' in got.sections['back']
        return
    assert got.sections['folders'].split()[0].endswith('.incomplete')
    assert ('vmcore-dmesg.txt' in got.files) == (step == 'verify')


@only_full
def test_failure_action_dump_to_rootfs(tmp_path):
    """Only after all others, and after the emergency program: that is not in the image."""
    got = crash(tmp_path, NEWEST,
                plan='limit-device 3\nfailure-action dump_to_rootfs\nemergency /bin/none\n',
                targets=f'target directory UUID={crashpath.UUID} ext4 /var/crash % last\n'
                        f'target directory UUID={OTHER} ext4 /var/crash % %\n')
    assert_saved(got)
    names = [step['name'] for step in got.result['steps']]
    assert names.index('emergency') > names.index('device')
    assert ends(got, 'device') == ['late', 'done']


@only_full
def test_failure_action_poweroff(tmp_path):
    got = crash(tmp_path, NEWEST, plan='limit-device 3\nfailure-action poweroff\n',
                targets=f'target directory UUID={OTHER} ext4 /var/crash % %\n')
    assert 'kmortem: power off' in got.console and 'back' not in got.sections


@only_full
def test_old_dumps_go(tmp_path):
    """keep 2: of three older dumps the two oldest go when the new one is verified."""
    got = crash(tmp_path, NEWEST, plan='keep 2\n', before='\n'.join(
        f'mkdir -p /mnt/target{crashpath.PATH}/lab-20{year}-01-01-00:00:00;'
        f' echo x > /mnt/target{crashpath.PATH}/lab-20{year}-01-01-00:00:00/vmcore'
        for year in (20, 21, 22)))
    folders = got.sections['folders'].split()
    assert len(folders) == 2 and 'lab-2022-01-01-00:00:00' in folders


# ---- off the machine -----------------------------------------------------------------------------

def send(tmp_path, kernel, up, targets, **options):
    files = options.pop('files')
    modules = options.pop('modules', ('virtio_net',))
    return crash(tmp_path / 'guest', kernel, crashkernel=192, memory=640, qemu=servers.QEMU,
                 more_modules=modules, image_files=files,
                 image_programs=tuple(crashpath.program(name) for name in ('ssh', 'curl')),
                 plan=f'limit-network 60\n{up}', look=False, targets=targets + (
                     f'target directory UUID={crashpath.UUID} ext4 /var/crash % %\n'), **options)


def assert_sent(folder, names, dump='vmcore.flat'):
    """What arrived: all there, the dump opens with its stack."""
    assert set(names) >= {dump, 'vmcore-dmesg.txt', 'summary.txt', 'result.json'}
    with open(folder('result.json'), encoding='utf-8') as file:
        result = json.load(file)
    assert result['verdict'] == 'saved' and result['verified'], result
    assert os.path.getsize(folder(dump)) == result['dump_bytes']
    with open(folder('vmcore-dmesg.txt'), encoding='utf-8', errors='replace') as file:
        assert 'sysrq triggered crash' in file.read()
    done = subprocess.run([PROGRAM, folder(dump), '-c', 'bt'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert 'sysrq_handle_crash' in done.stdout
    return result


@only_full
@pytest.mark.parametrize('kernel', KERNELS)
def test_ssh(tmp_path, kernel):
    with servers.Ssh(str(tmp_path)) as ssh:
        got = send(tmp_path, kernel, servers.DHCP, ssh.target(), files=ssh.files)
        assert 'came back' in got.sections['back']
        assert 'from a DHCP server' in got.console
        name, = ssh.folders()
        assert not name.endswith('.incomplete'), got.console[-3000:]
        folder = os.path.join(ssh.store, name)
        assert_sent(lambda file: os.path.join(folder, file), os.listdir(folder))


@only_full
@pytest.mark.parametrize('kernel', KERNELS)
def test_https(tmp_path, kernel):
    with servers.Https(str(tmp_path)) as https:
        got = send(tmp_path, kernel, servers.STATIC, https.target(), files=https.files)
        assert 'came back' in got.sections['back']
        stored = {name.split('/')[1]: path for name, path in https.stored().items()}
        assert_sent(stored.get, stored)


@only_full
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which('ganesha.nfsd'),
                    reason='nfs-ganesha, as root')
@pytest.mark.parametrize('kernel', KERNELS)
def test_nfs(tmp_path, kernel):
    """Nobody is at the first server's port; the second has the dump, as a file system has it."""
    with servers.Nfs(str(tmp_path)) as nfs:
        nobody = nfs.target().replace(f'port={nfs.port}', f'port={servers.free_port()}')
        got = send(tmp_path, kernel, servers.DHCP, nobody + nfs.target(), files={},
                   modules=('virtio_net', *nfs.modules))
        assert 'came back' in got.sections['back']
        parent = os.path.join(nfs.store, 'var', 'crash')
        name, = os.listdir(parent)
        folder = os.path.join(parent, name)
        assert not name.endswith('.incomplete'), got.console[-3000:]
        result = assert_sent(lambda file: os.path.join(folder, file), os.listdir(folder), 'vmcore')
    assert [step['end'] for step in result['steps'] if step['name'] == 'mount'] == ['failed', 'done']


@only_full
@pytest.mark.parametrize('kernel', KERNELS)
def test_far_targets_fail(tmp_path, kernel):
    """Wrong certificate, wrong keys of both sides, servers that are full, that go away in the middle, that
    are not there: each is passed over, and the local target, the last one, has the dump."""
    with servers.Ssh(str(tmp_path)) as ssh, servers.Ssh(str(tmp_path), most=4 << 20) as full_ssh, \
            servers.Https(str(tmp_path)) as https, \
            servers.Https(str(tmp_path), most=4 << 20) as full_https:
        cut_ssh, cut_https = (servers.Cut(port, 3 << 20) for port in (ssh.port, https.port))
        ssh.ports.append(cut_ssh.port)
        nobody = servers.free_port()
        targets = [https.target(signer='other'), full_https.target(),
                   https.target(port=cut_https.port), https.target(port=nobody),
                   ssh.target(key='other'), ssh.target(hosts='liars'), full_ssh.target(),
                   ssh.target(port=cut_ssh.port)]
        got = send(tmp_path, kernel, servers.STATIC, ''.join(targets), deadline=1500,
                   files={**ssh.files, **full_ssh.files, **https.files, **full_https.files})
        cut_ssh.close()
        cut_https.close()
    assert 'came back' in got.sections['back']
    results = got.local_results()
    assert len(results) == 1, got.console[-3000:]
    result = results[0]
    assert result['verdict'] == 'saved' and result['verified']
    assert result['target'].startswith('directory UUID=')
    folder = [step for step in result['steps'] if step['name'] == 'folder']
    assert [step['end'] for step in folder] == [
        'failed', 'done', 'done', 'failed', 'failed', 'failed', 'done', 'done', 'done']
    assert 'certificate' in folder[0]['message']
    assert 'Permission denied' in folder[4]['message']
    assert 'verification failed' in folder[5]['message']
    # Steps are of one target after the other; each that was opened tried, and one had it.
    captures = [step['end'] for step in result['steps'] if step['name'] == 'capture']
    assert captures == ['failed'] * 4 + ['done']
    # Of what the far ones have, nothing looks complete.
    assert all(name.endswith('.incomplete') for name in ssh.folders() + full_ssh.folders())
    assert not any(name.endswith('/result.json') and json.load(open(path))['verdict'] == 'saved'
                   for name, path in {**https.stored(), **full_https.stored()}.items())
