# SPDX-License-Identifier: GPL-2.0-or-later
"""kmortem kdump trigger in a guest: refused without the host's name, then the real thing; after the restart
`status` says what became of it."""
import os
import sys

import pytest

from conftest import FULL, KERNELS, PROGRAM, ROOT

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import armed, crashpath, kernel as kernels  # noqa: E402
from kmlab.cache import Cache  # noqa: E402

CAPTURE = os.path.join(ROOT, 'build', 'kmortem-capture')
TRIGGER = r'''
hostname lab-1
kmortem kdump trigger < /dev/null > /tmp/said 2>&1; echo $? >> /tmp/said; section not-asked < /tmp/said
kmortem kdump trigger --yes-crash=lab-2 > /tmp/said 2>&1; echo $? >> /tmp/said; section other-host < /tmp/said
kmortem kdump check > /tmp/said 2>&1; echo $? >> /tmp/said; section ready < /tmp/said
[ -e /var/lib/kmortem/trigger ] || echo none | section record-before
kmortem kdump trigger --yes-crash=lab-1
echo alive | section alive
'''


@pytest.mark.skipif(not FULL, reason='test_armed has the crash path in a short run')
def test_triggered_saved_and_told(tmp_path):
    if not os.path.exists(CAPTURE):
        pytest.skip('kmortem-capture is not built: no static libraries')
    cache = Cache()
    got = armed.run(cache, kernels.fetch(cache, KERNELS[-1]), armed.Armed(
        crashpath.Programs(PROGRAM, CAPTURE), armed=TRIGGER), str(tmp_path))
    assert 'mounted writable: /dev/vda on /var/crash (ext4)' in got.sections['not-asked']
    assert '--yes-crash=lab-1' in got.sections['not-asked']
    assert got.sections['not-asked'].split()[-1] == '2'
    assert 'this is lab-1, not lab-2' in got.sections['other-host']
    assert got.sections['other-host'].split()[-1] == '2'
    assert got.sections['record-before'].strip() == 'none'
    assert 'alive' not in got.sections
    # check had said that this crash would be captured.
    assert got.sections['ready'].split()[-1] == '0', got.sections['ready']
    assert 'sysrq triggered crash' in got.status['crash']['panic']
    assert got.status['trigger'] == 'captured'
    assert got.status['trigger_time'] > 1_700_000_000
    assert 'TRIGGERED: ' in got.sections['status-text']
