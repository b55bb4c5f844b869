# SPDX-License-Identifier: GPL-2.0-or-later
"""Multiboot and multiboot2 kernels started for real: a small one of our own says on the serial port what it was
handed (tests/e2e/multiboot/kernel.c)."""
import re

import pytest
from conftest import KERNELS, PROGRAM
from guest import boot_guest
from images import multiboot

SCRIPT = '''
kmortem plan /kernel --command-line="one two=\\"three four\\"" --module="/first with arguments" --module=/second 2>&1 | section plan
cat /proc/iomem | section iomem
kmortem load -l /kernel --command-line="one two=\\"three four\\"" --module="/first with arguments" --module=/second 2>&1 |
	section load
kmortem status -l | section status
kmortem exec
'''
MAGIC = {'multiboot': 0x2badb002, 'multiboot2': 0x36d76289}


@pytest.fixture(scope='module', params=MAGIC)
def started(request):
    result = boot_guest(KERNELS[-1], SCRIPT, programs=[PROGRAM], modules=(), deadline=240, files={
        'kernel': multiboot(request.param), 'first': b'the first module\n' + b'x' * 5000,
        'second': b'the second module\n'})
    result.kind = request.param
    # What the kernel wrote follows the last line of Linux.
    result.lines = re.findall(r'^multiboot (.*)$', result.console, re.M)
    return result


def test_it_is_known_for_what_it_is(started):
    assert f'TYPE: {started.kind}-x86: a multiboot' in started.sections['plan']
    assert ', multiboot\n' in started.sections['plan']
    assert started.sections['load'].strip() == ''
    assert 'TO BE STARTED (-l): loaded' in started.sections['status']


def test_it_runs_to_its_end(started):
    assert started.lines, started.console[-2000:]
    assert started.lines[0] == f'magic: {MAGIC[started.kind]:#x}'
    assert started.lines[-1] == 'done'


def test_it_has_its_command_line(started):
    assert 'command line: one two="three four"' in started.lines
    assert 'loader: kmortem' in started.lines


def test_it_has_its_modules(started):
    assert [line for line in started.lines if line.startswith('module')] == [
        f'module: /first with arguments size {5017:#x}: the first module',
        f'module: /second size {18:#x}: the second module']


def test_it_has_the_memory_map(started):
    """All memory from 1 MiB on that Linux had; below it Linux keeps the firmware's pages to itself."""
    def high(ranges):
        return [(a, b) for a, b in ranges if a >= 1 << 20]

    ram = [(int(a, 16), int(b, 16) + 1) for a, b in
           re.findall(r'^([0-9a-f]+)-([0-9a-f]+) : System RAM$', started.sections['iomem'], re.M)]
    told = [(int(a, 16), int(a, 16) + int(n, 16)) for a, n, kind in
            re.findall(r'^range: (\S+) (\S+) type (\S+)$', '\n'.join(started.lines), re.M) if kind == '0x1']
    assert high(told) == high(ram) != []
    assert len(told) > len(high(told))
