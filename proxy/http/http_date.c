/* HTTP dates, by arithmetic: no locale, no time zone, no lock. */
#include "proxy/http/http_date.h"

#include "core/num.h"

#define DAY_S 86400
#define YEAR_9999_END INT64_C(253402300799)
/* RFC 9110 section 5.6.7: a two-digit year more than 50 years ahead is the past century's. */
#define CENTURY_BREAK 70

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct http_time
http_time_split(int64_t second)
{
	uint64_t s = second < 0 ? 0 : (uint64_t)(second > YEAR_9999_END ? YEAR_9999_END : second);
	unsigned days_gone = (unsigned)(s / DAY_S), in_day = (unsigned)(s % DAY_S);
	/* Days since 0000-03-01, in eras of 400 years; a year that begins in March has its leap
	 * day at its end, so that months have a regular length of 153 days in five. */
	unsigned days_of_all = days_gone + 719468, era = days_of_all / 146097;
	unsigned in_era = days_of_all % 146097;
	unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * in_year + 2) / 153;

	return (struct http_time){
		.year = year + era * 400 + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = in_year - (153 * month + 2) / 5 + 1,
		.hour = in_day / 3600,
		.minute = in_day / 60 % 60,
		.second = in_day % 60,
		.weekday = (days_gone + 4) % 7,
	};
}

struct slice
http_month_name(unsigned month)
{
	return slice_of(&months[3 * (month - 1)], 3);
}

static void
put_number(char *at, unsigned number, unsigned digits)
{
	for (unsigned i = digits; i > 0; i--) {
		at[i - 1] = (char)('0' + number % 10);
		number /= 10;
	}
}

void
http_date_format(int64_t second, char out[static HTTP_DATE_LEN + 1])
{
	struct http_time t = http_time_split(second);

	memcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT", HTTP_DATE_LEN + 1);
	memcpy(out, &days[3 * t.weekday], 3);
	put_number(out + 5, t.day, 2);
	memcpy(out + 8, &months[3 * (t.month - 1)], 3);
	put_number(out + 12, t.year, 4);
	put_number(out + 17, t.hour, 2);
	put_number(out + 20, t.minute, 2);
	put_number(out + 23, t.second, 2);
}

struct slice
http_date_now(struct http_date *d, int64_t second)
{
	if (d->second != second || !d->text[0]) {
		http_date_format(second, d->text);
		d->second = second;
	}
	return slice_of(d->text, HTTP_DATE_LEN);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; month counts from 0. */
static int64_t
days_since_1970(int64_t year, int64_t month, int64_t day)
{
	/* Counting years from March puts the leap day at the end of the year. */
	int64_t y = month < 2 ? year - 1 : year;
	int64_t m = (month + 10) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

struct parts {
	uint64_t year, month /* from 0 */, day, hour, minute, second;
};

static int
parse_month(struct slice s, uint64_t *ret)
{
	for (size_t i = 0; i < 12 && s.n == 3; i++) {
		if (memcmp(s.p, &months[3 * i], 3) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -1;
}

/* "08:49:37" */
static int
parse_clock(struct slice s, struct parts *p)
{
	if (s.n != 8 || s.p[2] != ':' || s.p[5] != ':' ||
		num_parse(slice_of(s.p, 2), 0, 23, &p->hour) < 0 ||
		num_parse(slice_of(s.p + 3, 2), 0, 59, &p->minute) < 0 ||
		num_parse(slice_of(s.p + 6, 2), 0, 60, &p->second) < 0)
		return -1;
	return 0;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static int
parse_imf(struct slice s, struct parts *p)
{
	if (s.n != HTTP_DATE_LEN || s.p[3] != ',' || s.p[4] != ' ' || s.p[7] != ' ' ||
		s.p[11] != ' ' || s.p[16] != ' ' || memcmp(s.p + 25, " GMT", 4) != 0)
		return -1;
	if (num_parse(slice_of(s.p + 5, 2), 1, 31, &p->day) < 0 ||
		parse_month(slice_of(s.p + 8, 3), &p->month) < 0 ||
		num_parse(slice_of(s.p + 12, 4), 1601, 9999, &p->year) < 0)
		return -1;
	return parse_clock(slice_of(s.p + 17, 8), p);
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static int
parse_rfc850(struct slice s, struct parts *p)
{
	size_t comma = slice_index(s, ',');
	struct slice rest = slice_skip(s, comma + 1);

	if (comma < 6 || rest.n != 23 || rest.p[0] != ' ' || rest.p[3] != '-' || rest.p[7] != '-' ||
		rest.p[10] != ' ' || memcmp(rest.p + 19, " GMT", 4) != 0)
		return -1;
	if (num_parse(slice_of(rest.p + 1, 2), 1, 31, &p->day) < 0 ||
		parse_month(slice_of(rest.p + 4, 3), &p->month) < 0 ||
		num_parse(slice_of(rest.p + 8, 2), 0, 99, &p->year) < 0)
		return -1;
	p->year += p->year < CENTURY_BREAK ? 2000 : 1900;
	return parse_clock(slice_of(rest.p + 11, 8), p);
}

/* "Sun Nov  6 08:49:37 1994" */
static int
parse_asctime(struct slice s, struct parts *p)
{
	if (s.n != 24 || s.p[3] != ' ' || s.p[7] != ' ' || s.p[10] != ' ' || s.p[19] != ' ')
		return -1;
	if (num_parse(slice_trim(slice_of(s.p + 8, 2)), 1, 31, &p->day) < 0 ||
		parse_month(slice_of(s.p + 4, 3), &p->month) < 0 ||
		num_parse(slice_of(s.p + 20, 4), 1601, 9999, &p->year) < 0)
		return -1;
	return parse_clock(slice_of(s.p + 11, 8), p);
}

int
http_date_parse(struct slice s, int64_t *ret)
{
	struct parts p = {0};

	if (parse_imf(s, &p) < 0 && parse_rfc850(s, &p) < 0 && parse_asctime(s, &p) < 0)
		return -1;
	*ret = days_since_1970((int64_t)p.year, (int64_t)p.month, (int64_t)p.day) * DAY_S +
	       (int64_t)(p.hour * 3600 + p.minute * 60 + p.second);
	return 0;
}
