/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kdump.conf(5), and the shell variables of the distributions' own kdump. */
#include "service/conf.h"
#include "tree.h"

struct parsed {
	struct km_conf conf;
	struct km_conf_notes notes;
};

static void parse(struct parsed *p, const char *text)
{
	p->notes = (struct km_conf_notes){0};
	assert_no_error(km_conf_init(&p->conf));
	assert_no_error(km_conf_parse("kdump.conf", text, strlen(text), &p->conf, &p->notes));
}

static void parse_variables(struct parsed *p, const char *text)
{
	p->notes = (struct km_conf_notes){0};
	assert_no_error(km_conf_init(&p->conf));
	assert_no_error(
		km_conf_parse_variables("kdump-tools", text, strlen(text), &p->conf, &p->notes));
}

static void done(struct parsed *p)
{
	km_conf_done(&p->conf);
	km_conf_notes_free(&p->notes);
}

static void all_directives(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, "# a comment\n"
		  "\t\n"
		  "ext4 UUID=0a-b # behind\n"
		  "mount_options noatime,commit=5\n"
		  "raw /dev/vdb1\n"
		  "path /crash#1\n"
		  "nfs nas:/export\n"
		  "path /there\n"
		  "ssh dump@nas.example\n"
		  "sshkey /root/.ssh/id\n"
		  "https https://dumps.example/in\nhttps_ca /etc/ca.pem\nhttps_netrc /etc/netrc\n"
		  "core_collector /usr/sbin/makedumpfile -l  --message-level 7 -d 31\n"
		  "kdump_pre /bin/pre\nkdump_post /bin/post\nkdump_emergency /bin/em\n"
		  "extra_bins /bin/a /bin/b\nextra_modules x y\nblacklist nouveau\n"
		  "options bonding mode=active-backup miimon=100\n"
		  "failure_action shell\nfinal_action poweroff\n"
		  "force_rebuild 1\nforce_no_rebuild 0\n"
		  "dracut_args --add-drivers \"e1000 r8169\" --mount=\"/dev/sdc1 /mnt xfs ro\"\n"
		  "keep 3\nkeep_free 5G\ncpus 2\nkernel /boot/k\nappend a=b c\n"
		  "disk_timeout 7\ntotal_timeout 900\n");
	assert_int_equal(p.notes.items.count, 0);
	assert_int_equal(p.conf.targets.count, 6);
	assert_string_equal(p.conf.targets.data[0].source, "UUID=0a-b");
	assert_string_equal(p.conf.targets.data[0].fstype, "ext4");
	assert_string_equal(p.conf.targets.data[0].options, "noatime,commit=5");
	assert_string_equal(p.conf.targets.data[1].path, "/crash#1");
	assert_string_equal(p.conf.targets.data[2].path, "/there");
	assert_int_equal(p.conf.targets.data[3].kind, KM_CONF_SSH);
	assert_string_equal(p.conf.sshkey, "/root/.ssh/id");
	assert_int_equal(p.conf.targets.data[4].kind, KM_CONF_HTTPS);
	assert_string_equal(p.conf.targets.data[4].source, "https://dumps.example/in");
	assert_string_equal(p.conf.targets.data[4].certificates, "/etc/ca.pem");
	assert_string_equal(p.conf.targets.data[4].netrc, "/etc/netrc");
	assert_string_equal(p.conf.targets.data[5].options, "ro");
	assert_int_equal(p.conf.collector.count, 5);
	assert_string_equal(p.conf.collector.data[1], "--message-level");
	assert_string_equal(p.conf.extra_bins.data[1], "/bin/b");
	assert_string_equal(p.conf.extra_modules.data[3], "r8169");
	assert_string_equal(p.conf.module_options.data[0], "bonding mode=active-backup miimon=100");
	assert_int_equal(p.conf.failure_action, KM_CONF_SHELL);
	assert_int_equal(p.conf.final_action, KM_CONF_POWEROFF);
	assert_true(p.conf.force_rebuild);
	assert_int_equal(p.conf.keep_free, 5ULL << 30);
	assert_string_equal(p.conf.append, "a=b c");
	assert_int_equal(p.conf.device_timeout, 7);
	done(&p);
}

