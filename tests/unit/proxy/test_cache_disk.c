/* proxy/cache/cache_disk.c and its threads: a life of stores, reads, purges and restarts beside a
 * simple reference. */
#include "tests/unit/core/unit.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/cache/cache_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB ((uint64_t)1024 * 1024)
#define WAIT_MS 10000

struct world {
	char path[64];
	struct cache_store *store;
	struct cache_disk *disk;
	struct stats stats;
	uint64_t budget;
};

struct waiting {
	struct disk_waiter waiter;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
};

static void
on_done(struct disk_waiter *w)
{
	struct waiting *x = list_entry(w, struct waiting, waiter);

	pthread_mutex_lock(&x->lock);
	x->done = true;
	pthread_cond_signal(&x->cond);
	pthread_mutex_unlock(&x->lock);
}

static void
waiting_init(struct waiting *x)
{
	*x = (struct waiting){.waiter = {.on_done = on_done}};
	pthread_mutex_init(&x->lock, NULL);
	pthread_cond_init(&x->cond, NULL);
}

static void
wait_for(struct waiting *x)
{
	pthread_mutex_lock(&x->lock);
	while (!x->done)
		pthread_cond_wait(&x->cond, &x->lock);
	pthread_mutex_unlock(&x->lock);
	pthread_cond_destroy(&x->cond);
	pthread_mutex_destroy(&x->lock);
}

static uint64_t
stat_of(struct world *w, enum stat_id which)
{
	cache_disk_count(w->disk, &w->stats);
	return atomic_load(&w->stats.value[which]);
}

static void
wait_until(struct world *w, bool open)
{
	uint64_t until_ms = clock_mono_ms() + WAIT_MS;

	while (cache_disk_is_open(w->disk) != open && clock_mono_ms() < until_ms)
		(void)poll(NULL, 0, 1);
	assert_int_equal(cache_disk_is_open(w->disk), open);
}

