/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be mended without a restart. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/capture.h"
#include "service/check_private.h"

static struct km_error *write_text(const char *path, int flags, const char *text)
{
	km_auto_close int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);

	if (fd < 0 || !km_write_all(fd, text, strlen(text)))
		return km_error_os(errno, "%s", path);
	return NULL;
}

/* "kernel/panic_on_oops" is kernel.panic_on_oops in sysctl.d. */
static void dotted(const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "%s", name);
	for (char *c = buf; *c; c++)
		if (*c == '/')
			*c = '.';
}

static void tell(struct km_str *done, const char *what, struct km_error *error)
{
	if (error)
		km_str_addf(done, "%s: not done: %s\n", what, error->message);
	else
		km_str_addf(done, "%s: done\n", what);
	km_error_free(error);
}

static void set_sysctl(const struct km_check_item *item, struct km_str *file, struct km_str *done)
{
	char path[256], name[128], what[256], value[32];
	struct km_error *error;

	snprintf(path, sizeof(path), "/proc/sys/%s", item->fix_name);
	snprintf(value, sizeof(value), "%s\n", item->fix_value);
	dotted(item->fix_name, name, sizeof(name));
	snprintf(what, sizeof(what), "%s=%s", name, item->fix_value);
	error = write_text(path, 0, value);
	/* What this kernel or machine cannot do is not asked of it at the next start either. */
	if (!error)
		km_str_addf(file, "%s = %s\n", name, item->fix_value);
	tell(done, what, error);
}

/* The settings of an earlier --fix stay: those that are well now are not in REPORT any more. */
static struct km_error *keep_sysctls(const struct km_str *lines)
{
	static const char head[] = "# Written by `kmortem kdump check --fix`.\n";
	const struct km_tree here = {0};
	km_auto_str struct km_str text = {0};

	if (!lines->len)
		return NULL;
	if (lines->failed)
		return km_error_nomem();
	if (km_tree_exists(&here, KM_CHECK_SYSCTLS))
		KM_TRY(km_tree_read(&here, KM_CHECK_SYSCTLS, 1 << 20, &text));
	else
		km_str_add(&text, head);
	km_str_add_bytes(&text, lines->data, lines->len);
	if (text.failed)
		return km_error_nomem();
	if (mkdir("/etc/sysctl.d", 0755) && errno != EEXIST)
		return km_error_os(errno, "/etc/sysctl.d");
	return write_text(KM_CHECK_SYSCTLS, O_CREAT | O_TRUNC, text.data);
}

/* Arming builds what is not current. */
static struct km_error *arm(const struct km_check_request *request)
{
	const struct km_arm_request arm_request = {
		.tree = request->tree,
		.conf = request->conf,
		.release = request->release,
		.program = request->program,
	};
	km_auto_arm_result struct km_arm_result result = {0};
	struct km_error *error = km_arm(&arm_request, &result);

	if (error && result.refusals.items.count)
		return km_error_prefix(error, "%s (%s)", result.refusals.items.data[0].cause,
				       result.refusals.items.data[0].cure);
	return error;
}

struct km_error *km_check_fix(const struct km_check_request *request,
			      const struct km_check_report *report, struct km_str *ret_done)
{
	km_auto_str struct km_str lines = {0};
	bool wants_arm = false;

	if (!km_tree_is_live(request->tree))
		return km_error_new(KM_ERROR_USAGE, "--fix is for this machine itself, not for a "
						    "recorded one");
	km_vec_for_each (&report->items, item) {
		if (item->fix == KM_FIX_SYSCTL)
			set_sysctl(item, &lines, ret_done);
		wants_arm |= item->fix == KM_FIX_BUILD || item->fix == KM_FIX_ARM;
	}
	if (lines.len)
		tell(ret_done, KM_CHECK_SYSCTLS, keep_sysctls(&lines));
	if (wants_arm)
		tell(ret_done, "image built and crash kernel loaded", arm(request));
	return ret_done->failed ? km_error_nomem() : NULL;
}
