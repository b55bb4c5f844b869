/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The capture image's plan, written and read. plan.h has the form. */
#include <string.h>

#include "service/plan.h"

enum { MAX_WORDS = 64 };

/* What a line of one word holds: number or text at OFFSET of the plan. */
enum field_type { FIELD_NUMBER, FIELD_TEXT, FIELD_BOOL, FIELD_ACTION, FIELD_STRINGS };

static const struct field {
	const char *key;
	size_t offset;
	enum field_type type;
} fields[] = {
#define FIELD(key, member, type)                            \
	{                                                   \
		key, offsetof(struct km_plan, member), type \
	}
	FIELD("host", host, FIELD_TEXT),
	FIELD("keep", keep, FIELD_NUMBER),
	FIELD("keep-free", keep_free, FIELD_NUMBER),
	FIELD("dump-summary", dump_summary, FIELD_BOOL),
	FIELD("dump-vmcore", dump_vmcore, FIELD_BOOL),
	FIELD("limit-device", limits.device, FIELD_NUMBER),
	FIELD("limit-network", limits.network, FIELD_NUMBER),
	FIELD("limit-mount", limits.mount, FIELD_NUMBER),
	FIELD("limit-dmesg", limits.dmesg, FIELD_NUMBER),
	FIELD("limit-summary", limits.summary, FIELD_NUMBER),
	FIELD("limit-stall", limits.stall, FIELD_NUMBER),
	FIELD("limit-capture", limits.capture, FIELD_NUMBER),
	FIELD("limit-verify", limits.verify, FIELD_NUMBER),
	FIELD("limit-hook", limits.hook, FIELD_NUMBER),
	FIELD("limit-total", limits.total, FIELD_NUMBER),
	FIELD("summary-memory", limits.summary_memory, FIELD_NUMBER),
	FIELD("failure-action", failure_action, FIELD_ACTION),
	FIELD("final-action", final_action, FIELD_ACTION),
	FIELD("collector", collector, FIELD_STRINGS),
	FIELD("pre", pre, FIELD_STRINGS),
	FIELD("post", post, FIELD_STRINGS),
	FIELD("emergency", emergency, FIELD_STRINGS),
#undef FIELD
};

static const char *const action_names[] = {
	[KM_PLAN_REBOOT] = "reboot",
	[KM_PLAN_HALT] = "halt",
	[KM_PLAN_POWEROFF] = "poweroff",
	[KM_PLAN_SHELL] = "shell",
	[KM_PLAN_DUMP_TO_ROOTFS] = "dump_to_rootfs",
};

static const char *const kind_names[] = {
	[KM_PLAN_DIRECTORY] = "directory",
	[KM_PLAN_RAW] = "raw",
	[KM_PLAN_NFS] = "nfs",
	[KM_PLAN_SSH] = "ssh",
	[KM_PLAN_HTTPS] = "https",
};

const char *km_plan_action_name(enum km_plan_action action)
{
	return action < KM_ARRAY_SIZE(action_names) ? action_names[action] : "reboot";
}

static bool name_parse(const char *name, const char *const *names, size_t count, unsigned *ret)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, names[i]))
			continue;
		*ret = (unsigned)i;
		return true;
	}
	return false;
}

bool km_plan_action_parse(const char *name, enum km_plan_action *ret)
{
	unsigned found;

	if (!name_parse(name, action_names, KM_ARRAY_SIZE(action_names), &found))
		return false;
	*ret = (enum km_plan_action)found;
	return true;
}

const char *km_plan_kind_name(enum km_plan_kind kind)
{
	return kind < KM_ARRAY_SIZE(kind_names) ? kind_names[kind] : "directory";
}

bool km_plan_is_remote(enum km_plan_kind kind)
{
	return kind == KM_PLAN_SSH || kind == KM_PLAN_HTTPS;
}

bool km_plan_is_network(enum km_plan_kind kind)
{
	return kind == KM_PLAN_NFS || km_plan_is_remote(kind);
}

