/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes out of a kernel module what the capture kernel does not need, so that it needs less memory. */
#ifndef KM_SERVICE_MODULE_STRIP_H
#define KM_SERVICE_MODULE_STRIP_H

#include "base/base.h"

/*
 * Removes, in place, the sections that no loading needs (.BTF, .debug_*, .comment, …) and the signature
 * behind the file, which would not hold any more. Returns the new size; SIZE where the file is not what
 * it knows, which is then not changed.
 */
size_t km_module_strip(u8 *data, size_t size);

#endif
