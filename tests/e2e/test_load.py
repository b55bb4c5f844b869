# SPDX-License-Identifier: GPL-2.0-or-later
"""Loading and starting kernels on real machines: a second kernel by kexec_file_load, a crash kernel in that
one, a panic, and the capture kernel's report; what is refused, and why; what is loaded stays loaded."""
import json
import struct

import pytest
from conftest import KERNELS, PROGRAM, parse_stream
from guest import boot_guest, capture_initramfs
from images import multiboot

CONSOLE = 'console=ttyS0,115200 rdinit=/init panic=1'

# Whatever goes wrong, the guest says its exit code and what it wrote; the test looks at both.
TRY = '''
try() {
	name=$1; shift
	{ "$@" 2>&1; echo "exit $?"; } | section "$name"
}
ln -s kmortem /bin/kexec
'''

FIRST = TRY + f'''
try status-empty kmortem status
try exec-empty kmortem exec
try no-kernel kmortem load
head -c 3000000 /vmlinuz > /truncated
try truncated kmortem load -l /truncated
try not-a-kernel kmortem load -l /bin/kmortem
try long-line kmortem load -l /vmlinuz --command-line="$(printf '%03000d' 0)"
try crash kexec -p /vmlinuz --initrd=/second --command-line="nr_cpus=1"
try kexec-status kexec -S
try kexec-status-l kexec -S -l
try exec-crash-only kmortem exec
truncate -s 400M /huge
truncate -s 64M /large
try huge-file kmortem load -p -s /vmlinuz --initrd=/huge
try huge-parts kmortem load -p -c /vmlinuz --initrd=/huge
try bad-option kexec --no-such-option
kmortem load -l /vmlinuz --command-line=first
try bad-truncated kmortem load -p /truncated
try bad-overlap kmortem load /overlap
try bad-wrap kmortem load /wrap
try bad-line kmortem load -l /vmlinuz --command-line="$(printf '%03000d' 0)"
try bad-modules kmortem load /multiboot $(for i in $(seq 16); do echo --module=/bin/section; done)
try still-loaded kmortem status --json
kmortem --json -c 'kexec -l' | section still-first
try debug kmortem load -l -d -i /vmlinuz --command-line=quiet
try unload-crash kexec -p -u
try region kexec --print-ckr-size
try mem-max kmortem load /vmlinuz --mem-max=0x10000000 --json
try unload kmortem unload -c
try status-unloaded kmortem status -l
try load kmortem load -s /vmlinuz --initrd=/second --initrd=/more \\
	--command-line="{CONSOLE} crashkernel=160M second=1"
# The lock is held while the kernel reads the initrd.
kmortem load -p -s /vmlinuz --initrd=/large &
tries=0
while [ $tries -lt 400 ] && kmortem unload -p > /tmp/busy 2>&1; do
	tries=$((tries + 1))
done
wait
{{ cat /tmp/busy; echo exit 1; }} | section busy
echo 1 > /proc/sys/kernel/kexec_load_disabled
try disabled-load kmortem load /vmlinuz
try disabled-unload kmortem unload
try status-loaded kmortem status -l
kmortem exec
'''
SECOND = TRY + '''
cat /proc/cmdline | section second-cmdline
cat /more | section second-more
try second-plan kmortem plan -p /vmlinuz --initrd=/capture --reuse-cmdline --append=third=1
try second-load kmortem load -p -s /vmlinuz --initrd=/capture --reuse-cmdline --append=third=1
echo c > /proc/sysrq-trigger
'''
CAPTURE = '''
cat /proc/cmdline | section capture-cmdline
kmortem /proc/vmcore -c bt 2>&1 | section bt
'''


def more_archive(text):
    """A cpio archive of one file, /more: as what a second --initrd brings."""
    def entry(name, data, mode):
        name = name.encode() + b'\0'
        head = b'070701' + b''.join(b'%08x' % v for v in (
            1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0))
        body = head + name
        body += b'\0' * (-len(body) % 4) + data
        return body + b'\0' * (-len(body) % 4)
    # An odd length: what follows or precedes must be padded by the loader.
    return entry('more', text, 0o100644) + entry('TRAILER!!!', b'', 0) + b'\0'


def elf(*loads):
    """A 64-bit ELF executable with PT_LOADs of (physical address, size) and 16 bytes each."""
    header = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 2, 62, 1, loads[0][0], 64, 0, 0, 64, 56,
                         len(loads), 0, 0, 0)
    rows = b''.join(struct.pack('<IIQQQQQQ', 1, 7, 4096, address, address, 16, size, 4096)
                    for address, size in loads)
    return (header + rows).ljust(4096 + 16, b'\0')


@pytest.fixture(scope='module', params=KERNELS)
def chain(request):
    series = request.param
    capture = capture_initramfs(series, CAPTURE, [PROGRAM])
    second = capture_initramfs(series, SECOND, [PROGRAM], files={'capture': capture}, with_kernel=True)
    return boot_guest(series, FIRST, with_kernel=True, programs=[PROGRAM],
                      files={'second': second, 'more': more_archive(b'came along\n'),
                             'overlap': elf((0x1000000, 0x3000), (0x1002fff, 0x1000)),
                             'wrap': elf((2 ** 64 - 0x1000, 0x2000)), 'multiboot': multiboot('multiboot')},
                      append='crashkernel=160M', memory=1024, deadline=300)


def said(result, section, code):
    """What a command wrote; it must have ended with CODE."""
    text, _, end = result.sections[section].rstrip().rpartition('exit ')
    assert end == str(code), result.sections[section]
    return text