bool km_plan_option(const struct km_plan_target *target, const char *key, char *buf, size_t size)
{
	const char *at = target->options ? target->options : "";

	for (; *at; at += strcspn(at, ","), at += *at == ',') {
		size_t len = strcspn(at, ","), key_len = strlen(key);

		if (len < key_len || strncmp(at, key, key_len) || len - key_len >= size)
			continue;
		memcpy(buf, at + key_len, len - key_len);
		buf[len - key_len] = '\0';
		return true;
	}
	return false;
}

void km_plan_init(struct km_plan *plan)
{
	*plan = (struct km_plan){
		.dump_summary = true,
		.dump_vmcore = true,
		.limits =
			{
				.device = 45,
				.network = 60,
				.mount = 120,
				.dmesg = 30,
				.summary = 30,
				.stall = 120,
				.capture = 4 * 3600,
				.verify = 3600,
				.hook = 60,
				.total = 6 * 3600,
				.summary_memory = 64,
			},
	};
}

static void strings_done(struct km_plan_strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->data[i]);
	km_vec_free(list);
}

static void guard_done(struct km_plan_guard *guard)
{
	free(guard->pv);
	free(guard->volume);
}

void km_plan_done(struct km_plan *plan)
{
	km_vec_for_each (&plan->modules, module) {
		free(module->path);
		free(module->parameters);
	}
	km_vec_free(&plan->modules);
	km_vec_for_each (&plan->arrays, array)
		free(array->uuid);
	km_vec_free(&plan->arrays);
	km_vec_for_each (&plan->mappings, mapping) {
		free(mapping->name);
		free(mapping->uuid);
		km_vec_for_each (&mapping->rows, row) {
			free(row->type);
			free(row->arguments);
		}
		km_vec_free(&mapping->rows);
		km_vec_for_each (&mapping->guards, guard)
			guard_done(guard);
		km_vec_free(&mapping->guards);
	}
	km_vec_free(&plan->mappings);
	km_vec_for_each (&plan->interfaces, interface) {
		free(interface->name);
		free(interface->mac);
		strings_done(&interface->addresses);
		strings_done(&interface->routes);
	}
	km_vec_free(&plan->interfaces);
	km_vec_for_each (&plan->targets, target) {
		free(target->source);
		free(target->fstype);
		free(target->path);
		free(target->options);
	}
	km_vec_free(&plan->targets);
	strings_done(&plan->collector);
	strings_done(&plan->pre);
	strings_done(&plan->post);
	strings_done(&plan->emergency);
	free(plan->host);
	km_plan_init(plan);
}

struct km_error *km_plan_add_string(struct km_plan_strings *list, const char *text)
{
	char *copy = strdup(text), **slot = copy ? km_vec_push(list) : NULL;

	if (!slot) {
		free(copy);
		return km_error_nomem();
	}
	*slot = copy;
	return NULL;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void add_word(struct km_str *out, const char *text)
{
	km_str_add_char(out, ' ');
	if (!text || !*text) {
		km_str_add_char(out, '%');
		return;
	}
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f || *p == '%')
			km_str_addf(out, "%%%02X", *p);
		else
			km_str_add_char(out, (char)*p);
	}
}

static void add_line(struct km_str *out, const char *key, const char *const *words, size_t count)
{
	km_str_add(out, key);
	for (size_t i = 0; i < count; i++)
		add_word(out, words[i]);
	km_str_add_char(out, '\n');
}

static void write_field(const struct km_plan *plan, const struct field *f, struct km_str *out)
{
	const void *at = (const char *)plan + f->offset;
	const struct km_plan_strings *list = at;
	const char *text;

	switch (f->type) {
	case FIELD_NUMBER:
		km_str_addf(out, "%s %llu\n", f->key, (unsigned long long)*(const u64 *)at);
		break;
	case FIELD_BOOL:
		km_str_addf(out, "%s %d\n", f->key, *(const bool *)at);
		break;
	case FIELD_TEXT:
		text = *(char *const *)at;
		if (text)
			add_line(out, f->key, &text, 1);
		break;
	case FIELD_ACTION:
		text = km_plan_action_name(*(const enum km_plan_action *)at);
		add_line(out, f->key, &text, 1);
		break;
	case FIELD_STRINGS:
		for (size_t i = 0; i < list->count; i++)
			add_line(out, f->key, (const char *const *)&list->data[i], 1);
		break;
	}
}

