/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the plan to the archive: modules, firmware, programs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "image/image.h"
#include "service/build.h"
#include "service/build_network.h"
#include "service/module_strip.h"
#include "service/programs.h"

enum {
	MODULE_LIMIT = 64 << 20,
	FIRMWARE_LIMIT = 64 << 20,
	PROGRAM_LIMIT = 64 << 20,
};

void km_build_done(struct km_build *build)
{
	km_plan_done(&build->plan);
	km_sys_names_free(&build->drivers);
	km_sys_names_free(&build->notes);
	km_vec_for_each (&build->modules, module)
		free(module->name);
	km_vec_free(&build->modules);
	km_vec_for_each (&build->files, file)
		free(file->from);
	km_vec_free(&build->files);
	km_str_free(&build->hosts);
	km_cpio_done(&build->cpio);
	*build = (struct km_build){0};
}

struct archiving {
	const struct km_build_request *request;
	struct km_build *build;
	struct km_boot_modules *modules;
	bool keep_signatures; /* the kernel wants them, so nothing may be cut off */
};

static struct km_error *note(struct km_build *build, const char *format, ...)
	km_printf(2, 3) km_must_check;
static struct km_error *note(struct km_build *build, const char *format, ...)
{
	km_auto_str struct km_str text = {0};
	va_list args;

	va_start(args, format);
	km_str_vaddf(&text, format, args);
	va_end(args);
	return text.failed ? km_error_nomem() : km_sys_add_name(&build->notes, text.data);
}

/* ---- which modules --------------------------------------------------------------------------------- */

/* vfat wants a table for its short names and one for its long ones: the kernel's choices, unless the
 * target's options name others. */
static struct km_error *add_vfat_tables(struct archiving *a, const struct km_kernel_config *config,
					const char *options)
{
	static const struct {
		const char *option, *setting, *otherwise;
	} tables[] = {
		{"codepage=", "FAT_DEFAULT_CODEPAGE", "437"},
		{"iocharset=", "FAT_DEFAULT_IOCHARSET", "iso8859-1"},
	};

	for (size_t i = 0; i < KM_ARRAY_SIZE(tables); i++) {
		const char *value = config ? km_kernel_config_get(config, tables[i].setting) : NULL;
		const char *named = strstr(options, tables[i].option);
		char module[64];

		value = value ? value : tables[i].otherwise;
		value = named ? named + strlen(tables[i].option) : value;
		snprintf(module, sizeof(module), "nls_%s%.*s", i ? "" : "cp",
			 (int)strcspn(value, ","), value);
		KM_TRY(km_boot_modules_add(a->modules, module, NULL));
	}
	return NULL;
}

static struct km_error *add_file_system(struct archiving *a, const struct km_kernel_config *config,
					const struct km_plan_target *target)
{
	char alias[64];
	bool found = false;

	if (target->kind == KM_PLAN_NFS)
		KM_TRY(km_boot_modules_add(
			a->modules, strstr(target->options, "vers=3") ? "nfsv3" : "nfsv4", NULL));
	else if (target->kind != KM_PLAN_DIRECTORY)
		return NULL;
	snprintf(alias, sizeof(alias), "fs-%.50s", target->fstype);
	KM_TRY(km_boot_modules_add(a->modules, alias, &found));
	if (!found)
		KM_TRY(km_boot_modules_add(a->modules, target->fstype, &found));
	if (!found)
		KM_TRY(note(a->build,
			    "the kernel %s has no file system %s, neither built in nor as a "
			    "module",
			    a->request->release, target->fstype));
	if (!strcmp(target->fstype, "vfat"))
		return add_vfat_tables(a, config, target->options);
	return NULL;
}

static struct km_error *choose_modules(struct archiving *a, const struct km_kernel_config *config)
{
	const struct km_conf *conf = a->request->conf;
	const struct km_build *build = a->build;
	bool found;

