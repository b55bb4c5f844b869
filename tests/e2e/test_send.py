# SPDX-License-Identifier: GPL-2.0-or-later
"""What PID 1 does with targets on other machines, with servers of this one and no guest: what is sent is there,
and everything that may be wrong with the far end is told as what it is. test_crash_path.py has the same with a
crash before it."""
import os
import subprocess
import sys

import pytest

from conftest import FULL, ROOT

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import servers  # noqa: E402

SEND = os.path.join(ROOT, 'build', 'tests', 'tools', 'send')
FOLDER = 'lab-2026-01-01-00:00:00'
MIB = 8

pytestmark = pytest.mark.skipif(not os.access('/run', os.W_OK), reason='its stage is below /run')


def send(tmp_path, server, line):
    """{step: how it ended}; the files that the line names lie where the image would have them."""
    for name, data in server.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600)
    _, kind, source, _, path, options, _ = line.replace(servers.HOST, '127.0.0.1').split()
    options = options.replace('/etc/kmortem', str(tmp_path / 'etc/kmortem'))
    done = subprocess.run([SEND, kind, source, path.replace('%', ''), options, FOLDER, str(MIB)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, timeout=300, check=False)
    return dict(line.split(': ', 1) for line in done.stdout.splitlines()), done.returncode


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    monkeypatch.setattr(servers, 'HOST', '127.0.0.1')
    with servers.Ssh(str(tmp_path)) as server:
        yield server


@pytest.fixture
def https(tmp_path, monkeypatch):
    monkeypatch.setattr(servers, 'HOST', '127.0.0.1')
    with servers.Https(str(tmp_path)) as server:
        yield server


def test_ssh(tmp_path, ssh):
    told, code = send(tmp_path, ssh, ssh.target())
    assert code == 0 and set(told.values()) == {'done'}, told
    folder = os.path.join(ssh.store, FOLDER)
    assert os.path.getsize(os.path.join(folder, 'vmcore.flat')) == MIB << 20
    with open(os.path.join(folder, 'note.txt'), encoding='ascii') as file:
        assert file.read() == 'hello\n'
    # The same name once more is refused, and what is there stays.
    told, code = send(tmp_path, ssh, ssh.target())
    assert code == 1 and 'File exists' in told['open']
    assert os.path.getsize(os.path.join(folder, 'vmcore.flat')) == MIB << 20


def test_https(tmp_path, https):
    told, code = send(tmp_path, https, https.target())
    assert code == 0 and set(told.values()) == {'done'}, told
    stored = https.stored()
    assert os.path.getsize(stored[f'{FOLDER}/vmcore.flat']) == MIB << 20
    assert os.path.getsize(stored[f'{FOLDER}/note.txt']) == 6


@pytest.mark.parametrize('wrong,said', [
    ({'key': 'other'}, 'Permission denied'), ({'hosts': 'liars'}, 'verification failed')])
def test_ssh_keys(tmp_path, ssh, wrong, said):
    told, code = send(tmp_path, ssh, ssh.target(**wrong))
    assert code == 1 and said in told['open'] and not ssh.folders()


def test_certificate_of_another(tmp_path, https):
    told, code = send(tmp_path, https, https.target(signer='other'))
    assert code == 1 and 'certificate' in told['open'] and not https.stored()


@pytest.mark.parametrize('kind', ['ssh', 'https'])
def test_nobody_there(tmp_path, request, kind):
    server = request.getfixturevalue(kind)
    told, code = send(tmp_path, server, server.target(port=servers.free_port()))
    assert code == 1 and list(told) == ['open']


@pytest.mark.parametrize('kind', [servers.Ssh, servers.Https])
def test_full(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(servers, 'HOST', '127.0.0.1')
    with kind(str(tmp_path), most=4 << 20) as server:
        told, code = send(tmp_path, server, server.target())
        assert code == 1 and told['file'] == 'done'
        assert 'limit exceeded' in told['stream'] or '507' in told['stream']
        assert told['verify'] != 'done' and 'finish' not in told


@pytest.mark.skipif(not FULL, reason='waits 50 s for servers that are gone')
@pytest.mark.parametrize('kind', ['ssh', 'https'])
def test_gone_in_the_middle(tmp_path, request, kind):
    server = request.getfixturevalue(kind)
    cut = servers.Cut(server.port, 3 << 20)
    if kind == 'ssh':
        server.ports.append(cut.port)
    told, code = send(tmp_path, server, server.target(port=cut.port))
    cut.close()
    assert code == 1 and told['stream'] != 'done' and 'finish' not in told
