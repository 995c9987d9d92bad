/* What control may ask of the proxy's cache: both mean the same by it. */
#ifndef CORE_CACHE_ORDER_H
#define CORE_CACHE_ORDER_H

#define CACHE_LISTED_MAX 10000 /* stored answers in one list */

/* X(id, key of the query, what) */
#define CACHE_ORDER_TABLE(X)                                                                       \
	X(LIST, "prefix", "what is stored, of all URLs that begin so")                             \
	X(SHOW, "url", "all answers of a URL, with their heads")                                   \
	X(PURGE_URL, "url", "take all answers of a URL out")                                       \
	X(PURGE_PREFIX, "prefix", "the same of all URLs that begin so")                            \
	X(PURGE_TAG, "tag", "the same of all that bear a tag")                                     \
	X(CLEAR, "", "take everything out")

enum cache_order {
#define CACHE_ORDER_ENUM(id, key, what) CACHE_ORDER_##id,
	CACHE_ORDER_TABLE(CACHE_ORDER_ENUM)
#undef CACHE_ORDER_ENUM
		CACHE_ORDER_COUNT
};

/* What the disk tier does. X(id, word, what) */
#define CACHE_DISK_STATE_TABLE(X)                                                                  \
	X(OFF, "off", "nothing: the configuration has none")                                       \
	X(WAITING, "waiting", "another process has the folder")                                    \
	X(LOADING, "loading", "the index is being built: answers are taken, none is found")        \
	X(OPEN, "open", "it works")                                                                \
	X(FAILED, "failed", "the disk refuses: it is tried again now and then")

#endif
