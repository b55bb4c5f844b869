# SPDX-License-Identifier: GPL-2.0-or-later
"""What is written before the pages: quickly, in little memory, and without ever holding up the save."""
import json
import os
import subprocess
import time

import pytest

from conftest import KERNELS, ROOT, lab_dump, parse_stream
from test_dmesg import dmesg

TOOL = os.path.join(ROOT, 'build', 'tests', 'tools', 'stage')
DONE, PARTIAL, MISSING = 2, 1, 0
NAMES = ['dmesg.txt', 'summary.json', 'summary.txt']


def stage(*arguments):
    began = time.monotonic()
    done = subprocess.run([TOOL, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout), seconds=time.monotonic() - began)


def test_log_and_summary_are_there_and_right(sysrq, tmp_path):
    result = stage('write', tmp_path, sysrq.elf)
    assert result['files'] == [DONE] * 3 and not result['why'] and not result['left']
    assert sorted(os.listdir(tmp_path)) == sorted(NAMES)
    assert all((tmp_path / name).stat().st_mode & 0o777 == 0o600 for name in NAMES)
    assert (tmp_path / 'dmesg.txt').read_bytes() == dmesg('dmesg', sysrq.elf).stdout
    record = parse_stream((tmp_path / 'summary.json').read_text())[0]['records'][0]
    assert record['culprit']['comm'] == 'kmlab-crash' and record['verdict'] == 'kept by a test'
    text = (tmp_path / 'summary.txt').read_text()
    assert 'sysrq triggered crash' in text and 'WHO       "kmlab-crash"' in text
    # What a capture kernel with some 27 MiB to live in can bear. Pages of the dump's file that are
    # mapped are not its memory: of /proc/vmcore they are the dead kernel's.
    assert 0 < result['own_kib'] < 16 << 10, result
    assert result['ms'] < 2000, result


def test_nothing_is_overwritten(sysrq, tmp_path):
    (tmp_path / 'dmesg.txt').write_text('mine')
    result = stage('write', tmp_path, sysrq.elf)
    assert result['files'] == [MISSING, DONE, DONE] and 'there already' in result['why']
    assert (tmp_path / 'dmesg.txt').read_text() == 'mine'


@pytest.mark.parametrize('trouble', ['crash', 'exit', 'hang', 'spin', 'eat'])
@pytest.mark.parametrize('at', [0, 1, 2])
def test_whatever_happens_to_it_is_over_in_time(tmp_path, trouble, at):
    """The tool gives it 1.5 s instead of 10."""
    result = stage('write', tmp_path, lab_dump(KERNELS[-1], 'sysrq').elf, trouble, at)
    assert result['seconds'] < 6 and not result['left']
    # What is left to an eater may do for a file.
    assert result['why'] or (trouble == 'eat' and at and result['files'] == [DONE] * 3)
    assert result['files'][:at] == [DONE] * at
    assert DONE not in result['files'][at:] or trouble == 'eat'
    for i, name in enumerate(NAMES):
        if result['files'][i] == DONE:
            assert (tmp_path / name).stat().st_size
        elif result['files'][i] == MISSING:
            assert not (tmp_path / name).exists()
    if trouble == 'eat':
        assert result['own_kib'] < 80 << 10


def test_a_dump_that_does_not_open_is_said(tmp_path):
    (tmp_path / 'no').write_text('no dump')
    result = stage('write', tmp_path, tmp_path / 'no')
    assert result['files'] == [MISSING] * 3 and result['why']


def test_a_written_dump_is_checked_by_its_stack(sysrq):
    for path in (sysrq.elf, sysrq.kdump):
        result = stage('check', path)
        assert result['good'] and result['frames'] >= 5 and 'kmlab-crash' in result['text']


def test_a_dump_without_its_stack_fails_the_check(sysrq, kmortem, tmp_path):
    """The file is cut before most of its pages: it may open, and must not pass."""
    cut = tmp_path / 'cut'
    with open(sysrq.kdump, 'rb') as whole, open(cut, 'wb') as part:
        part.write(whole.read(os.path.getsize(sysrq.kdump) // 3))
    done = subprocess.run([TOOL, 'check', str(cut)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60, check=False)
    assert done.returncode == 1 or not json.loads(done.stdout)['good'], done.stdout