static void wrong_lines(void **state)
{
	static const struct {
		const char *text;
		unsigned line, column;
		const char *error;
	} cases[] = {
		{"core_colector makedumpfile\n", 1, 1, "did you mean core_collector?"},
		{"\n  ext5 /dev/a\n", 2, 3, "ext5 is no directive; did you mean ext"},
		{"failure_action rebot\n", 1, 16, "did you mean reboot?"},
		{"final_action shell\n", 1, 14, "not one of reboot, halt, poweroff"},
		{"ext4\n", 1, 5, "takes one word"},
		{"ext4 a b\n", 1, 6, "takes one word"},
		{"nfs nas\n", 1, 5, "SERVER:/EXPORT"},
		{"path\n", 1, 5, "takes a folder"},
		{"sshkey id\n", 1, 8, "absolute"},
		{"https http://a\n", 1, 7, "https://HOST"},
		{"ssh a@b\nhttps_ca /c\n", 2, 10, "after the https target"},
		{"https https://a\nhttps_netrc n\n", 2, 13, "absolute"},
		{"core_collector tar x\n", 1, 16, "makedumpfile"},
		{"kdump_post post.sh\n", 1, 12, "absolute path"},
		{"keep many\n", 1, 6, "takes a number"},
		{"keep_free 5X\n", 1, 11, "takes a size"},
		{"force_rebuild 2\n", 1, 15, "up to 1"},
		{"mount_options ro\n", 1, 15, "after the target"},
		{"options bonding\n", 1, 9, "parameters"},
		{"virtiofs tag\n", 1, 10, "not supported"},
		{"dracut_args --mount a\n", 1, 13, "MOUNT-POINT"},
	};

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++) {
		struct parsed p;

		parse(&p, cases[i].text);
		assert_int_equal(p.notes.errors, 1);
		assert_int_equal(p.notes.items.data[0].line, cases[i].line);
		assert_int_equal(p.notes.items.data[0].column, cases[i].column);
		if (!strstr(p.notes.items.data[0].text, cases[i].error))
			fail_msg("'%s' for %s", p.notes.items.data[0].text, cases[i].text);
		done(&p);
	}
}

static void a_zero_byte(void **state)
{
	struct parsed p = {0};

	(void)state;
	assert_no_error(km_conf_init(&p.conf));
	assert_no_error(km_conf_parse("f", "keep 1\nkeep\0 2", 14, &p.conf, &p.notes));
	assert_int_equal(p.notes.items.data[0].line, 2);
	assert_int_equal(p.notes.items.data[0].column, 5);
	assert_int_equal(p.conf.keep, 0);
	done(&p);
}

/* What has no meaning here says so, and is no error. */
static void told(void **state)
{
	static const char *const lines[] = {
		"fence_kdump_nodes a b\n",
		"fence_kdump_args -p 7410\n",
		"auto_reset_crashkernel yes\n",
		"dracut_args -f\n",
		"default reboot\n",
		"core_collector cp\n",
		"net user@host\n",
		"link_delay 60\n",
		"debug_mem_level 3\n",
	};

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(lines); i++) {
		struct parsed p;

		parse(&p, lines[i]);
		assert_int_equal(p.notes.errors, 0);
		assert_int_equal(p.notes.items.count, 1);
		done(&p);
	}
}

static void debian(void **state)
{
	struct parsed p;

	(void)state;
	parse_variables(&p, "# kdump-tools\nUSE_KDUMP=1\n"
			    "KDUMP_COREDIR=\"/srv/crash dir\"\n"
			    "export KDUMP_NUM_DUMPS=4 # some\n"
			    "MAKEDUMP_ARGS='-l -d 17'\n"
			    "KDUMP_CMDLINE_APPEND=\"nr_cpus=1 \\\n\\\"x\\\" \\y\"\n"
			    "SSH=\"<user at server>\"\n"
			    "FTP=\"\"\nKDUMP_INITRD=/i\n"
			    "KDUMP_FAIL_CMD=\"halt -f\"; KDUMP_KERNEL=/boot/a\\ b\n");
	assert_int_equal(p.notes.errors, 0);
	assert_int_equal(p.notes.items.count, 1); /* KDUMP_INITRD */
	assert_int_equal(p.notes.items.data[0].line, 10);
	assert_false(p.conf.disabled);
	assert_string_equal(p.conf.path, "/srv/crash dir");
	assert_int_equal(p.conf.keep, 4);
	assert_string_equal(p.conf.collector.data[2], "17");
	assert_string_equal(p.conf.append, "nr_cpus=1 \"x\" \\y");
	assert_int_equal(p.conf.failure_action, KM_CONF_HALT);
	assert_string_equal(p.conf.kernel, "/boot/a b");
	done(&p);
}

