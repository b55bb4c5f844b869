# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps that a hypervisor took of a living machine: no VMCOREINFO, no crash. What ps says must be what
the machine's own truth said just before, in each form of file and by each way to the kernel."""
import functools
import json
import mmap
import os
import subprocess

import pytest

from conftest import ROOT

FORMS = {'elf': 'qemu.elf', 'elf-paging': 'qemu-paging.elf', 'kdump-zlib': 'qemu.kdump',
         'raw': 'memory.raw'}


@functools.lru_cache(maxsize=None)
def snapshot(kernel):
    done = subprocess.run([os.path.join(ROOT, 'lab', 'lab'), 'snapshot', kernel],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        pytest.fail(f'the lab could not take a snapshot of {kernel}; its own words are above')
    folder = done.stdout.strip().splitlines()[-1]
    with open(os.path.join(folder, 'truth.json'), encoding='utf-8') as file:
        return folder, json.load(file)['machine']


def open_and_list(kmortem, path, *options):
    """(findings by what they are about, tasks by address)"""
    banner, tasks = kmortem.json(path, 'sys -b; ps', *options)
    assert banner['error'] is None and tasks['error'] is None
    system = [r for r in banner['records'] if r['kind'] == 'system'][0]
    return ({finding['what']: finding['text'] for finding in system['findings']},
            {int(r['address'], 16): r for r in tasks['records'] if r['kind'] == 'process'})


def assert_tasks_are_the_truth(tasks, machine):
    truth = {int(row['task'], 16): row for row in machine['tasks']}
    # The guest lives on between its telling and its dump: its init may have forked since, and what
    # it had forked to tell may have ended.
    ended = {address for address in set(truth) - set(tasks)
             if truth[address]['comm'] in ('init', 'sleep', 'cat') and truth[address]['pid'] != 1}
    assert set(truth) - set(tasks) == ended and len(ended) <= 2
    newest = max(row['pid'] for row in machine['tasks'])
    assert all(tasks[address]['pid'] > newest for address in set(tasks) - set(truth))
    assert len(tasks) <= len(truth) + 2
    for address, row in truth.items():
        if address in ended:
            continue
        assert tasks[address]['pid'] == row['pid']
        assert tasks[address]['comm'] == row['comm']
        assert tasks[address]['ppid'] == row['ppid'], row


@pytest.mark.parametrize('form', FORMS)
def test_ps_is_what_the_guest_said(kmortem, kernel, form):
    folder, machine = snapshot(kernel)
    findings, tasks = open_and_list(kmortem, os.path.join(folder, FORMS[form]))
    assert_tasks_are_the_truth(tasks, machine)
    if form == 'raw':
        assert 'scanning physical memory' in findings['VMCOREINFO']
    else:
        assert 'CR3' in findings['page tables']
        assert 'own memory' in findings['VMCOREINFO']


@pytest.mark.parametrize('form', ['elf', 'kdump-zlib'])
def test_running_tasks_come_from_the_notes(kmortem, kernel, form):
    """One CPU runs a program in user mode all the time, and its registers are the note's."""
    folder, _ = snapshot(kernel)
    path = os.path.join(folder, FORMS[form])
    stacks = kmortem.json(path, 'bt -a')[0]
    assert stacks['error'] is None
    text = kmortem.text(path, 'bt -a')
    assert text.count('PID: ') == 2 and 'COMMAND: "kmlab-busy"' in text
    running = [line for line in kmortem.text(path, 'ps -A').splitlines() if line.startswith('>')]
    assert len(running) == 2
    assert any('kmlab-busy' in line for line in running)


@pytest.fixture
def wiped(kernel, tmp_path):
    """A patch for the raw file that leaves no VMCOREINFO anywhere in memory."""
    folder, _ = snapshot(kernel)
    path = os.path.join(folder, FORMS['raw'])
    patch = tmp_path / 'patch'
    with open(path, 'rb') as file, \
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        lines, at = [], memory.find(b'OSRELEASE=')
        while at >= 0:
            lines.append(f'physical {at:x} 58\n')
            at = memory.find(b'OSRELEASE=', at + 1)
    assert lines
    patch.write_text(''.join(lines))
    return path, str(patch)


def test_the_kernels_own_tables_are_enough(kmortem, kernel, wiped):
    _, machine = snapshot(kernel)
    path, patch = wiped
    findings, tasks = open_and_list(kmortem, path, '--patch', patch)
    assert 'scanning physical memory' in findings['page tables']
    assert 'Linux ' + kernel in findings['page tables']
    assert_tasks_are_the_truth(tasks, machine)


def test_a_kdump_whose_note_is_lost(kmortem, sysrq, tmp_path):
    """A crash's own dump: no CPU's control registers, but the text lies in memory."""
    with open(sysrq.elf, 'rb') as file:
        head = file.read(1 << 20)
    patch = tmp_path / 'patch'
    patch.write_text(f'file {head.index(bytes("VMCOREINFO", "ascii")):x} 58\n')
    findings, tasks = open_and_list(kmortem, sysrq.elf, '--patch', str(patch))
    assert 'scanning physical memory' in findings['VMCOREINFO']
    _, whole = open_and_list(kmortem, sysrq.elf)
    assert len(whole) > 50
    assert set(tasks) == set(whole)
    assert kmortem.text(sysrq.elf, 'bt', '--patch', str(patch)) == kmortem.text(sysrq.elf, 'bt')


def test_memory_without_a_kernel_is_refused_with_what_was_tried(kmortem, tmp_path):
    path = tmp_path / 'memory'
    with open(path, 'wb') as file:
        file.truncate(64 << 20)
    done = kmortem.run(str(path), '-c', 'sys')
    assert done.returncode == 3
    assert 'page tables in physical memory' in done.stderr
