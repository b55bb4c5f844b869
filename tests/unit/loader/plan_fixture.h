/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small machine that a test writes, with files to load, and plans made on it. */
#ifndef KM_TEST_LOADER_PLAN_FIXTURE_H
#define KM_TEST_LOADER_PLAN_FIXTURE_H

#include "loader/loader.h"
#include "tree.h"
#include "kernels.h"

struct plan_fixture {
	struct test_tree tree;
	struct km_machine *machine;
	struct km_load_request request;
	struct km_load_plan *plan;
	struct km_refusals refusals;
	char kernel[64];
};

static const char pf_iomem[] = "00001000-0009fbff : System RAM\n"
			       "00100000-3fffffff : System RAM\n"
			       "  01000000-020fffff : Kernel code\n"
			       "  20000000-27ffffff : Crash kernel\n";

static inline void pf_put_kernel(struct plan_fixture *f, const void *bytes, size_t size)
{
	test_tree_put_bytes(&f->tree, "/kernel", bytes, size);
	snprintf(f->kernel, sizeof(f->kernel), "%s/kernel", f->tree.root);
	f->request.kernel = f->kernel;
}

static inline void pf_begin(struct plan_fixture *f)
{
	static u8 image[KERNEL_SIZE];

	memset(f, 0, sizeof(*f));
	test_tree_make(&f->tree);
	test_tree_put(&f->tree, "/proc/iomem", pf_iomem);
	test_tree_put(&f->tree, "/proc/cmdline",
		      "BOOT_IMAGE=/vmlinuz root=/dev/vda1 crashkernel=128M "
		      "dyndbg=\"file a +p\" quiet\n");
	test_tree_put(&f->tree, "/sys/kernel/kexec_loaded", "0\n");
	test_tree_put(&f->tree, "/sys/kernel/kexec_crash_loaded", "0\n");
	test_tree_put(&f->tree, "/sys/kernel/kexec_crash_size", "134217728\n");
	make_bzimage(image);
	pf_put_kernel(f, image, sizeof(image));
	f->request.mem_max = UINT64_MAX;
}

/* The machine as its files are now. */
static inline void pf_read(struct plan_fixture *f)
{
	if (f->machine)
		km_machine_free(f->machine);
	f->machine = NULL;
	assert_no_error(km_machine_read(f->tree.root, &f->machine));
}

static inline struct km_error *pf_plan(struct plan_fixture *f)
{
	pf_read(f);
	km_load_plan_free(f->plan);
	f->plan = NULL;
	return km_load_plan_make(f->machine, &f->request, NULL, &f->plan);
}

static inline void pf_free(struct plan_fixture *f)
{
	km_load_plan_free(f->plan);
	if (f->machine)
		km_machine_free(f->machine);
	km_refusals_free(&f->refusals);
	test_tree_remove(&f->tree);
}
#define auto_plan km_cleanup(pf_free) struct plan_fixture

static inline const struct km_segment *pf_segment(const struct plan_fixture *f,
						  enum km_segment_purpose purpose, size_t number)
{
	km_vec_for_each (&f->plan->segments, segment)
		if (segment->purpose == purpose && !number--)
			return segment;
	fail_msg("no such %s", km_segment_purpose_text(purpose));
	return NULL;
}

static inline bool pf_has_note(const struct plan_fixture *f, const char *part)
{
	km_vec_for_each (&f->plan->notes, note)
		if (strstr(*note, part))
			return true;
	return false;
}

#endif
