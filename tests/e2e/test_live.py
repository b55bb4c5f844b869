# SPDX-License-Identifier: GPL-2.0-or-later
"""The running kernel, looked at from inside a lab guest: what /proc says there is what kmortem says."""
import functools
import json
import os
import re
import subprocess

import pytest

from conftest import FULL, KERNELS, PROGRAM, ROOT, parse_stream

# Each boots a guest, as the program is another one after every build.
CHOSEN = KERNELS if FULL else KERNELS[-1:]

SCRIPT = r'''#!/bin/sh
mark() { echo "@@ $1"; }
mark ps; kmortem --json -c 'sys; ps'
mark proc; for d in /proc/[0-9]*; do read -r line < $d/stat && echo "$line"; done
mark text; kmortem -c 'sys; set; ps -A; bt 1'
mark mod; kmortem /proc/kcore --json -c mod
mark modules; cat /proc/modules
mark version; cat /proc/version
mark twice; kmortem --json -c 'rd jiffies; ps; rd jiffies'
mark strict; kmortem -c 'wr jiffies 0' 2>&1; echo "status $?"
mark dropped; kmortem -c 'wr -p -8 1000 55' 2>&1; echo "status $?"
mark unmapped; kmortem -c 'wr -u 0 1' 2>&1; echo "status $?"
mark size; kmortem -c 'wr -8 jiffies 100' 2>&1; echo "status $?"
mark nobody; chmod 711 /bin; echo 'nobody:x:99:99::/:/bin/sh' >> /etc/passwd
su nobody -s /bin/sh -c kmortem < /dev/null 2>&1; echo "status $?"
mark end
'''


@functools.lru_cache(maxsize=None)
def sections(kernel, folder):
    script = os.path.join(folder, 'live')
    with open(script, 'w', encoding='ascii') as file:
        file.write(SCRIPT)
    done = subprocess.run([os.path.join(ROOT, 'lab', 'lab'), 'live', kernel, script, PROGRAM],
                          stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, 'the lab could not run the guest; its own words are above'
    parts = re.split(r'^@@ (\w+)\n', done.stdout, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


@pytest.fixture(scope='module', params=CHOSEN)
def live(request, tmp_path_factory):
    return sections(request.param, str(tmp_path_factory.getbasetemp()))


def test_ps_is_what_proc_says(live):
    system, tasks = parse_stream(live['ps'])
    assert system['records'][0]['live'] is True
    proc = {}
    for line in live['proc'].splitlines():
        pid, comm, rest = re.match(r'(\d+) \((.*)\) \S (\d+)', line).groups()
        proc[int(pid)] = (comm, int(rest))
    found = {r['pid']: r for r in tasks['records'] if r['kind'] == 'process' and r['pid'] == r['tgid']}
    # The reader itself, and what was forked since; kernel threads may come at any time.
    settled = {pid for pid in proc if pid in found}
    gone = {pid: found[pid]['comm'] for pid in set(found) - set(proc) - {0}}
    assert set(gone.values()) <= {'kmortem'} | {c for c in gone.values() if c.startswith('kworker')}
    assert len(settled) > 40
    for pid in settled:
        comm, ppid = proc[pid]
        assert found[pid]['ppid'] == ppid
        # /proc shows a worker's work behind its name.
        assert comm[:15].startswith(found[pid]['comm']) or comm.startswith('kworker')


def test_the_context_is_the_program_itself(live):
    text = live['text']
    assert 'DUMPFILE: /proc/kcore' in text and 'PANIC:' not in text
    assert 'COMMAND: "kmortem"' in text
    assert re.search(r'^> +\d+ .* kmortem$', text, re.M)


def test_a_sleeping_tasks_stack(live):
    text = live['text'][live['text'].index('COMMAND: "init"'):]
    frames = re.findall(r'^ *#\d+ \[\w+\] (\w+) at', text, re.M)
    assert frames[:2] == ['__schedule', 'schedule'] and 'do_wait' in frames
    assert frames[-1] == 'entry_SYSCALL_64_after_hwframe'


def test_mod_is_what_proc_says(live):
    records = parse_stream(live['mod'])[0]['records']
    wanted = {line.split()[0]: int(line.split()[5], 16) for line in live['modules'].splitlines()}
    assert wanted and {r['name'] for r in records if r['kind'] == 'module'} == set(wanted)
    text = json.dumps(records)
    for base in wanted.values():
        assert f'{base:x}' in text


def test_memory_moves_on_between_commands(live):
    first, _, second = (answer['records'] for answer in parse_stream(live['twice']))
    values = [int(r[0]['items'][0]['value'], 16) for r in (first, second)]
    assert values[0] < values[1] < values[0] + 250 * 60


def test_wr_says_what_is_missing(live):
    assert live['strict'].strip().endswith('status 1')
    assert 'STRICT_DEVMEM' in live['strict']
    assert 'memory does not have them' in live['dropped'] and 'status 1' in live['dropped']
    assert 'not mapped' in live['unmapped'] and 'status 1' in live['unmapped']
    assert 'does not fit in 8 bits' in live['size']


def test_only_root_may(live):
    lines = live['nobody'].strip().splitlines()
    assert len(lines) == 2 and 'needs root' in lines[0] and lines[1] == 'status 3', lines


def test_wr_refuses_a_dump(kmortem, sysrq):
    before = os.stat(sysrq.kdump).st_mtime_ns
    for line in ('wr jiffies 1', 'wr -p -8 1000 1'):
        done = kmortem.run(sysrq.kdump, '-c', line)
        assert done.returncode == 1 and 'not allowed on dumpfiles' in done.stderr
    assert os.stat(sysrq.kdump).st_mtime_ns == before
