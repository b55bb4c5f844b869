/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scope cleanup by attribute: what a scope owns is released where the scope ends, on every path. */
#ifndef KM_BASE_CLEANUP_H
#define KM_BASE_CLEANUP_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define KM_CONCAT_(a, b) a##b
#define KM_CONCAT(a, b)  KM_CONCAT_(a, b)

#define km_cleanup(fn) __attribute__((cleanup(fn)))

/* Defines NAMEp(), which releases *p with FN unless it is NULL. */
#define KM_DEFINE_CLEANUP(type, fn)                                                                \
	static inline void fn##p(type *p)                                                          \
	{                                                                                          \
		if (*p)                                                                            \
			fn(*p);                                                                    \
	}

static inline void km_free_p(void *p)
{
	free(*(void **)p);
}
#define km_auto_free km_cleanup(km_free_p)

static inline void km_close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define km_auto_close km_cleanup(km_close_p)

static inline void km_unlock_p(pthread_mutex_t **m)
{
	if (*m)
		pthread_mutex_unlock(*m);
}
/* Holds MUTEX until the end of the enclosing scope. */
#define KM_LOCKED(mutex)                                                                           \
	km_cleanup(km_unlock_p) __attribute__((unused)) pthread_mutex_t *KM_CONCAT(_km_lock_, __LINE__) =     \
		({                                                                                 \
			pthread_mutex_lock(mutex);                                                 \
			(mutex);                                                                   \
		})

/* Hands ownership out of a cleaned-up variable: yields its value and leaves NULL behind. */
#define km_take(p)                                                                                 \
	({                                                                                         \
		__typeof__(p) _taken = (p);                                                        \
		(p) = NULL;                                                                        \
		_taken;                                                                            \
	})

#endif
