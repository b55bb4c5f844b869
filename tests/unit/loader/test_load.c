// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loading, with system calls that the test answers: which answers of kexec_file_load lead on to kexec_load,
 * what reaches the kernel, and for each refusal its cause and cure.
 */
#include <errno.h>
#include <linux/reboot.h>
#include <sys/stat.h>

#include "plan_fixture.h"

/* What the kernel answers next, and what it was given. One test runs at a time. */
static struct {
	int file_errno, parts_errno, reboot_errno;
	int once; /* file_errno is for the first call only */
	unsigned file_calls, parts_calls, reboot_calls;
	unsigned long flags, cmdline_size, n_segments, entry;
	char cmdline[64];
	off_t kernel_size, initrd_size;
	bool lose_crash; /* the kernel frees the crash kernel, then fails */
	struct plan_fixture *f;
} kernel;

static off_t size_of(int fd)
{
	struct stat st;

	return fd < 0 || fstat(fd, &st) ? -1 : st.st_size;
}

static long fake_file_load(int kernel_fd, int initrd, unsigned long cmdline_size,
			   const char *cmdline, unsigned long flags)
{
	kernel.file_calls++;
	kernel.flags = flags;
	kernel.cmdline_size = cmdline_size;
	snprintf(kernel.cmdline, sizeof(kernel.cmdline), "%s", cmdline ? cmdline : "(null)");
	kernel.kernel_size = size_of(kernel_fd);
	kernel.initrd_size = size_of(initrd);
	if (kernel.lose_crash)
		test_tree_put(&kernel.f->tree, "/sys/kernel/kexec_crash_loaded", "0\n");
	if (!kernel.file_errno)
		return 0;
	errno = kernel.file_errno;
	if (kernel.once)
		kernel.file_errno = 0;
	return -1;
}

static long fake_load(unsigned long entry, unsigned long n_segments, const void *segments,
		      unsigned long flags)
{
	(void)segments;
	kernel.parts_calls++;
	kernel.entry = entry;
	kernel.n_segments = n_segments;
	kernel.flags = flags;
	if (!kernel.parts_errno)
		return 0;
	errno = kernel.parts_errno;
	return -1;
}

static long fake_reboot(int command)
{
	kernel.reboot_calls++;
	assert_int_equal((unsigned)command, LINUX_REBOOT_CMD_KEXEC);
	if (!kernel.reboot_errno)
		return 0;
	errno = kernel.reboot_errno;
	return -1;
}

static const struct km_load_calls calls = {fake_file_load, fake_load, fake_reboot};

static void begin(struct plan_fixture *f)
{
	pf_begin(f);
	memset(&kernel, 0, sizeof(kernel));
	kernel.f = f;
}

static struct km_error *load(struct plan_fixture *f)
{
	pf_read(f);
	km_load_plan_free(f->plan);
	f->plan = NULL;
	km_refusals_free(&f->refusals);
	return km_load(f->machine, &f->request, &calls, NULL, &f->plan, &f->refusals);
}

/* The error has ERRNO's words, and the one refusal has these parts. */
static void check_refusal(const struct plan_fixture *f, const char *cause, const char *cure)
{
	km_vec_for_each (&f->refusals.items, item)
		if (strstr(item->cause, cause) && strstr(item->cure, cure))
			return;
	km_vec_for_each (&f->refusals.items, item)
		print_error("cause: %s\ncure: %s\n", item->cause, item->cure);
	fail_msg("no cause '%s' with cure '%s'", cause, cure);
}

static void put_config(struct plan_fixture *f, const char *text)
{
	test_tree_put(&f->tree, "/proc/sys/kernel/osrelease", "6.99\n");
	test_tree_put(&f->tree, "/boot/config-6.99", text);
}

/* ---- what reaches the kernel ------------------------------------------------------------------- */

