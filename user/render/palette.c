// SPDX-License-Identifier: Apache-2.0
#include "render/palette.h"

#include <string.h>

/*
 * Hues in degrees, first to last; saturation in %; lightness in % of the darkest shade on a dark page. Eyes see yellow
 * and green lighter than blue and red of the same lightness: with these values labels keep a contrast of 4.5:1 (WCAG
 * 2, 1.4.3).
 */
struct tone {
	int first, last, saturation, dark;
};

struct palette {
	const char *names; /* separated by spaces */
	struct tone user, kernel;
};

#define COOL                                                                                                           \
	{                                                                                                              \
		204, 220, 60, 30                                                                                       \
	}
#define WARM                                                                                                           \
	{                                                                                                              \
		22, 36, 84, 27                                                                                         \
	}

static const struct palette palettes[] = {
	{"hot java js perl wakeup chain", {14, 38, 88, 27}, COOL},
	{"red", {352, 372, 78, 30}, COOL},
	{"orange", {20, 38, 86, 27}, COOL},
	{"yellow", {44, 58, 80, 22}, COOL},
	{"green mem", {96, 146, 44, 25}, WARM},
	{"aqua", {168, 192, 46, 25}, WARM},
	{"blue io", {202, 228, 62, 30}, WARM},
	{"purple", {262, 296, 52, 32}, WARM},
};

static const struct tone inlined = {48, 60, 72, 21}, jit = {132, 164, 38, 26};

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *w = words; (w = strstr(w, word)); w += n)
		if ((w == words || w[-1] == ' ') && (w[n] == ' ' || !w[n]))
			return true;
	return false;
}

const struct palette *palette_find(const char *name)
{
	if (!name || !*name)
		return &palettes[0];
	for (size_t i = 0; i < ARRAY_SIZE(palettes); i++)
		if (!strchr(name, ' ') && has_word(palettes[i].names, name))
			return &palettes[i];
	return NULL;
}

unsigned palette_shade(const char *safe, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)safe[i]) * 16777619u;
	return (h ^ h >> 16) % PALETTE_SHADES;
}

char palette_letter(enum frame_kind kind)
{
	static const char letters[] = {
		[FRAME_USER] = 'u', [FRAME_KERNEL] = 'k', [FRAME_INLINE] = 'i', [FRAME_JIT] = 'j', [FRAME_NOTE] = 'n',
	};

	return letters[kind];
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* CSS Color 4, section 7.1: HSL to sRGB; n is 0 for red, 8 for green, 4 for blue. Saturation and lightness in %. */
static int channel(int n, int hue, int saturation, int lightness)
{
	int amplitude = saturation * least(lightness, 100 - lightness); /* in 1/10000 */
	int k = (n * 30 + hue) % 360;
	int wave = least(least(k - 90, 270 - k), 30); /* -30 .. 30 */

	return (255 * (lightness * 3000 - amplitude * (wave < -30 ? -30 : wave)) + 150000) / 300000;
}

static void add_shade(struct buf *out, char letter, int i, int hue, int saturation, int lightness)
{
	buf_printf(out, ".fg .%c%d{color:#%02x%02x%02x}", letter, i, channel(0, hue, saturation, lightness),
		   channel(8, hue, saturation, lightness), channel(4, hue, saturation, lightness));
}

static void add_tone(struct buf *out, enum frame_kind kind, struct tone t, bool dark)
{
	int saturation = dark ? t.saturation * 6 / 10 : t.saturation;

	/* Neighbouring shades should differ: four hues, three lightnesses. */
	for (int i = 0; i < PALETTE_SHADES; i++)
		add_shade(out, palette_letter(kind), i, (t.first + (t.last - t.first) * (i % 4) / 3) % 360, saturation,
			  dark ? t.dark + i / 4 * 4 : 71 + i / 4 * 4);
}

void palette_css(struct buf *out, const struct palette *p, bool dark, unsigned kinds)
{
	const struct tone tones[] = {
		[FRAME_USER] = p->user, [FRAME_KERNEL] = p->kernel, [FRAME_INLINE] = inlined, [FRAME_JIT] = jit};

	for (size_t i = 0; i < ARRAY_SIZE(tones); i++)
		if (kinds & 1 << i)
			add_tone(out, i, tones[i], dark);
	buf_printf(out, ".fg .%c{color:%s}\n", palette_letter(FRAME_NOTE), dark ? "#3f4149" : "#d9d9de");
}

void palette_css_categories(struct buf *out, bool dark)
{
	/* Around the circle in steps that set neighbours in number apart. */
	for (int i = 0; i < PALETTE_SHADES; i++)
		add_shade(out, 'b', i, i * 150 % 360 + (i >= 12 ? 15 : 0), dark ? 38 : 62, dark ? 26 : 80);
	/* From pale to strong: how much of a frame's time is its own. */
	for (int i = 0; i < PALETTE_STEPS; i++)
		add_shade(out, 's', i, 50 - i * 8, dark ? 14 + i * 11 : 20 + i * 14, dark ? 20 + i : 90 - i * 5);
}

void palette_css_highlights(struct buf *out, bool dark)
{
	static const int hues[PALETTE_HIGHLIGHTS] = {276, 172, 330, 222, 96, 52, 12, 196};

	for (int i = 0; i < PALETTE_HIGHLIGHTS; i++)
		add_shade(out, 'h', i, hues[i], dark ? 60 : 82, dark ? 33 - (hues[i] > 40 && hues[i] < 200) * 8 : 70);
}

void palette_css_changes(struct buf *out, bool dark)
{
	/* Blue and orange-red: told apart without seeing red and green as two colours. */
	for (int i = 1; i <= PALETTE_STEPS; i++) {
		add_shade(out, 'p', i, 14, dark ? 20 + i * 8 : 50 + i * 7, dark ? 24 + i : 92 - i * 4);
		add_shade(out, 'm', i, 212, dark ? 20 + i * 8 : 40 + i * 7, dark ? 24 + i * 2 : 92 - i * 4);
	}
	add_shade(out, 'p', PALETTE_STEPS + 1, 26, dark ? 70 : 96, dark ? 26 : 70);
	add_shade(out, 'm', PALETTE_STEPS + 1, 212, dark ? 62 : 76, dark ? 34 : 68);
	buf_printf(out, ".fg .p0,.fg .m0{color:%s}\n", dark ? "#33363e" : "#e9e9ec");
}
