// SPDX-License-Identifier: GPL-2.0-or-later
/* How far a capture is, and what came of it: for people, and as JSON. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/capture.h"

#define TERMINAL_NS 100000000ull  /* between two updates of a line */
#define LOG_NS	    5000000000ull /* between two lines, where they stay */

/* ---- progress ---- */

void capture_progress(void *data, const char *what, u64 done, u64 total)
{
	struct capture_progress *p = data;
	u64 now = km_monotonic_ns(), spent;
	bool last = done >= total, begins = p->what != what;
	double percent = total ? 100.0 * (double)done / (double)total : 100;

	if (begins) {
		p->what = what;
		p->begun_ns = p->printed_ns = now;
	}
	if (!last && (begins || now - p->printed_ns < (p->terminal ? TERMINAL_NS : LOG_NS)))
		return;
	p->printed_ns = now;
	spent = now - p->begun_ns;
	fprintf(stderr, "%s%-34s: [%5.1f %%]", p->terminal ? "\r" : "", what, percent);
	/* Only pages have a rate that means something. */
	if (!strcmp(what, "Copying data") && spent > 1000000)
		fprintf(stderr, "  %6.0f MB/s",
			(double)done * p->page_size / 1e6 / ((double)spent / 1e9));
	if (!last && done)
		fprintf(stderr, "  eta: %llus ",
			(unsigned long long)((double)spent / (double)done * (double)(total - done) /
					     1e9) +
				1);
	fputs(p->terminal && !last ? "" : "\n", stderr);
}

/* ---- makedumpfile's report ---- */

static void line(const char *name, u64 pages)
{
	fprintf(stderr, "    %-24s: 0x%016llx\n", name, (unsigned long long)pages);
}

/* Pages of a kind that the level leaves in are not among the excluded ones. */
static void excluded(const struct km_capture_result *result, const char *name, u64 pages,
		     int levels)
{
	line(name, result->level & levels ? pages : 0);
}

void capture_report(const struct km_capture_command *c, const struct km_capture_result *result,
		    u32 page_size)
{
	const struct km_filter_counts *f = &result->pages.filter;
	const u64 *kind = f->kind;
	u64 kept = result->pages.kept - result->pages.zero;
	size_t i;

	fprintf(stderr, "\nOriginal pages  : 0x%016llx\n", (unsigned long long)f->exist);
	fprintf(stderr, "  Excluded pages   : 0x%016llx\n", (unsigned long long)(f->exist - kept));
	excluded(result, "Pages filled with zero", result->pages.zero, KM_LEVEL_ZERO);
	excluded(result, "Non-private cache pages", kind[KM_PAGE_CACHE],
		 KM_LEVEL_CACHE | KM_LEVEL_CACHE_PRIVATE);
	excluded(result, "Private cache pages", kind[KM_PAGE_CACHE_PRIVATE],
		 KM_LEVEL_CACHE_PRIVATE);
	excluded(result, "User process data pages", kind[KM_PAGE_ANON] + kind[KM_PAGE_HUGETLB],
		 KM_LEVEL_USER);
	excluded(result, "Free pages", kind[KM_PAGE_FREE] + kind[KM_PAGE_UNACCEPTED],
		 KM_LEVEL_FREE);
	line("Hwpoison pages", kind[KM_PAGE_POISONED]);
	line("Offline pages", kind[KM_PAGE_OFFLINE]);
	fprintf(stderr, "  Remaining pages  : 0x%016llx\n", (unsigned long long)kept);
	fprintf(stderr, "  (The number of pages is reduced to %llu%%.)\n",
		(unsigned long long)(f->exist ? kept * 100 / f->exist : 0));
	fprintf(stderr, "Memory Hole     : 0x%016llx\n",
		(unsigned long long)(result->pages.max_pfn -
				     km_min(result->pages.max_pfn, f->exist)));
	fprintf(stderr, "--------------------------------------------------\n");
	fprintf(stderr, "Total pages     : 0x%016llx\n", (unsigned long long)result->pages.max_pfn);
	fprintf(stderr, "Write bytes     : %llu\n\n", (unsigned long long)result->bytes);
	for (i = 0; i < result->verdict.n_findings; i++) {
		const struct km_filter_finding *finding = &result->verdict.findings[i];
		static const char *const answers[] = {"agrees", "DIFFERS", "not known here"};

		fprintf(stderr, "Check of %-28s: %llu counted, %llu by the kernel: %s\n",
			finding->what, (unsigned long long)finding->counted,
			(unsigned long long)finding->kernel, answers[finding->answer]);
	}
	if (c->messages & KM_MESSAGE_DEBUG)
		fprintf(stderr,
			"%u threads; filter %.3f s, copy %.3f s, read back %.3f s; %u-byte pages\n",
			result->threads, (double)result->filter_ns / 1e9,
			(double)result->copy_ns / 1e9, (double)result->verify_ns / 1e9, page_size);
}