static void file_load_gets_the_files(void **state)
{
	char path[64];
	const char *initrd = path;
	auto_plan f;
	(void)state;

	begin(&f);
	test_tree_put(&f.tree, "/initrd", "12345");
	snprintf(path, sizeof(path), "%s/initrd", f.tree.root);
	f.request.initrds = &initrd;
	f.request.n_initrds = 1;
	f.request.append = "quiet";
	f.request.target = KM_LOAD_CRASH;
	assert_no_error(load(&f));
	assert_int_equal(kernel.file_calls, 1);
	assert_int_equal(kernel.flags, 2);
	assert_string_equal(kernel.cmdline, "quiet");
	assert_int_equal(kernel.cmdline_size, 6);
	assert_int_equal(kernel.kernel_size, KERNEL_SIZE);
	assert_int_equal(kernel.initrd_size, 5);
	f.request.append = NULL;
	f.request.n_initrds = 0;
	assert_no_error(load(&f));
	assert_int_equal(kernel.cmdline_size, 0);
	assert_string_equal(kernel.cmdline, "(null)");
	assert_int_equal(kernel.initrd_size, -1);
	assert_int_equal(kernel.flags, 2 | 4);
}

static void kexec_load_gets_the_segments(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	f.request.way = KM_LOAD_BY_PARTS;
	f.request.target = KM_LOAD_CRASH;
	assert_no_error(load(&f));
	assert_int_equal(kernel.file_calls, 0);
	assert_int_equal(kernel.n_segments, f.plan->segments.count);
	assert_int_equal(kernel.entry, f.plan->entry);
	assert_int_equal(kernel.flags, 1 | 62 << 16);
}

/* Older kernels know neither flag: the load goes on without. */
static void flags_that_a_kernel_may_not_know(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	f.request.no_cma = f.request.debug = true;
	kernel.file_errno = EINVAL;
	kernel.once = true;
	assert_no_error(load(&f));
	assert_int_equal(kernel.file_calls, 2);
	assert_int_equal(kernel.flags, 4);
	assert_int_equal(kernel.parts_calls, 0);
}

/* ---- from one call to the other ---------------------------------------------------------------- */

static void answers_that_lead_on(void **state)
{
	static const int on[] = {ENOSYS, EINVAL, ENOEXEC, ENOTSUP};
	static const int final[] = {EPERM,   EACCES, EKEYREJECTED, ENOKEY, ENODATA, EBADMSG,
				    ELIBBAD, ENOPKG, ENOMEM,	   EBUSY,  EIO,	    524};
	auto_plan f;
	(void)state;

	for (size_t i = 0; i < KM_ARRAY_SIZE(on); i++) {
		begin(&f);
		kernel.file_errno = on[i];
		assert_no_error(load(&f));
		assert_int_equal(kernel.parts_calls, 1);
		assert_int_equal(f.plan->call, KM_LOAD_BY_PARTS);
		assert_non_null(strstr(f.plan->call_why, "kexec_file_load: "));
		/* Not where one was chosen. */
		kernel.file_errno = on[i];
		kernel.parts_calls = 0;
		f.request.way = KM_LOAD_BY_FILE;
		assert_error(load(&f), "kexec_file_load: ");
		assert_int_equal(kernel.parts_calls, 0);
		pf_free(&f);
	}
	for (size_t i = 0; i < KM_ARRAY_SIZE(final); i++) {
		begin(&f);
		kernel.file_errno = final[i];
		assert_error(load(&f), "kexec_file_load: ");
		assert_int_equal(kernel.parts_calls, 0);
		pf_free(&f);
	}
	begin(&f);
}

