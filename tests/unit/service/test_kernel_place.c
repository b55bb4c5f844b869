/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding the kernel of a release where distributions leave it: its own words count, not its name. */
#include "tree.h"
#include "service/kernel_place.h"

static struct test_tree t;

static int setup(void **state)
{
	(void)state;
	test_tree_make(&t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_tree_remove(&t);
	return 0;
}

/* The least that is a bzImage by Documentation/arch/x86/boot.rst: one setup sector, and what it says. */
static void put_kernel(const char *path, const char *version)
{
	u8 bytes[8192] = {0};

	bytes[0x1f1] = 4;		      /* setup_sects */
	memcpy(bytes + 0x1fe, "\x55\xaa", 2); /* boot_flag */
	memcpy(bytes + 0x200, "\xeb\x6a", 2); /* jump: the header ends at 0x26c */
	memcpy(bytes + 0x202, "HdrS", 4);
	memcpy(bytes + 0x206, "\x0f\x02", 2); /* protocol 2.15 */
	memcpy(bytes + 0x20e, "\x00\x03", 2); /* kernel_version, less 0x200 */
	bytes[0x211] = 1;		      /* LOADED_HIGH */
	bytes[0x232] = 0x20;		      /* kernel_alignment: 2 MiB */
	bytes[0x234] = 1;		      /* relocatable_kernel */
	bytes[0x236] = 1;		      /* xloadflags: 64-bit entry */
	bytes[0x1f4] = 0x10;		      /* syssize, in 16 bytes */
	snprintf((char *)bytes + 0x500, 128, "%s (builder@host) #1 SMP", version);
	test_tree_put_bytes(&t, path, bytes, sizeof(bytes));
}

static void found(const char *release, const char *path)
{
	struct km_kernel_place place;

	assert_no_error(km_kernel_place_find(&t.tree, release, &place));
	assert_string_equal(place.path, path);
	assert_true(place.proven);
	assert_string_equal(place.identity.type, "bzImage64");
}

static void test_by_name(void **state)
{
	(void)state;
	put_kernel("/boot/vmlinuz-6.1.0-a", "6.1.0-a");
	found("6.1.0-a", "/boot/vmlinuz-6.1.0-a");
	put_kernel("/usr/lib/modules/6.2.0-b/vmlinuz", "6.2.0-b");
	found("6.2.0-b", "/usr/lib/modules/6.2.0-b/vmlinuz");
}

static void test_a_name_that_lies(void **state)
{
	struct km_kernel_place place;

	(void)state;
	put_kernel("/boot/vmlinuz-6.3.0-c", "6.3.0-other");
	assert_error(km_kernel_place_find(&t.tree, "6.3.0-c", &place),
		     "/boot/vmlinuz-6.3.0-c is 6.3.0-other");
	/* The beginning of another release is not that release. */
	put_kernel("/boot/vmlinuz-6.3.0-c", "6.3.0-cc");
	assert_error(km_kernel_place_find(&t.tree, "6.3.0-c", &place), "6.3.0-cc");
}

static void test_without_a_name(void **state)
{
	(void)state;
	put_kernel("/nix/store/x/bzImage", "6.4.0-nix");
	test_tree_link(&t, "/run/booted-system/kernel", "/nix/store/x/bzImage");
	found("6.4.0-nix", "/run/booted-system/kernel");
	put_kernel("/boot/vmlinuz-linux", "6.5.0-arch1-1");
	found("6.5.0-arch1-1", "/boot/vmlinuz-linux");
}

static void test_by_the_boot_loader(void **state)
{
	(void)state;
	put_kernel("/boot/ostree/os-1/vmlinuz", "6.6.0-os");
	test_tree_put(&t, "/proc/cmdline", "BOOT_IMAGE=(hd0,gpt2)/ostree/os-1/vmlinuz ro\n");
	found("6.6.0-os", "/boot/ostree/os-1/vmlinuz");
	put_kernel("/efi/machine/6.7/linux", "6.7.0-bls");
	test_tree_put(&t, "/efi/loader/entries/a.conf",
		      "title A\nlinux /machine/6.7/linux\ninitrd /machine/6.7/initrd\n");
	found("6.7.0-bls", "/efi/machine/6.7/linux");
}

static void test_what_is_no_release(void **state)
{
	struct km_kernel_place place;

	(void)state;
	assert_error(km_kernel_place_find(&t.tree, "../../etc/passwd", &place),
		     "no kernel's release");
	assert_error(km_kernel_place_find(&t.tree, "9.9.9", &place), "is not to be found");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_name),
		cmocka_unit_test(test_a_name_that_lies),
		cmocka_unit_test(test_without_a_name),
		cmocka_unit_test(test_by_the_boot_loader),
		cmocka_unit_test(test_what_is_no_release),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
