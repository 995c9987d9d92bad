/* What is wrong with a name, a host, a path or a URL. */
#include "conf/value.h"

#include "conf/conf.h"
#include "core/addr.h"
#include "core/num.h"

#include <limits.h>

#define LABEL_MAX 63 /* RFC 1035 section 2.3.4 */
#define GROUP_MAX 32 /* useradd(8) */
#define CPU_MAX 1023

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static bool
is_name_byte(char c)
{
	return is_letter(c) || is_digit(c) || is_one_of(c, "._-");
}

static bool
only_name_bytes(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_name_byte(s.p[i]))
			return false;
	return true;
}

const char *
value_name(struct slice s)
{
	if (s.n == 0)
		return "is empty";
	if (s.n > CONF_NAME_MAX)
		return "is longer than 63 bytes";
	if (s.p[0] == '.' || s.p[0] == '-')
		return "must not begin with \".\" or \"-\"";
	if (!only_name_bytes(s))
		return "may hold letters, digits, \".\", \"_\" and \"-\" only";
	return NULL;
}

const char *
value_word(struct slice s)
{
	return value_name(s);
}

const char *
value_token(struct slice s)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	if (s.n == 0 || s.n > CONF_TOKEN_MAX)
		return "must have 1 to 127 bytes";
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			!memchr(marks, c, sizeof(marks) - 1))
			return "may hold letters, digits and the marks of a token only";
	}
	return NULL;
}

const char *
value_protocol(struct slice s)
{
	size_t slash = slice_index(s, '/');
	struct slice name = slice_head(s, slash), version = slice_skip(s, slash + 1);

	if (s.n == 0 || s.n > CONF_UPGRADE_NAME_MAX)
		return "must have 1 to 32 bytes";
	if (value_token(name) || (slash < s.n && value_token(version)))
		return "is no protocol; write NAME or NAME/VERSION, as in: upgrade tcp SPDY/3.1";
	return NULL;
}

const char *
value_group(struct slice s)
{
	if (s.n == 0 || s.n > GROUP_MAX)
		return "must have 1 to 32 bytes";
	if (s.p[0] == '-' || !only_name_bytes(s))
		return "may hold letters, digits, \".\", \"_\" and \"-\" only";
	return NULL;
}

const char *
value_interface(struct slice s)
{
	if (s.n == 0 || s.n > CONF_IFNAME_MAX)
		return "must have 1 to 15 bytes, as every interface's name";
	/* /proc/sys/net/ipv4/conf has folders of these names that are no interfaces. */
	if (slice_eq_str(s, "all") || slice_eq_str(s, "default"))
		return "is a word of the kernel's own settings, not an interface";
	if (slice_eq_str(s, "lo"))
		return "is the loopback interface";
	if (slice_eq_str(s, ".") || slice_eq_str(s, ".."))
		return "is not the name of an interface";
	for (size_t i = 0; i < s.n; i++)
		if (!is_name_byte(s.p[i]) && !is_one_of(s.p[i], "@+"))
			return "may hold letters, digits, \".\", \"_\", \"-\", \"@\" and \"+\" "
			       "only";
	return NULL;
}

static const char *
host_label(struct slice label)
{
	if (label.n == 0)
		return "has an empty part between two dots, or a dot at an end";
	if (label.n > LABEL_MAX)
		return "has a part of more than 63 bytes";
	if (label.p[0] == '-' || label.p[label.n - 1] == '-')
		return "has a part that begins or ends with \"-\"";
	for (size_t i = 0; i < label.n; i++)
		if (!is_letter(label.p[i]) && !is_digit(label.p[i]) && !is_one_of(label.p[i], "-_"))
			return "may hold letters, digits, \"-\" and \".\" only";
	return NULL;
}

/* Resolvers read a name whose last part is a number as an IPv4 address in an old notation. */
static bool
ends_in_number(struct slice last_label)
{
	for (size_t i = 0; i < last_label.n; i++)
		if (!is_digit(last_label.p[i]))
			return false;
	return true;
}

const char *
value_host(struct slice s)
{
	struct addr addr;

	if (s.n == 0)
		return "is empty";
	if (s.n > CONF_HOST_MAX)
		return "is longer than 253 bytes";
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return "must be written in its ASCII form (xn--...)";
	for (struct slice left = s;;) {
		size_t n = slice_index(left, '.');
		const char *why = host_label(slice_head(left, n));

		if (why)
			return why;
		if (n == left.n)
			return ends_in_number(left) && addr_parse(s, &addr) < 0
				       ? "ends in a number but is not an IPv4 address"
				       : NULL;
		left = slice_skip(left, n + 1);
	}
}