/* ---- JSON ---- */

static void json_text(const char *text)
{
	km_auto_str struct km_str quoted = {0};

	km_str_add_json(&quoted, text, strlen(text));
	fputs(quoted.data ? quoted.data : "\"\"", stdout);
}

static void json_kinds(const struct km_filter_counts *counts)
{
	int i;

	fputs(",\"kinds\":{", stdout);
	for (i = 0; i < KM_PAGE_KINDS; i++) {
		printf("%s", i ? "," : "");
		json_text(km_page_kind_name((enum km_page_kind)i));
		printf(":%llu", (unsigned long long)counts->kind[i]);
	}
	fputs("}", stdout);
}

static void json_checks(const struct km_filter_verdict *verdict)
{
	static const char *const answers[] = {"agrees", "differs", "not known"};
	size_t i;

	fputs(",\"checks\":[", stdout);
	for (i = 0; i < verdict->n_findings; i++) {
		const struct km_filter_finding *finding = &verdict->findings[i];

		printf("%s{\"what\":", i ? "," : "");
		json_text(finding->what);
		printf(",\"answer\":\"%s\",\"counted\":%llu,\"kernel\":%llu}",
		       answers[finding->answer], (unsigned long long)finding->counted,
		       (unsigned long long)finding->kernel);
	}
	fputs("]", stdout);
}

static void json_staged(const struct capture_place *place)
{
	static const char *const states[] = {"missing", "partial", "done"};
	int i;

	for (i = 0; i < KM_STAGE_FILES; i++)
		printf("%s\"%s\":\"%s\"", i ? "," : ",\"staged\":{", km_stage_names[i],
		       states[place->staged.files[i]]);
	fputs(",\"why\":", stdout);
	json_text(place->staged.why);
	fputs("}", stdout);
}

void capture_json(const struct km_capture_result *r, const struct capture_place *place,
		  const char *target)
{
	static const char *const outcomes[] = {
		[KM_CAPTURE_COMPLETE] = "complete",
		[KM_CAPTURE_UNPROVED] = "unproved",
		[KM_CAPTURE_INCOMPLETE] = "incomplete",
	};

	printf("{\"schema\":1,\"target\":");
	json_text(target);
	printf(",\"outcome\":\"%s\",\"why\":", outcomes[r->outcome]);
	json_text(r->why);
	printf(",\"level\":%d,\"filter\":", r->level);
	json_text(r->verdict.text);
	printf(",\"pages\":{\"exist\":%llu,\"kept\":%llu,\"zero\":%llu,\"unreadable\":%llu,\"unwritten\":%llu}",
	       (unsigned long long)r->pages.filter.exist, (unsigned long long)r->pages.kept,
	       (unsigned long long)r->pages.zero, (unsigned long long)r->pages.unreadable,
	       (unsigned long long)r->pages.unwritten);
	json_kinds(&r->pages.filter);
	json_checks(&r->verdict);
	printf(",\"bytes\":%llu,\"data_bytes\":%llu,\"threads\":%u", (unsigned long long)r->bytes,
	       (unsigned long long)r->data_bytes, r->threads);
	printf(",\"seconds\":{\"filter\":%.6f,\"copy\":%.6f,\"verify\":%.6f}",
	       (double)r->filter_ns / 1e9, (double)r->copy_ns / 1e9, (double)r->verify_ns / 1e9);
	printf(",\"verified\":%s,\"stack_checked\":%s,\"stack\":", r->verified ? "true" : "false",
	       r->stack_checked ? "true" : "false");
	json_text(r->stack_text);
	if (place->stage)
		json_staged(place);
	puts("}");
}