static void write_mapping(const struct km_plan_mapping *mapping, struct km_str *out)
{
	add_line(out, "mapping", (const char *[]){mapping->name, mapping->uuid}, 2);
	km_vec_for_each (&mapping->guards, guard) {
		km_str_add(out, "guard");
		add_word(out, guard->pv);
		add_word(out, guard->volume);
		km_str_addf(out, " %llu\n", (unsigned long long)guard->fingerprint);
	}
	km_vec_for_each (&mapping->rows, row) {
		km_str_addf(out, "row %llu %llu", (unsigned long long)row->start,
			    (unsigned long long)row->sectors);
		add_word(out, row->type);
		add_word(out, row->arguments);
		km_str_add_char(out, '\n');
	}
}

static void write_interface(const struct km_plan_interface *interface, struct km_str *out)
{
	const struct km_plan_strings *addresses = &interface->addresses;
	const struct km_plan_strings *routes = &interface->routes;

	km_str_add(out, "interface");
	add_word(out, interface->name);
	add_word(out, interface->mac);
	km_str_addf(out, " %u %s\n", interface->mtu, interface->dhcp ? "dhcp" : "static");
	for (size_t i = 0; i < addresses->count; i++)
		add_line(out, "address", (const char *const *)&addresses->data[i], 1);
	for (size_t i = 0; i < routes->count; i++)
		add_line(out, "route", (const char *const *)&routes->data[i], 1);
}

void km_plan_write(const struct km_plan *plan, struct km_str *ret)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(fields); i++)
		write_field(plan, &fields[i], ret);
	km_vec_for_each (&plan->modules, module)
		add_line(ret, "module", (const char *[]){module->path, module->parameters}, 2);
	km_vec_for_each (&plan->arrays, array) {
		km_str_add(ret, "array");
		add_word(ret, array->uuid);
		km_str_addf(ret, " %u %u %u\n", array->version, array->minor, array->members);
	}
	km_vec_for_each (&plan->mappings, mapping)
		write_mapping(mapping, ret);
	km_vec_for_each (&plan->interfaces, interface)
		write_interface(interface, ret);
	km_vec_for_each (&plan->targets, target)
		add_line(ret, "target",
			 (const char *[]){km_plan_kind_name(target->kind), target->source,
					  target->fstype, target->path, target->options,
					  target->last_resort ? "last" : ""},
			 6);
}

/* ---- reading -------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* In place: what is left is never longer. False where it cannot be a word of km_plan_write(). */
static bool decode_word(char *word)
{
	char *to = word;

	if (!strcmp(word, "%")) {
		*word = '\0';
		return true;
	}
	for (const char *from = word; *from; from++) {
		if (*from == '%') {
			int high = hex_digit(from[1]);
			int low = high < 0 ? -1 : hex_digit(from[2]);

			if (low < 0 || !(high | low))
				return false;
			*to++ = (char)(high << 4 | low);
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	return true;
}

struct line {
	char *words[MAX_WORDS]; /* the key first */
	size_t count;
};

static bool split(char *text, struct line *ret)
{
	char *rest = text, *word;

	ret->count = 0;
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		if (ret->count == MAX_WORDS || !decode_word(word))
			return false;
		ret->words[ret->count++] = word;
	}
	return true;
}

static bool to_number(const char *word, u64 *ret)
{
	u64 value = 0;

	if (!*word)
		return false;
	for (; *word; word++) {
		if (*word < '0' || *word > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *word - '0', &value))
			return false;
	}
	*ret = value;
	return true;
}

