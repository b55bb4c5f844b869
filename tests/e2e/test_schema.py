# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/schema is what the program says of itself, and what the program writes is what docs/schema says."""
import json
import os
import re

import pytest

from conftest import ROOT, parse_stream

FOLDER = os.path.join(ROOT, 'docs', 'schema')

# For each command lines that show its kinds of record. A command that is not here is run alone.
LINES = {
    '*': ['* list_head', '* task_struct.pid,comm init_task'],
    'alias': ['alias', 'alias kp ps -k', 'alias px ""'],
    'ascii': ['ascii 62696c2f7273752f'],
    'bt': ['bt', 'bt -a', 'bt -f', 'bt -FF', 'bt -e', 'bt -t', 'bt -r 1'],
    'btop': ['btop 512a000'],
    'dev': ['dev', 'dev -i', 'dev -p', 'dev -d'],
    'dis': ['dis schedule 5', 'dis -r schedule+20'],
    'eval': ['eval 1 + 1'],
    'foreach': ['foreach bt', 'foreach ps -a'],
    'help': ['help', 'help bt', 'ps --help'],
    'kexec': ['kexec', 'kexec -v', 'kexec -p -e'],
    'kmem': ['kmem -i', 'kmem -s', 'kmem init_task', 'kmem -S task_struct', 'kmem -f', 'kmem -p 1000',
             'kmem -m flags,lru 1000', 'kmem -g', 'kmem -v', 'kmem -V', 'kmem -n', 'kmem -z', 'kmem -o',
             'kmem -h'],
    'list': ['list -H modules', 'list -H -o list_head.next modules'],
    'p': ['p init_task.comm', 'p init_task', 'p runqueues', 'p runqueues:0'],
    'ps': ['ps', 'ps -k', 'ps -t 1', 'ps -a 1', 'ps -p 1', 'ps -c 1', 'ps -r 1', 'ps -S', 'ps -g 1'],
    'ptob': ['ptob 512a'],
    'rd': ['rd init_task 8', 'rd -8 init_task 4', 'rd -a linux_banner', 'rd -s init_task 64'],
    'repeat': ['repeat quit'],
    'search': ['search -k -m ffffffff00000000 deadbeef'],
    'set': ['set', 'set -v', 'set radix', 'set -p'],
    'struct': ['struct list_head', 'struct task_struct init_task', 'struct -o list_head'],
    'sym': ['sym init_task', 'sym -q sched', 'sym -m kmlab', 'sym jiffies'],
    'sys': ['sys', 'sys -t', 'sys -c'],
    'task': ['task', 'task -R pid,comm 1'],
    'tree': ['tree -t xarray cgroup_hierarchy_idr', 'tree -t xarray -p cgroup_hierarchy_idr'],
    'union': ['union sigval'],
    'vtop': ['vtop init_task'],
    'whatis': ['whatis task_struct', 'whatis list_head', 'whatis init_task'],
}