/* As Host has it. */
static const char *
site_literal(struct slice s)
{
	char text[ADDR_PORT_TEXT_MAX];
	size_t end = slice_index(s, ']');

	if (end + 1 < s.n && s.p[end + 1] == ':')
		return "must have no port; every site answers on every listener";
	if (addr_fold_literal(s, text) == 0)
		return "must have one IPv6 address between its brackets";
	return NULL;
}

const char *
value_site_host(struct slice s)
{
	struct addr addr;

	if (slice_eq_str(s, "*"))
		return NULL;
	if (slice_starts(s, SLICE_LIT("http://")) || slice_starts(s, SLICE_LIT("https://")))
		return "must be a host name alone, without http:// or https://";
	if (slice_index(s, '/') < s.n)
		return "must be a host name alone; paths are routes inside the site";
	if (slice_starts(s, SLICE_LIT("[")))
		return site_literal(s);
	if (addr_parse(s, &addr) == 0 && addr.family == AF_INET6)
		return "is an IPv6 address, which stands in brackets here as in a URL: site [::1]";
	if (slice_index(s, ':') < s.n)
		return "must have no port; every site answers on every listener";
	if (slice_starts(s, SLICE_LIT("*.")))
		s = slice_skip(s, 2);
	if (slice_index(s, '*') < s.n)
		return "may have \"*\" only alone or as a leading \"*.\"";
	return value_host(s);
}

const char *
value_file(struct slice s)
{
	if (s.n == 0)
		return "is empty";
	if (s.p[0] != '/')
		return "must be absolute, beginning with \"/\"";
	if (s.n >= PATH_MAX)
		return "is longer than 4095 bytes";
	return NULL;
}

static bool
is_dot_segment(struct slice segment)
{
	return slice_eq_str(segment, ".") || slice_eq_str(segment, "..");
}

const char *
value_inner_path(struct slice s)
{
	if (s.n == 0)
		return "is empty";
	if (s.p[0] == '/')
		return "must be relative to the container's root, without a leading \"/\"";
	if (s.n >= PATH_MAX)
		return "is longer than 4095 bytes";
	while (s.n > 0) {
		struct slice segment = slice_head(s, slice_index(s, '/'));

		if (segment.n == 0)
			return "has an empty part (\"//\")";
		if (is_dot_segment(segment))
			return "must have no \".\" or \"..\" in it";
		s = slice_skip(s, segment.n + 1);
	}
	return NULL;
}

#define FILE_NAME_MAX 255 /* as file systems have it */

/* A part of a name below a folder that is served. */
static const char *
wrong_with_part(struct slice s)
{
	if (s.n == 0)
		return "has an empty part (\"//\")";
	if (s.n > FILE_NAME_MAX)
		return "has a part longer than 255 bytes";
	if (s.p[0] == '.' && !slice_eq_str(s, ".well-known"))
		return "has a part that begins with a dot, and such files are never served";
	return NULL;
}

const char *
value_index(struct slice s)
{
	if (s.n == 0)
		return "is empty";
	if (slice_index(s, '/') < s.n)
		return "must be the name of a file, without \"/\"";
	return wrong_with_part(s);
}

/* The parts behind the first '/'; a last one that is empty stands for a folder. */
static const char *
wrong_with_parts(struct slice s)
{
	const char *why = NULL;

	while (!why && s.n > 0) {
		struct slice part = slice_head(s, slice_index(s, '/'));

		why = wrong_with_part(part);
		s = slice_skip(s, part.n + 1);
	}
	return why;
}

const char *
value_try(struct slice s)
{
	struct slice rest = s;

	if (slice_starts(s, SLICE_LIT("$path")))
		rest = slice_skip(s, sizeof("$path") - 1);
	else if (!slice_starts(s, SLICE_LIT("/")))
		return "must begin with \"/\", which is the folder of the route, or with "
		       "\"$path\", "
		       "which is the file that was asked for";
	if (slice_index(rest, '$') < rest.n)
		return "has a \"$\" that stands for nothing; \"$path\" may stand at the beginning";
	if (s.n >= PATH_MAX)
		return "is longer than 4095 bytes";
	rest = slice_skip(rest, slice_index(rest, '/') + 1);
	return wrong_with_parts(rest);
}

/* What may stand in a path as it is: unreserved, sub-delims, ":" and "@" (RFC 3986 section 3.3). */
static bool
is_plain(char c)
{
	return is_letter(c) || is_digit(c) || is_one_of(c, "-._~!$&'()*+,;=:@");
}

