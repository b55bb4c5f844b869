// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files in memory, and the one policy for SIGBUS.
 *
 * A mapped page that the system cannot bring in (the file was cut after it was mapped, the disk
 * answers EIO, the network share went away) is not an error return but a SIGBUS in whatever code
 * touched it, deep in a parser. Checking the size before each access would race with the cut, and a
 * jump out of the handler would leave locks held. So: the handler puts a page of zeros where the
 * missing one was and notes its address; the access goes on and sees zeros, as every parser here
 * must be able to bear from a hostile file anyway. Whoever copies out of a mapping asks afterwards
 * (km_mapping_damaged()) and answers KM_IO. Who reads through a pointer sees the zeros.
 *
 * A signal handler belongs to the process, so this is the one place in the library with mutable
 * globals: a table of mappings that the handler reads without locks. It is installed with the first
 * mapping, and again with a later one where somebody has put his own in its place meanwhile; a SIGBUS
 * at any other address goes where it would have gone without us.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "image/format.h"

#define SLOTS	   256
#define BAD_LISTED 32

struct km_mapping_slot {
	atomic_bool taken;
	atomic_uintptr_t base; /* published last and taken back first; 0: nothing here */
	atomic_size_t size;
	atomic_uint n_bad;
	atomic_uintptr_t bad[BAD_LISTED];
	atomic_uintptr_t bad_low, bad_high; /* all bad pages lie within, listed or not */
};

static struct km_mapping_slot slots[SLOTS];
static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;
static size_t os_page;
/* Two handlers that each hold the other for their predecessor would go round for ever. */
static _Thread_local bool passing_on;
/* Pages that were replaced in all mappings, ever: the readers' cheap first question. */
atomic_uint km_mapping_faults;

static struct km_mapping_slot *slot_of(uintptr_t address)
{
	size_t i;

	for (i = 0; i < SLOTS; i++) {
		uintptr_t base = atomic_load_explicit(&slots[i].base, memory_order_acquire);

		if (base && address >= base && address - base < atomic_load(&slots[i].size))
			return &slots[i];
	}
	return NULL;
}

/* Noted before the page is replaced, so that whoever sees the zeros also sees the note. */
static void note_bad(struct km_mapping_slot *slot, uintptr_t page)
{
	uintptr_t low = atomic_load(&slot->bad_low), high = atomic_load(&slot->bad_high);
	unsigned n;

	while (page < low && !atomic_compare_exchange_weak(&slot->bad_low, &low, page))
		;
	while (page > high && !atomic_compare_exchange_weak(&slot->bad_high, &high, page))
		;
	n = atomic_load(&slot->n_bad);
	do {
		if (n < BAD_LISTED)
			atomic_store(&slot->bad[n], page);
	} while (n <= BAD_LISTED && !atomic_compare_exchange_weak(&slot->n_bad, &n, n + 1));
	atomic_fetch_add(&km_mapping_faults, 1);
}

static void pass_on(int signo, siginfo_t *info, void *context)
{
	bool again = passing_on;

	passing_on = true;
	if (previous.sa_flags & SA_SIGINFO && !again) {
		previous.sa_sigaction(signo, info, context);
	} else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN && !again) {
		previous.sa_handler(signo);
	} else {
		/* The access is made again when we return, and then ends the process. */
		struct sigaction fallback = {.sa_handler = SIG_DFL};

		sigaction(SIGBUS, &fallback, NULL);
	}
	passing_on = again;
}

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	struct km_mapping_slot *slot = slot_of((uintptr_t)info->si_addr);
	uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)(os_page - 1);

	/* A SIGBUS that somebody sent with kill() has no address. */
	if (info->si_code > 0 && slot) {
		note_bad(slot, page);
		if (mmap((void *)page, os_page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			 -1, 0) != MAP_FAILED)
			return;
	}
	pass_on(signo, info, context);
}

