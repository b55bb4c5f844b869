/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room `subsystem`: Linux's own objects as small plain structs: tasks, the message log, what the
 * system says of itself. With `kernel`'s own lists the only place that knows member names; each file
 * opens with the members that it resolves, newest spelling first.
 *
 * What cannot be read is a state of the field, not an error of the call. Snapshots belong to the
 * caller and borrow the kernel.
 */
#ifndef KM_SUBSYSTEM_SUBSYSTEM_H
#define KM_SUBSYSTEM_SUBSYSTEM_H

#include "kernel/kernel.h"
#include "subsystem/backtrace.h"
#include "subsystem/blame.h"
#include "subsystem/kimage.h"
#include "subsystem/device.h"
#include "subsystem/layout.h"
#include "subsystem/machine.h"
#include "subsystem/page.h"
#include "subsystem/page_kind.h"
#include "subsystem/path.h"
#include "subsystem/printk.h"
#include "subsystem/section.h"
#include "subsystem/signs.h"
#include "subsystem/slab.h"
#include "subsystem/slab_cache.h"
#include "subsystem/stack.h"
#include "subsystem/system.h"
#include "subsystem/task.h"
#include "subsystem/vma.h"
#include "subsystem/vmalloc.h"
#include "subsystem/walk.h"
#include "subsystem/zone.h"

#endif
