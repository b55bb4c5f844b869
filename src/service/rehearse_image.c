/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest of a rehearsal is given. The capture image goes in as it is; a second archive behind
 * it replaces its plan by one whose only target is the scratch disk. The first kernel's initramfs is the
 * same image with kmortem, the kernel and the capture kernel's initramfs behind it: so the guest has the
 * drivers that the image has.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/capture.h"
#include "image/image.h"
#include "service/arm.h"
#include "service/boot_argument.h"
#include "service/kernel_place.h"
#include "service/programs.h"
#include "service/rehearse_private.h"

enum { IMAGE_LIMIT = 1 << 30, KERNEL_LIMIT = 256 << 20, LINE_LIMIT = 1 << 16 };

#define MIB (1ull << 20)

static const struct km_tree here = {0};

/* ---- small things ---------------------------------------------------------------------------------- */

static struct km_error *put_file(const char *folder, const char *name, const void *bytes,
				 size_t size, char **ret_path)
{
	km_auto_str struct km_str path = {0};
	km_auto_close int fd = -1;

	km_str_addf(&path, "%s/%s", folder, name);
	if (path.failed)
		return km_error_nomem();
	fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !km_write_all(fd, bytes, size))
		return km_error_os(errno, "%s", path.data);
	*ret_path = km_take(path.data);
	return NULL;
}

static void pad_to_word(struct km_str *bytes)
{
	while (bytes->len % 4 && !bytes->failed)
		km_str_add_char(bytes, 0);
}

/* FNV-1a: to tell whether it is the same file, not to withstand anybody. */
static u64 digest_of(const struct km_str *bytes)
{
	u64 hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < bytes->len; i++)
		hash = (hash ^ (u8)bytes->data[i]) * 0x100000001b3;
	return hash;
}

u64 km_rehearsal_digest(const struct km_tree *tree, const char *path)
{
	km_auto_str struct km_str bytes = {0};
	km_auto_error struct km_error *error = km_tree_read(tree, path, IMAGE_LIMIT, &bytes);

	return error ? 0 : digest_of(&bytes);
}

/* ---- the capture image ----------------------------------------------------------------------------- */

/* Builds the image that `build` would, in memory. */
static struct km_error *build_image(struct km_preparing *p)
{
	const struct km_rehearsal_request *r = p->request;
	const struct km_build_request request = {
		.tree = r->tree,
		.conf = r->conf,
		.release = p->rehearsal->release,
		.program = r->program,
	};
	km_auto_build struct km_build build = {0};

	if (r->generic)
		KM_TRY(km_build_plan_for(&request, "UUID=" KM_SCRATCH_UUID, "ext4",
					 km_rehearsal_drivers, &build));
	else
		KM_TRY(km_build_plan(&request, &build));
	KM_TRY(km_build_archive(&request, &build));
	for (size_t i = 0; i < build.notes.count; i++)
		KM_TRY(km_rehearsal_note(p->rehearsal, "%s", build.notes.data[i]));
	return km_initramfs_pack(build.packing, build.cpio.bytes.data, build.cpio.bytes.len,
				 &p->image);
}

static struct km_error *read_image(struct km_preparing *p)
{
	const struct km_rehearsal_request *r = p->request;
	km_auto_str struct km_str path = {0};

	if (r->image) {
		km_str_add(&path, r->image);
		KM_TRY(km_tree_read(&here, r->image, IMAGE_LIMIT, &p->image));
	} else if (!r->generic) {
		if (r->conf->image)
			km_str_add(&path, r->conf->image);
		else
			km_build_path(p->rehearsal->release, &path);
		if (!path.failed && km_tree_exists(r->tree, path.data))
			KM_TRY(km_tree_read(r->tree, path.data, IMAGE_LIMIT, &p->image));
	}
	if (path.failed)
		return km_error_nomem();
	if (!p->image.len) {
		km_auto_free char *file = NULL;

		KM_TRY(build_image(p));
		KM_TRY(put_file(p->files->folder, "image", p->image.data, p->image.len, &file));
		km_str_clear(&path);
		km_str_add(&path, "built for this rehearsal");
		if (!r->generic)
			KM_TRY(km_rehearsal_note(p->rehearsal,
						 "the machine has no capture image yet: one was "
						 "built for this (kmortem kdump build keeps it)"));
	}
	p->rehearsal->image = km_take(path.data);
	return p->rehearsal->image ? NULL : km_error_nomem();
}

