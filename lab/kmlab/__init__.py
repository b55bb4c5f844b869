# SPDX-License-Identifier: GPL-2.0-or-later
"""The kmortem lab: boots real kernels in QEMU, kills them, keeps the dumps."""
