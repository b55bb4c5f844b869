#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For an initramfs of dracut's that a crash kernel starts (directive `image` of kmortem-kdump.conf(5)): once the
# root is mounted, the kmortem that is installed there saves the memory, and the machine restarts.

check() {
	# Only where it is asked for: dracut --add kmortem.
	return 255
}

depends() {
	return 0
}

install() {
	inst_hook pre-pivot 99 "$moddir/kmortem-save.sh"
	inst_multiple mount chroot grep reboot
}