	for (size_t i = 0; i < conf->omit_modules.count; i++)
		KM_TRY(km_boot_modules_omit(a->modules, conf->omit_modules.data[i]));
	for (size_t i = 0; i < build->drivers.count; i++) {
		KM_TRY(km_boot_modules_add(a->modules, build->drivers.data[i], &found));
		/* Aliases of md's and dm's own parts: they may be within md_mod or dm_mod. */
		if (!found && strncmp(build->drivers.data[i], "md-", 3) &&
		    strncmp(build->drivers.data[i], "dm-", 3) &&
		    strncmp(build->drivers.data[i], "dm_", 3) &&
		    strncmp(build->drivers.data[i], "md_", 3))
			KM_TRY(note(a->build,
				    "the kernel %s has no module %s, which drives the "
				    "target now",
				    a->request->release, build->drivers.data[i]));
	}
	for (size_t i = 0; i < build->plan.targets.count; i++)
		KM_TRY(add_file_system(a, config, &build->plan.targets.data[i]));
	for (size_t i = 0; i < conf->extra_modules.count; i++) {
		KM_TRY(km_boot_modules_add(a->modules, conf->extra_modules.data[i], &found));
		if (!found)
			KM_TRY(note(a->build, "extra_modules: the kernel %s has no module %s",
				    a->request->release, conf->extra_modules.data[i]));
	}
	return NULL;
}

/* ---- into the archive ------------------------------------------------------------------------------- */

static struct km_error *unpack_module(const struct km_boot_module *module, struct km_str *packed,
				      u8 **ret, size_t *ret_size)
{
	struct km_error *error;

	if (packed->len >= 4 && !memcmp(packed->data, "\177ELF", 4)) {
		*ret = (u8 *)km_take(packed->data);
		*ret_size = packed->len;
		return NULL;
	}
	error = km_unpack((const u8 *)packed->data, packed->len, MODULE_LIMIT, ret, ret_size);
	return error ? km_error_prefix(error, "%s", module->path) : NULL;
}

/* The parameters of modprobe.d, and those of the configuration after them. */
static struct km_error *parameters_of(const struct archiving *a,
				      const struct km_boot_module *module, char **ret)
{
	const struct km_conf_words *options = &a->request->conf->module_options;
	km_auto_str struct km_str all = {0};

	km_str_add(&all, module->parameters);
	for (size_t i = 0; i < options->count; i++) {
		const char *line = options->data[i];
		size_t len = strcspn(line, " \t");

		if (strlen(module->name) == len && !strncmp(line, module->name, len))
			km_str_addf(&all, "%s%s", all.len ? " " : "",
				    line + len + strspn(line + len, " \t"));
	}
	if (all.failed)
		return km_error_nomem();
	*ret = km_take(all.data);
	return NULL;
}

static struct km_error *put_firmware(struct archiving *a, const char *name)
{
	static const char *const folders[] = {"/lib/firmware/updates/", "/lib/firmware/"};
	static const char *const ends[] = {"", ".zst", ".xz"};

	for (size_t f = 0; f < KM_ARRAY_SIZE(folders); f++) {
		for (size_t e = 0; e < KM_ARRAY_SIZE(ends); e++) {
			char path[1024];
			km_auto_str struct km_str bytes = {0};

			snprintf(path, sizeof(path), "%s%.900s%s", folders[f], name, ends[e]);
			if (!km_tree_exists(a->request->tree, path))
				continue;
			KM_TRY(km_tree_read(a->request->tree, path, FIRMWARE_LIMIT, &bytes));
			a->build->firmware_bytes += bytes.len;
			return km_cpio_file(&a->build->cpio, path + 1, 0644, bytes.data, bytes.len);
		}
	}
	return NULL;
}

static struct km_error *put_module(struct archiving *a, const struct km_boot_module *module)
{
	km_auto_str struct km_str packed = {0};
	km_auto_free u8 *bytes = NULL;
	size_t size = 0;
	char name[256];
	struct km_build_module *built;
	struct km_plan_module *planned;

	KM_TRY(km_tree_read(a->request->tree, module->path, MODULE_LIMIT, &packed));
	KM_TRY(unpack_module(module, &packed, &bytes, &size));
	if (!a->keep_signatures)
		size = km_module_strip(bytes, size);
	/* Not below lib: that is a link in most systems, and programs of the hooks need it as one. */
	snprintf(name, sizeof(name), "modules/%.200s.ko", module->name);
	built = km_vec_push(&a->build->modules);
	planned = km_vec_push(&a->build->plan.modules);
	if (!built || !planned)
		return km_error_nomem();
	built->name = strdup(module->name);
	built->bytes = size;
	a->build->module_bytes += size;
	planned->path = malloc(strlen(name) + 2);
	if (!built->name || !planned->path)
		return km_error_nomem();
	sprintf(planned->path, "/%s", name);
	KM_TRY(parameters_of(a, module, &planned->parameters));
	for (size_t i = 0; i < module->firmware.count; i++)
		KM_TRY(put_firmware(a, module->firmware.data[i]));
	return km_cpio_file(&a->build->cpio, name, 0644, bytes, size);
}