/* Where something asks for a signature, an answer that may be about it is the last word. */
static void never_past_a_signature(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	kernel.file_errno = EINVAL;
	put_config(&f, "CONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_SIG_FORCE=y\n");
	assert_error(load(&f), "kexec_file_load: Invalid argument");
	assert_int_equal(kernel.parts_calls, 0);
	put_config(&f, "CONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\n");
	test_tree_put(&f.tree, "/sys/kernel/security/lockdown",
		      "none [integrity] confidentiality\n");
	assert_error(load(&f), "kexec_file_load: Invalid argument");
	assert_int_equal(kernel.parts_calls, 0);
	test_tree_put(&f.tree, "/sys/kernel/security/lockdown",
		      "[none] integrity confidentiality\n");
	test_tree_put(&f.tree, "/sys/kernel/security/ima/policy",
		      "appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig\n");
	assert_error(load(&f), "kexec_file_load: Invalid argument");
	assert_int_equal(kernel.parts_calls, 0);
	test_tree_put(&f.tree, "/sys/kernel/security/ima/policy",
		      "dont_appraise fsmagic=0x9fa0\nmeasure func=KEXEC_KERNEL_CHECK\n");
	assert_no_error(load(&f));
	assert_int_equal(kernel.parts_calls, 1);
}

static void both_calls_fail(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	kernel.file_errno = ENOSYS;
	kernel.parts_errno = EBUSY;
	assert_error(load(&f), "kexec_load: Device or resource busy");
	check_refusal(&f, "busy with another load", "try again");
}

/* ---- refusals ---------------------------------------------------------------------------------- */

static void refused_for_want_of_root(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	kernel.file_errno = EPERM;
	test_tree_put(&f.tree, "/proc/self/status",
		      "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\nSeccomp:\t0\n");
	assert_error(load(&f), "Operation not permitted");
	check_refusal(&f, "this user is not root", "sudo");
	test_tree_put(&f.tree, "/proc/self/status",
		      "Uid:\t0\t0\t0\t0\nCapEff:\t00000000a80425fb\nSeccomp:\t2\n");
	assert_error(load(&f), "Operation not permitted");
	check_refusal(&f, "root has no CAP_SYS_BOOT", "--cap-add");
	test_tree_put(&f.tree, "/proc/self/uid_map", "         0     100000      65536\n");
	assert_error(load(&f), "Operation not permitted");
	check_refusal(&f, "user namespace", "on the host");
	test_tree_put(&f.tree, "/proc/self/uid_map", "         0          0 4294967295\n");
	test_tree_put(&f.tree, "/proc/self/status",
		      "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\nSeccomp:\t2\n");
	assert_error(load(&f), "Operation not permitted");
	check_refusal(&f, "seccomp", "outside");
}

static void refused_by_sysctl(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	kernel.file_errno = EPERM;
	test_tree_put(&f.tree, "/proc/sys/kernel/kexec_load_disabled", "1\n");
	assert_error(load(&f), "Operation not permitted");
	check_refusal(&f, "kernel.kexec_load_disabled is 1", "a hardening profile");
	test_tree_put(&f.tree, "/etc/sysctl.d/10-hardening.conf",
		      "# kexec\nkernel.kexec_load_disabled = 1\n");
	assert_error(load(&f), "Operation not permitted");
	check_refusal(&f, "kernel.kexec_load_disabled is 1", "/etc/sysctl.d/10-hardening.conf");
	test_tree_put(&f.tree, "/proc/sys/kernel/kexec_load_disabled", "0\n");
	test_tree_put(&f.tree, "/proc/sys/kernel/kexec_load_limit_reboot", "0\n");
	test_tree_put(&f.tree, "/proc/sys/kernel/kexec_load_limit_panic", "-1\n");
	assert_error(load(&f), "Operation not permitted");
	check_refusal(&f, "kexec_load_limit_reboot is 0", "reboot");
}

static void put_secure_boot(struct plan_fixture *f)
{
	static const u8 on[] = {6, 0, 0, 0, 1};

	test_tree_put_bytes(
		&f->tree,
		"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", on,
		sizeof(on));
}

