// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kexec(8)'s options. Letters that say what to do (-l -p -u -e -f) set the whole of it, so that the last
 * one counts, as kexec has it. Each option is acted upon, or its meaning for the load at hand is said.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/load.h"

static const char options_help[] =
	"What to do:\n"
	"  -l, --load                 load KERNEL, to be started later\n"
	"  -p, --load-panic           load KERNEL into what crashkernel= reserves, for a panic\n"
	"  -u, --unload               unload it again (with -p: the one for a panic)\n"
	"  -e, --exec                 start the loaded kernel at once, without shutdown(8)\n"
	"  -f, --force                load KERNEL and start it at once\n"
	"  -S, --status               exit with 1 where one is loaded, 0 where not (for a panic; with -l: the other)\n"
	"      --print-ckr-size       print the bytes that crashkernel= has reserved\n"
	"\n"
	"What to load:\n"
	"  -t, --type=TYPE            KERNEL is of this type (below); else that is found out\n"
	"      --command-line=TEXT    the command line\n"
	"      --append=TEXT          the command line, or what stands behind --command-line and --reuse-cmdline\n"
	"      --reuse-cmdline        begin with the running kernel's, without BOOT_IMAGE (and crashkernel with -p)\n"
	"      --initrd=FILE, --ramdisk=FILE  the initramfs; again: one behind the other\n"
	"      --reuseinitrd          the one that this kernel was started with (it must have retain_initrd)\n"
	"      --module=\"FILE ARGS…\"  a module, for multiboot kernels; may be given again\n"
	"      --dtb=FILE             a device tree for it\n"
	"      --args-linux, --args-elf, --args-none  what an ELF file is handed: boot_params; ELF boot\n"
	"                             notes; nothing\n"
	"\n"
	"How:\n"
	"  -a, --kexec-syscall-auto   by kexec_file_load, or kexec_load where that cannot serve (the default)\n"
	"  -s, --kexec-file-syscall   by kexec_file_load only\n"
	"  -c, --kexec-syscall        by kexec_load only\n"
	"  -i, --no-checks            do not check what was loaded before it is started\n"
	"      --on-mismatch=halt|reset  where that check fails (else as panic= of this kernel says)\n"
	"  -x, --no-ifdown            leave network interfaces up before the start\n"
	"  -y, --no-sync              do not write file systems out before the start\n"
	"      --mem-min=ADDRESS, --mem-max=ADDRESS  load between these physical addresses\n"
	"      --hotplug              with -p: the kernel may update the headers as CPUs and memory come and go\n"
	"      --no-cma               keep what is loaded out of CMA\n"
	"      --load-preserve-context, --load-jump-back-helper, --entry=ADDRESS  keep this kernel in memory,\n"
	"                             and come back to it\n"
	"      --reset-vga --console-vga --console-serial --serial=PORT --serial-baud=RATE\n"
	"                             where what runs between the kernels says that something is wrong\n"
	"      --elf32-core-headers, --elf64-core-headers, --pass-memmap-cmdline  for older capture kernels\n"
	"      --noefi --reuse-video-type --real-mode --entry-32bit\n"
	"  -d, --debug                show the plan on standard error first\n"
	"      --json                 one JSON object instead of text\n"
	"  -h, --help                 this text\n"
	"  -v, --version              the version\n"
	"\n"
	"Types: bzImage64 bzImage uki elf-x86_64 elf-x86 multiboot2-x86 multiboot-x86 uImage packed\n";

struct usage {
	const char *synopsis, *exit;
};

