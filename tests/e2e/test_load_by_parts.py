# SPDX-License-Identifier: GPL-2.0-or-later
"""kexec_load: the same crash image as Debian's kexec makes on the same guest, a capture kernel that comes up
through our own purgatory, and a purgatory that says what was overwritten."""
import os

import pytest
from conftest import FULL, KERNELS, PROGRAM, ROOT, parse_stream
from guest import boot_guest, build_module, capture_initramfs

CMDLINE = 'console=ttyS0,115200 rdinit=/init panic=1 nr_cpus=1'

# One guest does it all: Debian's image, ours in its place, a panic, and the capture kernel's report.
COMPARE = f'''
kexec -c -p /vmlinuz --initrd=/capture --command-line="{CMDLINE}" || exit 1
kmortem --json -c 'kexec -p' | section debian
kmortem load -c -p /vmlinuz --initrd=/capture --command-line="{CMDLINE}" --console-serial || exit 2
kmortem --json -c 'kexec -p' | section ours
echo c > /proc/sysrq-trigger
'''
CAPTURE = '''
kmortem /proc/vmcore -c 'bt' 2>&1 | section bt
cat /proc/cmdline | section cmdline
'''
MACHINES = {
    'bios': {'memory': 768},
    'uefi': {'memory': 768, 'uefi': True},
    'numa': {'memory': 4608, 'nodes': (2304, 2304)},
    'one-cpu': {'memory': 768, 'cpus': 1},
}
CASES = [(kernel, machine) for kernel in KERNELS for machine in MACHINES] if FULL else \
    [(KERNELS[-1], 'bios'), (KERNELS[0], 'uefi')]


@pytest.fixture(scope='module', params=CASES, ids=lambda case: '-'.join(case))
def compared(request):
    series, machine = request.param
    capture = capture_initramfs(series, CAPTURE, [PROGRAM])
    return boot_guest(series, COMPARE, with_kernel=True, files={'capture': capture}, tools=['kexec'],
                      programs=[PROGRAM], append='crashkernel=160M', **MACHINES[machine])


def image(result, section):
    answer = parse_stream(result.sections[section])[0]
    assert answer['error'] is None and answer['problems'] == []
    return answer['records'][0]


def test_same_segments_but_for_our_own(compared):
    """Kernel, initrd and backup lie at the same addresses; boot_params and elfcorehdr hold what is needed
    and no page more, the purgatory is another program, so the places between shift."""
    debian, ours = (image(compared, name) for name in ('debian', 'ours'))
    theirs = {s['purpose']: s for s in debian['segments']}
    own = {s['purpose']: s for s in ours['segments']}
    assert ours['system_call'] == debian['system_call'] == 'kexec_load'
    # kexec-tools adds segments for EFI's map and setup_data, which ours has in boot_params'.
    assert set(own) == set(theirs) - {'unknown'}
    assert len(own) == len(ours['segments']) == 6
    for purpose in ('backup', 'kernel', 'initrd'):
        assert (own[purpose]['start'], own[purpose]['end']) == \
            (theirs[purpose]['start'], theirs[purpose]['end']), purpose
    # The backup is filled by the purgatory: there is nothing to be copied at load.
    assert own['backup']['loaded_bytes'] == 0


def test_same_notes_and_loads(compared):
    debian, ours = (image(compared, name) for name in ('debian', 'ours'))
    assert ours['elfcorehdr'] == debian['elfcorehdr']


def test_same_memory_map(compared):
    """Every range is the same but those of the reservation: ours ends below elfcorehdr and backup, in whole
    pages; kexec-tools also gives away what is left of the backup's last page."""
    def split(record):
        rows = [(int(r['start'], 16), int(r['end'], 16), r['type'])
                for r in record['boot_params']['map']]
        reserved = [r for r in rows if r[2] == 1 and r[0] >= 1 << 20]
        return reserved, [r for r in rows if r not in reserved]

    debian, ours = (image(compared, name) for name in ('debian', 'ours'))
    headers = next(s for s in ours['segments'] if s['purpose'] == 'elfcorehdr')
    their_reservation, their_rest = split(debian)
    our_reservation, our_rest = split(ours)
    assert our_rest == their_rest
    assert our_reservation == [(their_reservation[0][0], int(headers['start'], 16), 1)]


