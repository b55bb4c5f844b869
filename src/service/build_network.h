/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets on other machines: the way to them, and the files that the image needs to go it. */
#ifndef KM_SERVICE_BUILD_NETWORK_H
#define KM_SERVICE_BUILD_NETWORK_H

#include "service/build.h"

/* Adds the target FROM (KM_CONF_NFS, _SSH, _HTTPS) to the plan of BUILD, with the interface that leads
 * there; drivers go to DRIVERS. The error says what cannot be done. */
struct km_error *km_build_network_target(const struct km_build_request *request,
					 const struct km_conf_target *from, struct km_build *build,
					 struct km_sys_names *drivers) km_must_check;
/* Programs, keys and certificates of the plan's network targets, and who is who, into the archive. */
struct km_error *km_build_network_files(const struct km_build_request *request,
					struct km_build *build) km_must_check;

#endif
