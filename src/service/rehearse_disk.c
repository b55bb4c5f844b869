/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scratch disk of a rehearsal: on a controller that the image's drivers drive, with a file system of the
 * target's type. It becomes the plan's only target.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "image/image.h"
#include "service/boot_modules.h"
#include "service/rehearse_private.h"

enum { MODULE_LIMIT = 64 << 20 };

#define SCRATCH_VFAT_ID "6B6D6F72"
#define MIB		((u64)1 << 20)

const char *const km_rehearsal_drivers[] = {"virtio_pci", "virtio_blk", NULL};

/* ---- its controller ---------------------------------------------------------------------------------- */

struct part {
	const char *module, *config;
};

/* Disk controllers that QEMU has; the first whose drivers are all in the image or the kernel. */
static const struct {
	struct part needs[3];
	const char *qemu;
	bool has_serial; /* as plan.h's SERIAL= finds it */
} controllers[] = {
	{{{"virtio_pci", "VIRTIO_PCI"}, {"virtio_blk", "VIRTIO_BLK"}},
	 "-device virtio-blk-pci,drive=scratch,serial=scratch",
	 true},
	{{{"nvme", "BLK_DEV_NVME"}}, "-device nvme,drive=scratch,serial=scratch", true},
	{{{"virtio_pci", "VIRTIO_PCI"}, {"virtio_scsi", "SCSI_VIRTIO"}, {"sd_mod", "BLK_DEV_SD"}},
	 "-device virtio-scsi-pci -device scsi-hd,drive=scratch",
	 false},
	{{{"ahci", "SATA_AHCI"}, {"sd_mod", "BLK_DEV_SD"}},
	 "-device ich9-ahci,id=sata -device ide-hd,drive=scratch,bus=sata.0",
	 false},
	{{{"ata_piix", "ATA_PIIX"}, {"sd_mod", "BLK_DEV_SD"}},
	 "-device ide-hd,drive=scratch",
	 false},
	{{{"megaraid_sas", "MEGARAID_SAS"}, {"sd_mod", "BLK_DEV_SD"}},
	 "-device megasas -device scsi-hd,drive=scratch",
	 false},
	{{{"vmw_pvscsi", "VMWARE_PVSCSI"}, {"sd_mod", "BLK_DEV_SD"}},
	 "-device pvscsi -device scsi-hd,drive=scratch",
	 false},
};

static bool is_built_in(const struct km_kernel_config *config, const char *name)
{
	const char *value = config ? km_kernel_config_get(config, name) : NULL;

	return value && !strcmp(value, "y");
}

static bool in_plan(const struct km_plan *plan, const char *module)
{
	km_vec_for_each (&plan->modules, m) {
		const char *name = strrchr(m->path, '/');

		name = name ? name + 1 : m->path;
		if (strlen(module) == strcspn(name, ".") && !strncmp(name, module, strlen(module)))
			return true;
	}
	return false;
}

static bool drives(const struct km_preparing *p, const struct part *needs, size_t n)
{
	for (size_t i = 0; i < n && needs[i].module; i++)
		if (!in_plan(&p->plan, needs[i].module) && !is_built_in(p->config, needs[i].config))
			return false;
	return true;
}

/* A driver that the image lacks, in a file of both archives and at the plan's end. */
static struct km_error *add_module(struct km_preparing *p, const struct km_boot_module *module)
{
	km_auto_str struct km_str packed = {0};
	km_auto_free u8 *unpacked = NULL;
	const u8 *bytes;
	size_t size;
	char name[256];
	struct km_plan_module *planned;

