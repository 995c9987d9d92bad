/* Text in plain arrays; see text.h. */
#include "lxc/text.h"

#include <stdarg.h>
#include <stdio.h>

int
text_copy(char *out, size_t size, struct slice s)
{
	size_t n = s.n < size ? s.n : size - 1;

	if (n > 0)
		memcpy(out, s.p, n);
	out[n] = '\0';
	return n == s.n ? 0 : -1;
}

static int print_at(char *out, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static int
print_at(char *out, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(out, size, fmt, ap);

	return n >= 0 && (size_t)n < size ? 0 : -1;
}

int
text_print(char *out, size_t size, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = print_at(out, size, fmt, ap);
	va_end(ap);
	return ret;
}

int
text_add(char *out, size_t size, const char *fmt, ...)
{
	size_t used = strlen(out);
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = print_at(out + used, size - used, fmt, ap);
	va_end(ap);
	return ret;
}
