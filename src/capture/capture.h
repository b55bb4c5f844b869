/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room `capture`: which pages of a dead machine exist, which are worth saving, and saving them. */
#ifndef KM_CAPTURE_CAPTURE_H
#define KM_CAPTURE_CAPTURE_H

#include "capture/crypt.h"
#include "capture/dest.h"
#include "capture/dmesg.h"
#include "capture/filter.h"
#include "capture/options.h"
#include "capture/rearrange.h"
#include "capture/run.h"
#include "capture/stack_check.h"
#include "capture/stage.h"
#include "capture/summary.h"
#include "capture/verify.h"

#endif
