/* The list of findings. */
#include "router/findings.h"

#include <stdarg.h>
#include <stdio.h>

struct finding *
findings_add(struct findings *f, const char *id, bool breaks)
{
	if (f->n == FINDINGS_MAX) {
		f->left_out++;
		return NULL;
	}
	f->v[f->n] = (struct finding){.id = id, .breaks = breaks};
	return &f->v[f->n++];
}

void
finding_what(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	if (!f)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
}

void
finding_mend(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	if (!f)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(f->mend, sizeof(f->mend), fmt, ap);
	va_end(ap);
}