static bool to_u32(const char *word, u32 *ret)
{
	u64 value;

	if (!to_number(word, &value) || value > UINT32_MAX)
		return false;
	*ret = (u32)value;
	return true;
}

static struct km_error *copy_text(const char *text, char **to)
{
	char *copy = strdup(text);

	if (!copy)
		return km_error_nomem();
	free(*to);
	*to = copy;
	return NULL;
}

/* Readers of one kind of line. *OK is cleared where it has no meaning. */
static struct km_error *read_field(const struct field *f, const struct line *line,
				   struct km_plan *plan, bool *ok)
{
	void *at = (char *)plan + f->offset;
	const char *word = line->words[1];
	u64 number = 0;

	if (line->count != 2) {
		*ok = false;
		return NULL;
	}
	switch (f->type) {
	case FIELD_NUMBER:
		*ok = to_number(word, at);
		return NULL;
	case FIELD_BOOL:
		*ok = to_number(word, &number) && number <= 1;
		if (*ok)
			*(bool *)at = number;
		return NULL;
	case FIELD_TEXT:
		return copy_text(word, at);
	case FIELD_ACTION:
		*ok = km_plan_action_parse(word, at);
		return NULL;
	case FIELD_STRINGS:
		return km_plan_add_string(at, word);
	}
	return NULL;
}

static struct km_error *read_module(const struct line *line, struct km_plan *plan, bool *ok)
{
	struct km_plan_module *module;

	if (line->count < 2 || line->count > 3) {
		*ok = false;
		return NULL;
	}
	module = km_vec_push(&plan->modules);
	if (!module)
		return km_error_nomem();
	KM_TRY(copy_text(line->words[1], &module->path));
	return copy_text(line->count > 2 ? line->words[2] : "", &module->parameters);
}

static struct km_error *read_array(const struct line *line, struct km_plan *plan, bool *ok)
{
	struct km_plan_array got = {0}, *array;

	*ok = line->count == 5 && to_u32(line->words[2], &got.version) &&
	      to_u32(line->words[3], &got.minor) && to_u32(line->words[4], &got.members);
	if (!*ok)
		return NULL;
	array = km_vec_push(&plan->arrays);
	if (!array)
		return km_error_nomem();
	*array = got;
	return copy_text(line->words[1], &array->uuid);
}

static struct km_error *read_mapping(const struct line *line, struct km_plan *plan, bool *ok)
{
	struct km_plan_mapping *mapping;

	*ok = line->count == 3;
	if (!*ok)
		return NULL;
	mapping = km_vec_push(&plan->mappings);
	if (!mapping)
		return km_error_nomem();
	KM_TRY(copy_text(line->words[1], &mapping->name));
	return copy_text(line->words[2], &mapping->uuid);
}

/* Rows and guards belong to the mapping above them. */
static struct km_plan_mapping *last_mapping(struct km_plan *plan)
{
	return plan->mappings.count ? &plan->mappings.data[plan->mappings.count - 1] : NULL;
}

static struct km_error *read_row(const struct line *line, struct km_plan *plan, bool *ok)
{
	struct km_plan_mapping *mapping = last_mapping(plan);
	struct km_plan_row got = {0}, *row;

	*ok = mapping && line->count == 5 && to_number(line->words[1], &got.start) &&
	      to_number(line->words[2], &got.sectors);
	if (!*ok)
		return NULL;
	row = km_vec_push(&mapping->rows);
	if (!row)
		return km_error_nomem();
	*row = got;
	KM_TRY(copy_text(line->words[3], &row->type));
	return copy_text(line->words[4], &row->arguments);
}

static struct km_error *read_guard(const struct line *line, struct km_plan *plan, bool *ok)
{
	struct km_plan_mapping *mapping = last_mapping(plan);
	struct km_plan_guard got = {0}, *guard;

