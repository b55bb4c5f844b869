# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package on a machine with systemd: installed, enabled, restarted, killed, and told of."""
import glob
import json
import os
import shutil
import subprocess
import sys

import pytest

from conftest import FULL, KERNELS, ROOT

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import kernel as kernels, systemd  # noqa: E402
from kmlab.cache import Cache  # noqa: E402

SCRIPT = r'''
show() { kmortem kdump status --json 2>&1 | section $1; }
wait_for() { for i in $(seq 60); do eval "$1" && return; sleep 1; done; echo "$1" | section failed; }
case $BOOT in
1)
	dpkg -i /root/kmortem.deb 2>&1 | section dpkg
	systemctl is-enabled kmortem-kdump.service | section default
	systemctl enable --now kmortem-kdump.service kmortem-kdump-report.service kmortem-kdump-reload.path \
		2>&1 | section enable
	show first
	systemctl reboot
	;;
2)
	systemctl is-active kmortem-kdump.service | section active
	cat /sys/kernel/kexec_crash_loaded | section loaded
	show second
	echo 'keep 3' >> /etc/kmortem/kdump.conf
	wait_for 'kmortem kdump status > /dev/null'
	show reloaded
	systemctl stop kmortem-kdump.service
	cat /sys/kernel/kexec_crash_loaded | section stopped
	ls /var/lib/kmortem | section state
	systemctl start kmortem-kdump.service
	cat /sys/devices/system/memory/crash_hotplug 2> /dev/null | section hotplug
	udevadm test --action=offline /sys/devices/system/memory/memory1 2>&1 | section udev
	sync
	echo c > /proc/sysrq-trigger
	;;
3)
	show third
	journalctl -b -o cat -u kmortem-kdump-report.service | section journal
	kmortem report /var/crash/*/vmcore | section report
	bash -c '. /usr/share/bash-completion/completions/kmortem; COMP_WORDS=(kmortem kdump st); COMP_CWORD=2
		_kmortem; echo "${COMPREPLY[@]}"' 2>&1 | section completion
	man -w kmortem-kdump 2>&1 | section manual
	dpkg -P kmortem 2>&1 | section purge
	cat /sys/kernel/kexec_crash_loaded | section removed
	ls -d /var/lib/kmortem /etc/kmortem 2>&1 | section left
	;;
esac
'''


@pytest.fixture(scope='module')
def package():
    if not FULL:
        pytest.skip('KMORTEM_E2E=full: it builds a package and starts a guest three times')
    if os.geteuid() or not shutil.which('dh'):
        pytest.skip('needs root (debootstrap) and debhelper')
    subprocess.run([os.path.join(ROOT, 'scripts', 'make-deb')], check=True, stdout=subprocess.DEVNULL)
    found = [path for path in glob.glob(os.path.join(ROOT, 'build', 'deb', 'kmortem_*.deb'))]
    assert len(found) == 1
    return found[0]


def record(text):
    return json.loads(text)['records'][0]


@pytest.mark.parametrize('name', KERNELS)
def test_package_arms_saves_and_tells(tmp_path, package, name):
    cache = Cache()
    recipe = systemd.Recipe(script=SCRIPT, files={'root/kmortem.deb': package}, append='crashkernel=96M',
                            deadline=900)
    got = systemd.run(cache, kernels.fetch(cache, name), recipe, str(tmp_path), 'the package, installed')
    said = got.sections
    assert 'failed' not in said, said['failed'] + got.console[-3000:]
    # Installing alone changes nothing.
    assert said['default'].strip() == 'disabled', said['dpkg']
    assert record(said['first'])['state'] == 'armed'
    # A clean end leaves no mark; after the start it is armed again.
    second = record(said['second'])
    assert said['active'].strip() == 'active' and said['loaded'].strip() == '1'
    assert second['state'] == 'armed' and not second['unclean'] and not second['crash']
    assert record(said['reloaded'])['state'] == 'armed'
    assert said['stopped'].strip() == '0' and 'boot' not in said['state'].split()
    # Where the kernel keeps elfcorehdr up to date there is nothing to do.
    follows = said.get('hotplug', '').strip() == '1'
    assert ('kmortem-kdump-reload' in said['udev']) != follows, said['udev']
    third = record(said['third'])
    assert third['state'] == 'armed' and not third['unclean']
    assert third['crash']['verdict'] == 'saved' and third['crash']['verified']
    assert 'sysrq triggered crash' in third['crash']['panic']
    assert third['crash']['folder'].startswith('/var/crash/')
    assert 'saved, verified' in said['journal'] and third['crash']['file'] in said['journal']
    assert 'sysrq' in said['report']
    assert said['completion'].split() == ['status']
    # Removing it unloads; purging takes state and configuration, never dumps.
    assert said['removed'].strip() == '0', said['purge']
    assert '/var/lib/kmortem\n' not in said['left'].replace("'", '')