	if (in_plan(&p->plan, module->name))
		return NULL;
	KM_TRY(km_tree_read(p->request->tree, module->path, MODULE_LIMIT, &packed));
	bytes = (const u8 *)packed.data;
	size = packed.len;
	if (size < 4 || memcmp(bytes, "\177ELF", 4)) {
		KM_TRY(km_unpack((const u8 *)packed.data, packed.len, MODULE_LIMIT, &unpacked,
				 &size));
		bytes = unpacked;
	}
	snprintf(name, sizeof(name), "modules/%.200s.ko", module->name);
	KM_TRY(km_cpio_file(&p->inner, name, 0644, bytes, size));
	KM_TRY(km_cpio_file(&p->outer, name, 0644, bytes, size));
	planned = km_vec_push(&p->plan.modules);
	if (!planned)
		return km_error_nomem();
	planned->path = malloc(strlen(name) + 2);
	planned->parameters = strdup("");
	if (!planned->path || !planned->parameters)
		return km_error_nomem();
	sprintf(planned->path, "/%s", name);
	return NULL;
}

static struct km_error *add_virtio(struct km_preparing *p)
{
	km_cleanup(km_boot_modules_closep) struct km_boot_modules *modules = NULL;

	KM_TRY(km_boot_modules_open(p->request->tree, p->rehearsal->release, &modules));
	for (size_t i = 0; km_rehearsal_drivers[i]; i++)
		KM_TRY(km_boot_modules_add(modules, km_rehearsal_drivers[i], NULL));
	for (size_t i = 0; i < km_boot_modules_count(modules); i++)
		KM_TRY(add_module(p, km_boot_modules_get(modules, i)));
	return km_rehearsal_note(
		p->rehearsal,
		"QEMU has no disk that the image's drivers drive: the scratch disk is a "
		"virtio one, its drivers were added, those of the real disk were loaded "
		"but not used");
}

static struct km_error *choose_controller(struct km_preparing *p)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(controllers); i++) {
		if (!drives(p, controllers[i].needs, KM_ARRAY_SIZE(controllers[i].needs)) ||
		    (p->raw && !controllers[i].has_serial))
			continue;
		p->files->controller = controllers[i].qemu;
		return NULL;
	}
	p->files->controller = controllers[0].qemu;
	return add_virtio(p);
}

static const struct {
	const char *fstype, *program, *arguments[6];
} makers[] = {
	{"ext4", "mkfs.ext4", {"-q", "-F", "-U", KM_SCRATCH_UUID}},
	{"ext3", "mkfs.ext3", {"-q", "-F", "-U", KM_SCRATCH_UUID}},
	{"ext2", "mkfs.ext2", {"-q", "-F", "-U", KM_SCRATCH_UUID}},
	{"xfs", "mkfs.xfs", {"-q", "-f", "-m", "uuid=" KM_SCRATCH_UUID}},
	{"btrfs", "mkfs.btrfs", {"-q", "-f", "-U", KM_SCRATCH_UUID}},
	{"vfat", "mkfs.vfat", {"-F", "32", "-i", SCRATCH_VFAT_ID}},
};

static bool find_program(const char *name, char *ret, size_t size)
{
	static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin",
					      "/run/current-system/sw/bin"};

	for (size_t i = 0; i < KM_ARRAY_SIZE(folders); i++) {
		snprintf(ret, size, "%s/%s", folders[i], name);
		if (!access(ret, X_OK))
			return true;
	}
	return false;
}

