# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps from the lab, and the built program run over them. KMORTEM_E2E=full takes every scenario and
2,000 damaged dumps; otherwise three scenarios and 200."""
import functools
import json
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FULL = os.environ.get('KMORTEM_E2E') == 'full'
KERNELS = os.environ.get('KMORTEM_KERNELS', '6.1 6.12').split()
PROGRAM = os.path.join(ROOT, 'build', 'kmortem')
SANITIZED = os.path.join(ROOT, 'build-sanitize', 'kmortem')

with open(os.path.join(ROOT, 'lab', 'scenarios.json'), encoding='utf-8') as _file:
    SCENARIOS = {row['name']: row for row in json.load(_file)['scenarios']}
SHORT = ['null', 'hardirq', 'sysrq']
CHOSEN = list(SCENARIOS) if FULL else SHORT


class Dump:
    """One folder of the lab: a dead kernel and what it said of itself just before."""

    def __init__(self, folder, kernel, scenario):
        self.folder = folder
        self.kernel = kernel
        self.scenario = SCENARIOS[scenario]
        self.elf = os.path.join(folder, 'vmcore.elf')
        self.kdump = os.path.join(folder, 'vmcore.kdump')
        with open(os.path.join(folder, 'truth.json'), encoding='utf-8') as file:
            self.truth = json.load(file)
        with open(os.path.join(folder, 'console.log'), encoding='utf-8', errors='replace') as file:
            self.console = file.read()

    def path(self, form):
        return self.elf if form == 'elf' else self.kdump


@functools.lru_cache(maxsize=None)
def lab_dump(kernel, scenario):
    done = subprocess.run([os.path.join(ROOT, 'lab', 'lab'), 'dump', kernel, scenario, '--elf'],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        pytest.fail(f'the lab could not make {kernel} {scenario}; its own words are above')
    return Dump(done.stdout.strip().splitlines()[-1], kernel, scenario)


class Kmortem:
    """Runs the program. json() yields one dict for each command; text() the standard output."""

    def __init__(self, program=PROGRAM):
        self.program = program

    def run(self, *arguments, stdin='', timeout=60, env=None):
        return subprocess.run([self.program, *arguments], input=stdin, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors='replace', check=False, env=dict(os.environ, **(env or {})))

    def text(self, dump, commands, *options):
        done = self.run(*options, dump, '-c', commands)
        assert done.returncode == 0, f'{commands}: exit {done.returncode}\n{done.stderr}'
        return done.stdout

    def json(self, dump, commands, *options):
        done = self.run('--json', *options, dump, '-c', commands)
        assert done.returncode == 0, f'{commands}: exit {done.returncode}\n{done.stderr}\n{done.stdout[-2000:]}'
        return parse_stream(done.stdout)

    def records(self, dump, command, kind=None):
        answer = self.json(dump, command)[0]
        assert answer['error'] is None
        return [r for r in answer['records'] if kind is None or r['kind'] == kind]


def unique_keys(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f'a name twice in one object: {sorted(keys)}'
    return dict(pairs)


def parse_stream(text):
    """The JSON objects of TEXT, one after the other."""
    decoder = json.JSONDecoder(object_pairs_hook=unique_keys)
    at, found = 0, []
    while at < len(text):
        while at < len(text) and text[at].isspace():
            at += 1
        if at < len(text):
            value, at = decoder.raw_decode(text, at)
            found.append(value)
    return found


@pytest.fixture(scope='session')
def kmortem():
    return Kmortem()


@pytest.fixture(scope='session', params=KERNELS)
def kernel(request):
    return request.param


@pytest.fixture(scope='session', params=CHOSEN)
def dump(request, kernel):
    return lab_dump(kernel, request.param)


@pytest.fixture(scope='session')
def sysrq(kernel):
    return lab_dump(kernel, 'sysrq')


@pytest.fixture(params=['elf', 'kdump'])
def form(request):
    return request.param