static void refused_by_lockdown(void **state)
{
	static u8 body[KERNEL_SIZE], pe[PE_HEADERS + KERNEL_SIZE + 1024];
	const struct pe_part linux_part = {".linux", body, sizeof(body)};
	auto_plan f;
	(void)state;

	begin(&f);
	put_secure_boot(&f);
	test_tree_put(&f.tree, "/sys/kernel/security/lockdown",
		      "none [integrity] confidentiality\n");
	kernel.file_errno = kernel.parts_errno = EPERM;
	assert_error(load(&f), "kexec_file_load: Operation not permitted");
	check_refusal(&f, "locked down (integrity, as Secure Boot is on) and ", "sbsign");
	f.request.way = KM_LOAD_BY_PARTS;
	assert_error(load(&f), "kexec_load: Operation not permitted");
	check_refusal(&f, "locked down (integrity, as Secure Boot is on): kexec_load",
		      "kexec_file_load (-s)");
	/* Without Secure Boot the command line did it. */
	test_tree_put(&f.tree, "/proc/cmdline", "lockdown=confidentiality\n");
	unlink(test_tree_path(
		&f.tree,
		"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"));
	test_tree_put(&f.tree, "/sys/kernel/security/lockdown",
		      "none integrity [confidentiality]\n");
	assert_error(load(&f), "Operation not permitted");
	check_refusal(&f, "locked down (confidentiality, by its command line): kexec_load", "-s");
	make_bzimage(body);
	pf_put_kernel(&f, pe, make_pe(pe, &linux_part, 1, false));
	f.request.way = KM_LOAD_BY_FILE;
	assert_error(load(&f), "Operation not permitted");
	check_refusal(&f, "has no signature", "sbsign");
}

/* A signed bzImage: the EFI stub's headers lie in the boot sector. */
static void put_signed_kernel(struct plan_fixture *f)
{
	static u8 image[KERNEL_SIZE + PE_CERTIFICATE];

	make_bzimage(image);
	memcpy(image, "MZ", 2);
	put32(image + 0x3c, 0x40);
	memcpy(image + 0x40, "PE\0\0", 4);
	put16(image + 0x54, 160);
	put16(image + 0x58, 0x20b);
	put32(image + 0x58 + 108, 6);
	put32(image + 0x58 + 112 + 32, KERNEL_SIZE);
	put32(image + 0x58 + 112 + 36, PE_CERTIFICATE);
	pf_put_kernel(f, image, sizeof(image));
}

static void refused_for_the_signature(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	put_secure_boot(&f);
	kernel.file_errno = ENODATA;
	assert_error(load(&f), "kexec_file_load: No data available");
	check_refusal(&f, "asks for a signature (Secure Boot is on) and ", "sbsign");
	put_signed_kernel(&f);
	kernel.file_errno = EKEYREJECTED;
	assert_error(load(&f), "kexec_file_load: Key was rejected");
	assert_true(f.plan->is_signed);
	check_refusal(&f, "is by no key that this kernel trusts", "mokutil --import");
	test_tree_put(&f.tree, "/sys/kernel/security/lockdown",
		      "none [integrity] confidentiality\n");
	kernel.file_errno = EPERM;
	assert_error(load(&f), "Operation not permitted");
	check_refusal(&f, "none of its keys made the signature", "mokutil --import");
	pf_free(&f);
	begin(&f);
	put_config(&f, "CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_SIG_FORCE=y\n");
	kernel.file_errno = ENODATA;
	assert_error(load(&f), "No data available");
	check_refusal(&f, "CONFIG_KEXEC_SIG_FORCE", "sbsign");
}

static void refused_by_ima(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	test_tree_put(&f.tree, "/sys/kernel/security/ima/policy",
		      "measure func=BPRM_CHECK\nappraise func=KEXEC_KERNEL_CHECK "
		      "appraise_type=imasig\n");
	kernel.file_errno = kernel.parts_errno = EACCES;
	assert_error(load(&f), "Permission denied");
	check_refusal(&f, "the IMA policy wants kernels appraised (func=KEXEC_KERNEL_CHECK)",
		      "evmctl ima_sign");
	f.request.way = KM_LOAD_BY_PARTS;
	assert_error(load(&f), "Permission denied");
	check_refusal(&f, "kexec_load has no file to appraise", "kexec_file_load (-s)");
	test_tree_put(&f.tree, "/sys/kernel/security/ima/policy",
		      "appraise func=KEXEC_INITRAMFS_CHECK appraise_type=imasig\n");
	f.request.way = KM_LOAD_BY_FILE;
	assert_error(load(&f), "Permission denied");
	check_refusal(&f, "initramfs images appraised", "evmctl");
}