/* The plan out of the image: a kmortem image has one. */
static struct km_error *read_plan(struct km_preparing *p)
{
	km_auto_free u8 *unpacked = NULL;
	const u8 *archive = (const u8 *)p->image.data, *plan;
	size_t size = p->image.len, plan_size;

	if (size < 6 || memcmp(archive, "070701", 6)) {
		struct km_error *error = km_unpack(archive, size, IMAGE_LIMIT, &unpacked, &size);

		if (error)
			return km_error_prefix(error, "the capture image");
		archive = unpacked;
	}
	p->rehearsal->image_bytes = p->image.len;
	p->rehearsal->unpacked_bytes = size;
	plan = archive ? km_cpio_find(archive, size, "etc/kmortem/plan", &plan_size) : NULL;
	if (!plan)
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"%s has no /etc/kmortem/plan: it is no capture image of kmortem's, "
			"or it is damaged (kmortem kdump build makes it anew)",
			p->rehearsal->image);
	KM_TRY(km_plan_parse((const char *)plan, plan_size, &p->plan));
	km_vec_for_each (&p->plan.modules, module) {
		const char *slash = strrchr(module->path, '/');
		char name[128];

		snprintf(name, sizeof(name), "%s", slash ? slash + 1 : module->path);
		name[strcspn(name, ".")] = 0;
		KM_TRY(km_sys_add_name(&p->rehearsal->modules, name));
	}
	return NULL;
}

/* ---- command lines --------------------------------------------------------------------------------------- */

/* Of the machine's command line these mean other disks, consoles or amounts of memory. */
static bool is_for_real_machine(const char *word, size_t len)
{
	static const char *const names[] = {
		"BOOT_IMAGE",  "initrd",
		"root",	       "rootflags",
		"rootfstype",  "rootwait",
		"rootdelay",   "ro",
		"rw",	       "init",
		"rdinit",      "resume",
		"quiet",       "crashkernel",
		"console",     "earlycon",
		"earlyprintk", "mem",
		"memmap",      "hugepages",
		"hugepagesz",  "default_hugepagesz",
		"movablecore", "kernelcore",
		"maxcpus",     "nr_cpus",
		"loglevel",    "splash",
		"panic",       "isolcpus",
		"nohz_full",   "cma",
		"hugetlb_cma", "efi",
		"acpi_rsdp",   "lockdown",
	};
	size_t name = 0;

	while (name < len && word[name] != '=')
		name++;
	for (size_t i = 0; i < KM_ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == name && !strncmp(word, names[i], name))
			return true;
	return !strncmp(word, "rd.", 3) || !strncmp(word, "systemd.", 8);
}

/* Copies LINE's words but those that LEFT_OUT names. */
static void copy_words(const char *line, bool (*left_out)(const char *word, size_t len),
		       struct km_str *ret)
{
	while (*line) {
		bool quoted = false;
		size_t len = 0;

		line += strspn(line, " \t\n");
		for (; line[len] && (quoted || !strchr(" \t\n", line[len])); len++)
			quoted ^= line[len] == '"';
		if (len && !left_out(line, len)) {
			if (ret->len)
				km_str_add_char(ret, ' ');
			km_str_add_bytes(ret, line, len);
		}
		line += len;
	}
}

static bool is_console(const char *word, size_t len)
{
	return (len > 8 && !strncmp(word, "console=", 8)) ||
	       (len > 8 && !strncmp(word, "earlycon", 8)) ||
	       (len > 11 && !strncmp(word, "earlyprintk", 11));
}

/* What is read off the console must be said there. A guest of a busy host may miss the timer's ticks: it is
 * no reason to die of. */
#define GUEST_WORDS " console=ttyS0,115200 ignore_loglevel no_timer_check"

static struct km_error *make_lines(struct km_preparing *p, const char *crashkernel)
{
	const struct km_rehearsal_request *r = p->request;
	km_auto_str struct km_str running = {0}, capture = {0}, first = {0}, guests = {0};
	km_auto_error struct km_error *none = NULL;
	struct km_conf conf = *r->conf; /* what it owns stays the request's */
	unsigned cpus = r->capture_cpus;

