# SPDX-License-Identifier: GPL-2.0-or-later
"""kmortem dmesg and vmcore-dmesg: the log of a dead kernel, from any form of dump and without its types."""
import glob
import os
import re
import subprocess

import pytest

from conftest import PROGRAM, parse_stream


def dmesg(*arguments, name=PROGRAM):
    return subprocess.run([name, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          check=False)


def peer(path):
    """vmcore-dmesg of the guest's own kexec-tools, by its own libraries."""
    cache = os.environ.get('KMORTEM_CACHE') or os.path.join(
        os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'kmortem')
    for tool in glob.glob(os.path.join(cache, 'lab/tools/*/usr/sbin/vmcore-dmesg')):
        libraries = os.path.join(tool.removesuffix('/sbin/vmcore-dmesg'), 'lib/x86_64-linux-gnu')
        loader = os.path.join(libraries, 'ld-linux-x86-64.so.2')
        if os.path.exists(loader):
            return dmesg('--library-path', libraries, tool, path, name=loader)
    return pytest.fail('the lab has fetched no vmcore-dmesg')


def physical_of(kmortem, path, symbol):
    return int(kmortem.records(path, f'vtop {symbol}')[0]['physical'], 16)


@pytest.fixture
def as_vmcore_dmesg(tmp_path):
    link = tmp_path / 'vmcore-dmesg'
    link.symlink_to(PROGRAM)
    return str(link)


def test_every_byte_is_vmcore_dmesgs(sysrq, as_vmcore_dmesg):
    wanted = peer(sysrq.elf)
    assert wanted.returncode == 0 and wanted.stdout.count(b'\n') > 100
    for done in (dmesg(sysrq.elf, name=as_vmcore_dmesg), dmesg('dmesg', sysrq.elf),
                 dmesg('dmesg', sysrq.kdump)):
        assert done.returncode == 0, done.stderr
        assert done.stdout == wanted.stdout


def test_the_types_are_not_needed(sysrq, kmortem, tmp_path):
    """Where the dump's BTF is destroyed, VMCOREINFO alone says where the log lies."""
    physical = physical_of(kmortem, sysrq.elf, '__start_BTF')
    patch = tmp_path / 'patch'
    patch.write_text(''.join(f'physical {physical + i:x} 0\n' for i in range(64)))
    types = kmortem.run('--patch', str(patch), sysrq.elf, '-c', 'whatis struct task_struct')
    assert types.returncode == 1, 'the patch leaves the types there'
    done = dmesg('dmesg', '--patch', str(patch), sysrq.elf)
    assert done.returncode == 0, done.stderr
    assert done.stdout == dmesg('dmesg', sysrq.elf).stdout
    answer = parse_stream(dmesg('dmesg', '--json', '--patch', str(patch), sysrq.elf).stdout.decode())[0]
    whole = parse_stream(dmesg('dmesg', '--json', sysrq.elf).stdout.decode())[0]
    assert [r['text'] for r in answer['records']] == [r['text'] for r in whole['records']]
    assert [r['caller'] for r in answer['records']] == [r['caller'] for r in whole['records']]
    assert all(r['level'] is None for r in answer['records'])
    assert all(0 <= r['level'] <= 7 for r in whole['records'])


def test_json_is_that_of_log(sysrq, kmortem):
    answer = parse_stream(dmesg('dmesg', '--json', sysrq.elf).stdout.decode())[0]
    assert answer['records'] == kmortem.records(sysrq.elf, 'log')


def test_exit_codes(sysrq, as_vmcore_dmesg, tmp_path):
    empty = tmp_path / 'empty'
    empty.touch()
    text = tmp_path / 'text'
    text.write_text('no dump at all\n' * 1000)
    for words, theirs, ours in (((), 1, None), (('--nonsense', 'x'), 1, 2), (('/nonexistent',), 2, 3),
                                ((str(empty),), 3, 3), ((str(text),), 4, 3)):
        done = dmesg(*words, name=as_vmcore_dmesg)
        assert done.returncode == theirs and done.stderr and not done.stdout, words
        if ours is not None:
            done = dmesg('dmesg', *words)
            assert done.returncode == ours and done.stderr, words
    with open('/dev/full', 'wb') as full:
        for name, code, words in ((as_vmcore_dmesg, 54, ()), (PROGRAM, 1, ('dmesg',))):
            done = subprocess.run([name, *words, sysrq.elf], stdout=full, stderr=subprocess.PIPE,
                                  timeout=60, check=False)
            assert done.returncode == code and b'No space left' in done.stderr
    done = dmesg('dmesg', '--help')
    assert done.returncode == 0 and re.search(rb'Exit status', done.stdout)


def test_a_ring_that_cannot_be_is_said(sysrq, kmortem, tmp_path):
    """The pointer to the ring leads nowhere: exit code and words say so, and nothing is printed."""
    physical = physical_of(kmortem, sysrq.elf, 'prb')
    patch = tmp_path / 'patch'
    patch.write_text(''.join(f'physical {physical + i:x} 11\n' for i in range(8)))
    done = dmesg('dmesg', '--patch', str(patch), sysrq.elf)
    assert done.returncode == 1 and not done.stdout and b'printk_ringbuffer' in done.stderr
