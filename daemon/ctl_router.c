/* Commands about the router: each is one request, and a text. */
#include "daemon/ctl_router.h"

#include "core/nft_view.h"
#include "core/own.h"
#include "daemon/ctl_ask.h"

#include <stdio.h>
#include <string.h>

#define PATH_TEXT_MAX 128

/* "--diff" -> "diff"; NULL: no such view. */
static const char *
view_of(const char *option)
{
	static const char *const names[] = {
#define VIEW_NAME(id, name) name,
		NFT_VIEW_TABLE(VIEW_NAME)
#undef VIEW_NAME
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strncmp(option, "--", 2) == 0 && strcmp(option + 2, names[i]) == 0)
			return names[i];
	return NULL;
}

int
ctl_nft_show(const struct ctl_line *line)
{
	const char *view = line->n_args ? view_of(line->args[0]) : "both", *text;
	char path[PATH_TEXT_MAX];
	struct err e = {0};
	json_t *answer = NULL;
	enum ctl_exit status;
	int rc;

	if (!view) {
		(void)fprintf(
			stderr, "sluice: usage: sluice nft show [--planned|--kernel|--diff]\n");
		return CTL_USAGE;
	}
	(void)snprintf(path, sizeof(path), "/v1/nft?view=%s", view);
	status = ctl_ask(line, "GET", path, &answer, &e);
	text = json_string_value(json_object_get(answer, "text"));
	if (status != CTL_OK)
		rc = ctl_complain(status, &e);
	else
		rc = line->json ? CTL_OK : ctl_print(slice_str(text ? text : ""));
	if (rc == CTL_OK && strcmp(view, "diff") == 0 &&
		!json_is_true(json_object_get(answer, "same")))
		rc = CTL_FAILED;
	json_decref(answer);
	return rc;
}
