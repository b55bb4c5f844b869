/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The capture image: is it there, is it what would be built now, has it the drivers, was it tried? */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "service/check_private.h"

static void fix(struct km_check_item *item, enum km_check_fix how)
{
	if (item)
		item->fix = how;
}

/* An image that the configuration names is the owner's own: whether it is current is not ours to say. */
static void own_image(struct km_checking *c)
{
	if (c->has_image)
		km_check_add(c->report, "capture image", KM_CHECK_PASS, NULL,
			     "%s, which the configuration names, is taken as it is", c->image);
	else
		km_check_add(c->report, "capture image", KM_CHECK_FAIL,
			     "put the file there, or take its name out of the configuration",
			     "%s, which the configuration names, is not there", c->image);
}

void km_check_image(struct km_checking *c)
{
	const struct km_build_request request = {
		.tree = c->tree,
		.conf = c->conf,
		.release = c->release,
		.program = c->request->program,
	};
	km_auto_error struct km_error *error = NULL;
	km_auto_str struct km_str path = {0};

	km_build_path(c->release, &path);
	snprintf(c->image, sizeof(c->image), "%s",
		 c->conf->image ? c->conf->image
		 : path.data	? path.data
				: "");
	c->has_image = km_tree_exists(c->tree, c->image);
	error = km_build_plan(&request, &c->build);
	if (!error) {
		error = km_build_archive(&request, &c->build);
		c->has_build = !error;
	}
	if (c->conf->image) {
		own_image(c);
		return;
	}
	if (error) {
		km_check_add(c->report, "capture image", KM_CHECK_FAIL,
			     "mend that, then: kmortem kdump arm", "it cannot be built: %s",
			     error->message);
		return;
	}
	if (!c->has_image)
		fix(km_check_add(c->report, "capture image", KM_CHECK_FAIL,
				 "kmortem kdump build (or arm, which builds it)", "%s is not built",
				 c->image),
		    KM_FIX_BUILD);
	else if (!km_build_is_current(c->tree, c->image, &c->build))
		fix(km_check_add(
			    c->report, "capture image", KM_CHECK_FAIL,
			    "kmortem kdump arm builds and loads it anew",
			    "%s is older than its parts: configuration, modules, programs or the "
			    "target's device have changed since",
			    c->image),
		    KM_FIX_BUILD);
	else
		km_check_add(c->report, "capture image", KM_CHECK_PASS, NULL,
			     "%s is what would be built now", c->image);
}

/* ---- drivers ------------------------------------------------------------------------------------------- */

/* Parts of md and dm may be within md_mod or dm_mod. */
static bool is_part(const char *driver)
{
	return !strncmp(driver, "md-", 3) || !strncmp(driver, "dm-", 3) ||
	       !strncmp(driver, "dm_", 3) || !strncmp(driver, "md_", 3);
}

static bool is_omitted(const struct km_conf *conf, const char *driver)
{
	for (size_t i = 0; i < conf->omit_modules.count; i++)
		if (!strcmp(conf->omit_modules.data[i], driver))
			return true;
	return false;
}

static struct km_error *missing_drivers(struct km_checking *c, unsigned *ret)
{
	km_cleanup(km_boot_modules_closep) struct km_boot_modules *modules = NULL;
	bool found;

	*ret = 0;
	KM_TRY(km_boot_modules_open(c->tree, c->release, &modules));
	for (size_t i = 0; i < c->build.drivers.count; i++) {
		const char *driver = c->build.drivers.data[i];

		if (is_omitted(c->conf, driver)) {
			km_check_add(
				c->report, "drivers", KM_CHECK_FAIL,
				"take it out of omit_modules (or dracut_args) in the configuration",
				"%s, which drives the target, is left out of the image by the "
				"configuration",
				driver);
			(*ret)++;
			continue;
		}
		KM_TRY(km_boot_modules_add(modules, driver, &found));
		if (found || is_part(driver))
			continue;
		km_check_add(c->report, "drivers", KM_CHECK_FAIL,
			     "install the package that has it (or build the kernel with it)",
			     "%s drives the target now, but the kernel %s has no such module",
			     driver, c->release);
		(*ret)++;
	}
	km_vec_for_each (&c->build.plan.targets, target) {
		char alias[64];
		bool other = false;

		if (target->kind != KM_PLAN_DIRECTORY)
			continue;
		snprintf(alias, sizeof(alias), "fs-%.50s", target->fstype);
		KM_TRY(km_boot_modules_add(modules, alias, &found));
		KM_TRY(km_boot_modules_add(modules, target->fstype, &other));
		if (found || other)
			continue;
		km_check_add(c->report, "drivers", KM_CHECK_FAIL,
			     "choose a target with a file system that the kernel has",
			     "the kernel %s has no %s, neither built in nor as a module",
			     c->release, target->fstype);
		(*ret)++;
	}
	return NULL;
}

void km_check_drivers(struct km_checking *c)
{
	km_auto_error struct km_error *error = NULL;
	unsigned missing;

	if (!c->has_build || c->conf->image)
		return;
	error = missing_drivers(c, &missing);
	if (error)
		km_check_add(c->report, "drivers", KM_CHECK_WARN, "install the kernel's modules",
			     "%s", error->message);
	else if (!missing)
		km_check_add(c->report, "drivers", KM_CHECK_PASS, NULL,
			     "%zu modules in the image drive the target and its file system",
			     c->build.modules.count);
	/* Other than what was found above, it is nothing that stops a dump. */
	for (size_t i = 0; i < c->build.notes.count; i++)
		if (!strstr(c->build.notes.data[i], "has no module") &&
		    !strstr(c->build.notes.data[i], "has no file system"))
			km_check_add(c->report, "capture image", KM_CHECK_WARN,
				     "see kmortem-kdump(8)", "%s", c->build.notes.data[i]);
}

/* ---- the rehearsal -------------------------------------------------------------------------------------- */

void km_check_rehearsed(struct km_checking *c)
{
	struct km_rehearsal_record record;
	char day[32] = "";
	time_t when;

	if (!km_rehearsal_record_read(c->tree, &record)) {
		km_check_add(c->report, "rehearsal", KM_CHECK_WARN, "kmortem kdump rehearse",
			     "a crash was never rehearsed: that all works is not proved");
		return;
	}
	when = (time_t)record.time;
	strftime(day, sizeof(day), "%Y-%m-%d", gmtime(&when));
	if (!record.passed)
		km_check_add(c->report, "rehearsal", KM_CHECK_FAIL,
			     "kmortem kdump rehearse shows the console; mend the step",
			     "the last rehearsal (%s) failed at %s: %s", day, record.failed,
			     record.why);
	else if (strcmp(record.release, c->release) ||
		 (c->has_image && record.image_digest != km_rehearsal_digest(c->tree, c->image)))
		km_check_add(c->report, "rehearsal", KM_CHECK_WARN, "kmortem kdump rehearse",
			     "the last rehearsal that passed (%s) was of %s with another image",
			     day, record.release);
	else if (c->load.crash_size && record.reserved > c->load.crash_size)
		km_check_add(
			c->report, "rehearsal", KM_CHECK_WARN, "kmortem kdump rehearse",
			"the last rehearsal that passed (%s) had %llu MiB reserved, more than is now",
			day, (unsigned long long)(record.reserved >> 20));
	else
		km_check_add(c->report, "rehearsal", KM_CHECK_PASS, NULL,
			     "passed on %s with this kernel and image", day);
}
