# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash path in the lab: a kernel dies, kmortem-capture as PID 1 saves it and reboots, the system
that comes back finds the dump and opens it."""
import os
import sys

import pytest

from conftest import KERNELS, PROGRAM, ROOT

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import crashpath, kernel as kernels  # noqa: E402
from kmlab.cache import Cache  # noqa: E402

CAPTURE = os.path.join(ROOT, 'build', 'kmortem-capture')


def crash(tmp_path, name, **options):
    if not os.path.exists(CAPTURE):
        pytest.skip('kmortem-capture is not built: no static libraries')
    cache = Cache()
    programs = crashpath.Programs(PROGRAM, CAPTURE)
    return crashpath.run(cache, kernels.fetch(cache, name),
                         crashpath.Crash(programs, **options), str(tmp_path))


@pytest.mark.parametrize('name', KERNELS)
def test_saved_verified_and_opened_after_the_reboot(tmp_path, name):
    got = crash(tmp_path, name)
    assert got.result['verdict'] == 'saved', got.console[-3000:]
    assert got.result['verified'] and got.result['level'] == 31
    assert 'sysrq triggered crash' in got.result['panic']
    assert got.result['release'] in got.sections['commands']
    assert all(step['end'] == 'done' for step in got.result['steps'])
    assert set(got.files) >= {'vmcore', 'vmcore-dmesg.txt', 'kexec-dmesg.log', 'result.json'}
    assert not any(name.endswith('.incomplete') for name in got.sections['folders'].split())
    assert 'sysrq triggered crash' in got.sections['dmesg']
    assert 'sysrq_handle_crash' in got.sections['commands']
    assert not got.sections['still-capture'].strip()
