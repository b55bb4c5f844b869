/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "image/image.h"
#include "service/size.h"

#define MIB ((u64)1 << 20)

enum { KERNEL_LIMIT = 256 << 20, UNPACKED_LIMIT = 512 << 20 };

void km_size_done(struct km_size *size)
{
	km_vec_free(&size->tries);
	km_vec_for_each (&size->notes, note)
		free(*note);
	km_vec_free(&size->notes);
}

struct measuring {
	struct km_rehearsal_request request; /* of all tries */
	struct km_size *size;
	char image[4096]; /* built by the first try; "": the machine has one */
	struct km_sys_names modules;
};

static struct km_error *copy_notes(const struct km_rehearsal *r, struct km_size *size)
{
	if (size->notes.count)
		return NULL;
	km_vec_for_each (&r->notes, note) {
		char **place = km_vec_push(&size->notes);

		if (!place || !(*place = strdup(*note)))
			return km_error_nomem();
	}
	return NULL;
}

static const char *text_of_failure(const struct km_rehearsal *r)
{
	km_vec_for_each (&r->steps, step)
		if (step->end == KM_REHEARSAL_FAIL)
			return step->text;
	return "";
}

static struct km_error *keep_parts(struct measuring *m, const struct km_rehearsal *r)
{
	struct km_size *size = m->size;

	snprintf(size->release, sizeof(size->release), "%s", r->release);
	size->memory = r->memory;
	size->cpus = r->cpus;
	size->measured = r->reserved;
	size->loaded = r->reserved - km_min(r->reserved, r->left);
	size->image = r->image_bytes;
	size->unpacked = r->unpacked_bytes;
	size->image_digest = r->image_digest;
	for (size_t i = 0; i < r->modules.count; i++)
		KM_TRY(km_sys_add_name(&m->modules, r->modules.data[i]));
	return NULL;
}

static struct km_error *one_try(struct measuring *m, u64 mebibytes, bool *ret_passed)
{
	km_auto_rehearsal struct km_rehearsal r = {0};
	struct km_size_try *made;
	char crashkernel[32];

	snprintf(crashkernel, sizeof(crashkernel), "%" PRIu64 "M", mebibytes);
	m->request.crashkernel = crashkernel;
	km_logf(m->request.log, KM_LOG_INFO, "a crash with %s reserved", crashkernel);
	KM_TRY(km_rehearse(&m->request, &r));
	*ret_passed = r.passed;
	made = km_vec_push(&m->size->tries);
	if (!made)
		return km_error_nomem();
	*made = (struct km_size_try){
		.reserved = r.reserved, .passed = r.passed, .seconds = r.seconds};
	snprintf(made->failed, sizeof(made->failed), "%s", r.failed);
	snprintf(made->text, sizeof(made->text), "%s", text_of_failure(&r));
	km_logf(m->request.log, KM_LOG_INFO, "%s: %s%s%s", crashkernel,
		r.passed ? "saved" : r.failed, r.passed ? "" : ": ", made->text);
	/* The steps before the crash kernel have nothing to do with how much it has. */
	if (!strcmp(r.failed, "prepare") || !strcmp(r.failed, "qemu") || !strcmp(r.failed, "boot"))
		return km_error_new(KM_ERROR_MISSING, "%s: %s", r.failed, made->text);
	KM_TRY(copy_notes(&r, m->size));
	return r.passed ? keep_parts(m, &r) : NULL;
}

/* More and more until one passes: *RET_HIGH did, *RET_LOW did not or was not tried. */
static struct km_error *find_one_that_passes(struct measuring *m, u64 *ret_low, u64 *ret_high)
{
	u64 mebibytes;
	bool passed = false;

