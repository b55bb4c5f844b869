# SPDX-License-Identifier: GPL-2.0-or-later
"""dev beside what the machine said of its devices just before it died."""
import re
import struct


def records(kmortem, dump, command, kind):
    return [record for record in kmortem.json(dump, command)[0]['records'] if record['kind'] == kind]


def test_registered_numbers_are_those_of_proc_devices(kmortem, sysrq):
    said = sysrq.truth['files']['proc/devices']
    chars, blocks = said.split('Block devices:')
    for text, kind in ((chars, 'char-device'), (blocks, 'block-device')):
        wanted = sorted((int(number), name) for number, name in re.findall(r'^ *(\d+) (.+)$', text, re.M))
        ours = sorted((row['major'], row['name']) for row in records(kmortem, sysrq.elf, 'dev', kind))
        assert wanted and ours == wanted
    operations = {row['name']: row['operations'] for row in records(kmortem, sysrq.elf, 'dev', 'char-device')}
    assert operations['mem'] == 'memory_fops' and operations['/dev/console'] == 'console_fops'
    assert operations['ttyS'] == 'tty_fops' and operations['misc'] == 'misc_fops'


def test_resources_are_those_of_proc_iomem(kmortem, sysrq):
    wanted = [(len(indent) // 2 + 1, int(start, 16), int(end, 16), name) for indent, start, end, name in
              re.findall(r'^( *)([0-9a-f]+)-([0-9a-f]+) : (.*)$', sysrq.truth['files']['proc/iomem'], re.M)]
    ours = [(row['depth'], int(row['start'], 16), int(row['end'], 16), row['name'])
            for row in records(kmortem, sysrq.elf, 'dev -i', 'resource') if not row['ports'] and row['depth']]
    assert len(wanted) > 20 and ours == wanted


def test_disks_are_those_of_proc_partitions(kmortem, sysrq):
    wanted = re.findall(r'^ *(\d+) +\d+ +\d+ (vd[a-z])$', sysrq.truth['files']['proc/partitions'], re.M)
    ours = records(kmortem, sysrq.elf, 'dev -d', 'disk')
    assert [(str(row['major']), row['name']) for row in ours] == wanted and wanted
    # Nothing was asked of them when the machine died.
    assert all((row['total'], row['reads'], row['writes']) == (0, 0, 0) for row in ours)
    assert records(kmortem, sysrq.elf, 'dev -D', 'disk') == []


def test_pci_devices_are_qemus(kmortem, sysrq):
    ours = records(kmortem, sysrq.elf, 'dev -p', 'pci')
    devices = {row['name']: (row['vendor'], row['device'], row['class'] >> 8) for row in ours
               if not row['is_bus']}
    assert [row['name'] for row in ours if row['is_bus']] == ['0000:00']
    assert devices['0000:00:00.0'] == (0x8086, 0x1237, 0x0600)  # the i440FX
    assert devices['0000:00:01.1'] == (0x8086, 0x7010, 0x0101)  # its IDE
    disks = [ids for ids in devices.values() if ids == (0x1af4, 0x1001, 0x0100)]
    assert len(disks) == len(records(kmortem, sysrq.elf, 'dev -d', 'disk'))


def second_cpu_note(path):
    """Offset of the header of the second NT_PRSTATUS in an ELF dump."""
    with open(path, 'rb') as file:
        header = file.read(64)
        at, = struct.unpack_from('<Q', header, 32)
        count, = struct.unpack_from('<H', header, 56)
        file.seek(at)
        for _ in range(count):
            kind, _, offset, _, _, size, _, _ = struct.unpack('<IIQQQQQQ', file.read(56))
            if kind == 4:
                break
        file.seek(offset)
        notes = file.read(size)
    at, found = 0, 0
    while at + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from('<III', notes, at)
        found += notes[at + 12:at + 16] == b'CORE' and kind == 1
        if found == 2:
            return offset + at, size
        at += 12 + (name_size + 3 & ~3) + (size + 3 & ~3)
    raise AssertionError('one CPU note only')


def test_device_dumps(kmortem, sysrq, tmp_path):
    """A driver's note is made of a CPU's: the lab's machines have no such driver."""
    assert 'no device dumps' in kmortem.run(sysrq.elf, '-c', 'dev -V').stderr
    note, size = second_cpu_note(sysrq.elf)
    name = b'kmtest_0000:00:02.0'.ljust(44, b'\0')
    bytes_there = struct.pack('<III', 6, size, 0x700) + b'LINUX\0\0\0' + name
    patch = tmp_path / 'patch'
    patch.write_text(''.join(f'file {note + i:x} {byte:x}\n' for i, byte in enumerate(bytes_there)))
    dump, = kmortem.json(sysrq.elf, 'dev -V', '--patch', str(patch))[0]['records']
    offset = note + 12 + 8 + 44
    assert (dump['index'], dump['offset'], dump['size'], dump['name']) == (
        0, offset, size - 44, 'kmtest_0000:00:02.0')
    with open(sysrq.elf, 'rb') as file:
        file.seek(offset)
        wanted = file.read(size - 44)
    target = tmp_path / 'device.bin'
    text = kmortem.text(sysrq.elf, f'dev -v 0 {target}', '--patch', str(patch))
    assert text == (f'DEVICE: kmtest_0000:00:02.0\n{size - 44} bytes copied from {offset:#x} to {target}\n')
    assert target.read_bytes() == wanted
    lines = kmortem.text(sysrq.elf, 'dev -v 0', '--patch', str(patch)).splitlines()
    words = re.findall(r'\b[0-9a-f]{16}\b', '\n'.join(line.split(':', 1)[1][:36] for line in lines[1:]))
    assert [int(word, 16) for word in words] == [
        int.from_bytes(wanted[at:at + 8], 'little') for at in range(0, len(wanted), 8)]
    done = kmortem.run('--patch', str(patch), sysrq.elf, '-c', f'dev -v 0 {target}; dev -v 1; dev -i -p')
    assert done.returncode == 1
    for words in ('File exists', 'no device dump 1', 'two questions'):
        assert words in done.stderr
