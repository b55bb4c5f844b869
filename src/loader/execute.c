// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The edge: the only file of this room that changes anything. kexec_file_load(2) takes file descriptors:
 * those of the user's files as they stand, so that the kernel's own checks (signature, IMA's extended
 * attributes) see them; a memfd for what was unpacked or put together.
 */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loader/input.h"

static long system_kexec_file_load(int kernel, int initrd, unsigned long cmdline_size,
				   const char *cmdline, unsigned long flags)
{
	return syscall(SYS_kexec_file_load, kernel, initrd, cmdline_size, cmdline, flags);
}

static long system_kexec_load(unsigned long entry, unsigned long n_segments, const void *segments,
			      unsigned long flags)
{
	return syscall(SYS_kexec_load, entry, n_segments, segments, flags);
}

static long system_reboot(int command)
{
	return syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, NULL);
}

const struct km_load_calls km_system_calls = {
	.kexec_file_load = system_kexec_file_load,
	.kexec_load = system_kexec_load,
	.reboot = system_reboot,
};

/* ---- loading ----------------------------------------------------------------------------------- */

static struct km_error *open_bytes(const char *name, const u8 *bytes, u64 size, int *ret)
{
	km_auto_close int fd = memfd_create(name, MFD_CLOEXEC);
	u64 done = 0;

	if (fd < 0)
		return km_error_os(errno, "memfd_create");
	while (done < size) {
		ssize_t n = write(fd, bytes + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return km_error_os(n < 0 ? errno : ENOSPC, "memfd");
		done += (u64)n;
	}
	*ret = fd;
	fd = -1;
	return NULL;
}

static struct km_error *open_input(const char *path, const char *name, const u8 *bytes, u64 size,
				   int *ret)
{
	if (!path)
		return size ? open_bytes(name, bytes, size, ret) : NULL;
	*ret = open(path, O_RDONLY | O_CLOEXEC);
	return *ret < 0 ? km_error_os(errno, "%s", path) : NULL;
}

static struct km_error *load_files(const struct km_load_plan *plan,
				   const struct km_load_calls *calls)
{
	km_auto_close int kernel = -1;
	km_auto_close int initrd = -1;
	u32 flags = plan->flags | plan->optional_flags;
	size_t len = strlen(plan->cmdline);

	KM_TRY(open_input(plan->file_kernel_path, "kernel", plan->file_kernel,
			  plan->file_kernel_size, &kernel));
	KM_TRY(open_input(plan->file_initrd_path, "initrd", plan->file_initrd,
			  plan->file_initrd_size, &initrd));
	for (;;) {
		/* An empty command line is no pointer to an empty string: length 0 is none. */
		if (!calls->kexec_file_load(kernel, initrd, len ? len + 1 : 0,
					    len ? plan->cmdline : NULL, flags))
			return NULL;
		/* A kernel that does not know a flag says EINVAL, and does nothing else. */
		if (errno != EINVAL || flags == plan->flags)
			return km_error_os(errno, "kexec_file_load");
		flags = plan->flags;
	}
}

static struct km_error *load_parts(const struct km_load_plan *plan,
				   const struct km_load_calls *calls)
{
	struct kexec_segment segments[KM_KEXEC_SEGMENTS_MAX];
	size_t n = 0;

	if (plan->segments.count > KM_ARRAY_SIZE(segments))
		return km_error_new(KM_ERROR_UNSUPPORTED, "more than %d segments",
				    KM_KEXEC_SEGMENTS_MAX);
	km_vec_for_each (&plan->segments, segment)
		segments[n++] = (struct kexec_segment){
			.buf = (void *)segment->bytes,
			.bufsz = segment->size,
			.mem = (void *)segment->start,
			.memsz = segment->memory_size,
		};
	if (calls->kexec_load(plan->entry, n, segments, plan->flags | KEXEC_ARCH_X86_64))
		return km_error_os(errno, "kexec_load");
	return NULL;
}

struct km_error *km_load_execute(const struct km_load_plan *plan, const struct km_load_calls *calls)
{
	return plan->call == KM_LOAD_BY_FILE ? load_files(plan, calls) : load_parts(plan, calls);
}

/* ---- unloading --------------------------------------------------------------------------------- */

struct km_error *km_load_unload(const struct km_machine *machine, enum km_load_target target,
				enum km_load_way way, const struct km_load_calls *calls,
				struct km_refusals *ret_refusals)
{
	bool crash = target == KM_LOAD_CRASH;
	enum km_load_way call = way == KM_LOAD_BY_PARTS ? KM_LOAD_BY_PARTS : KM_LOAD_BY_FILE;
	struct km_error *error = NULL;