	*ret_low = 0;
	for (mebibytes = KM_SIZE_FIRST_MIB; mebibytes <= KM_SIZE_LAST_MIB; mebibytes *= 2) {
		KM_TRY(one_try(m, mebibytes, &passed));
		if (passed) {
			*ret_high = mebibytes;
			return NULL;
		}
		*ret_low = mebibytes;
	}
	return km_error_new(
		KM_ERROR_MISSING,
		"the crash is not captured with %u MiB either (%s: %s): it is not for want of "
		"memory. kmortem kdump rehearse shows the console",
		KM_SIZE_LAST_MIB, m->size->tries.data[m->size->tries.count - 1].failed,
		m->size->tries.data[m->size->tries.count - 1].text);
}

static struct km_error *bisect(struct measuring *m)
{
	u64 low, high = 0;
	bool passed;

	KM_TRY(find_one_that_passes(m, &low, &high));
	while (high - low > KM_SIZE_STEP_MIB) {
		u64 middle = (low + high) / 2 / KM_SIZE_STEP_MIB * KM_SIZE_STEP_MIB;

		/* What the kernel and the image take as they are loaded is the least. */
		if (middle * MIB <= m->size->loaded)
			passed = false;
		else
			KM_TRY(one_try(m, middle, &passed));
		if (passed)
			high = middle;
		else
			low = middle;
	}
	return NULL;
}

/* Its own words say whether the kernel knows a form: ",cma" is in the table of the option's suffixes
 * (kernel/crash_reserve.c). */
static bool kernel_says(const struct km_tree *tree, const char *path, const char *word)
{
	km_auto_str struct km_str file = {0};
	km_auto_free u8 *unpacked = NULL;
	km_auto_error struct km_error *error = km_tree_read(tree, path, KERNEL_LIMIT, &file);
	struct km_packed packed;
	size_t size = 0;

	if (!error)
		error = km_packed_find((const u8 *)file.data, file.len, &packed);
	if (!error)
		error = km_unpack(packed.data, packed.size, UNPACKED_LIMIT, &unpacked, &size);
	return !error && unpacked && memmem(unpacked, size, word, strlen(word) + 1);
}

static struct km_error *sum_up(struct measuring *m, const struct km_tree *machine)
{
	struct km_size *size = m->size;
	u64 step = KM_SIZE_STEP_MIB * MIB, sum;

	KM_TRY(km_need_add(machine, &m->modules, size->memory, &size->added));
	sum = size->measured + size->added.map + size->added.headers + size->added.drivers;
	size->margin = km_max(sum / 10, step);
	size->total = (sum + size->margin + step - 1) / step * step;
	return NULL;
}

/* What all tries share is made once: the image, in a folder that is theirs. */
static struct km_error *measure(struct measuring *m, char *folder)
{
	km_auto_rehearsal struct km_rehearsal first = {0};
	km_cleanup(km_rehearsal_files_done) struct km_rehearsal_files files = {0};
	const struct km_tree here = {0};
	struct km_error *error;

	files.folder = strdup(folder);
	if (!files.folder)
		return km_error_nomem();
	m->request.crashkernel = "128M";
	error = km_rehearsal_prepare(&m->request, &first, &files);
	snprintf(m->image, sizeof(m->image), "%s/image", folder);
	if (!error && km_tree_exists(&here, m->image))
		m->request.image = m->image;
	m->size->takes_cma = !error && kernel_says(&here, files.kernel, ",cma");
	if (!error)
		error = bisect(m);
	km_rehearsal_remove(folder);
	return error ? error : sum_up(m, m->request.tree);
}

struct km_error *km_size_measure(const struct km_rehearsal_request *request, struct km_size *ret)
{
	struct measuring m = {.request = *request, .size = ret};
	const char *parent = getenv("TMPDIR");
	char folder[4000];
	struct km_error *error;

	*ret = (struct km_size){0};
	m.request.only_dump = true;
	m.request.folder = NULL;
	if (!m.request.memory)
		m.request.memory = 1024 * MIB;
	if (!m.request.capture_cpus)
		m.request.capture_cpus = 1;
	snprintf(folder, sizeof(folder), "%s/kmortem-size-XXXXXX", parent ? parent : "/var/tmp");
	if (!mkdtemp(folder))
		return km_error_os(errno, "%s", folder);
	error = measure(&m, folder);
	km_sys_names_free(&m.modules);
	return error;
}
