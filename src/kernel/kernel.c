/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening and closing a kernel, and what was found on the way. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

/* How memory is made translatable, architecture by architecture. */
static const struct km_kernel_setup *const setups[] = {
	&km_kernel_setup_x86_64,
	&km_kernel_setup_arm64,
};

static void for_each_lock(struct km_kernel *k, void (*fn)(pthread_mutex_t *lock))
{
	pthread_mutex_t *const locks[] = {
		&k->findings_lock,	 &k->kallsyms_once.lock, &k->bounds_once.lock,
		&k->types_once.lock,	 &k->cpus_once.lock,	 &k->modules_once.lock,
		&k->orc_once.lock,	 &k->names.lock,	 &k->members_lock,
		&k->thread_size_once.lock, &k->file.once.lock,
	};

	for (size_t i = 0; i < KM_ARRAY_SIZE(locks); i++)
		fn(locks[i]);
}

static void init_lock(pthread_mutex_t *lock)
{
	pthread_mutex_init(lock, NULL);
}

static void destroy_lock(pthread_mutex_t *lock)
{
	pthread_mutex_destroy(lock);
}

/* The architecture that the user names, or the file, in this order. A raw image says nothing: then
 * each one that we know may try. */
static bool setup_fits(const struct km_kernel_setup *setup, const struct km_image_info *info,
		       const struct km_kernel_options *options)
{
	const struct km_arch *arch = km_arch_by_machine(setup->machine);

	if (options->machine)
		return arch == km_arch_by_name(options->machine);
	if (info->machine)
		return info->machine == setup->machine;
	/* QEMU writes "Unknown" into the header of a compressed dump of anything but x86. */
	if (!info->utsname_machine[0] || !strcmp(info->utsname_machine, "Unknown"))
		return true;
	return arch == km_arch_by_name(info->utsname_machine);
}

static struct km_error *setup_kernel(struct km_kernel *k, const struct km_kernel_options *options)
{
	const struct km_image_info *info = km_image_info(k->image);
	km_auto_str struct km_str tried = {0};
	bool fitting = false;

	for (size_t i = 0; i < KM_ARRAY_SIZE(setups); i++) {
		if (!setup_fits(setups[i], info, options))
			continue;
		fitting = true;
		k->arch = km_arch_by_machine(setups[i]->machine);
		k->space = (struct km_space){
			.image = k->image, .arch = k->arch, .root = KM_NO_ROOT};
		if (setups[i]->setup(k, options, &tried))
			return NULL;
		KM_TRY(km_job_check(options->job) == KM_OK ?
			       NULL :
			       km_error_new(KM_ERROR_CANCELLED, "opening the kernel was cancelled"));
	}
	if (!fitting)
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "architecture %s (ELF machine %u) is not known to this program",
				    options->machine ? options->machine : info->utsname_machine,
				    info->machine);
	while (tried.len && strchr("; ", tried.data[tried.len - 1]))
		tried.data[--tried.len] = 0;
	return km_error_new(KM_ERROR_MISSING, "the kernel's memory cannot be translated; tried: %s",
			    tried.data ? tried.data : "nothing");
}

struct km_error *km_kernel_open(struct km_image *image, const struct km_kernel_options *options,
				struct km_kernel **ret)
{
	static const struct km_kernel_options none;
	km_cleanup(km_kernel_closep) struct km_kernel *k = calloc(1, sizeof(*k));

	*ret = NULL;
	if (!k)
		return km_error_nomem();
	if (!options)
		options = &none;
	k->image = image;
	k->log = options->log;
	k->pool = options->pool;
	for_each_lock(k, init_lock);
	if (options->kernel_file) {
		k->file.path = strdup(options->kernel_file);
		if (!k->file.path)
			return km_error_nomem();
	}
	if (options->vmcoreinfo_file)
		KM_TRY(km_vmcoreinfo_load_file(k, options->vmcoreinfo_file));
	else
		k->vmcoreinfo = km_image_vmcoreinfo(image, &k->vmcoreinfo_len);
	KM_TRY(setup_kernel(k, options));
	*ret = km_take(k);
	return NULL;
}

void km_kernel_close(struct km_kernel *k)
{
	if (!k)
		return;
	km_modules_free(k);
	km_cpus_free(k);
	km_members_free(k);
	km_types_release(k);
	km_symbols_free(k);
	km_kernel_file_close(k);
	free(k->file.path);
	km_vec_free(&k->findings);
	free(k->vmcoreinfo_copy);
	for_each_lock(k, destroy_lock);
	free(k);
}

struct km_image *km_kernel_image(struct km_kernel *k)
{
	return k->image;
}

const struct km_arch *km_kernel_arch(struct km_kernel *k)
{
	return k->arch;
}

struct km_space *km_kernel_space(struct km_kernel *k)
{
	return &k->space;
}

struct km_pool *km_kernel_pool(struct km_kernel *k)
{
	return k->pool;
}

const struct km_log *km_kernel_log(struct km_kernel *k)
{
	return k->log;
}

size_t km_kernel_findings(struct km_kernel *k, const struct km_finding **ret)
{
	KM_LOCKED(&k->findings_lock);
	*ret = k->findings.data;
	return k->findings.count;
}

void km_kernel_add_finding(struct km_kernel *k, bool bad, const char *what, const char *format, ...)
{
	va_list args;

	KM_LOCKED(&k->findings_lock);
	struct km_finding *finding = km_vec_push(&k->findings);

	if (!finding)
		return;
	finding->what = what;
	finding->bad = bad;
	va_start(args, format);
	vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
	km_logf(k->log, bad ? KM_LOG_INFO : KM_LOG_DEBUG, "%s: %s", what, finding->text);
}
