/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's file, the memory that is reserved, whether it could be loaded, whether it is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/boot_argument.h"
#include "service/check_private.h"

#define MIB ((u64)1 << 20)

enum { LINE_LIMIT = 1 << 16 };

/* ---- the kernel's file ------------------------------------------------------------------------------- */

void km_check_kernel_image(struct km_checking *c)
{
	const char *named = c->conf->kernel;
	km_auto_error struct km_error *error = NULL;

	if (named && !km_tree_exists(c->tree, named))
		km_check_add(
			c->report, "kernel image", KM_CHECK_WARN,
			"put the file there, or take its name out of the configuration",
			"%s, which the configuration names, is not there: the kernel is looked for",
			named);
	if (named && km_tree_exists(c->tree, named)) {
		error = km_kernel_identify(c->tree, named, &c->kernel.identity);
		snprintf(c->kernel.path, sizeof(c->kernel.path), "%s", named);
		c->kernel.proven = true;
	} else {
		error = km_kernel_place_find(c->tree, c->release, &c->kernel);
	}
	c->has_kernel = !error;
	if (error)
		km_check_add(
			c->report, "kernel image", KM_CHECK_FAIL,
			"install the package of the kernel that runs, or boot one that is installed "
			"(or name its file in the configuration: kernel PATH)",
			"%s", error->message);
	else if (!c->kernel.proven)
		km_check_add(c->report, "kernel image", KM_CHECK_WARN,
			     "see that it is the one: its file says nothing of its release",
			     "%s is taken for %s by its name", c->kernel.path, c->release);
	else
		km_check_add(c->report, "kernel image", KM_CHECK_PASS, NULL, "%s (%s)",
			     c->kernel.path,
			     c->kernel.identity.is_signed ? "signed" : "not signed");
}

/* ---- the reservation ----------------------------------------------------------------------------------- */

static u64 unpacked_bytes(const struct km_checking *c)
{
	return c->has_build ? c->build.cpio.bytes.len : 0;
}

/* What is needed: measured, where `size` was run with this kernel and image. */
static void what_is_needed(struct km_checking *c, unsigned cpus, struct km_need *ret)
{
	struct km_size_record record;

	km_need_estimate(c->plan, unpacked_bytes(c), cpus, ret);
	if (!km_size_record_read(c->tree, &record) || strcmp(record.release, c->release) ||
	    !c->has_image || record.image_digest != km_rehearsal_digest(c->tree, c->image))
		return;
	ret->is_measured = true;
	ret->total = record.measured + record.added;
}

/* The cure for a reservation that is not there, or not enough. */
static void reserve(struct km_checking *c, u64 bytes, struct km_str *ret)
{
	char argument[64];

	snprintf(argument, sizeof(argument), "crashkernel=%" PRIu64 "M",
		 bytes ? (bytes + 8 * MIB - 1) / (8 * MIB) * 8 : 256);
	km_boot_argument_advice(c->tree, argument, ret);
	if (!bytes)
		km_str_add(ret, "\n(kmortem kdump size measures how much this machine needs)");
}

static void nothing_reserved(struct km_checking *c)
{
	km_auto_str struct km_str line = {0}, cure = {0};
	km_auto_error struct km_error *none =
		km_tree_read(c->tree, "/proc/cmdline", LINE_LIMIT, &line);
	char value[256];

	reserve(c, 0, &cure);
	if (none || !km_boot_argument_value(line.data ? line.data : "", "crashkernel", value,
					    sizeof(value)))
		km_check_add(c->report, "crashkernel", KM_CHECK_FAIL, cure.data,
			     "no memory is reserved: the kernel was started without crashkernel=");
	else
		km_check_add(
			c->report, "crashkernel", KM_CHECK_FAIL, cure.data,
			"no memory is reserved, though the command line has crashkernel=%s: no range "
			"of it fits this machine's memory, or there was no room for it (dmesg has "
			"\"crashkernel\")",
			value);
}

static void parts(const struct km_need *need, struct km_str *ret)
{
	if (need->is_measured) {
		km_str_addf(ret, "%" PRIu64 " MiB by a rehearsal on this machine",
			    need->total / MIB);
		return;
	}
	km_str_addf(ret,
		    "%" PRIu64 " MiB by estimate: %" PRIu64 " loaded and %" PRIu64
		    " unpacked (both measured), %" PRIu64 " to work in (not measured)",
		    need->total / MIB, need->loaded / MIB, need->unpacked / MIB, need->work / MIB);
	if (need->cpus)
		km_str_addf(ret, ", %" PRIu64 " for more CPUs", need->cpus / MIB);
}

void km_check_reservation(struct km_checking *c)
{
	km_auto_str struct km_str cure = {0}, text = {0};
	u64 reserved = c->load.crash_size;
	struct km_need need;
	u64 wanted;

	if (!reserved) {
		nothing_reserved(c);
		return;
	}
	what_is_needed(c, c->conf->cpus ? c->conf->cpus : 1, &need);
	if (!need.total) {
		km_check_add(c->report, "crashkernel", KM_CHECK_WARN,
			     "mend what is said of kernel image and loading first",
			     "%" PRIu64 " MiB are reserved; what is needed cannot be told",
			     reserved / MIB);
		return;
	}
	parts(&need, &text);
	wanted = need.total + need.total / 10;
	reserve(c, wanted, &cure);
	if (reserved < need.total)
		km_check_add(c->report, "crashkernel", KM_CHECK_FAIL, cure.data,
			     "%" PRIu64
			     " MiB are reserved, and %s are needed: the crash kernel will run "
			     "out of memory",
			     reserved / MIB, text.data ? text.data : "");
	else if (reserved < wanted)
		km_check_add(c->report, "crashkernel", KM_CHECK_WARN, cure.data,
			     "%" PRIu64
			     " MiB are reserved, and %s are needed: that is less than a tenth "
			     "to spare",
			     reserved / MIB, text.data ? text.data : "");
	else
		km_check_add(c->report, "crashkernel", KM_CHECK_PASS, NULL,
			     "%" PRIu64 " MiB are reserved; needed: %s", reserved / MIB,
			     text.data ? text.data : "");
}

