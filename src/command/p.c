/* SPDX-License-Identifier: GPL-2.0-or-later */
/* p: the value of a C expression, as gdb's print under crash(8) shows it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "command/address.h"
#include "command/command.h"
#include "command/value_view.h"

struct percpu_row {
	u32 cpu;
	u64 address;
};

static const struct km_field place_fields[] = {
	KM_FIELD_OF(struct percpu_row, cpu, KM_FIELD_U32, "the CPU"),
	KM_FIELD_OF(struct percpu_row, address, KM_FIELD_ADDRESS, "where its copy lies"),
};

static void place_text(struct km_out *out, const void *record)
{
	const struct percpu_row *row = record;

	km_outf(out, "  [%u]: %llx\n", row->cpu, (unsigned long long)row->address);
}

static const struct km_kind place_kind = {
	.name = "per-cpu place",
	.help = "where one CPU's copy of a per-CPU variable lies",
	.size = sizeof(struct percpu_row),
	.fields = place_fields,
	.n_fields = KM_ARRAY_SIZE(place_fields),
	.text = place_text,
};

/* "$1": what an earlier `p` printed; "$": the last one; "$$": the one before it. */
static bool history(void *data, const char *name, struct km_value *ret)
{
	const struct km_session *session = data;
	size_t n = session->values.count;
	char *end;

	if (*name) {
		n = strtoul(name, &end, 10);
		if (*end || end == name)
			return false;
	}
	if (!n || n > session->values.count)
		return false;
	*ret = session->values.data[n - 1];
	return true;
}

static bool is_plain_name(const char *text)
{
	if (isdigit((unsigned char)*text))
		return false;
	while (isalnum((unsigned char)*text) || *text == '_')
		text++;
	return !*text;
}

/* Prints VALUE as "NAME = $N = …" and remembers it as $N. */
static void show(struct km_session *session, const char *name, const char *expression,
		 const struct km_value *value, const struct km_format *format)
{
	struct km_value *slot = km_vec_push(&session->values);
	struct km_ctype element = km_ctype_target(&value->type);
	/* An array by its name begins on a line of its own, as under crash. */
	bool below = *name && km_ctype_kind(&value->type) == KM_TYPE_ARRAY && !km_ctype_is_char(&element);
	char heading[400];

	if (slot)
		*slot = *value;
	snprintf(heading, sizeof(heading), "%s%s$%zu = %s", name, *name ? " = " : "",
		 session->values.count, below ? "\n " : "");
	km_emit_value(session, heading, expression, value, format, true);
}

static void show_places(struct km_session *session, const char *name, const struct km_ctype *type,
			u64 base)
{
	km_auto_str struct km_str text = {0};
	unsigned cpu;

	km_ctype_declare(type, name, &text);
	km_outf(session->out, "PER-CPU DATA TYPE:\n  %s;\nPER-CPU ADDRESSES:\n",
		text.data ? text.data : name);
	for (cpu = 0; cpu < km_cpu_count(session->kernel); cpu++) {
		struct percpu_row row = {cpu, km_percpu(session->kernel, base, cpu)};

		if (row.address && km_cpu_is_possible(session->kernel, cpu))
			km_emit(session->out, &place_kind, &row);
	}
}

static struct km_error *show_percpu(struct km_session *session, const char *name,
				    const struct km_ctype *type, u64 base, const bool *cpus,
				    const struct km_format *format)
{
	unsigned cpu;

	for (cpu = 0; cpu < km_cpu_count(session->kernel); cpu++) {
		struct km_value value;
		char heading[320];

		if (!cpus[cpu])
			continue;
		if (!km_value_of_percpu(session->kernel, type, base, cpu, &value)) {
			km_complain(session, "CPU %u has no per-CPU area", cpu);
			continue;
		}
		snprintf(heading, sizeof(heading), "per_cpu(%s, %u)", name, cpu);
		show(session, heading, name, &value, format);
	}
	return NULL;
}

/* crash takes a user address with -u; the context's own address space is then what pointers mean. */
static struct km_error *print_expression(struct km_session *session, const char *text, bool user,
					 const struct km_format *format)
{
	struct km_expression_context context = {.variable = history, .data = session};
	struct km_memory memory;
	struct km_error *error;
	struct km_value value;

	if (!user) {
		KM_TRY(km_evaluate(session->kernel, text, &context, &value));
		if (value.untyped)
			return km_error_new(KM_ERROR_USAGE,
					    "nothing says what type %s has; cast it: p (TYPE)%s",
					    text, text);
		show(session, is_plain_name(text) && value.in_memory ? text : "", text, &value,
		     format);
		return NULL;
	}
	KM_TRY(km_memory_open(session, KM_MEMORY_USER, &memory));
	context.space = &memory.space;
	error = km_evaluate(session->kernel, text, &context, &value);
	if (!error) {
		show(session, "", text, &value, format);
		/* The address space goes with this command. */
		session->values.count--;
	}
	km_memory_close(&memory);
	return error;
}

static struct km_error *p_run(struct km_session *session, struct km_args *args)
{
	struct km_format format = {.radix = session->radix, .elements = session->settings.print_max, .job = session->job};
	km_auto_str struct km_str text = {0};
	km_auto_free char *name = NULL;
	km_auto_free bool *cpus = NULL;
	struct km_ctype type;
	const char *value;
	bool user = false;
	int letter;
	size_t i;
	u64 base;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		if (letter == 'u')
			user = true;
		else
			format.radix = km_radix(session, letter);
	}
	for (i = 0; i < km_args_count(args); i++)
		km_str_addf(&text, "%s%s", i ? " " : "", km_args_get(args, i));
	if (!text.data)
		return km_error_new(KM_ERROR_USAGE, "what is to be printed? usage: p %s",
				    session->command->usage);
	name = strdup(text.data);
	if (!name)
		return km_error_nomem();
	if (strcspn(name, ":") == strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
					       "0123456789"))
		KM_TRY(km_take_cpus(session, name, &cpus));
	if (is_plain_name(name) && km_percpu_variable(session->kernel, name, &type, &base)) {
		if (cpus)
			return show_percpu(session, name, &type, base, cpus, &format);
		show_places(session, name, &type, base);
		return NULL;
	}
	if (cpus)
		return km_error_new(KM_ERROR_USAGE, "%s is no per-CPU variable whose type is known",
				    name);
	return print_expression(session, text.data, user, &format);
}

static const struct km_option options[] = {
	{'x', NULL, "integers in hexadecimal"},
	{'d', NULL, "integers in decimal"},
	{'u', NULL, "pointers are of the context's user space"},
};

static const struct km_kind *const kinds[] = {&km_value_kind, &place_kind, NULL};

const struct km_command km_command_p = {
	.name = "p",
	.help = "the value of a C expression",
	.usage = "[-x|-d] [-u] expression | symbol[:cpus]",
	.details = "  C's operators, casts, sizeof, container_of(pointer, type, member), offsetof(type,\n"
		   "  member); symbols, enumerators, $1, $2 … for what was printed before. A symbol whose\n"
		   "  type nothing says wants a cast:\n"
		   "    p (struct list_head)modules\n"
		   "  A per-CPU variable alone shows its places; with CPUs behind a colon (0, 1-3, a for\n"
		   "  all, nothing for the context's) their values:\n"
		   "    p runqueues:0",
	.options = options,
	.n_options = KM_ARRAY_SIZE(options),
	.kinds = kinds,
	.run = p_run,
};
