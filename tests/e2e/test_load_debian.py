# SPDX-License-Identifier: GPL-2.0-or-later
"""kmortem in the place of /sbin/kexec on a Debian with systemd: its own kdump-config loads the crash kernel, its
own kdump-tools save the dump after a panic, and `systemctl kexec` starts what was loaded (systemd's last act is
`/sbin/kexec -e`)."""
import os
import tempfile

import pytest
from conftest import FULL, KERNELS, PROGRAM
from guest import fetch_kernel
from kmlab import systemd

pytestmark = [pytest.mark.skipif(not FULL, reason='a Debian is bootstrapped and booted: make check-lab'),
              pytest.mark.skipif(os.geteuid() != 0, reason='debootstrap needs root')]

# kdump-config has initramfs-tools make its initramfs, which takes minutes in emulation: after the unloading the
# command that it recorded is run once more, not all of it.
SCRIPT = '''
release=$(uname -r)
try() {
	name=$1; shift
	{ "$@" 2>&1; echo "exit $?"; } | section "$name"
}
case $BOOT in
1)
	cp /opt/kmlab/bin/kmortem /usr/bin/kmortem
	dpkg-divert --quiet --local --rename --add /sbin/kexec
	ln -s /usr/bin/kmortem /sbin/kexec
	try load kdump-config load
	try status kdump-config status
	try show kdump-config show
	cat /sys/kernel/kexec_crash_loaded | section loaded
	try unload kdump-config unload
	cat /sys/kernel/kexec_crash_loaded | section unloaded
	try load-again sh /var/crash/kexec_cmd
	sync
	echo c > /proc/sysrq-trigger
	;;
2)
	ls /var/crash/* | section saved
	try dump kmortem /var/crash/*/dump.* -c bt
	try kexec kexec -l /boot/vmlinuz-$release --initrd=/boot/initrd.img-$release --reuse-cmdline --append=by=kexec
	try systemctl systemctl kexec
	;;
3)
	cat /proc/cmdline | section cmdline
	;;
esac
'''


@pytest.fixture(scope='module', params=KERNELS)
def debian(request):
    cache, kernel = fetch_kernel(request.param)
    with tempfile.TemporaryDirectory() as folder:
        return systemd.run(cache, kernel, systemd.Recipe(
            script=SCRIPT, programs=[PROGRAM], append='crashkernel=224M', deadline=2400), folder)


def said(debian, section, code=0):
    assert section in debian.sections, debian.console[-4000:]
    text, _, end = debian.sections[section].rstrip().rpartition('exit ')
    assert end == str(code), debian.sections[section]
    return text


def test_kdump_config_loads_and_unloads(debian):
    assert 'loaded kdump kernel' in said(debian, 'load')
    assert 'ready to kdump' in said(debian, 'status')
    assert '/sbin/kexec -p --command-line=' in said(debian, 'show')
    assert debian.sections['loaded'].strip() == '1'
    assert 'unloaded kdump kernel' in said(debian, 'unload')
    assert debian.sections['unloaded'].strip() == '0'
    said(debian, 'load-again')


def test_kdump_tools_save_the_dump(debian):
    assert 'dump.' in debian.sections.get('saved', ''), debian.console[-4000:]
    assert 'sysrq_handle_crash' in said(debian, 'dump')


def test_systemd_starts_the_loaded_kernel(debian):
    assert said(debian, 'kexec') == ''
    said(debian, 'systemctl')
    assert 'systemd-shutdown[1]: Rebooting with kexec.' in debian.console
    assert 'Starting new kernel' in debian.console
    assert debian.sections['cmdline'].split() == \
        'console=ttyS0,115200 panic=1 root=LABEL=kmlab-root crashkernel=224M by=kexec'.split()
