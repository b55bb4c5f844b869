# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps whose kallsyms, BTF and ORC tables were overwritten, and the kernel's own file beside them."""
import json
import os
import re
import struct
import subprocess

import pytest

from conftest import KERNELS, lab_dump

COMMANDS = 'sys -i; bt; ps; struct -o list_head; p init_task.comm; mod; foreach bt'
TABLES = {'kallsyms_token_index': 512, '__start_BTF': 24, '__start_orc_unwind_ip': 4096}


def vmlinuz_of(dump):
    with open(os.path.join(dump.folder, 'kernel.json'), encoding='utf-8') as file:
        return json.load(file)['kernel']['vmlinuz']


@pytest.fixture(scope='module')
def patches(kmortem, sysrq, tmp_path_factory):
    """One file of patches for each table, and one for all of them: as if something had written there."""
    text = kmortem.text(sysrq.elf, ';'.join(f'vtop {name}' for name in TABLES))
    places = re.findall(r'^[0-9a-f]{16}\s+([0-9a-f]+)\s*$', text, re.M)
    assert len(places) == len(TABLES)
    folder = tmp_path_factory.mktemp('patches')
    everything = ''
    for place, (name, size) in zip(places, TABLES.items()):
        lines = ''.join(f'physical {int(place, 16) + i:x} {i * 37 + 11 & 0xff:x}\n' for i in range(size))
        (folder / name).write_text(lines)
        everything += lines
    (folder / 'all').write_text(everything)
    return folder


def unpacked(vmlinuz, tmp_path):
    """The ELF in a vmlinuz, by the distribution's own programs."""
    with open(vmlinuz, 'rb') as file:
        image = file.read()
    offset, length = struct.unpack_from('<II', image, 0x248)
    payload = image[(image[0x1f1] + 1) * 512 + offset:][:length]
    program = {b'\xfd7zXZ': ['xz', '-dc'], b'\x28\xb5\x2f\xfd': ['zstd', '-dcq'],
               b'\x02\x21\x4c\x18': ['lz4', '-dcq']}
    argv = next(argv for magic, argv in program.items() if payload.startswith(magic))
    # Behind the stream stands the unpacked size, which is none of the programs' business.
    done = subprocess.run(argv, input=payload[:-4], stdout=subprocess.PIPE, check=True)
    path = tmp_path / 'vmlinux'
    path.write_bytes(done.stdout)
    return str(path)


@pytest.mark.parametrize('table', [*TABLES, 'all'])
def test_the_kernels_file_stands_in(kmortem, sysrq, patches, table):
    wanted = kmortem.text(sysrq.elf, COMMANDS)
    lost = kmortem.run('--patch', str(patches / table), sysrq.elf, '-c', COMMANDS)
    assert lost.stdout != wanted
    mended = kmortem.run('--patch', str(patches / table), vmlinuz_of(sysrq), sysrq.elf, '-c', COMMANDS)
    assert (mended.returncode, mended.stderr) == (0, '')
    assert mended.stdout == wanted
    assert f'KERNEL: {vmlinuz_of(sysrq)}' in kmortem.text(
        sysrq.elf, 'bt; sys', '--patch', str(patches / table), vmlinuz_of(sysrq))


def test_a_vmlinux_does_as_well(kmortem, sysrq, patches, tmp_path):
    vmlinux = unpacked(vmlinuz_of(sysrq), tmp_path)
    mended = kmortem.run('--patch', str(patches / 'all'), vmlinux, sysrq.elf, '-c', COMMANDS)
    assert (mended.returncode, mended.stderr) == (0, '')
    assert mended.stdout == kmortem.text(sysrq.elf, COMMANDS)


def test_another_kernels_file_is_refused(kmortem, sysrq, patches):
    other = lab_dump(next(name for name in KERNELS if name != sysrq.kernel), 'sysrq')
    for table in ('all', '__start_BTF'):
        done = kmortem.run('--patch', str(patches / table), vmlinuz_of(other), sysrq.elf, '-c', COMMANDS)
        assert 'is not the kernel of this dump' in done.stderr
        assert 'build ID' in done.stderr
        lost = kmortem.run('--patch', str(patches / table), sysrq.elf, '-c', COMMANDS)
        assert done.stdout == lost.stdout


def test_a_whole_dump_has_no_use_for_it(kmortem, sysrq, tmp_path):
    wanted = kmortem.text(sysrq.elf, COMMANDS)
    assert kmortem.text(vmlinuz_of(sysrq), COMMANDS, sysrq.elf) == wanted
    # What is not needed is not read: not even a file that is damaged behind its header.
    with open(vmlinuz_of(sysrq), 'rb') as file:
        head = file.read(8192)
    stump = tmp_path / 'vmlinuz'
    stump.write_bytes(head)
    assert kmortem.text(sysrq.elf, COMMANDS, str(stump)) == wanted


def test_a_damaged_file_is_named(kmortem, sysrq, patches, tmp_path):
    with open(vmlinuz_of(sysrq), 'rb') as file:
        image = file.read()
    for name, content in (('cut', image[:len(image) // 2]), ('none', b'MZ' + bytes(5000))):
        path = tmp_path / name
        path.write_bytes(content)
        done = kmortem.run('--patch', str(patches / 'all'), str(path), sysrq.elf, '-c', 'bt')
        assert done.returncode == 1 and str(path) in done.stderr


def test_two_kernels_are_one_too_many(kmortem, sysrq):
    done = kmortem.run(vmlinuz_of(sysrq), vmlinuz_of(sysrq), sysrq.elf, '-c', 'sys')
    assert done.returncode == 2 and 'name one' in done.stderr
