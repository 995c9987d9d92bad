/* proxy/file/mime.c */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/file/mime.h"

struct mime_case {
	const char *name, *type;
};

static void
endings_give_types(void **state)
{
	static const struct mime_case cases[] = {
		{"index.html", "text/html; charset=utf-8"},
		{"a/b.css", "text/css; charset=utf-8"},
		{"app.js", "text/javascript; charset=utf-8"},
		{"logo.SVG", "image/svg+xml"},
		{"photo.JPG", "image/jpeg"},
		{"font.woff2", "font/woff2"},
		{"x.wasm", "application/wasm"},
		{"data.json", "application/json"},
		{"archive.tar.gz", "application/gzip"},
		{"first.7z", "application/x-7z-compressed"},
		{"last.zst", "application/zstd"},
		{"site.webmanifest", "application/manifest+json"},
		{"clip.3gp", "video/3gpp"},
		{"book.azw3", "application/vnd.amazon.mobi8-ebook"},
		{"module.cjs", "text/javascript; charset=utf-8"},
		{"map.geojson", "application/geo+json"},
		{"model.glb", "model/gltf-binary"},
		{"photo.jxl", "image/jxl"},
		{"script.py", "text/x-python; charset=utf-8"},
		{"source.tgz", "application/x-compressed-tar"},
		{"fonts.ttc", "font/collection"},
		{"sheet.xslt", "application/xslt+xml"},
		{"values.yml", "application/yaml"},
		{"README", "application/octet-stream"},
		{"", "application/octet-stream"},
		{".", "application/octet-stream"},
		{"x.", "application/octet-stream"},
		{"a.b/c", "application/octet-stream"},
		{"x.unknown", "application/octet-stream"},
		{"x.averyveryverylongending", "application/octet-stream"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(mime_find(slice_str(cases[i].name)), cases[i].type);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endings_give_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