class Checker:
    """The keywords of JSON Schema that our schemas use; any other is an error."""

    TYPES = {'object': dict, 'array': list, 'string': str, 'null': type(None), 'boolean': bool}

    def __init__(self, schema):
        self.root = schema

    def check(self, value, schema, where='$'):
        problems = []
        for keyword, rule in schema.items():
            if keyword in ('$schema', '$defs', 'title', 'description'):
                continue
            problems += getattr(self, 'key_' + keyword.strip('$'))(value, rule, schema, where)
        return problems

    def is_a(self, value, name):
        if name in ('integer', 'number'):
            kinds = int if name == 'integer' else (int, float)
            return isinstance(value, kinds) and not isinstance(value, bool)
        return isinstance(value, self.TYPES[name])

    def key_type(self, value, rule, _, where):
        names = [rule] if isinstance(rule, str) else rule
        if any(self.is_a(value, name) for name in names):
            return []
        return [f'{where}: {str(value)[:60]!r} is no {rule}']

    def key_const(self, value, rule, _, where):
        return [] if value == rule else [f'{where}: {value!r} is not {rule!r}']

    def key_pattern(self, value, rule, _, where):
        if not isinstance(value, str) or re.search(rule, value):
            return []
        return [f'{where}: {value!r} does not match {rule}']

    def key_minimum(self, value, rule, _, where):
        if not isinstance(value, int) or value >= rule:
            return []
        return [f'{where}: {value} is less than {rule}']

    def key_required(self, value, rule, _, where):
        if not isinstance(value, dict):
            return []
        return [f'{where}: {name} is missing' for name in rule if name not in value]

    def key_properties(self, value, rule, _, where):
        if not isinstance(value, dict):
            return []
        return [p for name, inner in rule.items() if name in value
                for p in self.check(value[name], inner, f'{where}.{name}')]

    def key_additionalProperties(self, value, rule, schema, where):
        assert rule is False
        if not isinstance(value, dict):
            return []
        return [f'{where}: {name} is not in the schema'
                for name in value if name not in schema['properties']]

    def key_items(self, value, rule, _, where):
        if not isinstance(value, list):
            return []
        return [p for i, item in enumerate(value) for p in self.check(item, rule, f'{where}[{i}]')]

    def key_ref(self, value, rule, _, where):
        assert rule.startswith('#/$defs/')
        return self.check(value, self.root['$defs'][rule[len('#/$defs/'):]], where)

    def key_allOf(self, value, rule, _, where):
        return [p for inner in rule for p in self.check(value, inner, where)]

    def key_anyOf(self, value, rule, _, where):
        tried = [self.check(value, inner, where) for inner in rule]
        return [] if not all(tried) else min(tried, key=len)

    def key_oneOf(self, value, rule, _, where):
        tried = [self.check(value, inner, where) for inner in rule]
        if sum(not problems for problems in tried) == 1:
            return []
        return min(tried, key=len) or [f'{where}: more than one of the shapes fit']


def schema_of(name):
    with open(os.path.join(FOLDER, ('star' if name == '*' else name) + '.json'),
              encoding='utf-8') as file:
        return json.load(file)


def test_files_are_what_the_program_says(kmortem):
    names = kmortem.run('schema').stdout.split()
    assert 'bt' in names and '*' in names
    wanted = {('star' if name == '*' else name) + '.json': kmortem.run('schema', name).stdout
              for name in names}
    assert sorted(os.listdir(FOLDER)) == sorted(wanted), 'make schema, and add the new files'
    for name, text in wanted.items():
        with open(os.path.join(FOLDER, name), encoding='utf-8') as file:
            assert file.read() == text, f'{name} is out of date: make schema'


def test_schema_of_nothing_is_refused(kmortem):
    for arguments in (['nosuch'], ['--nosuch'], ['bt', 'ps'], ['--write']):
        assert kmortem.run('schema', *arguments).returncode == 2
    assert kmortem.run('schema', '--write', '/no/such/folder').returncode == 1


def test_output_is_what_the_schema_says(kmortem, sysrq):
    names = kmortem.run('schema').stdout.split()
    found = []
    for name in names:
        schema = schema_of(name)
        for line in LINES.get(name, [name]):
            done = kmortem.run('--json', sysrq.kdump, '-c', line, timeout=120)
            answers = parse_stream(done.stdout)
            assert len(answers) == 1, line
            found += [f'{line}: {p}' for p in Checker(schema).check(answers[0], schema)[:5]]
            if name in LINES and answers[0]['error']:
                found.append(f"{line}: {answers[0]['error']}")
            elif name in LINES and not answers[0]['records'] and name != 'repeat':
                found.append(f'{line}: no records')
    assert not found, '\n'.join(found)


@pytest.mark.parametrize('spoil', [
    lambda r: r.pop('pid'), lambda r: r.update(pid='1'), lambda r: r.update(more=1),
    lambda r: r.update(address='ffff'), lambda r: r.update(kind='task'),
    lambda r: r.update(active=1), lambda r: r.update(pid=-1),
])
def test_the_checker_refuses_what_is_wrong(kmortem, sysrq, spoil):
    schema = schema_of('ps')
    answer = kmortem.json(sysrq.kdump, 'ps 1')[0]
    assert not Checker(schema).check(answer, schema)
    spoil(answer['records'][0])
    assert Checker(schema).check(answer, schema)