static bool run_maker(const char *program, const char *const *arguments, const char *disk)
{
	const char *argv[9] = {program};
	size_t n = 1;
	int status;
	pid_t pid;

	while (n < 7 && arguments[n - 1]) {
		argv[n] = arguments[n - 1];
		n++;
	}
	argv[n] = disk;
	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		execv(program, (char *const *)argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return pid > 0 && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Makes FSTYPE on the disk; false where this machine cannot. */
static bool make_file_system(const struct km_preparing *p, const char *fstype)
{
	char program[128];

	for (size_t i = 0; i < KM_ARRAY_SIZE(makers); i++)
		if (!strcmp(makers[i].fstype, fstype))
			return find_program(makers[i].program, program, sizeof(program)) &&
			       run_maker(program, makers[i].arguments, p->files->disk);
	return false;
}

static struct km_error *make_disk(struct km_preparing *p)
{
	km_auto_str struct km_str path = {0};
	km_auto_close int fd = -1;

	km_str_addf(&path, "%s/scratch.raw", p->files->folder);
	if (path.failed)
		return km_error_nomem();
	fd = open(path.data, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	/* Sparse: only what is written takes room. */
	if (fd < 0 || ftruncate(fd, (off_t)(p->rehearsal->memory + 512 * MIB)))
		return km_error_os(errno, "%s", path.data);
	p->files->disk = km_take(path.data);
	return NULL;
}

/* ---- the plan of the rehearsal ------------------------------------------------------------------------- */

static struct km_error *note_what_is_left_out(struct km_preparing *p)
{
	const struct km_plan *plan = &p->plan;

	if (plan->arrays.count || plan->mappings.count)
		KM_TRY(km_rehearsal_note(
			p->rehearsal, "arrays and volumes under the target are not rehearsed: the "
				      "scratch disk is a plain one"));
	if (plan->targets.count > 1)
		KM_TRY(km_rehearsal_note(p->rehearsal,
					 "%zu targets are planned; the scratch disk stands for all",
					 plan->targets.count));
	if (plan->failure_action != KM_PLAN_REBOOT || plan->final_action != KM_PLAN_REBOOT)
		KM_TRY(km_rehearsal_note(p->rehearsal, "the guest restarts at the end, whatever "
						       "final_action and failure_action say"));
	return NULL;
}

/* The first file system that is planned to be written to, or "" where only devices are. */
static void choose_fstype(const struct km_plan *plan, char *buf, size_t size)
{
	snprintf(buf, size, "%s", "");
	km_vec_for_each (&plan->targets, target) {
		if (target->kind != KM_PLAN_DIRECTORY)
			continue;
		snprintf(buf, size, "%s", target->fstype);
		return;
	}
}

static struct km_error *set_target(struct km_preparing *p, const char *fstype)
{
	struct km_plan *plan = &p->plan;
	km_auto_plan struct km_plan left_out = {0};
	km_auto_str struct km_str path = {0};
	struct km_plan_target *target;

	km_plan_init(&left_out);
	left_out.targets = plan->targets;
	left_out.arrays = plan->arrays;
	left_out.mappings = plan->mappings;
	memset(&plan->targets, 0, sizeof(plan->targets));
	memset(&plan->arrays, 0, sizeof(plan->arrays));
	memset(&plan->mappings, 0, sizeof(plan->mappings));
	km_vec_for_each (&left_out.targets, old)
		if (!path.len && old->path)
			km_str_add(&path, old->path);
	plan->failure_action = plan->final_action = KM_PLAN_REBOOT;
	target = km_vec_push(&plan->targets);
	if (!target || path.failed)
		return km_error_nomem();
	target->kind = p->raw ? KM_PLAN_RAW : KM_PLAN_DIRECTORY;
	target->source = strdup(p->raw			  ? "SERIAL=scratch"
				: !strcmp(fstype, "vfat") ? "UUID=6B6D-6F72"
							  : "UUID=" KM_SCRATCH_UUID);
	target->fstype = strdup(p->raw ? "" : fstype);
	target->path = strdup(p->raw ? "" : path.len ? path.data : "/var/crash");
	target->options = strdup("");
	return target->source && target->fstype && target->path && target->options
		       ? NULL
		       : km_error_nomem();
}

struct km_error *km_rehearsal_plan_disk(struct km_preparing *p)
{
	char fstype[32];

	KM_TRY(note_what_is_left_out(p));
	choose_fstype(&p->plan, fstype, sizeof(fstype));
	KM_TRY(make_disk(p));
	p->raw = !fstype[0];
	if (!p->raw && !make_file_system(p, fstype)) {
		p->raw = true;
		KM_TRY(km_rehearsal_note(
			p->rehearsal,
			"no %s could be made on the scratch disk (is mkfs.%s installed?): the dump "
			"goes to the bare disk, and mounting is not rehearsed",
			fstype, fstype));
	}
	KM_TRY(choose_controller(p));
	return set_target(p, fstype);
}
