/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan in the making, over a machine that was recorded or that the test writes. */
#ifndef KM_TEST_LOADER_BUILD_FIXTURE_H
#define KM_TEST_LOADER_BUILD_FIXTURE_H

#include "loader/build.h"
#include "tree.h"

#define MACHINES KM_TEST_SOURCE_ROOT "/tests/machines/"

struct build_fixture {
	struct km_machine *machine;
	struct km_load_request request;
	struct km_load_plan plan;
	struct km_load_build build;
};

static inline void bf_begin(struct build_fixture *f, const char *root, enum km_load_target target)
{
	memset(f, 0, sizeof(*f));
	assert_no_error(km_machine_read(root, &f->machine));
	f->request.target = target;
	f->request.mem_max = UINT64_MAX;
	f->build = (struct km_load_build){
		.machine = f->machine, .request = &f->request, .plan = &f->plan};
}

static inline void bf_free(struct build_fixture *f)
{
	km_vec_for_each (&f->plan.segments, segment) {
		free(segment->source);
		free(segment->owned);
	}
	km_vec_for_each (&f->plan.notes, note)
		free(*note);
	km_vec_free(&f->plan.segments);
	km_vec_free(&f->plan.notes);
	km_vec_free(&f->plan.map);
	km_vec_free(&f->build.holes.ranges);
	km_str_free(&f->build.cmdline);
	if (f->machine)
		km_machine_free(f->machine);
}
#define auto_build km_cleanup(bf_free) struct build_fixture

static inline const struct km_segment *bf_segment(const struct build_fixture *f,
						  enum km_segment_purpose purpose)
{
	km_vec_for_each (&f->plan.segments, segment)
		if (segment->purpose == purpose)
			return segment;
	fail_msg("no %s", km_segment_purpose_text(purpose));
	return NULL;
}

/* "0000-0fff:1 …": the plan's map on one line. */
static inline const char *bf_map(const struct build_fixture *f)
{
	static char text[4096];
	size_t n = 0;

	text[0] = 0;
	km_vec_for_each (&f->plan.map, range)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%llx-%llx:%d", n ? " " : "",
				      (unsigned long long)range->start,
				      (unsigned long long)range->end - 1, (int)range->type);
	return text;
}

#endif
