/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmortem kdump save: from a full system that runs on the crash kernel, and out of a raw partition. */
#include <string.h>

#include "app/app.h"
#include "app/kdump.h"

static const char help[] =
	"usage: kmortem kdump save [OPTION]… [FOLDER]\n"
	"\n"
	"Saves /proc/vmcore as the capture image would: log and summary first, then the dump by the\n"
	"configuration's core_collector, read back; then old dumps go as it says. For crash kernels that start a\n"
	"full rescue system (NixOS' way) or an initramfs made by others. The machine is not restarted.\n"
	"\n"
	"FOLDER: where the dump's own folder HOST-TIME is made; otherwise the configuration's first target that is\n"
	"a folder of this system.\n"
	"\n"
	"      --from SOURCE      another dump, or the device of a raw target: what a crash left there is taken\n"
	"                         out of it\n"
	"  -c, --conf FILE        the configuration (/etc/kmortem/kdump.conf, or a distribution's)\n"
	"      --json             one JSON object; `kmortem schema` describes it\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 a whole dump was saved (or the log, where only that is wanted); 1 not all of it, or\n"
	"nothing; 2 the command line or the configuration has no meaning.\n";

struct save_record {
	const char *folder, *verdict, *why, *host, *release, *panic, *stack;
	bool verified;
	u64 time, dump_bytes, log_ms, total_ms;
	s32 level;
};

#define SAVE(member, type, help) KM_FIELD_OF(struct save_record, member, type, help)
static const struct km_field save_fields[] = {
	SAVE(folder, KM_FIELD_TEXT, "the dump's; it ends in .incomplete unless all is whole"),
	SAVE(verdict, KM_FIELD_TEXT, "saved, incomplete, log or nothing"),
	SAVE(verified, KM_FIELD_BOOL, "the dump was read back and is what was written"),
	SAVE(why, KM_FIELD_TEXT, "what is wrong; empty: nothing"),
	SAVE(host, KM_FIELD_TEXT, "of the dead kernel"),
	SAVE(release, KM_FIELD_TEXT, "of the dead kernel"),
	SAVE(panic, KM_FIELD_TEXT, "its last words"),
	SAVE(stack, KM_FIELD_TEXT, "what the check of the dead task's stack saw"),
	SAVE(time, KM_FIELD_U64, "seconds since 1970"),
	SAVE(dump_bytes, KM_FIELD_U64, "of the dump"),
	SAVE(level, KM_FIELD_S32, "makedumpfile's dump level; -1: no dump"),
	SAVE(log_ms, KM_FIELD_U64, "when the log was written, ms since the begin"),
	SAVE(total_ms, KM_FIELD_U64, "how long all of it took"),
};

static void text_save(struct km_out *out, const void *record)
{
	const struct save_record *r = record;

	km_outf(out, " FOLDER: %s\nVERDICT: %s%s%s%s\n", r->folder, r->verdict,
		r->verified ? ", verified" : "", *r->why ? ": " : "", r->why);
	km_outf(out, "   DUMP: ");
	if (r->dump_bytes)
		kdump_out_size(out, r->dump_bytes);
	else
		km_outf(out, "none");
	km_outf(out, "%s%s\n", *r->panic ? " of: " : "", r->panic);
}

static const struct km_kind save_kind = {
	.name = "kdump_save",
	.help = "what was saved",
	.size = sizeof(struct save_record),
	.fields = save_fields,
	.n_fields = KM_ARRAY_SIZE(save_fields),
	.text = text_save,
};
static const struct km_kind *const save_kinds[] = {&save_kind, NULL};
const struct km_command kdump_save_command = {
	.name = "kdump-save",
	.help = "save the dead kernel's memory from a full system",
	.kinds = save_kinds,
};

static bool is_all(const struct kdump *k, const struct km_result *result)
{
	return result->verdict == KM_OUTCOME_SAVED ||
	       (k->conf.dmesg_only && result->verdict == KM_OUTCOME_LOG);
}

static struct km_error *save(struct kdump *k, const char *source, const char *folder, int *ret_exit)
{
	const struct km_save_request request = {
		.conf = &k->conf, .source = source, .folder = folder};
	km_auto_saved struct km_saved saved = {0};
	const struct km_result *from = &saved.result;
	struct save_record r;

	KM_TRY(kdump_begin(k));
	KM_TRY(km_save(&request, &saved));
	if (saved.note.len)
		kdump_note(k, saved.note.data);
	r = (struct save_record){
		.folder = saved.folder,
		.verdict = km_outcome_name(from->verdict),
		.why = from->why,
		.host = from->host,
		.release = from->release,
		.panic = from->panic,
		.stack = from->stack,
		.verified = from->verified,
		.time = from->time,
		.dump_bytes = from->dump_bytes,
		.log_ms = from->log_ms,
		.total_ms = from->total_ms,
		.level = from->level,
	};
	*ret_exit = is_all(k, from) ? KDUMP_OK : KDUMP_NOT;
	km_emit(k->out, &save_kind, &r);
	return NULL;
}

int kdump_save(int argc, char **argv)
{
	static const struct option options[] = {{"from", required_argument, NULL, KDUMP_OWN},
						{"conf", required_argument, NULL, 'c'},
						{"json", no_argument, NULL, KDUMP_JSON},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct kdump k = {.verb = "kdump save"};
	const char *source = "/proc/vmcore";
	int letter, status = KDUMP_NOT;
	struct km_error *error;

	optind = 1;
	while ((letter = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (letter == 'h' || letter == '?') {
			fputs(help, letter == 'h' ? stdout : stderr);
			return kdump_end(&k, NULL, letter == 'h' ? KM_EXIT_OK : KM_EXIT_USAGE);
		}
		if (letter == KDUMP_OWN)
			source = optarg;
		else
			kdump_option(&k, letter, optarg);
	}
	if (argc - optind > 1) {
		fputs(help, stderr);
		return kdump_end(&k, NULL, KM_EXIT_USAGE);
	}
	error = save(&k, source, optind < argc ? argv[optind] : NULL, &status);
	return kdump_end(&k, error, status);
}