/* ---- loading ---------------------------------------------------------------------------------------------- */

/* Who is not root is refused anything: that says nothing of the machine. */
static bool is_of_the_reader(const struct km_refusal *refusal)
{
	return strstr(refusal->cause, "CAP_SYS_BOOT") || strstr(refusal->cause, "user namespace");
}

static void refusals(struct km_checking *c, const struct km_refusals *found, unsigned *count)
{
	km_vec_for_each (&found->items, refusal) {
		/* What is loaded already is there for the next panic. */
		enum km_check_verdict verdict = is_of_the_reader(refusal) || c->load.crash_loaded
							? KM_CHECK_WARN
							: KM_CHECK_FAIL;

		km_check_add(c->report, "loading", verdict, refusal->cure, "%s", refusal->cause);
		(*count)++;
	}
}

static struct km_error *host_path(const struct km_tree *tree, const char *path, struct km_str *ret)
{
	km_str_addf(ret, "%s%s", km_tree_is_live(tree) ? "" : tree->root, path);
	return ret->failed ? km_error_nomem() : NULL;
}

/* The load that `arm` would do, planned. */
static struct km_error *make_plan(struct km_checking *c, struct km_refusals *why)
{
	km_auto_str struct km_str kernel = {0}, image = {0}, line = {0};
	struct km_load_request request = {
		.target = KM_LOAD_CRASH,
		.mem_max = UINT64_MAX,
	};
	const char *initrds[1];
	struct km_error *error;

	KM_TRY(host_path(c->tree, c->kernel.path, &kernel));
	KM_TRY(host_path(c->tree, c->image, &image));
	error = km_arm_command_line(c->tree, c->conf, 1, &line);
	/* A recorded machine may lack its command line: the load is planned without. */
	if (error && error->kind == KM_ERROR_NOMEM)
		return error;
	km_error_free(error);
	request.kernel = kernel.data;
	request.append = line.data;
	initrds[0] = image.data;
	if (c->has_image) {
		request.initrds = initrds;
		request.n_initrds = 1;
	}
	error = km_load_plan_make(c->machine, &request, NULL, &c->plan);
	if (error && error->kind != KM_ERROR_NOMEM) {
		struct km_error *other = km_load_foretell(c->machine, &request, error, why);

		if (other) {
			km_error_free(error);
			return other;
		}
	}
	return error;
}

void km_check_load(struct km_checking *c)
{
	struct km_refusals why = {0};
	km_auto_error struct km_error *error = NULL;
	unsigned count = 0;

	if (!c->machine || !c->has_kernel)
		return;
	error = make_plan(c, &why);
	if (c->plan)
		refusals(c, &c->plan->refusals, &count);
	refusals(c, &why, &count);
	km_refusals_free(&why);
	if (error && !count && c->load.crash_size)
		km_check_add(c->report, "loading", KM_CHECK_FAIL,
			     "kmortem plan -p shows what would be loaded where", "%s",
			     error->message);
	else if (!error && !count)
		km_check_add(c->report, "loading", KM_CHECK_PASS, NULL,
			     "nothing forbids it: lockdown, Secure Boot, signatures and "
			     "kernel.kexec_load_disabled were looked at");
}

/* ---- what is loaded ------------------------------------------------------------------------------------------ */

static void not_as_wished(struct km_checking *c, const char *text)
{
	struct km_check_item *item =
		km_check_add(c->report, "loaded", KM_CHECK_FAIL, "kmortem kdump arm", "%s", text);

	if (item)
		item->fix = KM_FIX_ARM;
}

static void compare_with_record(struct km_checking *c)
{
	km_auto_str struct km_str text = {0};
	km_auto_armed struct km_armed armed = {0};
	km_auto_error struct km_error *error =
		km_tree_read(c->tree, KM_ARMED_RECORD, LINE_LIMIT, &text);

	if (!error)
		error = km_armed_parse(text.data ? text.data : "", &armed);
	/* Another's may well save; but nothing here can promise that. */
	if (error)
		not_as_wished(
			c, "a crash kernel is loaded, but not by kmortem: what it will save, and "
			   "where, is not known");
	else if (c->has_build && armed.digest && armed.digest != c->build.digest)
		not_as_wished(
			c, "what is loaded is out of date: configuration, modules or the target's "
			   "device have changed since");
	else
		km_check_add(c->report, "loaded", KM_CHECK_PASS, NULL, "%s with %s, %u CPU%s",
			     armed.kernel, armed.image, armed.cpus, armed.cpus == 1 ? "" : "s");
}

void km_check_loaded(struct km_checking *c)
{
	if (c->load.crash_loaded)
		compare_with_record(c);
	else
		not_as_wished(c, "no crash kernel is loaded: a panic now leaves nothing");
}
