# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel refuses, produced for real: lockdown, no reservation, not root (test_load.py has more: busy with
another load, kexec_load_disabled, a reservation too small). What needs firmware or policies that the lab has not (Secure Boot, IMA, kernels built without
kexec) is in tests/unit/loader/test_load.c, on machines that the test writes."""
import struct

import pytest
from conftest import FULL, KERNELS, PROGRAM
from guest import boot_guest, fetch_kernel
from test_load import TRY, causes, said

SCRIPT = TRY + '''
cat /sys/kernel/security/lockdown | section lockdown
try locked-parts kmortem load -c /vmlinuz
try locked-unsigned kmortem load -s /unsigned
try locked-changed kmortem load /changed
try locked-plan kmortem plan -c /vmlinuz
try locked-unload-parts kmortem unload -c
try no-reservation-file kmortem load -p -s /vmlinuz
try no-reservation-plan kmortem plan -p /vmlinuz
chmod 755 / /bin /lib /lib64 /lib/x86_64-linux-gnu 2> /dev/null
chmod 644 /vmlinuz
try not-root su nobody -s /bin/sh -c "/bin/kmortem load -s /vmlinuz"
try not-root-exec su nobody -s /bin/sh -c "/bin/kmortem exec"
try locked-foreign kmortem load -s /vmlinuz
'''


def unsigned(image):
    """The bzImage without its Authenticode signature: the directory entry is emptied."""
    data = bytearray(image)
    pe, = struct.unpack_from('<I', data, 0x3c)
    assert data[pe:pe + 4] == b'PE\0\0'
    entry = pe + 24 + 112 + 4 * 8
    assert struct.unpack_from('<II', data, entry)[1], 'the kernel of the lab is not signed'
    struct.pack_into('<II', data, entry, 0, 0)
    return bytes(data)


def changed(image):
    """The same length, signature kept, one byte of the payload another."""
    data = bytearray(image)
    data[len(data) // 2] ^= 1
    return bytes(data)


@pytest.fixture(scope='module', params=KERNELS if FULL else KERNELS[-1:])
def locked(request):
    _, kernel = fetch_kernel(request.param)
    with open(kernel.vmlinuz, 'rb') as file:
        image = file.read()
    return boot_guest(request.param, SCRIPT, with_kernel=True, programs=[PROGRAM], modules=(), memory=1024,
                      append='lockdown=integrity', deadline=400,
                      files={'unsigned': unsigned(image), 'changed': changed(image),
                             'etc/passwd': b'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n',
                             'etc/group': b'root:x:0:\nnogroup:x:65534:\n'})


def only(locked, section, code=1):
    """The one cause, and its cure."""
    text = said(locked, section, code)
    assert len(causes(text)) == 1, text
    cure, = [line[6:] for line in text.splitlines() if line.startswith('cure: ')]
    return causes(text)[0], cure


def test_lockdown_forbids_kexec_load(locked):
    assert '[integrity]' in locked.sections['lockdown']
    assert 'kexec_load: Operation not permitted' in locked.sections['locked-parts']
    assert only(locked, 'locked-parts') == (
        'the kernel is locked down (integrity, by its command line): kexec_load, which no signature covers, '
        'is forbidden',
        'load a signed bzImage with kexec_file_load (-s); unload with -s too')
    assert only(locked, 'locked-unload-parts')[0].startswith('the kernel is locked down (integrity')
    assert 'WILL BE REFUSED: the kernel is locked down' in said(locked, 'locked-plan', 0)


def test_lockdown_takes_what_is_signed_only(locked):
    assert only(locked, 'locked-unsigned') == (
        'the kernel is locked down (integrity, by its command line) and /unsigned has no signature',
        'load a kernel that the distribution or your own key has signed (sbsign)')
    cause, cure = only(locked, 'locked-changed')
    assert '/changed' in cause and 'mokutil --import' in cure
    # Debian's own signature: its key is in the firmware's lists, and this guest's firmware has none.
    assert only(locked, 'locked-foreign') == (
        'the kernel is locked down (integrity, by its command line) and none of its keys made the signature of '
        '/vmlinuz',
        'load a kernel of the same distribution, or enrol your key (mokutil --import) and reboot')


def test_no_reservation(locked):
    want = ('no memory is reserved for a crash kernel: crashkernel= is not on the command line',
            'add crashkernel=256M to the boot loader\'s command line and reboot; `kmortem kdump size` says what '
            'this machine needs')
    assert only(locked, 'no-reservation-file') == want
    text = locked.sections['no-reservation-plan']
    assert want[0] in text and want[1] in text


def test_not_root(locked):
    assert only(locked, 'not-root') == (
        'this user is not root: kexec needs CAP_SYS_BOOT', 'run it as root (sudo)')
    said(locked, 'not-root-exec', 1)