	none = km_tree_read(r->tree, "/proc/cmdline", LINE_LIMIT, &running);
	copy_words(running.data ? running.data : "", is_for_real_machine, &first);
	km_str_addf(&first, " crashkernel=%s rdinit=/" KM_REHEARSAL_PROGRAM " panic=1" GUEST_WORDS,
		    crashkernel);
	if (!cpus)
		cpus = km_arm_cpus(r->tree, r->conf, p->rehearsal->reserved, NULL);
	cpus = km_min(cpus, p->rehearsal->cpus);
	/* A tree that was never booted: as if it had been with an empty line. */
	if (none && !conf.cmdline)
		conf.cmdline = (char *)"";
	KM_TRY(km_arm_command_line(r->tree, &conf, cpus, &capture));
	copy_words(capture.data, is_console, &guests);
	km_str_add(&guests, GUEST_WORDS);
	if (first.failed || guests.failed)
		return km_error_nomem();
	p->files->append = strdup(first.data + strspn(first.data, " "));
	p->rehearsal->command_line = km_take(guests.data);
	return p->files->append ? NULL : km_error_nomem();
}

/* ---- the archives ------------------------------------------------------------------------------------------ */

static struct km_error *append_archive(struct km_str *file, struct km_cpio *cpio)
{
	KM_TRY(km_cpio_end(cpio));
	pad_to_word(file);
	km_str_add_bytes(file, cpio->bytes.data, cpio->bytes.len);
	pad_to_word(file);
	return file->failed ? km_error_nomem() : NULL;
}

static struct km_error *make_archives(struct km_preparing *p, const struct km_str *kernel)
{
	km_auto_str struct km_str plan = {0}, initrd = {0}, all = {0};
	km_auto_sys_names struct km_sys_names notes = {0};
	const char *line = p->rehearsal->command_line;

	km_plan_write(&p->plan, &plan);
	km_str_add_bytes(&initrd, p->image.data, p->image.len);
	if (plan.failed || initrd.failed)
		return km_error_nomem();
	KM_TRY(km_cpio_file(&p->inner, "etc/kmortem/plan", 0600, plan.data, plan.len));
	KM_TRY(append_archive(&initrd, &p->inner));
	KM_TRY(km_cpio_file(&p->outer, "etc/kmortem/plan", 0600, plan.data, plan.len));
	KM_TRY(km_cpio_file(&p->outer, "rehearse/vmlinuz", 0600, kernel->data, kernel->len));
	KM_TRY(km_cpio_file(&p->outer, "rehearse/initrd", 0600, initrd.data, initrd.len));
	KM_TRY(km_cpio_file(&p->outer, "rehearse/line", 0600, line, strlen(line)));
	KM_TRY(km_programs_add(&here, p->request->self, &p->outer, &notes));
	KM_TRY(km_cpio_link(&p->outer, KM_REHEARSAL_PROGRAM, p->request->self));
	/* What is in the image comes first: kmortem may be linked under a name that the image has. */
	km_str_add_bytes(&all, p->image.data, p->image.len);
	KM_TRY(append_archive(&all, &p->outer));
	return put_file(p->files->folder, "initrd", all.data, all.len, &p->files->initrd);
}

/* ---- all of it ----------------------------------------------------------------------------------------------- */

static struct km_error *find_kernel(struct km_preparing *p, struct km_str *ret)
{
	const struct km_rehearsal_request *r = p->request;
	km_auto_free struct km_kernel_place *place = malloc(sizeof(*place));
	struct km_kernel_identity identity;
	const struct km_tree *tree = r->tree;
	const char *path = r->kernel;

