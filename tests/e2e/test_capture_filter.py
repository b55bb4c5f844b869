# SPDX-License-Identifier: GPL-2.0-or-later
"""The filter's check of itself on dumps whose counters or struct pages were changed, and memory on a machine of
64 TB. That what is left out is right is compared with makedumpfile and drgn by tests/peers/pages."""
import json
import os
import shutil
import struct
import subprocess
import sys

import pytest

from conftest import PROGRAM

MIB = 1 << 20
TIB = 1 << 40
THREADS = 2
# By a small process: what a child's peak was counts from before its exec, when it was as large as its parent.
MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def program_headers(path):
    with open(path, 'rb') as file:
        header = file.read(64)
        offset, = struct.unpack_from('<Q', header, 32)
        count, = struct.unpack_from('<H', header, 56)
        file.seek(offset)
        return offset, [list(struct.unpack('<IIQQQQQQ', file.read(56))) for _ in range(count)]


def file_offsets(path, physical):
    """The image lies in a segment of its own as well."""
    found = [offset + physical - start for kind, _, offset, _, start, size, _, _ in program_headers(path)[1]
             if kind == 1 and start <= physical < start + size]
    assert found, f'{physical:x} is not in {path}'
    return found


@pytest.fixture(scope='module')
def copy(sysrq, tmp_path_factory):
    """A dump that a test may write to; what it does must be undone."""
    path = str(tmp_path_factory.mktemp('copy') / 'vmcore.elf')
    shutil.copyfile(sysrq.elf, path)
    yield path
    os.remove(path)


def add(path, physical, value):
    """To a counter of 64 bits."""
    with open(path, 'r+b') as file:
        for offset in file_offsets(path, physical):
            file.seek(offset)
            old = int.from_bytes(file.read(8), 'little')
            file.seek(offset)
            file.write(((old + value) % (1 << 64)).to_bytes(8, 'little'))


def where(kmortem, dump, name):
    return int(kmortem.records(dump, f'vtop {name}')[0]['physical'], 16)


def capture(*words):
    return subprocess.run([PROGRAM, 'capture', *map(str, words)], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=False)


def level_in_header(path):
    """dump_level of the sub header, in the second block."""
    with open(path, 'rb') as file:
        file.seek(4096 + 8)
        return struct.unpack('<i', file.read(4))[0]


@pytest.mark.parametrize('counter, item, more, finding, levels', [
    ('vm_zone_stat', 'NR_FREE_PAGES', 20000, 'free pages', 16),
    ('vm_node_stat', 'NR_INACTIVE_FILE', 20000, 'file pages on LRU lists', 2 | 4 | 8),
    # Where large kmalloc bears no mark the kernel may count more than struct pages say, never less.
    ('vm_node_stat', 'NR_SLAB_UNRECLAIMABLE_B', -1000, 'slab and large kmalloc pages', 2 | 4 | 8),
])
def test_a_counter_that_does_not_agree(kmortem, sysrq, copy, tmp_path, counter, item, more, finding, levels):
    index = kmortem.records(sysrq.elf, f'p {item}')[0]['value']
    at = where(kmortem, sysrq.elf, counter) + 8 * index
    path = tmp_path / 'saved'
    add(copy, at, more)
    done = capture('--json', '-d', '31', copy, path)
    add(copy, at, -more)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    differs = [check['what'] for check in answer['checks'] if check['answer'] == 'differs']
    assert finding in differs
    # Loudly: to who looks on, in the head of the dump, and in what reads it.
    assert answer['level'] == level_in_header(path) == 31 & ~levels
    said = f'level {31 & ~levels} instead of 31'
    assert said in answer['filter'] and said in done.stderr
    verdict = subprocess.run([PROGRAM, 'verify', path], stdout=subprocess.PIPE, text=True, check=False)
    assert verdict.returncode == 0 and said in verdict.stdout
    # What is not trusted is not left out.
    plain = json.loads(capture('--json', '--dry-run', '-d', answer['level'], copy, 'nowhere').stdout)
    assert answer['pages']['kept'] == plain['pages']['kept']


def grow(path, end):
    """The machine has memory just below END too: the last 16 MiB of it."""
    offset, headers = program_headers(path)
    largest = max((row for row in headers if row[0] == 1), key=lambda row: row[5])
    more = list(largest)
    more[4], more[5], more[6] = end - 16 * MIB, 16 * MIB, 16 * MIB
    more[3] = 0xffff888000000000 + more[4]
    headers.append(more)
    with open(path, 'r+b') as file:
        first = min(row[2] for row in headers if row[5])
        assert offset + 56 * len(headers) <= first, 'no room for another program header'
        file.seek(56)
        file.write(struct.pack('<H', len(headers)))
        file.seek(offset)
        file.write(b''.join(struct.pack('<IIQQQQQQ', *row) for row in headers))


def test_memory_does_not_grow_with_the_machine(copy, tmp_path):
    grow(copy, 64 * TIB)
    argv = [PROGRAM, 'capture', '--json', '--num-threads', str(THREADS), '-d', '31', '--dry-run', copy,
            str(tmp_path / 'saved')]
    done = subprocess.run([sys.executable, '-c', MEASURE, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer['outcome'] == 'complete' and answer['level'] == 31
    # No struct page speaks of the frames high up: they are kept.
    assert answer['kinds']['not described'] == 16 * MIB // 4096
    assert int(done.stderr.split()[-1]) <= 32 * 1024 + THREADS * 2 * 1024