static struct usage usage_of(const struct load_options *o)
{
	if (o->as_kexec)
		return (struct usage){
			"usage: kexec [OPTION]… [KERNEL]\n\n"
			"Loads a kernel and starts it from the running one. With none of -l -p -u -e -f -S: loads\n"
			"KERNEL and shuts the system down into it.\n\n",
			"Exit status: 0 done; 1 not done (-S: loaded); 255 with -S: the kernel does not say.\n"};
	if (o->work.plan)
		return (struct usage){
			"usage: kmortem plan [-p] [OPTION]… KERNEL\n\n"
			"Shows what `kmortem load` with the same options would do, and touches nothing.\n"
			"      --root=FOLDER          on the machine whose /proc, /sys and /boot are recorded in FOLDER\n\n",
			"Exit status: 0 the plan is made; 1 it cannot be; 2 the command line has no meaning.\n"};
	if (o->work.status)
		return (struct usage){
			"usage: kmortem status [-l|-p] [--root=FOLDER] [--json]\n\n"
			"Says whether a kernel is loaded.\n\n",
			"Exit status: 1 loaded (for a panic; with -l: to be started), 0 not, 255 the kernel does not say;\n"
			"2 the command line has no meaning.\n"};
	if (o->work.unload)
		return (struct usage){"usage: kmortem unload [-p] [OPTION]…\n\n"
				      "Unloads the kernel that was loaded (with -p: the one for a "
				      "panic).\n\n",
				      "Exit status: 0 done; 1 not done; 2 the command line has no "
				      "meaning.\n"};
	if (o->work.exec)
		return (struct usage){
			"usage: kmortem exec [-x] [-y] [--orderly]\n\n"
			"Starts the loaded kernel at once.\n"
			"      --orderly              by shutting the system down (systemctl kexec, or shutdown -r)\n\n",
			"Exit status: 0 on its way; 1 not done; 2 the command line has no meaning.\n"};
	return (struct usage){"usage: kmortem load [-p] [OPTION]… KERNEL\n\n"
			      "Loads KERNEL, to be started by `kmortem exec` or, with -p, by a "
			      "panic.\n\n",
			      "Exit status: 0 loaded; 1 not loaded; 2 the command line has no "
			      "meaning.\n"};
}

void load_usage(const struct load_options *o, FILE *to)
{
	struct usage usage = usage_of(o);

	fprintf(to, "%s%s\n%s", usage.synopsis, options_help, usage.exit);
}

