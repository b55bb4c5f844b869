/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room `service`: kdump. What the programs may include of it. */
#ifndef KM_SERVICE_SERVICE_H
#define KM_SERVICE_SERVICE_H

#include "service/arm.h"
#include "service/build.h"
#include "service/check.h"
#include "service/conf.h"
#include "service/identify.h"
#include "service/mounts.h"
#include "service/need.h"
#include "service/plan.h"
#include "service/raw.h"
#include "service/rehearse.h"
#include "service/result.h"
#include "service/retain.h"
#include "service/save.h"
#include "service/size.h"
#include "service/trigger.h"

/* PID 1 of the capture image (init.h). Returns only where it could not even begin. */
int km_service_init(void);

#endif