static void fedora_and_suse(void **state)
{
	struct parsed p;

	(void)state;
	parse_variables(&p, "KDUMP_COMMANDLINE_REMOVE=\"hugepages quiet\"\n"
			    "KEXEC_ARGS=\"-s\"\nKDUMP_KERNELVER=\"6.9\"\n"
			    "KDUMP_SAVEDIR=\"file:///data\"\nKDUMP_KEEP_OLD_DUMPS=5\n"
			    "KDUMP_FREE_DISK_SIZE=64\nKDUMP_DUMPLEVEL=0\nKDUMP_DUMPFORMAT=lzo\n");
	assert_int_equal(p.notes.items.count, 0);
	assert_string_equal(p.conf.remove, "hugepages quiet");
	assert_string_equal(p.conf.release, "6.9");
	assert_string_equal(p.conf.path, "/data");
	assert_int_equal(p.conf.keep, 6);
	assert_int_equal(p.conf.keep_free, 64 << 20);
	assert_string_equal(p.conf.collector.data[0], "-d");
	assert_string_equal(p.conf.collector.data[2], "-l");
	done(&p);
}

/* Nothing is executed, and what would have to be is refused where it stands. */
static void variables_are_not_executed(void **state)
{
	static const struct {
		const char *text;
		unsigned column;
	} cases[] = {
		{"KDUMP_COREDIR=$(date)\n", 15},
		{"KDUMP_COREDIR=\"`date`\"\n", 15},
		{"KDUMP_COREDIR=$HOME\n", 15},
		{"KDUMP_COREDIR='a\n", 15},
		{"if true; then\n", 1},
		{". /etc/other\n", 1},
		{"KDUMP_SAVEDIR=ftp://a/b\n", 15},
		{"KDUMP_NUM_DUMPS=x\n", 17},
	};

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(cases); i++) {
		struct parsed p;

		parse_variables(&p, cases[i].text);
		assert_int_equal(p.notes.errors, 1);
		assert_int_equal(p.notes.items.data[0].column, cases[i].column);
		assert_string_equal(p.conf.path, "/var/crash");
		done(&p);
	}
}

static void which_file(void **state)
{
	struct test_tree t;
	struct parsed p = {0};

	(void)state;
	test_tree_make(&t);
	assert_no_error(km_conf_read(&t.tree, NULL, &p.conf, &p.notes));
	assert_int_equal(p.conf.targets.count, 1);
	assert_int_equal(p.conf.targets.data[0].kind, KM_CONF_DIRECTORY);
	assert_string_equal(p.conf.targets.data[0].path, "/var/crash");
	done(&p);

	/* A template of comments leaves the distribution's own files in force. */
	test_tree_put(&t, "/etc/kmortem/kdump.conf", "#path /none\n\n  # no\n");
	test_tree_put(&t, "/etc/default/kdump-tools", "KDUMP_COREDIR=/deb\nNFS=nas:/x\n");
	assert_no_error(km_conf_read(&t.tree, NULL, &p.conf, &p.notes));
	assert_string_equal(p.conf.path, "/deb");
	assert_int_equal(p.conf.targets.data[0].kind, KM_CONF_NFS);
	assert_string_equal(p.conf.targets.data[0].path, "/deb");
	assert_int_equal(p.conf.files.count, 1);
	done(&p);

	test_tree_put(&t, "/etc/kmortem/kdump.conf", "path relative\n");
	assert_no_error(km_conf_read(&t.tree, NULL, &p.conf, &p.notes));
	assert_string_equal(p.conf.targets.data[0].path, "/relative");
	assert_int_equal(p.conf.targets.count, 1);
	done(&p);

	assert_error(km_conf_read(&t.tree, "/none", &p.conf, &p.notes), "/none");
	test_tree_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_directives),
		cmocka_unit_test(wrong_lines),
		cmocka_unit_test(a_zero_byte),
		cmocka_unit_test(told),
		cmocka_unit_test(debian),
		cmocka_unit_test(fedora_and_suse),
		cmocka_unit_test(variables_are_not_executed),
		cmocka_unit_test(which_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