	*ok = mapping && line->count == 4 && to_number(line->words[3], &got.fingerprint);
	if (!*ok)
		return NULL;
	guard = km_vec_push(&mapping->guards);
	if (!guard)
		return km_error_nomem();
	*guard = got;
	KM_TRY(copy_text(line->words[1], &guard->pv));
	return copy_text(line->words[2], &guard->volume);
}

static struct km_error *read_interface(const struct line *line, struct km_plan *plan, bool *ok)
{
	struct km_plan_interface *interface;
	u32 mtu;

	*ok = line->count == 5 && to_u32(line->words[3], &mtu);
	if (!*ok)
		return NULL;
	interface = km_vec_push(&plan->interfaces);
	if (!interface)
		return km_error_nomem();
	interface->mtu = mtu;
	interface->dhcp = !strcmp(line->words[4], "dhcp");
	KM_TRY(copy_text(line->words[1], &interface->name));
	return copy_text(line->words[2], &interface->mac);
}

/* Addresses and routes belong to the interface above them. */
static struct km_plan_interface *last_interface(const struct line *line, struct km_plan *plan)
{
	return plan->interfaces.count && line->count == 2
		       ? &plan->interfaces.data[plan->interfaces.count - 1]
		       : NULL;
}

static struct km_error *read_address(const struct line *line, struct km_plan *plan, bool *ok)
{
	struct km_plan_interface *interface = last_interface(line, plan);

	*ok = interface != NULL;
	return *ok ? km_plan_add_string(&interface->addresses, line->words[1]) : NULL;
}

static struct km_error *read_route(const struct line *line, struct km_plan *plan, bool *ok)
{
	struct km_plan_interface *interface = last_interface(line, plan);

	*ok = interface != NULL;
	return *ok ? km_plan_add_string(&interface->routes, line->words[1]) : NULL;
}

static struct km_error *read_target(const struct line *line, struct km_plan *plan, bool *ok)
{
	struct km_plan_target *target;
	unsigned kind;

	*ok = line->count == 7 &&
	      name_parse(line->words[1], kind_names, KM_ARRAY_SIZE(kind_names), &kind);
	if (!*ok)
		return NULL;
	target = km_vec_push(&plan->targets);
	if (!target)
		return km_error_nomem();
	target->kind = (enum km_plan_kind)kind;
	target->last_resort = !strcmp(line->words[6], "last");
	KM_TRY(copy_text(line->words[2], &target->source));
	KM_TRY(copy_text(line->words[3], &target->fstype));
	KM_TRY(copy_text(line->words[4], &target->path));
	return copy_text(line->words[5], &target->options);
}

static const struct {
	const char *key;
	struct km_error *(*read)(const struct line *line, struct km_plan *plan, bool *ok);
} readers[] = {
	{"module", read_module},   {"array", read_array}, {"mapping", read_mapping},
	{"row", read_row},	   {"guard", read_guard}, {"target", read_target},
	{"address", read_address}, {"route", read_route}, {"interface", read_interface},
};

static struct km_error *read_line(const struct line *line, struct km_plan *plan, bool *ok)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(fields); i++)
		if (!strcmp(line->words[0], fields[i].key))
			return read_field(&fields[i], line, plan, ok);
	for (size_t i = 0; i < KM_ARRAY_SIZE(readers); i++)
		if (!strcmp(line->words[0], readers[i].key))
			return readers[i].read(line, plan, ok);
	*ok = false;
	return NULL;
}

struct km_error *km_plan_parse(const char *text, size_t len, struct km_plan *ret)
{
	km_auto_free char *copy = strndup(text, len);
	char *rest = copy, *at;
	unsigned number = 0;

	if (!copy)
		return km_error_nomem();
	while ((at = strsep(&rest, "\n"))) {
		struct line line;
		bool ok;

		number++;
		if (!*at || *at == '#')
			continue;
		ok = split(at, &line);
		if (ok && line.count)
			KM_TRY(read_line(&line, ret, &ok));
		if (!ok && !ret->bad_lines++)
			ret->first_bad = number;
	}
	return NULL;
}
