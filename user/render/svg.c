// SPDX-License-Identifier: Apache-2.0
#include "render/svg.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void add_entities(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		switch (s[i]) {
		case '&':
			buf_puts(out, "&amp;");
			break;
		case '<':
			buf_puts(out, "&lt;");
			break;
		case '>':
			buf_puts(out, "&gt;");
			break;
		case '"':
			buf_puts(out, "&quot;");
			break;
		case '\'':
			buf_puts(out, "&#39;");
			break;
		default:
			buf_putc(out, s[i]);
		}
	}
}

void svg_text(struct buf *out, const char *text)
{
	struct buf safe = {0};

	text_escape(&safe, text, strlen(text));
	add_entities(out, safe.v ? safe.v : "", safe.n);
	buf_free(&safe);
}

void svg_text_cut(struct buf *out, const char *text, size_t columns)
{
	struct buf safe = {0};
	size_t i = 0, n = 0, cut = 0;
	uint32_t c;
	bool valid;

	text_escape(&safe, text, strlen(text));
	for (; i < safe.n && n <= columns; n++) {
		if (n + 2 <= columns)
			cut = i;
		i += text_utf8(safe.v + i, safe.n - i, &c, &valid);
	}
	if (n <= columns) {
		add_entities(out, safe.v ? safe.v : "", safe.n);
	} else if (columns >= 3) {
		add_entities(out, safe.v, cut);
		buf_puts(out, "..");
	}
	buf_free(&safe);
}

void svg_number(struct buf *out, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_putc(out, ',');
		buf_putc(out, digits[i]);
	}
}

/* http://www.isthe.com/chongo/tech/comp/fnv/: stable across machines, versions and languages */
static uint64_t fnv1a(const char *s)
{
	uint64_t h = 0xCBF29CE484222325ull;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001B3ull;
	return h ^ (h >> 32);
}

/* One channel of HSL in integers: hue in degrees, the others in per cent (CSS Color 4, section 7). */
static uint32_t channel(int n, int hue, int saturation, int lightness)
{
	int k = (n * 30 + hue) % 360;
	int a = saturation * (lightness < 50 ? lightness : 100 - lightness); /* x 10^4 */
	int m = k - 90 < 270 - k ? k - 90 : 270 - k;

	m = m > 30 ? 30 : m < -30 ? -30 : m;
	return (lightness * 100 * 30 - a * m) * 255 / (10000 * 30);
}

uint32_t svg_color(const char *name, enum frame_kind kind)
{
	static const struct {
		int hue, hues, saturation, lightness;
	} palette[] = {
		[FRAME_USER] = {22, 32, 82, 64},   [FRAME_KERNEL] = {344, 24, 62, 68}, [FRAME_INLINE] = {70, 40, 48, 62},
		[FRAME_JIT] = {160, 40, 42, 62},   [FRAME_NOTE] = {210, 1, 6, 74},
	};
	uint64_t h = fnv1a(name);
	int hue = (palette[kind].hue + (int)(h % palette[kind].hues)) % 360;
	int lightness = palette[kind].lightness + (int)((h >> 20) % 12) - 4;

	/* channel numbers of the CSS formula: red 0, green 8, blue 4 */
	return channel(0, hue, palette[kind].saturation, lightness) << 16 |
	       channel(8, hue, palette[kind].saturation, lightness) << 8 | channel(4, hue, palette[kind].saturation, lightness);
}
