# SPDX-License-Identifier: GPL-2.0-or-later
"""kmortem kdump rehearse and size on Debian's kernels: a crash passes from the load to the opened dump; of
planted faults the step is named; what size measures is enough, and three quarters of it is not."""
import dataclasses
import json
import os
import shutil
import subprocess
import sys

import pytest

from conftest import FULL, KERNELS, PROGRAM, ROOT

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import kernel as kernels  # noqa: E402
from kmlab.cache import Cache  # noqa: E402

CAPTURE = os.path.join(ROOT, 'build', 'kmortem-capture')
MIB = 1 << 20


@dataclasses.dataclass
class Fault:
    name: str
    step: str
    text: str
    options: tuple = ()
    append: str = ''   # to the crash kernel's command line
    quick: bool = False  # no guest is needed to see it
    short: bool = False  # in a short run, too


FAULTS = [
    Fault('no-kernel', 'prepare', 'is not to be found', quick=True),
    Fault('no-qemu', 'qemu', 'install QEMU', quick=True),
    Fault('damaged-image', 'prepare', 'image', quick=True),
    Fault('no-memory', 'boot', '', ('--memory', '128M')),
    Fault('nothing-reserved', 'load', 'crashkernel', ('--crashkernel', '0M')),
    Fault('too-small-to-load', 'load', '', ('--crashkernel', '32M')),
    Fault('too-small-to-run', 'crash kernel', 'out of memory', ('--crashkernel', '64M'), short=True),
    Fault('no-init', 'crash kernel', 'PID 1', append='rdinit=/nothing'),
    Fault('driver-forbidden', 'modules', 'virtio_blk', append='module_blacklist=virtio_blk'),
    Fault('not-mounted', 'mount', 'asked to fail', append='kmortem.fault=mount:fail'),
    Fault('capture-crashes', 'capture', 'signal 11', append='kmortem.fault=capture:crash'),
    Fault('kernel-panics', 'after summary', 'panicked', append='kmortem.fault=capture:panic'),
    Fault('not-verified', 'verify', 'asked to fail', append='kmortem.fault=verify:fail'),
]


def make_tree(folder, name):
    """A root folder with the kernel installed as a package leaves it, and depmod after it."""
    kernel = kernels.fetch(Cache(), name)
    boot, modules = os.path.join(folder, 'boot'), os.path.join(folder, 'lib', 'modules', kernel.release)
    os.makedirs(boot)
    shutil.copy(kernel.vmlinuz, os.path.join(boot, f'vmlinuz-{kernel.release}'))
    for image in kernel.images:
        config = os.path.join(image, 'boot', f'config-{kernel.release}')
        if os.path.exists(config):
            shutil.copy(config, boot)
    shutil.copytree(os.path.dirname(kernel.modules), modules, symlinks=True,
                    ignore=lambda _, names: [n for n in names if n in ('build', 'source')])
    subprocess.run(['/sbin/depmod', '-b', folder, kernel.release], check=True)
    return folder, kernel.release


@pytest.fixture(scope='module')
def trees(tmp_path_factory):
    if not os.path.exists(CAPTURE):
        pytest.skip('kmortem-capture is not built: no static libraries')
    return {name: make_tree(str(tmp_path_factory.mktemp('tree')), name)
            for name in (KERNELS if FULL else KERNELS[-1:])}


def kdump(verb, tree, *options, append='', folder=None, env=None, status=None, generic=True):
    """The record, of a run while the lab's other guests are counted in."""
    root, release = tree
    with open(os.path.join(root, 'kdump.conf'), 'w', encoding='utf-8') as file:
        file.write(f'device_timeout 10\n{"append " + append if append else ""}\n')
    argv = [PROGRAM, 'kdump', verb, '--root', root, '--release', release, '--conf', '/kdump.conf',
            '--timeout', '600', '--json', *(['--generic'] if generic else []), *options]
    with Cache().slot('machine', os.cpu_count() or 1, 'waiting for another lab guest to end'):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              env={**os.environ, 'TMPDIR': folder, **(env or {})})
    assert done.stdout, done.stderr
    if status is not None:
        assert done.returncode == status, (done.stdout[-3000:], done.stderr)
    # Nothing is left behind.
    assert [name for name in os.listdir(folder) if name.startswith('kmortem-')] == []
    return json.loads(done.stdout)['records'][0]


