#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In the initramfs, before it would go on to the real system. `kmortem kdump arm` puts kmortem.save on the command
# line where it loads an image that others made.
if [ -e /proc/vmcore ] && grep -qw kmortem.save /proc/cmdline; then
	mount -o remount,rw "$NEWROOT"
	for folder in proc sys dev run; do
		mount --rbind "/$folder" "$NEWROOT/$folder"
	done
	chroot "$NEWROOT" kmortem kdump save || echo "kmortem: the memory was not saved whole" > /dev/kmsg
	# What was saved is on the disk; a sync(2) might wait for ever for one that is not.
	reboot -f
fi