static void install(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	struct sigaction current;
	KM_LOCKED(&install_lock);

	os_page = (size_t)sysconf(_SC_PAGESIZE);
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, NULL, &current) ||
	    (current.sa_flags & SA_SIGINFO && current.sa_sigaction == on_sigbus))
		return;
	previous = current;
	sigaction(SIGBUS, &action, NULL);
}

bool km_mapping_map(struct km_mapping *mapping, int fd, u64 size, bool writable)
{
	struct km_mapping_slot *slot = NULL;
	void *data;
	size_t i;

	install();
	for (i = 0; i < SLOTS && !slot; i++) {
		if (!atomic_exchange(&slots[i].taken, true))
			slot = &slots[i];
	}
	if (!slot)
		return false;
	data = mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0),
		    MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	if (data == MAP_FAILED) {
		atomic_store(&slot->taken, false);
		return false;
	}
	atomic_store(&slot->n_bad, 0);
	atomic_store(&slot->bad_low, UINTPTR_MAX);
	atomic_store(&slot->bad_high, 0);
	atomic_store(&slot->size, size);
	atomic_store_explicit(&slot->base, (uintptr_t)data, memory_order_release);
	*mapping = (struct km_mapping){.data = data, .size = size, .slot = slot};
	return true;
}

bool km_mapping_poke(struct km_mapping *mapping, u64 offset, u8 value)
{
	u64 page = offset & ~(u64)(os_page - 1);
	size_t i = 0;
	u64 *grown;

	while (i < mapping->n_poked && mapping->poked[i] < page)
		i++;
	if (i == mapping->n_poked || mapping->poked[i] != page) {
		grown = realloc(mapping->poked, (mapping->n_poked + 1) * sizeof(*grown));
		if (!grown)
			return false;
		memmove(grown + i + 1, grown + i, (mapping->n_poked - i) * sizeof(*grown));
		grown[i] = page;
		mapping->poked = grown;
		mapping->n_poked++;
	}
	mapping->data[offset] = value;
	return true;
}

void km_mapping_forget(struct km_mapping *mapping, u64 offset, u64 len)
{
	u64 at = (offset + os_page - 1) & ~(u64)(os_page - 1);
	u64 end = (offset + len) & ~(u64)(os_page - 1);
	size_t i = 0;

	while (at < end) {
		u64 stop = end;

		while (i < mapping->n_poked && mapping->poked[i] < at)
			i++;
		if (i < mapping->n_poked)
			stop = km_min(stop, mapping->poked[i]);
		if (stop > at)
			madvise(mapping->data + at, stop - at, MADV_DONTNEED);
		at = stop == end ? end : stop + os_page;
	}
}

void km_mapping_seal(struct km_mapping *mapping)
{
	if (mapping->data)
		mprotect(mapping->data, mapping->size, PROT_READ);
}

void km_mapping_unmap(struct km_mapping *mapping)
{
	if (!mapping->data)
		return;
	atomic_store(&mapping->slot->base, 0);
	munmap(mapping->data, mapping->size);
	free(mapping->poked);
	atomic_store(&mapping->slot->taken, false);
	*mapping = (struct km_mapping){0};
}

bool km_mapping_damaged_slow(const struct km_mapping *mapping, u64 offset, u64 len)
{
	uintptr_t start, end;
	unsigned i, n;

	if (!mapping->data || !len)
		return false;
	start = ((uintptr_t)mapping->data + offset) & ~(uintptr_t)(os_page - 1);
	end = (uintptr_t)mapping->data + offset + len;
	n = atomic_load(&mapping->slot->n_bad);
	if (n > BAD_LISTED)
		return atomic_load(&mapping->slot->bad_high) >= start &&
		       atomic_load(&mapping->slot->bad_low) < end;
	for (i = 0; i < n; i++) {
		uintptr_t page = atomic_load(&mapping->slot->bad[i]);

		if (page >= start && page < end)
			return true;
	}
	return false;
}