enum {
	OPT_FIRST = 256,
	OPT_MEM_MIN,
	OPT_MEM_MAX,
	OPT_REUSE_INITRD,
	OPT_PRESERVE,
	OPT_HELPER,
	OPT_ENTRY,
	OPT_REGION,
	OPT_HOTPLUG,
	OPT_NO_CMA,
	OPT_FORCE_DTB,
	OPT_LIVE_UPDATE,
	OPT_APPEND,
	OPT_COMMAND_LINE,
	OPT_REUSE_CMDLINE,
	OPT_INITRD,
	OPT_DTB,
	OPT_MODULE,
	OPT_ARGS_LINUX,
	OPT_ARGS_ELF,
	OPT_ARGS_NONE,
	OPT_RESET_VGA,
	OPT_SERIAL,
	OPT_SERIAL_BAUD,
	OPT_CONSOLE_VGA,
	OPT_CONSOLE_SERIAL,
	OPT_ELF32,
	OPT_ELF64,
	OPT_MEMMAP,
	OPT_NO_EFI,
	OPT_VIDEO,
	OPT_REAL_MODE,
	OPT_ENTRY_32,
	OPT_MISMATCH,
	OPT_JSON,
	OPT_ROOT,
	OPT_ORDERLY,
};

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'v'},
	{"debug", no_argument, NULL, 'd'},
	{"force", no_argument, NULL, 'f'},
	{"no-checks", no_argument, NULL, 'i'},
	{"no-ifdown", no_argument, NULL, 'x'},
	{"no-sync", no_argument, NULL, 'y'},
	{"load", no_argument, NULL, 'l'},
	{"load-panic", no_argument, NULL, 'p'},
	{"unload", no_argument, NULL, 'u'},
	{"exec", no_argument, NULL, 'e'},
	{"type", required_argument, NULL, 't'},
	{"status", no_argument, NULL, 'S'},
	{"kexec-file-syscall", no_argument, NULL, 's'},
	{"kexec-syscall", no_argument, NULL, 'c'},
	{"kexec-syscall-auto", no_argument, NULL, 'a'},
	{"mem-min", required_argument, NULL, OPT_MEM_MIN},
	{"mem-max", required_argument, NULL, OPT_MEM_MAX},
	{"reuseinitrd", no_argument, NULL, OPT_REUSE_INITRD},
	{"load-preserve-context", no_argument, NULL, OPT_PRESERVE},
	{"load-jump-back-helper", no_argument, NULL, OPT_HELPER},
	{"entry", required_argument, NULL, OPT_ENTRY},
	{"print-ckr-size", no_argument, NULL, OPT_REGION},
	{"hotplug", no_argument, NULL, OPT_HOTPLUG},
	{"no-cma", no_argument, NULL, OPT_NO_CMA},
	{"force-dtb", no_argument, NULL, OPT_FORCE_DTB},
	{"load-live-update", no_argument, NULL, OPT_LIVE_UPDATE},
	{"exec-live-update", no_argument, NULL, OPT_LIVE_UPDATE},
	{"append", required_argument, NULL, OPT_APPEND},
	{"command-line", required_argument, NULL, OPT_COMMAND_LINE},
	{"reuse-cmdline", no_argument, NULL, OPT_REUSE_CMDLINE},
	{"initrd", required_argument, NULL, OPT_INITRD},
	{"ramdisk", required_argument, NULL, OPT_INITRD},
	{"dtb", required_argument, NULL, OPT_DTB},
	{"devicetreeblob", required_argument, NULL, OPT_DTB},
	{"module", required_argument, NULL, OPT_MODULE},
	{"args-linux", no_argument, NULL, OPT_ARGS_LINUX},
	{"args-elf", no_argument, NULL, OPT_ARGS_ELF},
	{"args-none", no_argument, NULL, OPT_ARGS_NONE},
	{"reset-vga", no_argument, NULL, OPT_RESET_VGA},
	{"serial", required_argument, NULL, OPT_SERIAL},
	{"serial-baud", required_argument, NULL, OPT_SERIAL_BAUD},
	{"console-vga", no_argument, NULL, OPT_CONSOLE_VGA},
	{"console-serial", no_argument, NULL, OPT_CONSOLE_SERIAL},
	{"elf32-core-headers", no_argument, NULL, OPT_ELF32},
	{"elf64-core-headers", no_argument, NULL, OPT_ELF64},
	{"pass-memmap-cmdline", no_argument, NULL, OPT_MEMMAP},
	{"noefi", no_argument, NULL, OPT_NO_EFI},
	{"reuse-video-type", no_argument, NULL, OPT_VIDEO},
	{"real-mode", no_argument, NULL, OPT_REAL_MODE},
	{"entry-32bit", no_argument, NULL, OPT_ENTRY_32},
	{"on-mismatch", required_argument, NULL, OPT_MISMATCH},
	{"json", no_argument, NULL, OPT_JSON},
	{"root", required_argument, NULL, OPT_ROOT},
	{"orderly", no_argument, NULL, OPT_ORDERLY},
	{0},
};

static struct km_error *number(const char *option, const char *text, u64 *ret)
{
	if (!km_parse_number(text, false, ret))
		return km_error_new(KM_ERROR_USAGE, "%s %s: not a number", option, text);
	return NULL;
}

/* kexec takes a port's number or a Linux name of the first two. */
static struct km_error *serial_port(const char *text, u16 *ret)
{
	static const u16 ports[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
	u64 value;

	if (!strncmp(text, "ttyS", 4) && text[4] >= '0' && text[4] <= '3' && !text[5]) {
		*ret = ports[text[4] - '0'];
		return NULL;
	}
	KM_TRY(number("--serial", text, &value));
	if (!value || value > UINT16_MAX)
		return km_error_new(KM_ERROR_USAGE, "--serial %s: no I/O port", text);
	*ret = (u16)value;
	return NULL;
}

static struct km_error *set_mismatch(struct km_load_request *request, const char *text)
{
	if (!strcmp(text, "halt"))
		request->failure = KM_FAILURE_HALT;
	else if (!strcmp(text, "reset"))
		request->failure = KM_FAILURE_RESET;
	else
		return km_error_new(KM_ERROR_USAGE, "--on-mismatch %s: halt or reset", text);
	return NULL;
}

/* The letters that say what to do. A subcommand has said so by its name: -f is no plan's business. */
static void set_work(struct load_options *o, int letter)
{
	bool keeps = o->work.plan || o->work.status;

	switch (letter) {
	case 'l':
	case 'p':
		o->panic = letter == 'p' || o->panic;
		o->reboot = letter == 'l' || o->reboot;
		/* `-p -u`, `-S -l` only say which image is meant. */
		if (o->work.unload || keeps)
			return;
		o->work = (struct load_work){.load = true};
		return;
	case 'S':
		o->work = (struct load_work){.status = true};
		return;
	case 'u':
		if (!keeps)
			o->work = (struct load_work){.unload = true};
		return;
	case 'e':
		if (!keeps)
			o->work = (struct load_work){.exec = true};
		return;
	case 'f':
		if (!keeps)
			o->work = (struct load_work){.load = true, .exec = true};
		return;
	}
}

static struct km_error *set_memory(struct load_options *o, int option, const char *value)
{
	struct km_load_request *request = &o->request;

