/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sched.h>

#include "base/base.h"

struct km_pool {
	unsigned threads; /* the caller's included */
	unsigned started;
	pthread_t *ids;
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	bool stopping;
	atomic_bool busy; /* a run is under way: another one, or one within it, makes do without */
	u64 generation;	  /* counts the runs, so that a sleeper sees a new one */
	unsigned working; /* workers that have not finished this generation */
	void (*fn)(void *arg, size_t i);
	void *arg;
	size_t count;
	atomic_size_t next;
};

static unsigned usable_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return km_max((unsigned)CPU_COUNT(&set), 1u);
}

struct km_error *km_pool_new(unsigned threads, struct km_pool **ret)
{
	struct km_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return km_error_nomem();
	pool->threads = threads ? km_min(threads, 256u) : km_min(usable_cpus(), 256u);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->done, NULL);
	*ret = pool;
	return NULL;
}

void km_pool_free(struct km_pool *pool)
{
	unsigned i;

	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (i = 0; i < pool->started; i++)
		pthread_join(pool->ids[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_cond_destroy(&pool->done);
	pthread_mutex_destroy(&pool->lock);
	free(pool->ids);
	free(pool);
}

unsigned km_pool_threads(const struct km_pool *pool)
{
	return pool ? pool->threads : 1;
}

static void drain(struct km_pool *pool)
{
	size_t i;

	while ((i = atomic_fetch_add(&pool->next, 1)) < pool->count)
		pool->fn(pool->arg, i);
}

static void *worker(void *data)
{
	struct km_pool *pool = data;
	u64 seen = 0;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!pool->stopping && pool->generation == seen)
			pthread_cond_wait(&pool->work, &pool->lock);
		if (pool->stopping)
			break;
		seen = pool->generation;
		pthread_mutex_unlock(&pool->lock);
		drain(pool);
		pthread_mutex_lock(&pool->lock);
		if (--pool->working == 0)
			pthread_cond_signal(&pool->done);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Threads that cannot be had are done without: the caller's own always works. */
static void start_workers(struct km_pool *pool)
{
	if (pool->ids || pool->threads < 2)
		return;
	pool->ids = calloc(pool->threads - 1, sizeof(*pool->ids));
	if (!pool->ids)
		return;
	while (pool->started < pool->threads - 1) {
		if (pthread_create(&pool->ids[pool->started], NULL, worker, pool))
			break;
		pool->started++;
	}
}

void km_pool_run(struct km_pool *pool, size_t count, void (*fn)(void *arg, size_t i), void *arg)
{
	size_t i;

	if (!pool || pool->threads < 2 || count < 2 || atomic_exchange(&pool->busy, true)) {
		for (i = 0; i < count; i++)
			fn(arg, i);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	start_workers(pool);
	pool->fn = fn;
	pool->arg = arg;
	pool->count = count;
	atomic_store(&pool->next, 0);
	pool->working = pool->started;
	pool->generation++;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	drain(pool);
	pthread_mutex_lock(&pool->lock);
	while (pool->working)
		pthread_cond_wait(&pool->done, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	atomic_store(&pool->busy, false);
}