@pytest.mark.parametrize('name', KERNELS if FULL else KERNELS[-1:])
def test_from_the_panic_to_the_opened_dump(trees, tmp_path, name):
    got = kdump('rehearse', trees[name], folder=str(tmp_path), status=0)
    assert got['passed'] and got['failed'] is None and got['console'] is None
    names = [step['step'] for step in got['steps']]
    for step in ('boot', 'load', 'crash kernel', 'device', 'mount', 'log', 'capture', 'verify', 'return', 'open'):
        assert step in names
    assert all(step['end'] == 'pass' for step in got['steps'])
    assert 'sysrq triggered crash' in got['steps'][-1]['text']
    assert got['dump_bytes'] > MIB


@pytest.mark.skipif(not FULL, reason='four boots more')
def test_an_image_is_taken_as_it_is(trees, tmp_path):
    """The image that a first rehearsal built, as one that the machine has: its plan is replaced, it is not."""
    keep = tmp_path / 'keep'
    kdump('rehearse', trees[KERNELS[-1]], '--keep', str(keep), folder=str(tmp_path), status=0)
    image = keep / 'image'
    before = image.read_bytes()
    assert {'console', 'console2', 'scratch.raw', 'qemu.log'} <= set(os.listdir(keep))
    got = kdump('rehearse', trees[KERNELS[-1]], '--image', str(image), folder=str(tmp_path), status=0, generic=False)
    assert got['passed'] and got['image'] == str(image)
    assert image.read_bytes() == before


@pytest.mark.parametrize('fault', [fault for fault in FAULTS if FULL or fault.quick or fault.short],
                         ids=lambda fault: fault.name)
def test_a_fault_is_named(trees, tmp_path, fault):
    tree = trees[KERNELS[-1]]
    options, env = fault.options, {}
    if fault.name == 'no-kernel':
        empty = tmp_path / 'empty'
        empty.mkdir()
        tree = (str(empty), tree[1])
    elif fault.name == 'no-qemu':
        env = {'PATH': '/nonexistent'}
    elif fault.name == 'damaged-image':
        image = tmp_path / 'image'
        image.write_bytes(b'\x28\xb5\x2f\xfd' + bytes(range(256)) * 40)
        options = ('--image', str(image))
    got = kdump('rehearse', tree, *options, append=fault.append, folder=str(tmp_path), env=env, status=1)
    assert not got['passed'] and got['failed'] == fault.step, got['steps']
    step = [step for step in got['steps'] if step['end'] == 'fail'][0]
    assert fault.text in step['text'], step
    # What the machine said is shown, where there was one.
    assert fault.quick or got['console'].strip()


@pytest.mark.skipif(not FULL, reason='some ten boots')
@pytest.mark.parametrize('name', KERNELS)
@pytest.mark.parametrize('cpus,memory', [(1, '1G'), (4, '8G')])
def test_the_size_is_enough_and_less_is_not(trees, tmp_path, name, cpus, memory):
    guest = ('--cpus', str(cpus), '--memory', memory)
    size = kdump('size', trees[name], *guest, folder=str(tmp_path), status=0)
    assert size['tries'] and size['measured'] < size['total'] <= 160 * MIB
    assert size['loaded'] + size['unpacked'] + size['work'] == size['measured']
    assert size['forms'][0]['argument'] == f'crashkernel={size["total"] // MIB}M'
    enough = kdump('rehearse', trees[name], *guest, '--crashkernel', f'{size["total"] // MIB}M',
                   folder=str(tmp_path), status=0)
    assert enough['passed']
    less = kdump('rehearse', trees[name], *guest, '--crashkernel', f'{size["measured"] * 3 // 4 // MIB}M',
                 folder=str(tmp_path), status=1)
    step = [step for step in less['steps'] if step['end'] == 'fail'][0]
    assert less['failed'] in ('load', 'crash kernel', 'capture', 'summary') or less['failed'].startswith('after')
    assert 'memory' in step['text'] or 'reserved' in step['text'] or less['failed'] == 'load', step