/* The %XX at the beginning of s; what it stands for goes to *ret. */
static const char *
percent_triplet(struct slice s, char *ret)
{
	uint64_t byte;

	if (s.n < 3 || num_parse_hex(slice_of(s.p + 1, 2), &byte) < 0)
		return "has a \"%\" that two hexadecimal digits do not follow";
	if (byte == 0)
		return "has a %00";
	if (byte == '.')
		return "has a \".\" percent-encoded; write it plain";
	*ret = (char)byte;
	return NULL;
}

static const char *
path_bytes(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		const char *why = c == '%' ? percent_triplet(slice_skip(s, i), &c) : NULL;

		if (why)
			return why;
		if (s.p[i] == '?' || s.p[i] == '#')
			return "must have no \"?\" or \"#\"";
		if (s.p[i] != '%' && s.p[i] != '/' && !is_plain(s.p[i]))
			return "must have blanks and bytes beyond ASCII percent-encoded, as in %20";
	}
	return NULL;
}

const char *
value_target_path(struct slice s)
{
	const char *why;

	if (s.n == 0 || s.p[0] != '/')
		return "must begin with \"/\"";
	why = path_bytes(s);
	if (why)
		return why;
	while (s.n > 0) {
		struct slice segment = slice_head(s, slice_index(s, '/'));

		if (is_dot_segment(segment))
			return "has a dot segment; write the path that it leads to";
		s = slice_skip(s, segment.n + 1);
	}
	return NULL;
}

/* Two spellings of one path would be two routes for the same requests. */
const char *
value_route_path(struct slice s)
{
	const char *why = value_target_path(s);

	for (size_t i = 0; !why && i < s.n; i++) {
		char c = '%';

		if (s.p[i] == '/' && i + 1 < s.n && s.p[i + 1] == '/')
			return "has an empty part (\"//\"); requests are matched with one \"/\" "
			       "there";
		if (s.p[i] != '%')
			continue;
		why = percent_triplet(slice_skip(s, i), &c);
		if (is_plain(c))
			return "has a byte percent-encoded that can stand plain; write it plain";
		if ((s.p[i + 1] >= 'a' && s.p[i + 1] <= 'f') ||
			(s.p[i + 2] >= 'a' && s.p[i + 2] <= 'f'))
			return "has a percent-encoded byte in lower case; write its digits in "
			       "upper case";
	}
	return why;
}

static const char *
url_bytes(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		uint64_t byte;

		if (c == '$' && i + 1 < s.n && is_letter(s.p[i + 1]))
			return "has a variable; there are none here (a plain \"$\" is written %24)";
		if (c <= ' ' || c == 0x7f || is_one_of(c, "\"<>\\^`{|}"))
			return "must have blanks and bytes beyond ASCII percent-encoded, as in %20";
		if (c == '%' &&
			(i + 2 >= s.n || num_parse_hex(slice_of(s.p + i + 1, 2), &byte) < 0))
			return "has a \"%\" that two hexadecimal digits do not follow";
	}
	return NULL;
}

const char *
value_redirect(struct slice s)
{
	struct slice rest;

	if (slice_starts(s, SLICE_LIT("//")))
		return "must not begin with \"//\"; write https:// or one \"/\"";
	if (slice_starts(s, SLICE_LIT("/")))
		return url_bytes(s);
	if (!slice_starts(s, SLICE_LIT("http://")) && !slice_starts(s, SLICE_LIT("https://")))
		return "must begin with \"http://\", \"https://\" or \"/\"";
	rest = slice_skip(s, slice_index(s, ':') + 3);
	if (rest.n == 0 || is_one_of(rest.p[0], "/?#:@"))
		return "has no host";
	return url_bytes(s);
}

static const char *
cpu_range(struct slice range)
{
	static const char wrong[] = "must be a list of CPUs such as 0,1 or 0-3,6";
	size_t dash = slice_index(range, '-');
	uint64_t low, high;

	if (num_parse(slice_head(range, dash), 0, CPU_MAX, &low) < 0)
		return wrong;
	if (dash == range.n)
		return NULL;
	if (num_parse(slice_skip(range, dash + 1), 0, CPU_MAX, &high) < 0)
		return wrong;
	return low < high ? NULL : "has a range that does not ascend";
}

const char *
value_cpus(struct slice s)
{
	for (;;) {
		size_t n = slice_index(s, ',');
		const char *why = cpu_range(slice_head(s, n));

		if (why || n == s.n)
			return why;
		s = slice_skip(s, n + 1);
	}
}
