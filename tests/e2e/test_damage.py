# SPDX-License-Identifier: GPL-2.0-or-later
"""Damaged dumps: bytes that read differently (no copies are made), in the places that hurt. The
sanitized program must neither crash nor hang nor swallow memory; what it prints does not matter."""
import functools
import os
import random
import re
import resource
import struct
import subprocess

import pytest

from conftest import FULL, SANITIZED, Kmortem, lab_dump

COUNT = 2000 if FULL else 200
COMMANDS = 'sys; bt; bt -a; ps; foreach bt; mod; log; bt -F; sym _stext; task -R comm'
SECONDS = 10
# The address sanitizer keeps what was freed and shadows what is used; the plain program gets the
# limit that is promised.
PLAIN_LIMIT = 512 << 20
PLACES = ['header', 'page tables', 'task list', 'kallsyms', 'BTF', 'ORC', 'stacks', 'anywhere']
LOOK = ('kmem -s; kmem -S; kmem -v; kmem -i; kmem -f; kmem -n; kmem -z; kmem -V; kmem -h; dev; dev -i; dev -p; '
        'dev -d; kmem {object}; tree -t maple -r mm_struct.mm_mt {mm}; list task_struct.tasks -s task_struct.comm -h {task}')
OBJECTS = ['slab caches', 'slabs', 'struct page', 'vmap areas', 'zones', 'devices', 'maple tree']


class Places:
    """Physical ranges of a dump in which something lives."""

    def __init__(self, dump):
        kmortem = Kmortem()
        self.dump = dump
        self.segments = elf_loads(dump.elf)
        symbols = ['swapper_pg_dir', 'init_top_pgt', 'kallsyms_names', 'kallsyms_token_table',
                   'kallsyms_offsets', '__start_BTF', '__stop_BTF', '__start_orc_unwind',
                   '__start_orc_unwind_ip', '__stop_orc_unwind', '__stop_orc_unwind_ip', 'init_task']
        self.at = {}
        for answer in kmortem.json(dump.elf, '; '.join(f'sym {name}' for name in symbols
                                                       if self.known(kmortem, name))):
            for record in answer['records']:
                self.at[record['name']] = int(record['address'], 16)
        processes = kmortem.records(dump.elf, 'ps', 'process')
        self.tasks = [int(r['address'], 16) for r in processes]
        self.stacks = [int(r['stack'], 16) for r in processes if r['stack']]

    def known(self, kmortem, name):
        return kmortem.run(self.dump.elf, '-c', f'sym {name}').returncode == 0

    def physical(self, address):
        for vaddr, paddr, size in self.segments:
            if vaddr <= address < vaddr + size:
                return paddr + address - vaddr
        return self.walked(address)

    @functools.lru_cache(maxsize=None)
    def walked(self, address):
        """Through the page tables: stacks lie in vmalloc memory."""
        found = re.search(r'^VIRTUAL +PHYSICAL *\n[0-9a-f]+ +([0-9a-f]+)',
                          Kmortem().run(self.dump.elf, '-c', f'vtop {address & ~4095:x}').stdout, re.M)
        return int(found.group(1), 16) + (address & 4095) if found else None

    def choose(self, place, rng):
        """A physical address in PLACE, or None where this dump has no such place."""
        start, length = {
            'page tables': (self.at.get('init_top_pgt', self.at.get('swapper_pg_dir')), 4096 * 8),
            'task list': (rng.choice(self.tasks), 4096),
            'stacks': (rng.choice(self.stacks), 16384),
            'kallsyms': (rng.choice([self.at.get('kallsyms_names', 0),
                                     self.at.get('kallsyms_token_table', 0),
                                     self.at.get('kallsyms_offsets', 0)]), 2048),
            'BTF': (self.at.get('__start_BTF'), rng.choice([64, 1 << 20])),
            'ORC': (self.at.get(rng.choice(['__start_orc_unwind', '__start_orc_unwind_ip'])), 1 << 18),
        }[place]
        if not start:
            return None
        return self.physical(start + rng.randrange(length))