	if (!place)
		return km_error_nomem();
	if (path) {
		tree = &here;
		KM_TRY(km_kernel_identify(tree, path, &identity));
	} else if (r->conf->kernel && km_tree_exists(tree, r->conf->kernel)) {
		path = r->conf->kernel;
		KM_TRY(km_kernel_identify(tree, path, &identity));
	} else {
		KM_TRY(km_kernel_place_find(tree, p->rehearsal->release, place));
		path = place->path;
		identity = place->identity;
	}
	p->rehearsal->kernel = strdup(path);
	if (!p->rehearsal->kernel)
		return km_error_nomem();
	if (strcmp(identity.type, "bzImage") && strcmp(identity.type, "bzImage64"))
		return km_error_new(
			KM_ERROR_UNSUPPORTED,
			"%s is of type %s, which QEMU does not start by itself: name the bzImage "
			"that it was made from with --kernel",
			path, identity.type);
	if (!p->rehearsal->release[0])
		snprintf(p->rehearsal->release, sizeof(p->rehearsal->release), "%.*s",
			 (int)strcspn(identity.version, " "), identity.version);
	return km_tree_read(tree, path, KERNEL_LIMIT, ret);
}

static void choose_release(struct km_preparing *p)
{
	const struct km_rehearsal_request *r = p->request;
	struct km_rehearsal *to = p->rehearsal;

	if (r->release || r->conf->release)
		snprintf(to->release, sizeof(to->release), "%s",
			 r->release ? r->release : r->conf->release);
	/* A kernel that is named says itself which one it is. */
	else if (!r->kernel)
		km_running_release(r->tree, to->release, sizeof(to->release));
}

static struct km_error *choose_sizes(struct km_preparing *p, char *crashkernel, size_t size)
{
	const struct km_rehearsal_request *r = p->request;
	struct km_rehearsal *to = p->rehearsal;
	u64 reserved = 0;

	if (r->crashkernel) {
		snprintf(crashkernel, size, "%s", r->crashkernel);
		if (!km_conf_size(crashkernel, &reserved))
			reserved = 256 * MIB;
	} else {
		km_tree_number(r->tree, "/sys/kernel/kexec_crash_size", &reserved);
		if (!reserved) {
			reserved = 256 * MIB;
			KM_TRY(km_rehearsal_note(to, "the machine has nothing reserved for a crash "
						     "kernel: 256 MiB are taken"));
		}
		snprintf(crashkernel, size, "%lluM",
			 (unsigned long long)((reserved + MIB - 1) / MIB));
	}
	to->reserved = reserved;
	to->cpus = r->cpus ? r->cpus : 2;
	to->memory = r->memory ? r->memory : km_max(1024 * MIB, 2 * reserved + 512 * MIB);
	return NULL;
}

static struct km_error *prepare(struct km_preparing *p)
{
	km_auto_str struct km_str kernel = {0};
	km_auto_error struct km_error *no_config = NULL;
	char crashkernel[128];

	choose_release(p);
	KM_TRY(choose_sizes(p, crashkernel, sizeof(crashkernel)));
	KM_TRY(find_kernel(p, &kernel));
	if (!p->rehearsal->release[0])
		return km_error_new(KM_ERROR_MISSING,
				    "which kernel is meant is not to be had: name its release with "
				    "--release");
	KM_TRY(put_file(p->files->folder, "vmlinuz", kernel.data, kernel.len, &p->files->kernel));
	no_config = km_kernel_config_read(p->request->tree, p->rehearsal->release, &p->config);
	KM_TRY(read_image(p));
	p->rehearsal->image_digest = digest_of(&p->image);
	KM_TRY(read_plan(p));
	KM_TRY(km_rehearsal_plan_disk(p));
	KM_TRY(make_lines(p, crashkernel));
	return make_archives(p, &kernel);
}

struct km_error *km_rehearsal_prepare(const struct km_rehearsal_request *request,
				      struct km_rehearsal *rehearsal,
				      struct km_rehearsal_files *files)
{
	struct km_preparing p = {.request = request, .rehearsal = rehearsal, .files = files};
	struct km_error *error;

	km_plan_init(&p.plan);
	error = prepare(&p);
	km_str_free(&p.image);
	km_plan_done(&p.plan);
	if (p.config)
		km_kernel_config_free(p.config);
	km_cpio_done(&p.inner);
	km_cpio_done(&p.outer);
	return error;
}

void km_rehearsal_files_done(struct km_rehearsal_files *files)
{
	free(files->folder);
	free(files->kernel);
	free(files->initrd);
	free(files->disk);
	free(files->append);
	*files = (struct km_rehearsal_files){0};
}