static void
begin(struct world *w)
{
	struct cache_disk_settings s = {.budget = w->budget, .floor = 1};
	struct err e = {0};

	w->store = cache_store_new();
	cache_store_set_budget(w->store, 4 * MIB);
	w->disk = cache_disk_new(w->store, &e);
	assert_non_null(w->disk);
	s.folder = open(w->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(cache_disk_configure(w->disk, &s, &e), 0);
	wait_until(w, true);
}

static void
end(struct world *w)
{
	cache_disk_free(&w->disk);
	cache_store_free(&w->store);
}

static void
world_new(struct world *w, uint64_t budget)
{
	*w = (struct world){.budget = budget};
	(void)snprintf(w->path, sizeof(w->path), "/tmp/disk-unit-XXXXXX");
	assert_non_null(mkdtemp(w->path));
	begin(w);
}

static uint64_t
folder_bytes(struct world *w, bool remove)
{
	DIR *dir = opendir(w->path);
	const struct dirent *d;
	uint64_t bytes = 0;
	struct stat st;

	while ((d = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): its own */
		if (fstatat(dirfd(dir), d->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_size;
		if (remove)
			(void)unlinkat(dirfd(dir), d->d_name, 0);
	}
	closedir(dir);
	return bytes;
}

static void
world_free(struct world *w)
{
	end(w);
	(void)folder_bytes(w, true);
	assert_int_equal(rmdir(w->path), 0);
}

static struct cache_key
key_of(struct world *w, const char *url)
{
	struct cache_key key = {.url = slice_str(url), .scope = SLICE_LIT("s")};

	key.hash = cache_store_hash(w->store, key.url);
	return key;
}

/* Stores the answer in both tiers: a body of n bytes, all c. False: there is no room in memory. */
static bool
try_put(struct world *w, const char *url, const char *tags, char c, size_t n)
{
	struct cache_object_parts parts = {.url = slice_str(url),
		.scope = SLICE_LIT("s"),
		.tags = slice_str(tags),
		.head = SLICE_LIT("HTTP/1.1 200 OK\r\n"),
		.status = 200,
		.terms = {.lifetime_s = 3600, .if_error_s = -1}};
	struct cache_key key = key_of(w, url);
	struct cache_mark mark = cache_store_mark(w->store, &key);
	struct cache_body *body = cache_body_new(w->store, n);
	struct cache_object *o;
	bool stored;

	if (!body)
		return false;
	memset(body->data, c, n);
	body->n = n;
	o = cache_object_new(w->store, &parts, &body);
	cache_body_unref(&body);
	stored = o && cache_store_insert(w->store, o, &mark);
	if (stored)
		cache_disk_store(w->disk, o, &mark);
	cache_object_unref(&o);
	return stored;
}

static void
put(struct world *w, const char *url, const char *tags, char c, size_t n)
{
	assert_true(try_put(w, url, tags, c, n));
}

/* All bytes are the same. */
static char
the_byte(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p[i], p[0]);
	return p[0];
}

/* Its body stays on disk: there was too little memory for it when it was looked for. 0: it has gone
 * from there meanwhile. */
static char
byte_of_far(const struct cache_far *far)
{
	char piece[CACHE_FAR_PIECE], c = 0;
	uint64_t pieces = (far->found.body_n + CACHE_FAR_PIECE - 1) / CACHE_FAR_PIECE;
	size_t n;

	for (uint64_t i = 0; i < pieces; i++) {
		int rc = cache_far_read(far, i, piece, &n);

		if (!cache_far_is_there(far))
			return 0;
		assert_int_equal(rc, 0);
		assert_true(i == 0 || piece[0] == c);
		c = the_byte(piece, n);
	}
	return c;
}

/* The first byte of what is found, all of whose bytes are the same; 0: nothing. As an exchange
 * looks. */
static char
get(struct world *w, const char *url)
{
	struct cache_key key = key_of(w, url);
	struct cache_mark mark = cache_store_mark(w->store, &key);
	struct http_request request;
	struct cache_object *o;
	struct waiting x;
	enum cache_miss why;
	char c = 0;

	http_request_init(&request);
	o = cache_store_find(w->store, &key, &request, &why);
	waiting_init(&x);
	if (!o && cache_disk_find(w->disk, &key, &request, &mark, &x.waiter)) {
		wait_for(&x);
		o = cache_store_find(w->store, &key, &request, &why);
	}
	if (o && o->body)
		c = the_byte(o->body->data, o->body->n);
	else if (o && o->far)
		c = byte_of_far(o->far);
	cache_object_unref(&o);
	return c;
}

static void
purge(struct world *w, enum disk_kind kind, const char *what)
{
	struct waiting x;
	uint64_t n;

	waiting_init(&x);
	cache_store_forbid_all(w->store);
	assert_true(cache_disk_purge(w->disk, kind, slice_str(what), &x.waiter, &n));
	cache_store_set_budget(w->store, 0);
	cache_store_set_budget(w->store, 4 * MIB);
	cache_store_forbid_all(w->store);
	wait_for(&x);
}

static void
invalidate(struct world *w, const char *url)
{
	struct slice s = slice_str(url);
	struct waiting x;

	waiting_init(&x);
	cache_store_forbid_url(w->store, s);
	if (!cache_disk_invalidate(w->disk, s, &x.waiter))
		x.done = true;
	(void)cache_store_invalidate(w->store, s);
	wait_for(&x);
}

/* All that is queued has been written. */
static void
settle(struct world *w)
{
	struct waiting x;

	waiting_init(&x);
	put(w, "http://settle/", "", '.', 1);
	if (!cache_disk_invalidate(w->disk, SLICE_LIT("http://settle/"), &x.waiter))
		x.done = true;
	wait_for(&x);
}

/* A tenth of the memory: what is in the other tier counts. */
static void
forget_memory(struct world *w)
{
	cache_store_set_budget(w->store, 0);
	cache_store_set_budget(w->store, 4 * MIB);
}

static void
what_is_stored_is_found_again(void **state)
{
	struct world w;

	(void)state;
	world_new(&w, 16 * MIB);
	put(&w, "http://a/1", "", 'a', 10);
	put(&w, "http://a/2", "", 'b', 500000);
	settle(&w);
	forget_memory(&w);
	assert_int_equal(get(&w, "http://a/1"), 'a');
	assert_int_equal(stat_of(&w, STAT_CACHE_DISK_HITS), 1);
	end(&w);
	begin(&w);
	assert_int_equal(get(&w, "http://a/2"), 'b');
	assert_int_equal(get(&w, "http://a/3"), 0);
	put(&w, "http://a/1", "", 'c', 20);
	end(&w);
	begin(&w);
	assert_int_equal(get(&w, "http://a/1"), 'c');
	assert_int_equal(stat_of(&w, STAT_CACHE_DISK_ERRORS), 0);
	world_free(&w);
}

/* It was stored from memory, which has shrunk since: it is found all the same, where it is. */
static void
what_memory_has_no_more_room_for_is_found(void **state)
{
	struct world w;
	struct cache_key key;
	struct http_request request;
	struct cache_object *o;
	enum cache_miss why;

	(void)state;
	world_new(&w, 16 * MIB);
	put(&w, "http://a/1", "", 'a', 500000);
	settle(&w);
	cache_store_set_budget(w.store, 0);
	cache_store_set_budget(w.store, MIB);
	assert_true(cache_store_object_max(w.store) < 500000);
	assert_int_equal(get(&w, "http://a/1"), 'a');
	key = key_of(&w, "http://a/1");
	http_request_init(&request);
	o = cache_store_find(w.store, &key, &request, &why);
	assert_non_null(o);
	assert_null(o->body);
	assert_non_null(o->far);
	cache_object_unref(&o);
	world_free(&w);
}

static void
the_budget_is_kept_and_what_is_used_stays(void **state)
{
	struct world w;
	char url[64];

	(void)state;
	world_new(&w, 16 * MIB);
	put(&w, "http://hot/", "", 'h', 1000);
	for (int i = 0; i < 150; i++) {
		(void)snprintf(url, sizeof(url), "http://cold/%d", i);
		put(&w, url, "", 'c', 200000);
		settle(&w);
		if (i % 10 == 0) {
			forget_memory(&w);
			assert_int_equal(get(&w, "http://hot/"), 'h');
		}
		assert_true(folder_bytes(&w, false) <= 16 * MIB);
	}
	forget_memory(&w);
	assert_int_equal(get(&w, "http://hot/"), 'h');
	assert_int_equal(get(&w, "http://cold/0"), 0);
	assert_int_equal(get(&w, "http://cold/149"), 'c');
	assert_true(stat_of(&w, STAT_CACHE_DISK_EVICTED) > 50);
	assert_true(stat_of(&w, STAT_CACHE_DISK_BYTES) <= 16 * MIB);
	world_free(&w);
}

static void
a_folder_that_is_left_is_emptied(void **state)
{
	const struct cache_disk_settings none = {.folder = -1}, keep = {.folder = -1, .keep = true};
	struct world w;
	struct err e = {0};

	(void)state;
	world_new(&w, 16 * MIB);
	put(&w, "http://a/1", "", 'a', 10);
	settle(&w);
	assert_int_equal(cache_disk_configure(w.disk, &keep, &e), 0);
	wait_until(&w, false);
	put(&w, "http://a/2", "", 'a', 10); /* to nowhere */
	end(&w);
	begin(&w);
	assert_int_equal(get(&w, "http://a/1"), 'a');
	assert_int_equal(get(&w, "http://a/2"), 0);
	assert_int_equal(cache_disk_configure(w.disk, &none, &e), 0);
	wait_until(&w, false);
	end(&w);
	begin(&w);
	assert_int_equal(get(&w, "http://a/1"), 0);
	world_free(&w);
}

#define URLS 40
#define STEPS 3000

/* What each URL has; 0: nothing may be found. */
struct reference {
	char now[URLS];
	char urls[URLS][32];
};

static void
reference_purge(struct reference *r, enum disk_kind kind, const char *what)
{
	for (size_t i = 0; i < URLS; i++)
		if (disk_kill_matches(kind, slice_str(what), slice_str(r->urls[i]),
			    slice_str(i % 3 ? "t" : "u")))
			r->now[i] = 0;
}

static void
step(struct world *w, struct reference *r, unsigned dice)
{
	static const size_t sizes[] = {1, 100, 5000, 70000, 300000};
	size_t i = dice / 100 % URLS;
	char prefix[32], seen;

	if (dice % 100 < 40) {
		r->now[i] = (char)('a' + dice / 7 % 26);
		put(w, r->urls[i], i % 3 ? "t" : "u", r->now[i], sizes[dice / 5 % 5]);
	} else if (dice % 100 < 85) {
		seen = get(w, r->urls[i]);
		/* It may have made room, or found no room in the queue; it is not another. */
		assert_true(seen == 0 || seen == r->now[i]);
	} else if (dice % 100 < 92) {
		invalidate(w, r->urls[i]);
		r->now[i] = 0;
	} else if (dice % 100 < 94) {
		(void)snprintf(prefix, sizeof(prefix), "http://%zu", i % 10);
		purge(w, DISK_KILL_PREFIX, prefix);
		reference_purge(r, DISK_KILL_PREFIX, prefix);
	} else if (dice % 100 < 95) {
		purge(w, DISK_KILL_TAG, "u");
		reference_purge(r, DISK_KILL_TAG, "u");
	} else if (dice % 100 < 98) {
		forget_memory(w);
	} else {
		end(w);
		begin(w);
	}
}

static void
nothing_is_found_but_what_was_stored_last(void **state)
{
	struct reference *r = calloc(1, sizeof(*r));
	struct world w;
	unsigned chance = 1, found = 0;

	(void)state;
	assert_non_null(r);
	world_new(&w, 16 * MIB);
	for (size_t i = 0; i < URLS; i++)
		(void)snprintf(r->urls[i], sizeof(r->urls[i]), "http://%zu/%zu", i % 10, i);
	for (int i = 0; i < STEPS; i++) {
		chance = chance * 1103515245 + 12345;
		step(&w, r, chance >> 8);
	}
	forget_memory(&w);
	for (size_t i = 0; i < URLS; i++)
		found += get(&w, r->urls[i]) != 0;
	assert_true(found > URLS / 8);
	assert_int_equal(stat_of(&w, STAT_CACHE_DISK_ERRORS), 0);
	assert_int_equal(stat_of(&w, STAT_CACHE_DISK_CORRUPTED), 0);
	world_free(&w);
	free(r);
}

#define THREADS 4

struct hammer {
	struct world *w;
	unsigned index;
};

/* Each thread has URLs of its own, and purges those of all now and then. */
static void *
hammer_run(void *arg)
{
	const struct hammer *h = arg;
	unsigned chance = h->index;
	char url[32];

	for (int i = 0; i < 300; i++) {
		chance = chance * 1103515245 + 12345;
		(void)snprintf(url, sizeof(url), "http://%u/%u", h->index, chance >> 8 & 7);
		if (chance >> 16 & 1) {
			/* Another thread may just have taken the memory away. */
			(void)try_put(h->w, url, "", (char)('a' + h->index), 20000);
		} else if ((chance >> 17 & 15) == 0) {
			invalidate(h->w, url);
			assert_int_equal(get(h->w, url), 0);
		} else {
			char seen = get(h->w, url);

			assert_true(seen == 0 || seen == (char)('a' + h->index));
		}
		if ((chance >> 20 & 63) == 0)
			forget_memory(h->w);
	}
	return NULL;
}

static void
many_threads_use_it_at_once(void **state)
{
	struct hammer hammers[THREADS];
	pthread_t threads[THREADS];
	struct world w;

	(void)state;
	world_new(&w, 16 * MIB);
	for (unsigned i = 0; i < THREADS; i++) {
		hammers[i] = (struct hammer){.w = &w, .index = i};
		assert_int_equal(pthread_create(&threads[i], NULL, hammer_run, &hammers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_true(stat_of(&w, STAT_CACHE_DISK_HITS) > 0);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_stored_is_found_again),
		cmocka_unit_test(what_memory_has_no_more_room_for_is_found),
		cmocka_unit_test(the_budget_is_kept_and_what_is_used_stays),
		cmocka_unit_test(a_folder_that_is_left_is_emptied),
		cmocka_unit_test(nothing_is_found_but_what_was_stored_last),
		cmocka_unit_test(many_threads_use_it_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