static void refused_for_want_of_kexec(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	kernel.file_errno = kernel.parts_errno = ENOSYS;
	put_config(&f, "CONFIG_KEXEC=y\n");
	f.request.way = KM_LOAD_BY_FILE;
	assert_error(load(&f), "not implemented");
	check_refusal(&f, "CONFIG_KEXEC_FILE is not set in /boot/config-6.99", "(-c, or -a)");
	put_config(&f, "CONFIG_KEXEC_FILE=y\n");
	f.request.way = KM_LOAD_BY_PARTS;
	assert_error(load(&f), "not implemented");
	check_refusal(&f, "CONFIG_KEXEC is not set", "(-s, or -a)");
	put_config(&f, "CONFIG_SMP=y\n");
	assert_error(load(&f), "not implemented");
	check_refusal(&f, "CONFIG_KEXEC is not set", "boot a kernel that has CONFIG_KEXEC");
}

static void refused_for_want_of_a_reservation(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	test_tree_put(&f.tree, "/proc/iomem", "00100000-3fffffff : System RAM\n");
	test_tree_put(&f.tree, "/sys/kernel/kexec_crash_size", "0\n");
	f.request.target = KM_LOAD_CRASH;
	assert_error(load(&f), "no memory is reserved for a crash kernel");
	check_refusal(&f, "although crashkernel= is on the command line", "dmesg");
	assert_int_equal(kernel.file_calls, 0);
	test_tree_put(&f.tree, "/proc/cmdline", "quiet\n");
	f.request.way = KM_LOAD_BY_PARTS;
	assert_error(load(&f), "no memory is reserved for a crash kernel");
	check_refusal(&f, "crashkernel= is not on the command line", "add crashkernel=256M");
	test_tree_put(&f.tree, "/proc/iomem", "00000000-00000000 : System RAM\n");
	test_tree_put(&f.tree, "/sys/kernel/kexec_crash_size", "134217728\n");
	f.request.way = KM_LOAD_AUTO;
	assert_error(load(&f), "no memory is reserved");
	check_refusal(&f, "128 MiB are reserved, but /proc/iomem does not say where", "sudo");
}

static void refused_for_want_of_memory(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	kernel.file_errno = ENOMEM;
	test_tree_put(&f.tree, "/proc/meminfo", "MemTotal: 65536 kB\nMemAvailable:    4096 kB\n");
	assert_error(load(&f), "Cannot allocate memory");
	check_refusal(&f, "8 MiB of memory; 4 are available, 5 too few", "end what takes memory");
}

/* What does not fit is not tried: the kernel would free the one that is loaded first. */
static void loaded_crash_kernel_is_kept(void **state)
{
	static u8 image[KERNEL_SIZE];
	auto_plan f;
	(void)state;

	begin(&f);
	make_bzimage(image);
	put32(image + 0x260, 200 << 20); /* init_size */
	pf_put_kernel(&f, image, sizeof(image));
	test_tree_put(&f.tree, "/sys/kernel/kexec_crash_loaded", "1\n");
	f.request.target = KM_LOAD_CRASH;
	assert_error(load(&f), "Cannot assign requested address");
	assert_int_equal(kernel.file_calls, 0);
	check_refusal(&f, "KiB are missing", "larger crashkernel=");
	f.request.way = KM_LOAD_BY_PARTS;
	assert_error(load(&f), "kernel: 204800 KiB do not fit");
	assert_int_equal(kernel.parts_calls, 0);
	check_refusal(&f, "no place for all", "larger crashkernel=");
}