static struct km_error *put_init(struct archiving *a)
{
	/* The program is this machine's, whatever tree is asked about. */
	const struct km_tree here = {0};
	km_auto_str struct km_str bytes = {0};

	KM_TRY(km_tree_read(&here, a->request->program, PROGRAM_LIMIT, &bytes));
	a->build->program_bytes = bytes.len;
	return km_cpio_file(&a->build->cpio, "init", 0755, bytes.data, bytes.len);
}

static struct km_error *put_skeleton(struct archiving *a)
{
	static const char *const folders[] = {"dev", "proc", "sys", "run", "tmp", "mnt", "etc"};

	for (size_t i = 0; i < KM_ARRAY_SIZE(folders); i++)
		KM_TRY(km_cpio_folder(&a->build->cpio, folders[i]));
	/* The kernel opens it for PID 1 before /dev is mounted. */
	return km_cpio_device(&a->build->cpio, "dev/console", 0600, 5, 1);
}

static struct km_error *put_shell(struct archiving *a)
{
	static const char *const places[] = {"/bin/busybox", "/usr/bin/busybox", "/sbin/busybox",
					     "/usr/sbin/busybox"};
	struct km_cpio *cpio = &a->build->cpio;

	for (size_t i = 0; i < KM_ARRAY_SIZE(places); i++) {
		if (!km_tree_exists(a->request->tree, places[i]))
			continue;
		KM_TRY(km_programs_add(a->request->tree, places[i], cpio, &a->build->notes));
		if (!km_cpio_has(cpio, "bin"))
			KM_TRY(km_cpio_folder(cpio, "bin"));
		return km_cpio_has(cpio, "bin/sh") ? NULL : km_cpio_link(cpio, "bin/sh", places[i]);
	}
	return km_error_new(KM_ERROR_MISSING,
			    "failure_action shell needs busybox in the image: install it (package "
			    "busybox-static or busybox), or choose another action");
}

static struct km_error *put_programs(struct archiving *a)
{
	const struct km_plan *plan = &a->build->plan;
	const struct km_plan_strings *const hooks[] = {&plan->pre, &plan->post, &plan->emergency};
	const struct km_conf_words *extra = &a->request->conf->extra_bins;

	for (size_t h = 0; h < KM_ARRAY_SIZE(hooks); h++)
		for (size_t i = 0; i < hooks[h]->count; i++)
			KM_TRY(km_programs_add(a->request->tree, hooks[h]->data[i], &a->build->cpio,
					       &a->build->notes));
	for (size_t i = 0; i < extra->count; i++)
		KM_TRY(km_programs_add(a->request->tree, extra->data[i], &a->build->cpio,
				       &a->build->notes));
	if (plan->failure_action == KM_PLAN_SHELL)
		return put_shell(a);
	return NULL;
}

static struct km_error *put_plan(struct archiving *a)
{
	km_auto_str struct km_str text = {0};

	km_plan_write(&a->build->plan, &text);
	if (text.failed)
		return km_error_nomem();
	return km_cpio_file(&a->build->cpio, "etc/kmortem/plan", 0600, text.data, text.len);
}

/* FNV-1a: to notice that something changed, not to withstand anybody. */
static u64 digest_of(const struct km_str *bytes, enum km_initramfs_packing packing)
{
	u64 hash = 0xcbf29ce484222325 ^ packing;

	for (size_t i = 0; i < bytes->len; i++)
		hash = (hash ^ (u8)bytes->data[i]) * 0x100000001b3;
	return hash;
}

/* Signed modules lose their signature by stripping: it matters where the kernel insists on it. */
static bool wants_signatures(const struct km_tree *tree, const struct km_kernel_config *config)
{
	char line[256];

	if (config && km_kernel_config_has(config, "MODULE_SIG_FORCE"))
		return true;
	if (km_tree_line(tree, "/sys/module/module/parameters/sig_enforce", line, sizeof(line)) &&
	    line[0] == 'Y')
		return true;
	return km_tree_line(tree, "/sys/kernel/security/lockdown", line, sizeof(line)) &&
	       !strstr(line, "[none]");
}

static enum km_initramfs_packing packing_for(const struct km_kernel_config *config)
{
	if (!config || km_kernel_config_has(config, "RD_ZSTD"))
		return KM_INITRAMFS_ZSTD;
	return km_kernel_config_has(config, "RD_GZIP") ? KM_INITRAMFS_GZIP : KM_INITRAMFS_PLAIN;
}

