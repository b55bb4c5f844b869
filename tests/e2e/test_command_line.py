# SPDX-License-Identifier: GPL-2.0-or-later
"""What the program does with what it is asked, and with files that are no dumps."""
import os
import random

import pytest

from conftest import parse_stream


def test_help_and_version_succeed(kmortem):
    for option in ('--help', '--version', '-h', '-V'):
        done = kmortem.run(option)
        assert done.returncode == 0 and done.stdout and not done.stderr


def test_what_has_no_meaning_is_a_usage_error(kmortem):
    for arguments in (['--no-such-option', 'x'], ['-c'], ['--kaslr', 'none', 'x']):
        done = kmortem.run(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr


@pytest.mark.parametrize('content', [b'', b'x', b'\x7fELF', b'KDUMP   ', b'makedumpfile\0' * 100,
                                     b'\x7fELF\x02\x01\x01' + b'\xff' * 200])
def test_a_file_that_is_no_dump_is_named(kmortem, tmp_path, content):
    path = tmp_path / 'not-a-dump'
    path.write_bytes(content)
    done = kmortem.run(str(path), '-c', 'sys')
    assert done.returncode == 3
    assert 'not-a-dump' in done.stderr and len(done.stderr.strip().splitlines()) <= 3


def test_a_missing_file_says_so(kmortem, tmp_path):
    done = kmortem.run(str(tmp_path / 'nowhere'), '-c', 'sys')
    assert done.returncode == 3
    assert 'No such file' in done.stderr


def test_noise_is_refused_or_opened_without_harm(kmortem, tmp_path):
    noise = random.Random(7)
    for size in (4096, 65536, 1 << 20):
        path = tmp_path / f'noise-{size}'
        path.write_bytes(noise.randbytes(size))
        assert kmortem.run(str(path), '-c', 'sys').returncode == 3


def test_unknown_command_gets_the_nearest(kmortem, sysrq):
    done = kmortem.run(sysrq.kdump, '-c', 'sysx; pss')
    assert done.returncode == 1
    assert 'did you mean sys?' in done.stderr and 'did you mean ps?' in done.stderr


def test_a_failing_command_does_not_stop_the_next(kmortem, sysrq):
    done = kmortem.run(sysrq.kdump, '-c', 'nonsense; sym _stext')
    assert done.returncode == 1
    assert '_stext' in done.stdout


def test_commands_from_file_and_standard_input_are_the_same(kmortem, sysrq, tmp_path):
    script = tmp_path / 'commands'
    script.write_text('# a comment\nsym _stext\nsys; mod\n')
    by_option = kmortem.run(sysrq.kdump, '-c', 'sym _stext', '-c', 'sys; mod')
    by_file = kmortem.run(sysrq.kdump, '-i', str(script))
    by_input = kmortem.run(sysrq.kdump, stdin=script.read_text())
    assert by_option.returncode == by_file.returncode == by_input.returncode == 0
    assert by_option.stdout == by_file.stdout == by_input.stdout != ''


def test_every_command_has_help_and_json(kmortem, sysrq):
    names = [r['name'] for r in kmortem.records(sysrq.kdump, 'help')]
    assert {'bt', 'foreach', 'help', 'log', 'mod', 'ps', 'set', 'sym', 'sys', 'task'} <= set(names)
    for name in names:
        text = kmortem.text(sysrq.kdump, f'help {name}')
        assert name in text and 'SYNOPSIS' in text


def test_every_unknown_option_is_refused(kmortem, sysrq):
    for name in (r['name'] for r in kmortem.records(sysrq.kdump, 'help')):
        done = kmortem.run('--json', sysrq.kdump, '-c', f'{name} -~')
        assert done.returncode == 1, name
        assert parse_stream(done.stdout)[0]['error'], name


def test_a_closed_pipe_ends_quietly(kmortem, sysrq):
    done = os.system(f"'{kmortem.program}' '{sysrq.kdump}' -c 'log; log; log' 2>&1 | head -n 1 "
                     "> /dev/null")
    assert done == 0


def test_a_truncated_dump_opens_and_says_what_is_missing(kmortem, sysrq, form, tmp_path):
    path = tmp_path / 'short'
    size = os.path.getsize(sysrq.path(form))
    # Sparse: the first 60 % copied, which has the headers and the kernel of an ELF of one RAM range.
    with open(sysrq.path(form), 'rb') as whole, open(path, 'wb') as short:
        left = size * 6 // 10
        while left:
            piece = whole.read(min(left, 1 << 20))
            short.write(piece)
            left -= len(piece)
    done = kmortem.run(str(path), '-c', 'sys')
    assert done.returncode in (0, 1, 3)
    assert 'cut' in done.stdout + done.stderr or 'truncated' in done.stdout + done.stderr