	switch (option) {
	case OPT_MEM_MIN:
		return number("--mem-min", value, &request->mem_min);
	case OPT_MEM_MAX:
		KM_TRY(number("--mem-max", value, &request->mem_max));
		/* The last address that may be used; inside, the end is one behind it. */
		request->mem_max += request->mem_max != UINT64_MAX;
		return NULL;
	default:
		request->entry_set = true;
		return number("--entry", value, &request->entry);
	}
}

static struct km_error *push(const char *text, size_t *count, const char ***data, size_t *capacity)
{
	const char **slot = km_vec_push_raw((void **)data, count, capacity, sizeof(*slot));

	if (!slot)
		return km_error_nomem();
	*slot = text;
	return NULL;
}

/* Options with a value, and those that set one flag for the loader. */
static struct km_error *set_loader(struct load_options *o, int option, const char *value)
{
	struct km_load_request *request = &o->request;

	switch (option) {
	case OPT_MEM_MIN:
	case OPT_MEM_MAX:
	case OPT_ENTRY:
		return set_memory(o, option, value);
	case 't':
		request->type = value;
		return NULL;
	case OPT_APPEND:
		request->append = value;
		return NULL;
	case OPT_COMMAND_LINE:
		request->command_line = value;
		return NULL;
	case OPT_INITRD:
		return push(value, &o->initrds.count, &o->initrds.data, &o->initrds.capacity);
	case OPT_MODULE:
		return push(value, &o->modules.count, &o->modules.data, &o->modules.capacity);
	case OPT_DTB:
		request->dtb = value;
		return NULL;
	case OPT_SERIAL:
		return serial_port(value, &request->serial_port);
	case OPT_SERIAL_BAUD: {
		u64 baud;

		KM_TRY(number("--serial-baud", value, &baud));
		if (!baud || baud > 115200 || 115200 % baud)
			return km_error_new(
				KM_ERROR_USAGE,
				"--serial-baud %s: a PC's port divides 115200 by a whole "
				"number",
				value);
		request->serial_baud = (u32)baud;
		return NULL;
	}
	case OPT_MISMATCH:
		return set_mismatch(request, value);
	case OPT_FORCE_DTB:
		return km_error_new(KM_ERROR_USAGE,
				    "--force-dtb is for arm64; on x86 --dtb=FILE hands a tree on");
	case OPT_LIVE_UPDATE:
		return km_error_new(
			KM_ERROR_USAGE,
			"live update replaces a Xen hypervisor under its guests; kmortem "
			"loads Linux under Linux only");
	}
	return NULL;
}

static bool set_flag(struct load_options *o, int option)
{
	struct km_load_request *request = &o->request;

	switch (option) {
	case 'i':
		return request->no_checks = true;
	case 'd':
		return request->debug = true;
	case 'x':
		return o->no_ifdown = true;
	case 'y':
		return o->no_sync = true;
	case 's':
		request->way = KM_LOAD_BY_FILE;
		return true;
	case 'c':
		request->way = KM_LOAD_BY_PARTS;
		return true;
	case 'a':
		request->way = KM_LOAD_AUTO;
		return true;
	case OPT_REUSE_INITRD:
		return request->reuse_initrd = true;
	case OPT_REUSE_CMDLINE:
		return request->reuse_cmdline = true;
	case OPT_HOTPLUG:
		return request->hotplug = true;
	case OPT_NO_CMA:
		return request->no_cma = true;
	case OPT_ARGS_LINUX:
	case OPT_ARGS_ELF:
	case OPT_ARGS_NONE:
		request->args = option == OPT_ARGS_LINUX ? KM_ARGS_LINUX
				: option == OPT_ARGS_ELF ? KM_ARGS_ELF
							 : KM_ARGS_NONE;
		return true;
	case OPT_RESET_VGA:
		return request->reset_vga = true;
	case OPT_CONSOLE_VGA:
		return request->console_vga = true;
	case OPT_CONSOLE_SERIAL:
		return request->console_serial = true;
	case OPT_ELF32:
	case OPT_ELF64:
		request->core_headers = option == OPT_ELF32 ? 32 : 64;
		return true;
	case OPT_MEMMAP:
		return request->pass_memmap_cmdline = true;
	case OPT_NO_EFI:
		return request->no_efi = true;
	case OPT_VIDEO:
		return request->reuse_video_type = true;
	case OPT_REAL_MODE:
		return request->real_mode = true;
	case OPT_ENTRY_32:
		return request->entry_32bit = true;
	default:
		return false;
	}
}

static struct km_error *take(struct load_options *o, int option, const char *value, int *ret_exit)
{
	if (set_flag(o, option))
		return NULL;
	switch (option) {
	case 'h':
		load_usage(o, stdout);
		*ret_exit = KM_EXIT_OK;
		return NULL;
	case 'v':
		printf("kmortem %s%s\n", KM_VERSION, o->as_kexec ? ", called as kexec" : "");
		*ret_exit = KM_EXIT_OK;
		return NULL;
	case '?':
		fprintf(stderr, "`%s --help` lists the options\n",
			o->as_kexec ? "kexec" : "kmortem load");
		*ret_exit = o->as_kexec ? KM_EXIT_FAILED : KM_EXIT_USAGE;
		return NULL;
	case OPT_JSON:
		o->json = true;
		return NULL;
	case OPT_ROOT:
		o->root = value;
		return NULL;
	case OPT_ORDERLY:
		o->work.shutdown = true;
		return NULL;
	case OPT_REGION:
		o->work = (struct load_work){.print_region = true};
		return NULL;
	case OPT_PRESERVE:
		o->request.preserve_context = true;
		o->work = (struct load_work){.load = true, .plan = o->work.plan};
		return NULL;
	case OPT_HELPER:
		o->request.jump_back_helper = true;
		o->work = (struct load_work){.load = true, .plan = o->work.plan};
		return NULL;
	default:
		set_work(o, option);
		return set_loader(o, option, value);
	}
}

/* What is left when all options are read. */
static struct km_error *take_words(int argc, char **argv, struct load_options *o)
{
	bool wants_kernel = (o->work.load || o->work.plan) && !o->request.jump_back_helper;

