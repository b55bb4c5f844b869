/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The short names of fixed-width integers, and the few macros that every file uses. */
#ifndef KM_BASE_TYPES_H
#define KM_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define KM_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define km_min(a, b)                                                                               \
	({                                                                                         \
		__typeof__(a) _min_a = (a);                                                        \
		__typeof__(b) _min_b = (b);                                                        \
		_min_a < _min_b ? _min_a : _min_b;                                                 \
	})

#define km_max(a, b)                                                                               \
	({                                                                                         \
		__typeof__(a) _max_a = (a);                                                        \
		__typeof__(b) _max_b = (b);                                                        \
		_max_a > _max_b ? _max_a : _max_b;                                                 \
	})

#define km_container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define km_likely(x)   __builtin_expect(!!(x), 1)
#define km_unlikely(x) __builtin_expect(!!(x), 0)

#define km_must_check   __attribute__((warn_unused_result))
#define km_printf(f, a) __attribute__((format(printf, f, a)))

#endif
