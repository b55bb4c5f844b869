# SPDX-License-Identifier: GPL-2.0-or-later
"""Called kdump-config or kdumpctl, kmortem takes their verbs; unknown ones are refused with the nearest."""
import os
import subprocess

import pytest

from conftest import PROGRAM


def call(tmp_path, tool, *arguments):
    link = tmp_path / tool
    if not link.exists():
        os.symlink(PROGRAM, link)
    # Another machine's tree: nothing of this one is touched.
    return subprocess.run([link, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize('tool,verb', [('kdumpctl', 'status'), ('kdumpctl', 'showmem'), ('kdump-config', 'show'),
                                       ('kdump-config', 'status')])
def test_status(tmp_path, tool, verb):
    tree = tmp_path / 'tree'
    (tree / 'proc').mkdir(parents=True)
    (tree / 'proc/cmdline').write_text('ro\n', encoding='utf-8')
    (tree / 'proc/1').mkdir()
    (tree / 'proc/1/mountinfo').write_text('', encoding='utf-8')
    done = call(tmp_path, tool, verb, '--root', str(tree))
    assert 'RESERVED: nothing' in done.stdout, done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize('tool,verb,near', [('kdumpctl', 'strt', 'start'), ('kdump-config', 'lod', 'load'),
                                            ('kdump-config', 'unlod', 'unload')])
def test_the_nearest_verb(tmp_path, tool, verb, near):
    done = call(tmp_path, tool, verb)
    assert done.returncode == 2
    assert f'there is no verb {verb}: is {near} meant?' in done.stderr


@pytest.mark.parametrize('tool,verb,text', [('kdumpctl', 'reset-crashkernel', 'kdump check'),
                                            ('kdumpctl', 'get-default-crashkernel', 'kdump size'),
                                            ('kdump-config', 'propagate', 'ssh-copy-id')])
def test_what_has_no_meaning_says_what_does_it(tmp_path, tool, verb, text):
    done = call(tmp_path, tool, verb)
    assert done.returncode == 2 and text in done.stderr


@pytest.mark.parametrize('tool', ['kdumpctl', 'kdump-config'])
def test_help_lists_every_verb(tmp_path, tool):
    done = call(tmp_path, tool, 'help')
    assert done.returncode == 0
    assert 'kmortem kdump arm' in done.stdout and 'propagate' in done.stdout
    assert call(tmp_path, tool).returncode == 2