	*ret_refusals = (struct km_refusals){0};
	/* A locked down kernel unloads by kexec_file_load only. */
	if (call == KM_LOAD_BY_FILE &&
	    calls->kexec_file_load(-1, -1, 0, NULL,
				   KEXEC_FILE_UNLOAD | (crash ? KEXEC_FILE_ON_CRASH : 0))) {
		error = km_error_os(errno, "kexec_file_load, to unload");
		if (errno == ENOSYS && way == KM_LOAD_AUTO)
			call = KM_LOAD_BY_PARTS;
	}
	if (call == KM_LOAD_BY_PARTS) {
		km_error_free(error);
		error = NULL;
		if (calls->kexec_load(0, 0, NULL, (crash ? KEXEC_ON_CRASH : 0) | KEXEC_ARCH_X86_64))
			error = km_error_os(errno, "kexec_load, to unload");
	}
	if (error && error->kind == KM_ERROR_OS)
		km_error_free(km_refusals_explain(machine, target, call, NULL, error->os_errno,
						  ret_refusals));
	return error;
}

/* ---- starting ---------------------------------------------------------------------------------- */

/* Devices that go on writing to memory which is the next kernel's by then: an interface that is down
 * does not. */
static void take_network_down(void)
{
	struct ifaddrs *all, *one;
	km_auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || getifaddrs(&all))
		return;
	for (one = all; one; one = one->ifa_next) {
		struct ifreq request = {0};

		if (!(one->ifa_flags & IFF_UP) || one->ifa_flags & IFF_LOOPBACK)
			continue;
		strncpy(request.ifr_name, one->ifa_name, IFNAMSIZ - 1);
		if (ioctl(fd, SIOCGIFFLAGS, &request) || !(request.ifr_flags & IFF_UP))
			continue;
		request.ifr_flags &= ~IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &request))
			continue;
	}
	freeifaddrs(all);
}

static struct km_error *nothing_loaded(const struct km_machine *machine,
				       struct km_refusals *ret_refusals)
{
	const struct km_machine_state *state = &machine->state;

	if (state->crash_loaded) {
		KM_TRY(km_refusal_add(
			ret_refusals, EINVAL,
			"only a crash kernel is loaded; it starts when this one panics, not by -e",
			"load the kernel to start with -l first"));
		return km_error_new(KM_ERROR_MISSING,
				    "nothing is loaded to be started; only a crash kernel is");
	}
	KM_TRY(km_refusals_predict(machine, KM_LOAD_REBOOT, KM_LOAD_AUTO, NULL, ret_refusals));
	if (!ret_refusals->items.count)
		KM_TRY(km_refusal_add(ret_refusals, EINVAL, "no kernel has been loaded",
				      "load the kernel to start with -l first"));
	return km_error_new(KM_ERROR_MISSING, "nothing is loaded to be started");
}

struct km_error *km_load_reboot(const struct km_machine *machine, bool sync_files,
				bool network_down, const struct km_load_calls *calls,
				struct km_refusals *ret_refusals)
{
	struct km_error *error;

	*ret_refusals = (struct km_refusals){0};
	if (!machine->state.loaded)
		return nothing_loaded(machine, ret_refusals);
	if (sync_files)
		sync();
	if (network_down)
		take_network_down();
	if (!calls->reboot((int)LINUX_REBOOT_CMD_KEXEC))
		return NULL;
	error = km_error_os(errno, "reboot, to start the loaded kernel");
	km_error_free(km_refusals_explain(machine, KM_LOAD_REBOOT, KM_LOAD_AUTO, NULL,
					  error->os_errno, ret_refusals));
	return error;
}
