# SPDX-License-Identifier: GPL-2.0-or-later
"""Each machine of load_matrix.py by each system call on each kernel: what the second kernel is told of the
machine is what the first one knew, and the capture kernel comes up and shows who died. KMORTEM_VMCORES names a
folder that gets each case's /proc/vmcore (tests/peers/loads)."""
import os
import re

import pytest
from conftest import FULL, KERNELS, parse_stream
from load_matrix import CALLS, CONSOLE, CRASHKERNEL, MACHINES, run

CASES = [(kernel, machine, call) for kernel in KERNELS for machine in MACHINES for call in CALLS] if FULL else \
    [(KERNELS[-1], 'uefi', 'file')]


class Case:
    def __init__(self, series, machine, call):
        self.machine, self.call = machine, call
        self.options = MACHINES[machine]
        self.append = self.options.get('append', '')
        folder = os.environ.get('KMORTEM_VMCORES')
        name = f'{series}-{machine}-{call}'
        self.result = run(series, machine, call, os.path.join(folder, name) if folder else None)

    def said(self, name):
        assert name in self.result.sections, self.result.console[-3000:]
        return self.result.sections[name].strip()


@pytest.fixture(scope='module', params=CASES, ids='-'.join)
def case(request):
    return Case(*request.param)


def memory(text):
    """Bytes of all System RAM from 1 MiB on: what lies below is the firmware's to lend."""
    rows = [(int(a, 16), int(b, 16) + 1) for a, b in
            re.findall(r'^([0-9a-f]+)-([0-9a-f]+) : System RAM$', text, re.M)]
    return sum(b - max(a, 1 << 20) for a, b in rows if b > 1 << 20)


def test_second_kernel_has_its_command_line(case):
    assert case.said('load-1') == '' or case.call == 'file', case.said('load-1')
    assert case.said('cmdline-2').split() == \
        f'{CONSOLE} {CRASHKERNEL} {case.append} second=1'.split()


def test_second_kernel_knows_the_machine(case):
    assert int(case.said('cpus-2')) == int(case.said('cpus-1')) == case.options.get('cpus', 2)
    assert int(case.said('nodes-2')) == int(case.said('nodes-1')) == len(case.options.get('nodes', (1,)))
    assert case.said('efi-2') == case.said('efi-1')
    assert (case.said('efi-2') != 'none') == case.options.get('uefi', False)
    first, second = memory(case.said('ram-1')), memory(case.said('ram-2'))
    assert second == first
    if case.options.get('memory', 0) >= 4096:
        assert re.search(r'^1\d{8}-\w+ : System RAM', case.said('ram-2'), re.M)


def test_addresses_are_random_unless_told_not_to(case):
    texts = [case.said(f'text-{number}').split()[0] for number in (1, 2)]
    if case.append == 'nokaslr':
        assert texts == ['ffffffff81000000'] * 2
    else:
        assert len({*texts, 'ffffffff81000000'}) == 3


def test_images_were_loaded_by_the_call_that_was_asked_for(case):
    want = {'file': 'kexec_file_load', 'parts': 'kexec_load'}[case.call]
    for number, kind in ((1, 'reboot'), (2, 'crash')):
        images = parse_stream(case.said(f'images-{number}'))[0]['records']
        assert [image['system_call'] for image in images if image['type'] == kind] == [want]


def test_capture_kernel_comes_up(case):
    words = [word for word in case.said('cmdline-3').split() if not word.startswith('elfcorehdr=')]
    assert words == f'{CONSOLE} nr_cpus=1 {case.append} third=1'.split()


def test_its_vmcore_opens(case):
    text = case.said('bt')
    assert re.search(rf'^\s*CPUS: {case.options.get("cpus", 2)}$', text, re.M), text
    assert 'sysrq_handle_crash' in text


def test_our_purgatory_says_what_it_did(case):
    """It runs twice where kexec_load was asked for, and never where the kernel has its own."""
    held = case.result.console.count('kmortem: purgatory: SHA-256 holds for ')
    assert held == (2 if case.call == 'parts' else 0)
