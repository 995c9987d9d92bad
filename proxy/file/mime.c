/* Content types, sorted by ending so that a binary search finds them. */
#include "proxy/file/mime.h"

#include "proxy/http/http_scan.h"

#include <stdlib.h>

#define ENDING_MAX 15

struct mime_row {
	const char *ending, *type;
};

static const struct mime_row rows[] = {
	{"3gp", "video/3gpp"},
	{"7z", "application/x-7z-compressed"},
	{"aac", "audio/aac"},
	{"aif", "audio/x-aiff"},
	{"aiff", "audio/x-aiff"},
	{"apk", "application/vnd.android.package-archive"},
	{"appimage", "application/vnd.appimage"},
	{"asc", "text/plain; charset=utf-8"},
	{"atom", "application/atom+xml"},
	{"avi", "video/x-msvideo"},
	{"avif", "image/avif"},
	{"azw3", "application/vnd.amazon.mobi8-ebook"},
	{"bmp", "image/bmp"},
	{"bz2", "application/x-bzip2"},
	{"cbr", "application/vnd.comicbook-rar"},
	{"cbz", "application/vnd.comicbook+zip"},
	{"cer", "application/pkix-cert"},
	{"cjs", "text/javascript; charset=utf-8"},
	{"conf", "text/plain; charset=utf-8"},
	{"crl", "application/pkix-crl"},
	{"crt", "application/x-x509-ca-cert"},
	{"css", "text/css; charset=utf-8"},
	{"csv", "text/csv; charset=utf-8"},
	{"deb", "application/vnd.debian.binary-package"},
	{"diff", "text/x-patch; charset=utf-8"},
	{"djvu", "image/vnd.djvu"},
	{"dmg", "application/x-apple-diskimage"},
	{"doc", "application/msword"},
	{"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
	{"dtd", "application/xml-dtd"},
	{"eml", "message/rfc822"},
	{"eot", "application/vnd.ms-fontobject"},
	{"epub", "application/epub+zip"},
	{"exe", "application/x-ms-dos-executable"},
	{"flac", "audio/flac"},
	{"flv", "video/x-flv"},
	{"geojson", "application/geo+json"},
	{"gif", "image/gif"},
	{"glb", "model/gltf-binary"},
	{"gltf", "model/gltf+json"},
	{"gpx", "application/gpx+xml"},
	{"gz", "application/gzip"},
	{"heic", "image/heic"},
	{"heif", "image/heif"},
	{"htm", "text/html; charset=utf-8"},
	{"html", "text/html; charset=utf-8"},
	{"ico", "image/x-icon"},
	{"ics", "text/calendar; charset=utf-8"},
	{"ini", "text/plain; charset=utf-8"},
	{"iso", "application/x-iso9660-image"},
	{"jar", "application/java-archive"},
	{"jpeg", "image/jpeg"},
	{"jpg", "image/jpeg"},
	{"js", "text/javascript; charset=utf-8"},
	{"json", "application/json"},
	{"jsonld", "application/ld+json"},
	{"jxl", "image/jxl"},
	{"kml", "application/vnd.google-earth.kml+xml"},
	{"kmz", "application/vnd.google-earth.kmz"},
	{"log", "text/plain; charset=utf-8"},
	{"lz", "application/x-lzip"},
	{"m3u", "application/vnd.apple.mpegurl"},
	{"m3u8", "application/vnd.apple.mpegurl"},
	{"m4a", "audio/mp4"},
	{"m4v", "video/mp4"},
	{"map", "application/json"},
	{"md", "text/markdown; charset=utf-8"},
	{"mid", "audio/midi"},
	{"midi", "audio/midi"},
	{"mjs", "text/javascript; charset=utf-8"},
	{"mkv", "video/x-matroska"},
	{"mobi", "application/x-mobipocket-ebook"},
	{"mov", "video/quicktime"},
	{"mp3", "audio/mpeg"},
	{"mp4", "video/mp4"},
	{"mpd", "application/dash+xml"},
	{"mpeg", "video/mpeg"},
	{"mpg", "video/mpeg"},
	{"msi", "application/x-msi"},
	{"odp", "application/vnd.oasis.opendocument.presentation"},
	{"ods", "application/vnd.oasis.opendocument.spreadsheet"},
	{"odt", "application/vnd.oasis.opendocument.text"},
	{"oga", "audio/ogg"},
	{"ogg", "audio/ogg"},
	{"ogv", "video/ogg"},
	{"opus", "audio/ogg"},
	{"otf", "font/otf"},
	{"p12", "application/pkcs12"},
	{"patch", "text/x-patch; charset=utf-8"},
	{"pdf", "application/pdf"},
	{"png", "image/png"},
	{"ppt", "application/vnd.ms-powerpoint"},
	{"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
	{"ps", "application/postscript"},
	{"psd", "image/vnd.adobe.photoshop"},
	{"py", "text/x-python; charset=utf-8"},
	{"rar", "application/vnd.rar"},
	{"rpm", "application/x-rpm"},
	{"rss", "application/rss+xml"},
	{"rtf", "application/rtf"},
	{"sh", "application/x-shellscript"},
	{"sig", "application/pgp-signature"},
	{"sql", "application/sql"},
	{"srt", "application/x-subrip"},
	{"svg", "image/svg+xml"},
	{"tar", "application/x-tar"},
	{"tex", "text/x-tex; charset=utf-8"},
	{"tgz", "application/x-compressed-tar"},
	{"tif", "image/tiff"},
	{"tiff", "image/tiff"},
	{"toml", "application/toml"},
	{"torrent", "application/x-bittorrent"},
	{"ts", "video/mp2t"},
	{"tsv", "text/tab-separated-values; charset=utf-8"},
	{"ttc", "font/collection"},
	{"ttf", "font/ttf"},
	{"txt", "text/plain; charset=utf-8"},
	{"vcf", "text/vcard; charset=utf-8"},
	{"vtt", "text/vtt; charset=utf-8"},
	{"wasm", "application/wasm"},
	{"wav", "audio/wav"},
	{"weba", "audio/webm"},
	{"webm", "video/webm"},
	{"webmanifest", "application/manifest+json"},
	{"webp", "image/webp"},
	{"wma", "audio/x-ms-wma"},
	{"wmv", "video/x-ms-wmv"},
	{"woff", "font/woff"},
	{"woff2", "font/woff2"},
	{"xhtml", "application/xhtml+xml"},
	{"xls", "application/vnd.ms-excel"},
	{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{"xml", "application/xml"},
	{"xpi", "application/x-xpinstall"},
	{"xsl", "application/xslt+xml"},
	{"xslt", "application/xslt+xml"},
	{"xz", "application/x-xz"},
	{"yaml", "application/yaml"},
	{"yml", "application/yaml"},
	{"zip", "application/zip"},
	{"zst", "application/zstd"},
};

static int
compare_ending(const void *key, const void *row)
{
	return strcmp(key, ((const struct mime_row *)row)->ending);
}

const char *
mime_find(struct slice file_name)
{
	static const char unknown[] = "application/octet-stream";
	const struct mime_row *row;
	char ending[ENDING_MAX + 1];
	size_t at = file_name.n;

	while (at && file_name.p[at - 1] != '.' && file_name.p[at - 1] != '/')
		at--;
	if (at == 0 || file_name.p[at - 1] != '.' || file_name.n - at > ENDING_MAX)
		return unknown;
	for (size_t i = at; i < file_name.n; i++)
		ending[i - at] = http_lower(file_name.p[i]);
	ending[file_name.n - at] = '\0';
	row = bsearch(
		ending, rows, sizeof(rows) / sizeof(rows[0]), sizeof(rows[0]), compare_ending);
	return row ? row->type : unknown;
}
