# SPDX-License-Identifier: GPL-2.0-or-later
"""Each option of kexec(8), on a machine that was recorded: what it comes to in the plan, what is said where it has
no meaning for the load at hand, or why it is refused. Nothing is loaded."""
import os
import re

import pytest
from conftest import KERNELS, ROOT, Kmortem
from guest import fetch_kernel

MACHINE = os.path.join(ROOT, 'tests', 'machines', 'debian-6.12-bios')
# (words, exit code, what must be printed). KERNEL, and files f and g of 5 and 3 bytes, are filled in.
OPTIONS = [
    ('-l', 0, r'FOR: a reboot \(-l\)'),
    ('--load', 0, r'FOR: a reboot \(-l\)'),
    ('-p', 0, r'FOR: a panic \(-p\)'),
    ('--load-panic', 0, r'CRASHKERNEL: 160.0 MiB reserved'),
    ('-t bzImage64', 0, r'TYPE: bzImage64'),
    ('--type=elf-x86_64', 1, r'ELF'),
    ('-t nothing', 2, r'nothing'),
    ('-a', 0, r'SYSTEM CALL: kexec_file_load'),
    ('--kexec-syscall-auto', 0, r'SYSTEM CALL: kexec_file_load'),
    ('-s', 0, r'SYSTEM CALL: kexec_file_load, .*: -s was given'),
    ('--kexec-file-syscall', 0, r'-s was given'),
    ('-c', 0, r'SYSTEM CALL: kexec_load, .*: -c was given'),
    ('--kexec-syscall', 0, r'-c was given'),
    ('-i', 0, r'NOTE: -i: the purgatory of kexec_file_load is the kernel\'s own'),
    ('--no-checks -c', 0, r'kernel .* \(not in the checksum\)'),
    ('-d', 0, r'SYSTEM CALL: kexec_file_load, flags 0xc'),
    ('--debug', 0, r'flags 0xc'),
    ('--command-line=one', 0, r'COMMAND LINE: one\n'),
    ('--append=two', 0, r'COMMAND LINE: two\n'),
    ('--command-line=one --append=two', 0, r'COMMAND LINE: one two\n'),
    ('--reuse-cmdline', 0, r'COMMAND LINE: console=ttyS0'),
    ('--reuse-cmdline -p', 0, r'COMMAND LINE: (?!.*crashkernel=)console=ttyS0'),
    ('--initrd=f', 0, r'initrd +5 of +4096 .*f\n'),
    ('--ramdisk=f', 0, r'initrd +5 of '),
    ('--initrd=f --initrd=g', 0, r'initrd +12 of '),
    ('--initrd=/no/such', 1, r'/no/such: No such file'),
    ('--reuseinitrd', 1, r'the running kernel has freed its initramfs'),
    ('--dtb=f', 0, r'kexec_file_load of x86_64 takes no device tree'),
    ('--module=f', 2, r'--module is for multiboot kernels; this one is a bzImage64'),
    ('--mem-min=0x8000000 -p', 0, r'SYSTEM CALL: kexec_load, .*--mem-min'),
    ('--mem-max=0x1fffffff', 0, r'kernel +\d+ of '),
    ('--mem-min=0x1000000 -s', 2, r'-s cannot be: kexec_file_load knows no --mem-min'),
    ('--mem-min=many', 2, r'--mem-min many: not a number'),
    ('--hotplug -p', 0, r'NOTE: --hotplug: '),
    ('--hotplug', 0, r'--hotplug is for -p'),
    ('--no-cma', 0, r'flags 0x14'),
    ('--no-cma -c', 0, r'--no-cma: kexec_load uses no CMA anyhow'),
    ('--entry=0x1000', 0, r'NOTE: --entry is for --load-jump-back-helper'),
    ('--load-preserve-context', 2, r'--load-preserve-context needs --mem-max'),
    ('--load-preserve-context --mem-max=0x20000000', 0, r'flags 0x2: .*(?s:.*)kept for the return'),
    ('--force-dtb', 2, r'--force-dtb is for arm64'),
    ('--load-live-update', 2, r'Xen'),
    ('--exec-live-update', 2, r'Xen'),
    ('--reset-vga', 0, r'NOTE: --reset-vga, --console-\* and --serial are for kexec_load\'s'),
    ('--reset-vga -c', 0, r'ENTRY: purgatory at'),
    ('--console-vga -c', 0, r'ENTRY: purgatory at'),
    ('--console-serial -c', 0, r'ENTRY: purgatory at'),
    ('--serial=ttyS1 --serial-baud=9600 -c', 0, r'ENTRY: purgatory at'),
    ('--serial=0x3f8 -c', 0, r'ENTRY: purgatory at'),
    ('--serial=ttyUSB0', 2, r'--serial ttyUSB0: not a number'),
    ('--serial-baud=1', 0, r'KERNEL'),
    ('--serial-baud=7', 2, r'divides 115200'),
    ('--elf32-core-headers -p', 0, r'kexec_file_load writes 64-bit core headers only'),
    ('--elf64-core-headers -p -c', 0, r'elfcorehdr'),
    ('--elf64-core-headers', 0, r'--elf64-core-headers is for -p'),
    ('--pass-memmap-cmdline -p', 0, r'memmap=exactmap memmap='),
    ('--pass-memmap-cmdline', 0, r'--pass-memmap-cmdline is for -p'),
    ('--noefi', 0, r'kexec_file_load hands on EFI by itself'),
    ('--reuse-video-type', 0, r'kexec_file_load hands on the screen by itself'),
    ('--real-mode', 0, r', real mode\n'),
    ('--entry-32bit', 0, r', 32-bit\n'),
    ('--entry-32bit --real-mode', 2, r'contradict each other'),
    ('--args-linux', 0, r'KERNEL'),
    ('--args-elf', 0, r'--args-elf and --args-none are for ELF files'),
    ('--args-none', 0, r'--args-elf and --args-none are for ELF files'),
    ('--on-mismatch=halt -c', 0, r'ENTRY: purgatory at'),
    ('--on-mismatch=dance', 2, r'halt or reset'),
]
# kexec(8)'s, x86_64's and general ones, that the table above or the tests below need not name again.
ELSEWHERE = {
    '-e': 'test_load.py, test_load_debian.py', '--exec': 'test_load.py', '-f': 'below', '--force': 'below',
    '-u': 'test_load.py', '--unload': 'test_load.py', '-S': 'below and test_load.py', '--status': 'below',
    '-x': 'below', '--no-ifdown': 'below', '-y': 'below', '--no-sync': 'below', '-h': 'below', '--help': 'below',
    '-v': 'below', '--version': 'below', '--load-jump-back-helper': 'below', '--print-ckr-size': 'test_load.py',
}
KEXEC_8 = '''
-d --debug -S --status -e --exec -f --force -h --help -i --no-checks -l --load -p --load-panic -s
--kexec-file-syscall -c --kexec-syscall -a --kexec-syscall-auto -t --type -u --unload -v --version -x --no-ifdown
-y --no-sync --mem-min --mem-max --entry --reuseinitrd --load-preserve-context --load-jump-back-helper
--print-ckr-size --hotplug --no-cma --force-dtb --append --command-line --reuse-cmdline --initrd --ramdisk --dtb
--module --reset-vga --serial --serial-baud --console-vga --console-serial --elf32-core-headers
--elf64-core-headers --pass-memmap-cmdline --noefi --reuse-video-type --real-mode --entry-32bit --args-elf
--args-linux --args-none
'''.split()


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('options')
    (folder / 'f').write_bytes(b'12345')
    (folder / 'g').write_bytes(b'123')
    return folder


