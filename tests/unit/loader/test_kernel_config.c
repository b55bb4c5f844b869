/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding and reading a kernel's configuration, packed or not. */
#include <zlib.h>

#include "tree.h"
#include "loader/kernel_config.h"

static struct test_tree t;

static int setup(void **state)
{
	(void)state;
	test_tree_make(&t);
	test_tree_put(&t, "/proc/sys/kernel/osrelease", "6.12.0-test\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_tree_remove(&t);
	return 0;
}

static const char text[] =
	"#\n# Linux\n#\nCONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=m\n# CONFIG_KEXEC_SIG is not set\n"
	"CONFIG_PHYSICAL_START=0x1000000\nCONFIG_LOCALVERSION=\"-te=st\"\nCONFIG_EMPTY=\"\"\n";

static void look(const struct km_kernel_config *config)
{
	assert_string_equal(km_kernel_config_get(config, "KEXEC"), "y");
	assert_true(km_kernel_config_has(config, "KEXEC_FILE"));
	assert_null(km_kernel_config_get(config, "KEXEC_SIG"));
	assert_null(km_kernel_config_get(config, "KEXE"));
	assert_false(km_kernel_config_has(config, "PHYSICAL_START"));
	assert_string_equal(km_kernel_config_get(config, "PHYSICAL_START"), "0x1000000");
	assert_string_equal(km_kernel_config_get(config, "LOCALVERSION"), "-te=st");
	assert_string_equal(km_kernel_config_get(config, "EMPTY"), "");
}

static void test_plain(void **state)
{
	km_cleanup(km_kernel_config_freep) struct km_kernel_config *config = NULL;

	(void)state;
	test_tree_put(&t, "/boot/config-6.1.0-test", text);
	assert_no_error(km_kernel_config_read(&t.tree, "6.1.0-test", &config));
	assert_string_equal(km_kernel_config_path(config), "/boot/config-6.1.0-test");
	look(config);
}

static size_t pack(const char *from, u8 *to, size_t size)
{
	z_stream stream = {.next_in = (Bytef *)from,
			   .avail_in = (uInt)strlen(from),
			   .next_out = to,
			   .avail_out = (uInt)size};

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return size - stream.avail_out;
}

static void test_packed_is_of_what_runs(void **state)
{
	km_cleanup(km_kernel_config_freep) struct km_kernel_config *config = NULL;
	struct km_kernel_config *none;
	u8 packed[512];
	size_t size = pack(text, packed, sizeof(packed));

	(void)state;
	test_tree_put_bytes(&t, "/proc/config.gz", packed, size);
	assert_no_error(km_kernel_config_read(&t.tree, "6.12.0-test", &config));
	assert_string_equal(km_kernel_config_path(config), "/proc/config.gz");
	look(config);
	assert_error(km_kernel_config_read(&t.tree, "6.6.0-other", &none),
		     "/boot/config-6.6.0-other");
	test_tree_put_bytes(&t, "/proc/config.gz", packed, size / 2);
	assert_error(km_kernel_config_read(&t.tree, "6.12.0-test", &none), "damaged");
}

static void test_what_is_no_configuration(void **state)
{
	struct km_kernel_config *none;

	(void)state;
	test_tree_put(&t, "/boot/config-a", "");
	assert_error(km_kernel_config_read(&t.tree, "a", &none), "no kernel configuration");
	test_tree_put(&t, "/boot/config-a", "hello = world\nCONFIG_\n");
	assert_error(km_kernel_config_read(&t.tree, "a", &none), "no kernel configuration");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_packed_is_of_what_runs),
		cmocka_unit_test(test_what_is_no_configuration),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