static struct km_error *fill(struct archiving *a, const struct km_kernel_config *config)
{
	KM_TRY(choose_modules(a, config));
	KM_TRY(put_init(a));
	KM_TRY(put_skeleton(a));
	for (size_t i = 0; i < km_boot_modules_count(a->modules); i++)
		KM_TRY(put_module(a, km_boot_modules_get(a->modules, i)));
	KM_TRY(put_programs(a));
	KM_TRY(km_build_network_files(a->request, a->build));
	KM_TRY(put_plan(a));
	KM_TRY(km_cpio_end(&a->build->cpio));
	a->build->other_bytes = a->build->cpio.bytes.len - a->build->program_bytes -
				a->build->module_bytes - a->build->firmware_bytes;
	a->build->packing = packing_for(config);
	a->build->digest = digest_of(&a->build->cpio.bytes, a->build->packing);
	return NULL;
}

struct km_error *km_build_archive(const struct km_build_request *request, struct km_build *build)
{
	struct archiving a = {.request = request, .build = build};
	km_cleanup(km_kernel_config_freep) struct km_kernel_config *config = NULL;
	km_cleanup(km_boot_modules_closep) struct km_boot_modules *modules = NULL;
	struct km_error *error = km_kernel_config_read(request->tree, request->release, &config);

	if (error) {
		config = NULL;
		if (error->kind == KM_ERROR_NOMEM)
			return error;
		km_error_free(error);
		KM_TRY(note(build,
			    "the configuration of kernel %s is not found: taken as one that "
			    "unpacks zstd",
			    request->release));
	}
	KM_TRY(km_boot_modules_open(request->tree, request->release, &modules));
	a.modules = modules;
	a.keep_signatures = wants_signatures(request->tree, config);
	return fill(&a, config);
}

/* ---- the file ------------------------------------------------------------------------------------------ */

void km_build_path(const char *release, struct km_str *ret)
{
	km_str_addf(ret, "/var/lib/kmortem/capture-%s.img", release);
}

/* The digest lies beside the image: in a file, for the image is the kernel's to read. */
static void stamp_path(const char *path, char *buf, size_t size)
{
	snprintf(buf, size, "%.4000s.digest", path);
}

static void stamp_text(const struct km_build *build, u64 bytes, char *buf, size_t size)
{
	snprintf(buf, size, "%016llx %llu", (unsigned long long)build->digest,
		 (unsigned long long)bytes);
}

bool km_build_is_current(const struct km_tree *tree, const char *path, const struct km_build *build)
{
	char stamp[KM_SYS_PATH * 4 + 16], line[64], wanted[64];
	km_auto_close int fd = km_tree_open(tree, path, O_RDONLY);
	struct stat st;

	stamp_path(path, stamp, sizeof(stamp));
	if (fd < 0 || fstat(fd, &st) || !km_tree_line(tree, stamp, line, sizeof(line)))
		return false;
	stamp_text(build, (u64)st.st_size, wanted, sizeof(wanted));
	return !strcmp(line, wanted);
}

static struct km_error *write_file(const char *path, const void *bytes, size_t size)
{
	char temporary[4200];
	km_auto_close int fd = -1;
	size_t done = 0;

	snprintf(temporary, sizeof(temporary), "%.4100s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return km_error_os(errno, "%s", temporary);
	while (done < size) {
		ssize_t n = write(fd, (const char *)bytes + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			struct km_error *error = km_error_os(n ? errno : EIO, "%s", temporary);

			unlink(temporary);
			return error;
		}
		done += (size_t)n;
	}
	if (fsync(fd) || rename(temporary, path)) {
		struct km_error *error = km_error_os(errno, "%s", path);

		unlink(temporary);
		return error;
	}
	return NULL;
}

struct km_error *km_build_save(const struct km_build *build, const char *path, u64 *ret_bytes)
{
	km_auto_str struct km_str packed = {0};
	char stamp[4200], line[64];
	km_auto_free char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!folder)
		return km_error_nomem();
	KM_TRY(km_initramfs_pack(build->packing, build->cpio.bytes.data, build->cpio.bytes.len,
				 &packed));
	if (slash && slash != folder) {
		*slash = 0;
		if (mkdir(folder, 0700) && errno != EEXIST)
			return km_error_os(errno, "%s", folder);
	}
	KM_TRY(write_file(path, packed.data, packed.len));
	stamp_path(path, stamp, sizeof(stamp));
	stamp_text(build, packed.len, line, sizeof(line));
	*ret_bytes = packed.len;
	return write_file(stamp, line, strlen(line));
}