	if (optind < argc && wants_kernel)
		o->request.kernel = argv[optind++];
	if (optind < argc)
		return km_error_new(KM_ERROR_USAGE, "%s: a word too many", argv[optind]);
	if (wants_kernel && !o->request.kernel)
		return km_error_new(KM_ERROR_USAGE, "no kernel is named; --help shows how");
	if (o->root && !o->work.plan && !o->work.status)
		return km_error_new(
			KM_ERROR_USAGE,
			"--root is for plan and status: a recorded machine loads nothing");
	if (o->work.shutdown && !o->work.exec && !o->work.load)
		return km_error_new(KM_ERROR_USAGE, "--orderly is for exec");
	return NULL;
}

struct km_error *load_options_parse(int argc, char **argv, struct load_options *o, int *ret_exit)
{
	int option;

	o->request.mem_max = UINT64_MAX;
	optind = 1;
	opterr = 1;
	while ((option = getopt_long(argc, argv, "hvdfixyluet:pscaS", long_options, NULL)) != -1) {
		KM_TRY(take(o, option, optarg, ret_exit));
		if (*ret_exit >= 0)
			return NULL;
	}
	KM_TRY(take_words(argc, argv, o));
	/* kexec -S without more asks for the crash kernel; everything else means the other one. */
	if (o->panic || (o->work.status && !o->reboot))
		o->request.target = KM_LOAD_CRASH;
	o->request.initrds = o->initrds.data;
	o->request.n_initrds = o->initrds.count;
	o->request.modules = o->modules.data;
	o->request.n_modules = o->modules.count;
	return NULL;
}

void load_options_done(struct load_options *o)
{
	km_vec_free(&o->initrds);
	km_vec_free(&o->modules);
}
