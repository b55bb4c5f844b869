/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room `base`: what every other room may use. Knows nothing of dumps or of Linux. */
#ifndef KM_BASE_BASE_H
#define KM_BASE_BASE_H

#include "base/types.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/reader.h"
#include "base/str.h"
#include "base/job.h"
#include "base/tree.h"

#endif
