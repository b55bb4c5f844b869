/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbolic links on the way to a file of the tree, one by one. */
#ifndef KM_SERVICE_PATHS_H
#define KM_SERVICE_PATHS_H

#include "base/base.h"

enum { KM_PATH_SIZE = 4096 };

/*
 * Where PATH (absolute) leads once all its links are followed within the tree; what does not exist is
 * taken as it is written. ON_LINK (may be NULL) is told of each link on the way and what it says. The
 * error is for links in circles, and ON_LINK's own.
 */
struct km_error *km_path_resolve(const struct km_tree *tree, const char *path,
				 struct km_error *(*on_link)(void *data, const char *link,
							     const char *target),
				 void *data, char ret[KM_PATH_SIZE]) km_must_check;

#endif
