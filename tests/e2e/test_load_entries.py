# SPDX-License-Identifier: GPL-2.0-or-later
"""The older ways into a Linux kernel, one after the other in one guest: the 32-bit entry, real mode, and a bzImage
whose boot protocol knows no 64-bit entry."""
import struct

import pytest
from conftest import FULL, KERNELS, PROGRAM
from guest import boot_guest, capture_initramfs, fetch_kernel

pytestmark = pytest.mark.skipif(not FULL, reason='four kernels after each other: make check-lab')
CONSOLE = 'console=ttyS0,115200 rdinit=/init panic=1'


def load(kernel, options, number):
    """Shell that says what it was started with, and starts the next kernel."""
    return f'''
cat /proc/cmdline | section cmdline-{number}
cat /proc/iomem | grep 'System RAM' | section ram-{number}
kmortem plan {options} {kernel} --initrd=/next --command-line="{CONSOLE} kernel={number + 1}" 2>&1 | section plan-{number}
kmortem load {options} {kernel} --initrd=/next --command-line="{CONSOLE} kernel={number + 1}" 2>&1 | section load-{number}
kmortem exec
'''


def old(image):
    """The bzImage as one of protocol 2.11, which has no 64-bit entry."""
    data = bytearray(image)
    struct.pack_into('<H', data, 0x206, 0x20b)
    struct.pack_into('<H', data, 0x236, 0)
    return bytes(data)


@pytest.fixture(scope='module', params=KERNELS)
def chain(request):
    series = request.param
    _, kernel = fetch_kernel(series)
    with open(kernel.vmlinuz, 'rb') as file:
        image = old(file.read())
    last = capture_initramfs(series, "cat /proc/cmdline | section cmdline-4\ngrep 'System RAM' /proc/iomem | section ram-4\n")
    third = capture_initramfs(series, load('/old', '', 3), [PROGRAM], files={'next': last, 'old': image})
    second = capture_initramfs(series, load('/vmlinuz', '-c --real-mode', 2), [PROGRAM], files={'next': third},
                               with_kernel=True)
    return boot_guest(series, load('/vmlinuz', '-c --entry-32bit', 1), programs=[PROGRAM], files={'next': second},
                      with_kernel=True, modules=(), memory=1024, deadline=900)


@pytest.mark.parametrize('number,mode', [(1, '32-bit'), (2, 'real mode'), (3, '32-bit')])
def test_entry(chain, number, mode):
    assert chain.sections[f'load-{number}'].strip() == ''
    assert f', {mode}\n' in chain.sections[f'plan-{number}']
    assert chain.sections[f'cmdline-{number + 1}'].strip() == f'{CONSOLE} kernel={number + 1}'


def test_old_protocol_is_told(chain):
    assert 'TYPE: bzImage: ' in chain.sections['plan-3']
    assert 'SYSTEM CALL: kexec_load, ' in chain.sections['plan-3']


def test_memory_is_the_same_to_the_last(chain):
    """From 1 MiB on: below it the kernels keep different things."""
    def high(number):
        return [line for line in chain.sections[f'ram-{number}'].splitlines() if not line.strip().startswith('000')
                or line.strip().startswith('00100000')]
    assert high(4) == high(1)