def plan(files, words):
    _, kernel = fetch_kernel(KERNELS[-1])
    words = [re.sub(r'=([fg])$', lambda m: f'={files / m[1]}', word) for word in words.split()]
    done = Kmortem().run('plan', f'--root={MACHINE}', *words, kernel.vmlinuz)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize('words,code,text', OPTIONS, ids=[row[0] for row in OPTIONS])
def test_option(files, words, code, text):
    status, said = plan(files, words)
    assert status == code, said
    assert re.search(text, said), said


def test_every_option_of_kexec_has_its_test():
    named = {word.split('=')[0] for row in OPTIONS for word in row[0].split()}
    assert [word for word in KEXEC_8 if word not in named and word not in ELSEWHERE] == []


def test_memory_limits_are_kept(files):
    _, kernel = fetch_kernel(KERNELS[-1])
    done = Kmortem().run('plan', '--json', f'--root={MACHINE}', '--mem-min=0x8000000', '--mem-max=0x17ffffff',
                         kernel.vmlinuz)
    rows = re.findall(r'"start":"(0x[0-9a-f]+)","end":"(0x[0-9a-f]+)","size"', done.stdout)
    assert len(rows) >= 3, done.stdout
    assert all(0x8000000 <= int(a, 16) < int(b, 16) <= 0x18000000 for a, b in rows)


