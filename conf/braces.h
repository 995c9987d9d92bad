/*
 * What is said when the braces of a file do not pair: one error at the place where a reader would
 * look, and the rest of the file is read as it was meant, instead of one error for each directive
 * behind the mistake. Private to conf/.
 */
#ifndef CONF_BRACES_H
#define CONF_BRACES_H

#include "conf/parse.h"

/* A directive that has no place where it stands, in a file with a brace too many or too few. True
 * when the mistake was reported and the directive's place is the innermost scope now. */
bool braces_find_place(struct parse *p, const struct word *name);
/* The words of a directive without a block are read. When its { stands on the next line, or is
 * missing in front of what only its block can hold, that is reported and d has its block. */
void braces_find_block(struct parse *p, struct directive *d);
/* A } closes the innermost scope, which is still open. */
void braces_on_close(struct parse *p, const struct word *at);
/* A directive found its place: what was closed before it was closed rightly. */
void braces_on_fit(struct parse *p);
/* The file ends inside blocks down to its base: reports them and closes them. */
void braces_on_end(struct parse *p);

#endif
