# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels of other types than bzImage, one started from the other in one guest: a unified kernel image by both
system calls, a packed vmlinux in a uImage, and a plain vmlinux as the capture kernel."""
import pytest
from conftest import FULL, KERNELS, PROGRAM
from guest import boot_guest, capture_initramfs
from images import packed, uimage, uki, vmlinux

CONSOLE = 'console=ttyS0,115200 rdinit=/init panic=1'

LOAD_UKI = '''
ls /tmp | section tmp-before
kmortem plan /uki 2>&1 | section plan-uki
kmortem load %s /uki --append=by=append 2>&1 | section load-uki
ls /tmp | section tmp-after
kmortem exec
'''
# In the UKI's initramfs. Its own command line has no crashkernel=.
LOAD_WRAPPED = f'''
cat /proc/cmdline | section cmdline-uki
kmortem load /wrapped --initrd=/third --command-line="{CONSOLE} crashkernel=192M third=1" 2>&1 |
	section load-wrapped
kmortem exec
'''
LOAD_VMLINUX = f'''
cat /proc/cmdline | section cmdline-wrapped
gunzip -c /vmlinux.gz > /vmlinux
kmortem load -p /vmlinux --initrd=/capture --command-line="{CONSOLE} nr_cpus=1" 2>&1 | section load-vmlinux
echo c > /proc/sysrq-trigger
'''
CAPTURE = '''
cat /proc/cmdline | section cmdline-capture
kmortem /proc/vmcore -c bt 2>&1 | section bt
'''
CASES = [(kernel, call) for kernel in KERNELS for call in ('-s', '-c')] if FULL else \
    [(KERNELS[-1], '-s')]


@pytest.fixture(scope='module', params=CASES, ids=lambda case: ''.join(case))
def chain(request):
    series, call = request.param
    elf = packed(vmlinux(series), 'gzip', '-1c')
    capture = capture_initramfs(series, CAPTURE, [PROGRAM])
    third = capture_initramfs(series, LOAD_VMLINUX, [PROGRAM],
                              files={'capture': capture, 'vmlinux.gz': elf})
    second = capture_initramfs(series, LOAD_WRAPPED, [PROGRAM],
                               files={'third': third, 'wrapped': uimage(elf, packing=1)})
    result = boot_guest(series, LOAD_UKI % call, programs=[PROGRAM], memory=1536, deadline=400,
                        files={'uki': uki(series, f'{CONSOLE} own=1', second)})
    result.call = call
    return result


def test_uki_brings_its_line_and_initramfs(chain):
    assert chain.sections['load-uki'].strip() == ''
    assert chain.sections['cmdline-uki'].strip() == f'{CONSOLE} own=1 by=append'


def test_uki_leaves_nothing_behind(chain):
    assert chain.sections['tmp-after'] == chain.sections['tmp-before']


def test_uki_is_explained(chain):
    plan = chain.sections['plan-uki']
    assert 'TYPE: bzImage64: a PE file with a section .linux, in it HdrS, boot protocol 2.15' in plan
    assert f'COMMAND LINE: {CONSOLE} own=1\n' in plan
    assert "the image's .initrd" in plan


def test_packed_vmlinux_in_a_uimage(chain):
    assert chain.sections['load-wrapped'].strip() == ''
    assert chain.sections['cmdline-wrapped'].strip() == f'{CONSOLE} crashkernel=192M third=1'


def test_vmlinux_as_capture_kernel(chain):
    """It is linked to 16 MiB and runs in the reservation."""
    assert chain.sections['load-vmlinux'].strip() == ''
    words = chain.sections['cmdline-capture'].split()
    assert words[:-1] == f'{CONSOLE} nr_cpus=1'.split() and words[-1].startswith('elfcorehdr=')
    assert 'sysrq_handle_crash' in chain.sections['bt']