def kexec(tmp_path, *words):
    name = tmp_path / 'kexec'
    if not name.exists():
        name.symlink_to(os.path.join(ROOT, 'build', 'kmortem'))
    return Kmortem(str(name)).run(*words)


def test_help_and_version(tmp_path):
    for word in ('-h', '--help'):
        done = kexec(tmp_path, word)
        assert done.returncode == 0 and done.stdout.startswith('usage: kexec ')
        assert 'Exit status: 0 done; 1 not done (-S: loaded)' in done.stdout
        missing = [option for option in KEXEC_8 if option not in done.stdout and option != '--force-dtb']
        assert missing == []
    for word in ('-v', '--version'):
        done = kexec(tmp_path, word)
        assert done.returncode == 0 and re.match(r'kmortem \d+\.\d+\.\d+, called as kexec$', done.stdout)


@pytest.mark.skipif(os.geteuid() == 0, reason='as root it would be done')
def test_start_is_root_s_business(tmp_path):
    for words in (('-e', '-x', '-y'), ('--exec', '--no-ifdown', '--no-sync')):
        done = kexec(tmp_path, *words)
        assert done.returncode == 1 and 'cause: ' in done.stderr


def test_jump_back_helper():
    done = Kmortem().run('plan', f'--root={MACHINE}', '--load-jump-back-helper', '--entry=0x1000')
    assert done.returncode == 0 and 'then the kernel at 0x1000, 64-bit' in done.stdout
    done = Kmortem().run('plan', f'--root={MACHINE}', '--load-jump-back-helper')
    assert done.returncode == 2 and 'nothing to return to' in done.stderr


@pytest.mark.parametrize('crash,loaded', [(0, 0), (0, 1), (1, 0)])
def test_status_has_the_exit_codes_of_kexec(tmp_path, crash, loaded):
    """Of the image for a panic, as kexec has it; with -l of the other."""
    folder = tmp_path / 'sys' / 'kernel'
    folder.mkdir(parents=True)
    (folder / 'kexec_crash_loaded').write_text(f'{crash}\n')
    (folder / 'kexec_loaded').write_text(f'{loaded}\n')
    assert kexec(tmp_path, '-S', f'--root={tmp_path}').returncode == crash
    assert kexec(tmp_path, '-S', '-l', f'--root={tmp_path}').returncode == loaded
    assert kexec(tmp_path, '--status', '-p', f'--root={tmp_path}').returncode == crash
    (folder / 'kexec_crash_loaded').unlink()
    assert kexec(tmp_path, '-S', f'--root={tmp_path}').returncode == 255
