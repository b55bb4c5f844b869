# SPDX-License-Identifier: GPL-2.0-or-later
"""`kexec`: the images that wait to be started, in dumps (each has its own capture kernel loaded) and in a
living guest, where their memory can be read, too."""
import re

import pytest
from conftest import PROGRAM, lab_dump, parse_stream
from guest import boot_guest


def crash_range(text):
    found = re.findall(r'^\s*([0-9a-f]+)-([0-9a-f]+) : Crash kernel$', text, re.M)
    return [(int(start, 16), int(last, 16) + 1) for start, last in found]


def image(kmortem, dump, form='elf'):
    records = kmortem.records(dump.path(form), 'kexec')
    assert [r['name'] for r in records] == ['kexec_crash_image']
    return records[0]


def span(segment):
    return int(segment['start'], 16), int(segment['end'], 16)


def test_segments_lie_in_what_the_machine_reserved(kmortem, sysrq, form):
    ranges = crash_range(sysrq.truth['files']['proc/iomem'])
    found = image(kmortem, sysrq, form)
    assert found['type'] == 'crash' and found['system_call'] == 'kexec_file_load'
    assert len(found['segments']) == 5
    for segment in found['segments']:
        start, end = span(segment)
        assert any(low <= start < end <= high for low, high in ranges)
    spans = sorted(span(s) for s in found['segments'])
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:]))


def test_each_segment_has_its_purpose(kmortem, sysrq):
    found = image(kmortem, sysrq)
    purposes = {s['purpose']: s for s in found['segments']}
    assert set(purposes) == {'elfcorehdr', 'purgatory', 'boot_params', 'kernel', 'initrd'}
    start, end = span(purposes['purgatory'])
    assert start <= int(found['start'], 16) < end
    # A crash image is in place already.
    assert found['list_done'] and found['list_sources'] == 0


def test_what_is_not_in_the_dump_is_said(kmortem, sysrq):
    answer = kmortem.json(sysrq.elf, 'kexec')[0]
    assert answer['error'] is None
    assert answer['records'][0]['elfcorehdr'] is None
    assert any('elfcorehdr' in problem for problem in answer['problems'])


def test_nothing_is_loaded_for_reboot(kmortem, sysrq):
    assert kmortem.records(sysrq.elf, 'kexec -l') == []
    assert 'no kernel is loaded for reboot' in kmortem.text(sysrq.elf, 'kexec -l')


LIVE = '''
kexec -c -l /vmlinuz --initrd=/initrd --command-line="quiet second=1" || exit 1
kexec -c -p /vmlinuz --initrd=/initrd --command-line="quiet capture=1" || exit 1
kmortem --json -c 'kexec' | section images
kmortem --json -c 'kexec -l -e' | section entries
cat /proc/iomem | section iomem
cat /sys/kernel/vmcoreinfo | section vmcoreinfo
cat /sys/devices/system/cpu/cpu*/crash_notes | section notes
'''


@pytest.fixture(scope='module')
def living():
    result = boot_guest('6.12', LIVE, tools=['kexec'], programs=[(PROGRAM, 'kmortem')],
                        files={'initrd': b'\x17' * 3000000}, append='crashkernel=160M',
                        with_kernel=True)
    assert result.exit == 0, result.console[-3000:]
    return result


@pytest.fixture(scope='module')
def loaded(living):
    answer = parse_stream(living.sections['images'])[0]
    assert answer['error'] is None and answer['problems'] == []
    return {r['name']: r for r in answer['records']}


def test_command_lines_are_read_where_they_will_be(loaded):
    reboot = loaded['kexec_image']['boot_params']
    crash = loaded['kexec_crash_image']['boot_params']
    assert reboot['command_line'] == 'quiet second=1'
    assert crash['command_line'].startswith('quiet capture=1 ')
    assert reboot['initrd_bytes'] == crash['initrd_bytes'] == 3000000


def test_elfcorehdr_is_what_the_machine_said(living, loaded):
    crash = loaded['kexec_crash_image']
    parts = crash['elfcorehdr']['parts']
    notes = [p for p in parts if p['type'] == 'PT_NOTE']
    addresses = [int(n, 16) for n in living.sections['notes'].split()]
    vmcoreinfo = int(living.sections['vmcoreinfo'].split()[0], 16)
    assert [int(n['physical'], 16) for n in notes] == [*addresses, vmcoreinfo]
    low = [p for p in parts if p['type'] == 'PT_LOAD' and p['offset'] != p['physical']]
    assert len(low) == 1 and int(low[0]['physical'], 16) < 0xa0000
    purposes = {s['purpose'] for s in crash['segments']}
    assert purposes == {'kernel', 'initrd', 'boot_params', 'elfcorehdr', 'backup', 'purgatory'}


def test_list_moves_every_page_of_every_segment(living, loaded):
    found = loaded['kexec_image']
    wanted = set()
    for segment in found['segments']:
        wanted |= set(range(*span(segment), 4096))
    answer = parse_stream(living.sections['entries'])[0]
    assert answer['error'] is None
    entries = answer['records']
    sources = [e for e in entries if e['meaning'] == 'SOURCE']
    assert {int(e['destination'], 16) for e in sources} == wanted
    assert len(sources) == found['list_sources'] == len(wanted)
    assert entries[-1]['meaning'] == 'DONE'
    assert entries[0]['meaning'] == 'INDIRECTION'
    assert [e['index'] for e in entries] == list(range(len(entries)))


def test_lab_dump_is_unchanged_by_looking(kmortem, kernel):
    """Both names are looked up; a kernel without an image for reboot is no error."""
    assert kmortem.json(lab_dump(kernel, 'sysrq').kdump, 'kexec -l -p')[0]['error'] is None