def causes(text):
    """The lines with causes and cures: as many of the ones as of the others."""
    found = [line[7:] for line in text.splitlines() if line.startswith('cause: ')]
    assert len(found) == sum(line.startswith('cure: ') for line in text.splitlines()), text
    return found


def test_nothing_loaded_is_told(chain):
    assert 'FOR A PANIC (-p): not loaded' in said(chain, 'status-empty', 0)
    text = said(chain, 'exec-empty', 1)
    assert causes(text) == ['no kernel has been loaded']
    assert 'cure: load the kernel to start with -l first' in text


def test_bad_files_and_lines_are_told(chain):
    assert 'no kernel is named' in said(chain, 'no-kernel', 2)
    text = said(chain, 'truncated', 1)
    assert 'bzImage: truncated: its header promises ' in text and 'the file has 3000000' in text
    assert '/bin/kmortem: ELF: a program that runs under Linux, no kernel' in said(chain, 'not-a-kernel', 1)
    assert 'the command line has 3000 bytes; /vmlinuz takes 2047 at most' in said(chain, 'long-line', 2)
    assert 'kexec --help' in said(chain, 'bad-option', 1)


def test_status_has_the_exit_codes_of_kexec(chain):
    said(chain, 'crash', 0)
    assert said(chain, 'kexec-status', 1) == ''
    assert said(chain, 'kexec-status-l', 0) == ''
    assert 'TO BE STARTED (-l): loaded' in said(chain, 'status-loaded', 1)
    said(chain, 'status-unloaded', 0)


def test_crash_kernel_alone_is_not_started(chain):
    assert causes(said(chain, 'exec-crash-only', 1)) == [
        'only a crash kernel is loaded; it starts when this one panics, not by -e']


def test_too_large_for_the_reservation(chain):
    for section in ('huge-file', 'huge-parts'):
        text = said(chain, section, 1)
        assert 'KiB are missing' in text or 'MiB are missing' in text, text
        assert 'larger crashkernel=' in text


def test_bad_input_is_told(chain):
    for section, text in (
            ('bad-truncated', 'truncated: its header promises '),
            ('bad-overlap', 'the segment at 0x1002fff overlaps the one before it, which ends at 0x1003000'),
            ('bad-wrap', 'wraps around'),
            ('bad-modules', 'more than 16 segments; kexec_load takes no more')):
        assert text in said(chain, section, 1), section
    assert 'the command line has 3000 bytes' in said(chain, 'bad-line', 2)


def test_what_was_loaded_is_still_loaded(chain):
    """After all that did not fit, was damaged or had no meaning."""
    status = json.loads(said(chain, 'still-loaded', 1))['records'][0]
    assert status['crash_loaded'] and status['loaded']
    assert status['crash_size'] == 160 << 20
    image = parse_stream(chain.sections['still-first'])[0]['records'][0]
    assert image['boot_params']['command_line'] == 'first'


def test_busy_with_another_load(chain):
    assert 'Device or resource busy' in chain.sections['busy']
    assert causes(said(chain, 'busy', 1)) == [
        'the kernel is busy with another load, unload or change of kexec_crash_size']
    assert 'cure: try again when it is done (another kexec, kdump or systemd service)' in chain.sections['busy']


def test_switched_off_until_the_next_boot(chain):
    for section in ('disabled-load', 'disabled-unload'):
        text = said(chain, section, 1)
        assert causes(text) == [
            'kernel.kexec_load_disabled is 1: until the next boot nobody may load or unload a kernel']
        assert 'cure: reboot, and load before it is set (sysctl, a hardening profile' in text


def test_no_option_goes_unsaid(chain):
    text = said(chain, 'debug', 0)
    assert 'NOTE: -i: the purgatory of kexec_file_load is the kernel\'s own and always checks' in text
    assert ' SYSTEM CALL: kexec_file_load' in text and 'COMMAND LINE: quiet' in text


def test_region_and_unloading(chain):
    assert said(chain, 'region', 0) == f'{160 << 20}\n'
    said(chain, 'unload-crash', 0)
    said(chain, 'unload', 0)


def test_memory_limits_lead_to_kexec_load(chain):
    plan = json.loads(said(chain, 'mem-max', 0))['records'][0]
    assert plan['loaded'] and plan['call'] == 'kexec_load'
    assert plan['call_why'] == 'kexec_file_load knows no --mem-min and --mem-max'
    assert all(int(s['end'], 16) <= 0x10000001 for s in plan['segments'])


def test_second_kernel_has_its_line_and_both_archives(chain):
    said(chain, 'load', 0)
    assert chain.sections['second-cmdline'].strip() == f'{CONSOLE} crashkernel=160M second=1'
    assert chain.sections['second-more'].strip() == 'came along'


def test_capture_kernel_comes_up(chain):
    said(chain, 'second-load', 0)
    words = chain.sections['capture-cmdline'].split()
    assert [w for w in words if not w.startswith('elfcorehdr=')] == \
        f'{CONSOLE} second=1 third=1'.split()
    assert 'sysrq_handle_crash' in chain.sections['bt']


def test_plan_says_what_is_left(chain):
    text = said(chain, 'second-plan', 0)
    assert ' CRASHKERNEL: 160.0 MiB reserved, ' in text and ' MiB left to run in' in text
    assert f'COMMAND LINE: {CONSOLE} second=1 third=1' in text
    assert 'WILL BE REFUSED' not in text
