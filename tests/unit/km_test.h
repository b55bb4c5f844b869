/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every unit test includes: cmocka with the headers that it wants before it. */
#ifndef KM_TEST_H
#define KM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/base.h"

/* Fails with the error's own words. */
#define assert_no_error(expr)                                                                      \
	do {                                                                                       \
		struct km_error *_e = (expr);                                                      \
		if (_e) {                                                                          \
			print_error("%s\n", _e->message);                                          \
			km_error_free(_e);                                                         \
			fail();                                                                    \
		}                                                                                  \
	} while (0)

/* There must be an error, and its text must contain PART. */
#define assert_error(expr, part)                                                                   \
	do {                                                                                       \
		struct km_error *_e = (expr);                                                      \
		assert_non_null(_e);                                                               \
		if (!strstr(_e->message, part)) {                                                  \
			print_error("'%s' is not in '%s'\n", part, _e->message);                   \
			km_error_free(_e);                                                         \
			fail();                                                                    \
		}                                                                                  \
		km_error_free(_e);                                                                 \
	} while (0)

#endif