def test_command_line_differs_by_what_boot_params_says(compared):
    """kexec-tools repeats the RSDP's address on the command line for kernels before 5.0; it is in
    boot_params of both."""
    debian, ours = (image(compared, name)['boot_params'] for name in ('debian', 'ours'))
    assert ours['acpi_rsdp'] == debian['acpi_rsdp']
    words = [w for w in debian['command_line'].split() if not w.startswith('acpi_rsdp=')]
    own = ours['command_line'].split()
    assert own[:-1] == words[:-1]
    assert own[-1].startswith('elfcorehdr=') and words[-1].startswith('elfcorehdr=')
    assert ours['efi'] == debian['efi']


def test_capture_kernel_comes_up_through_our_purgatory(compared):
    assert 'kmortem: purgatory: SHA-256 holds for 4 segments' in compared.console
    assert 'kmortem: purgatory: entering the new kernel at 0x' in compared.console
    assert ' elfcorehdr=' in compared.sections['cmdline']
    assert 'sysrq_handle_crash' in compared.sections['bt']


# ---- what was overwritten -------------------------------------------------------------------------------

SCRIBBLE = '''
kmortem load -c -p /vmlinuz --initrd=/capture --command-line="quiet" || exit 1
segment=$(kmortem --json -c 'kexec -p' | tr '{' '\\n' | grep '"purpose":"%s"' |
          sed 's/.*"start":"\\(0x[0-9a-f]*\\)".*/\\1/')
insmod /scribble.ko at=$((segment + %d)) || exit 2
echo c > /proc/sysrq-trigger
'''


@pytest.fixture(scope='module')
def scribble_module():
    return build_module(KERNELS[-1], os.path.join(ROOT, 'tests', 'e2e', 'scribble'), 'scribble')


def die_of(purpose, offset, scribble_module):
    """What the console says from the panic on, where the byte at OFFSET of a segment was turned over."""
    result = boot_guest(KERNELS[-1], SCRIBBLE % (purpose, offset), with_kernel=True, programs=[PROGRAM],
                        files={'capture': b'\x17' * 3000001, 'scribble.ko': scribble_module},
                        append='crashkernel=160M', deadline=120)
    assert 'is another now' in result.console
    tail = result.console[result.console.index('sysrq triggered crash'):]
    # The machine was booted with panic=1, so it is reset a second after it has said what is wrong.
    assert 'kmortem: purgatory: resetting the machine in 1 s' in tail
    assert 'Linux version' not in tail
    return tail


@pytest.mark.parametrize('purpose', ['initrd', 'kernel', 'elfcorehdr'] if FULL else ['initrd'])
def test_overwritten_segment_stops_in_the_purgatory(scribble_module, purpose):
    """A real stray write into reserved memory after the load."""
    tail = die_of(purpose, 100, scribble_module)
    assert f'kmortem: purgatory: the {purpose} at 0x' in tail
    assert 'is not what was loaded: it was overwritten' in tail
    assert tail.count('kmortem: purgatory: SHA-256') == 2


# In the purgatory's parameters: the fifth byte of the first region's address, which is then beyond memory.
REGION_ADDRESS = 64 + 96 + 4


def test_exception_in_the_purgatory_is_told(scribble_module):
    """The purgatory itself was overwritten: it reads where nothing is mapped, which is no silent reset."""
    tail = die_of('purgatory', REGION_ADDRESS, scribble_module)
    assert 'kmortem: purgatory: exception 14 (error 0x0) at 0x' in tail
    assert ', CR2 0xff' in tail