class Objects(Places):
    """Where the structures lie that commands on memory and devices walk."""

    def __init__(self, dump):
        super().__init__(dump)
        self.kmortem = Kmortem()
        self.of = {
            'slab caches': self.addresses('kmem -s', 'slab-cache', 'address'),
            'slabs': self.addresses('kmem -S', 'slab', 'memory'),
            'struct page': self.addresses('kmem -S', 'slab', 'page'),
            'vmap areas': self.addresses('kmem -v', 'vmap-area', 'address'),
            'zones': self.addresses('kmem -z', 'zone', 'address'),
            'devices': self.addresses('dev -d', 'disk', 'gendisk')
            + self.addresses('dev', 'char-device', 'cdev') + self.addresses('dev -i', 'resource', 'address')
            + self.addresses('dev -p', 'pci', 'address'),
        }
        user = next(r for r in self.kmortem.records(dump.elf, 'ps -u', 'process') if r['st'] != 'ZO')
        self.task = user['address']
        self.mm = self.field(f'struct task_struct.mm {self.task}')
        self.of['maple tree'] = [int(self.mm, 16)]

    def field(self, command):
        return re.search(r'= (0x[0-9a-f]+)', self.kmortem.run(self.dump.elf, '-c', command).stdout).group(1)

    def addresses(self, command, kind, field):
        return [int(r[field], 16) for r in self.kmortem.records(self.dump.elf, command, kind) if r[field]]

    def commands(self):
        return LOOK.format(object=f'{self.of["slabs"][0]:x}', mm=self.mm, task=self.task)

    def choose(self, place, rng):
        length = {'slabs': 4096, 'zones': 2048, 'maple tree': 128}.get(place, 64)
        return self.physical(rng.choice(self.of[place]) + rng.randrange(length))


def elf_loads(path):
    with open(path, 'rb') as file:
        header = file.read(64)
        phoff, = struct.unpack_from('<Q', header, 32)
        count, = struct.unpack_from('<H', header, 56)
        file.seek(phoff)
        rows = [struct.unpack('<IIQQQQQQ', file.read(56)) for _ in range(count)]
    return [(r[3], r[4], r[6]) for r in rows if r[0] == 1]


def patch_lines(places, rng, form, size, names=PLACES):
    place = rng.choice(names)
    lines = []
    for _ in range(rng.choice([1, 2, 8, 32])):
        value = rng.choice([0, 0xff, 0x7f, 0x80, rng.randrange(256)])
        if form == 'kdump' or place == 'header':
            limit = rng.choice([512, 8192, 65536]) if place == 'header' else size
            lines.append(f'file {rng.randrange(min(limit, size)):x} {value:x}')
        elif place == 'anywhere':
            start, paddr, length = rng.choice(places.segments)
            lines.append(f'physical {paddr + rng.randrange(length):x} {value:x}')
        else:
            at = places.choose(place, rng)
            if at is not None:
                lines.append(f'physical {at:x} {value:x}')
    return place, lines


def run_limited(program, *arguments):
    """(exit status or -signal, standard error's end, peak resident bytes)."""
    process = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60)),
                               env=dict(os.environ, UBSAN_OPTIONS='halt_on_error=1',
                                        ASAN_OPTIONS='allocator_may_return_null=1'))
    error = b''
    try:
        error = process.stderr.read()
    finally:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, error.decode(errors='replace')[-3000:], usage.ru_maxrss * 1024, \
        usage.ru_utime + usage.ru_stime


def damage(places, name, count, tmp_path, commands, names):
    """COUNT runs on damage of the places NAMES. Returns the most that the plain program took."""
    rng = random.Random(name)
    worst = 0
    for number in range(count):
        form = rng.choice(['elf', 'elf', 'kdump']) if names is PLACES else 'elf'
        path = places.dump.path(form)
        place, lines = patch_lines(places, rng, form, os.path.getsize(path), names)
        patch = tmp_path / f'patch-{number}'
        patch.write_text('\n'.join(lines) + '\n')
        # One in five runs unsanitized, to see the memory that it really takes.
        program = os.path.join(os.path.dirname(SANITIZED), '..', 'build', 'kmortem') \
            if number % 5 == 0 else SANITIZED
        status, error, peak, seconds = run_limited(program, '--patch', str(patch), path, '-c', commands)
        where = f'{name} {form} {place}, patch:\n' + '\n'.join(lines)
        assert status in (0, 1, 3), f'{where}\nended with {status}\n{error}'
        assert status != 3 or error.strip(), f'{where}\nrefused without a word'
        assert seconds < (SECONDS if program != SANITIZED else SECONDS * 3), f'{where}\ntook {seconds} s'
        if program != SANITIZED:
            worst = max(worst, peak)
            assert peak <= PLAIN_LIMIT, f'{where}\ntook {peak >> 20} MiB'
    return worst


@pytest.mark.parametrize('half', range(4))
def test_damaged_dumps_do_no_harm(kernel, half, tmp_path):
    dump = lab_dump(kernel, 'sysrq')
    assert damage(Places(dump), f'{kernel} {half}', COUNT // 8, tmp_path, COMMANDS, PLACES) > 0


def test_damaged_objects_do_no_harm(kernel, tmp_path):
    """Slabs, pages, areas, zones, devices and trees whose links and counts are wrong."""
    places = Objects(lab_dump(kernel, 'sysrq'))
    assert damage(places, f'{kernel} objects', COUNT // 8, tmp_path, places.commands(), OBJECTS) > 0