static void loss_of_the_loaded_one_is_told(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	test_tree_put(&f.tree, "/sys/kernel/kexec_crash_loaded", "1\n");
	kernel.file_errno = EKEYREJECTED;
	kernel.lose_crash = true;
	f.request.target = KM_LOAD_CRASH;
	put_signed_kernel(&f);
	assert_error(load(&f), "Key was rejected");
	check_refusal(&f, "the crash kernel that was loaded before is gone", "load that one again");
}

/* ---- starting and unloading -------------------------------------------------------------------- */

static void starting(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	pf_read(&f);
	assert_error(km_load_reboot(f.machine, false, false, &calls, &f.refusals),
		     "nothing is loaded to be started");
	check_refusal(&f, "no kernel has been loaded", "with -l first");
	km_refusals_free(&f.refusals);
	test_tree_put(&f.tree, "/sys/kernel/kexec_crash_loaded", "1\n");
	pf_read(&f);
	assert_error(km_load_reboot(f.machine, false, false, &calls, &f.refusals),
		     "only a crash kernel is");
	check_refusal(&f, "it starts when this one panics, not by -e", "with -l first");
	km_refusals_free(&f.refusals);
	assert_int_equal(kernel.reboot_calls, 0);
	test_tree_put(&f.tree, "/sys/kernel/kexec_loaded", "1\n");
	pf_read(&f);
	assert_no_error(km_load_reboot(f.machine, false, false, &calls, &f.refusals));
	assert_int_equal(kernel.reboot_calls, 1);
	kernel.reboot_errno = EBUSY;
	assert_error(km_load_reboot(f.machine, false, false, &calls, &f.refusals),
		     "Device or resource busy");
	check_refusal(&f, "busy with another load", "try again");
}

static void unloading(void **state)
{
	auto_plan f;
	(void)state;

	begin(&f);
	pf_read(&f);
	assert_no_error(
		km_load_unload(f.machine, KM_LOAD_CRASH, KM_LOAD_AUTO, &calls, &f.refusals));
	assert_int_equal(kernel.flags, 1 | 2);
	assert_int_equal(kernel.parts_calls, 0);
	kernel.file_errno = ENOSYS;
	assert_no_error(
		km_load_unload(f.machine, KM_LOAD_CRASH, KM_LOAD_AUTO, &calls, &f.refusals));
	assert_int_equal(kernel.flags, 1 | 62 << 16);
	assert_int_equal(kernel.n_segments, 0);
	test_tree_put(&f.tree, "/proc/sys/kernel/kexec_load_disabled", "1\n");
	pf_read(&f);
	kernel.file_errno = EPERM;
	assert_error(km_load_unload(f.machine, KM_LOAD_REBOOT, KM_LOAD_AUTO, &calls, &f.refusals),
		     "to unload: Operation not permitted");
	check_refusal(&f, "kexec_load_disabled is 1", "reboot");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_load_gets_the_files),
		cmocka_unit_test(kexec_load_gets_the_segments),
		cmocka_unit_test(flags_that_a_kernel_may_not_know),
		cmocka_unit_test(answers_that_lead_on),
		cmocka_unit_test(never_past_a_signature),
		cmocka_unit_test(both_calls_fail),
		cmocka_unit_test(refused_for_want_of_root),
		cmocka_unit_test(refused_by_sysctl),
		cmocka_unit_test(refused_by_lockdown),
		cmocka_unit_test(refused_for_the_signature),
		cmocka_unit_test(refused_by_ima),
		cmocka_unit_test(refused_for_want_of_kexec),
		cmocka_unit_test(refused_for_want_of_a_reservation),
		cmocka_unit_test(refused_for_want_of_memory),
		cmocka_unit_test(loaded_crash_kernel_is_kept),
		cmocka_unit_test(loss_of_the_loaded_one_is_told),
		cmocka_unit_test(starting),
		cmocka_unit_test(unloading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
