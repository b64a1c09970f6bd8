// SPDX-License-Identifier: Apache-2.0
// The interactive part of a flame graph. It reads the island (island.h), draws with the classes of flamegraph.css into the
// places of the still picture, and writes to the document by textContent and attributes alone: names belong to whoever
// named a process or a function.
//
// A "group" is a box's worth of samples: one node of the tree, or several that a view or a transform merged. Groups are
// made when they are wide enough to be seen, so that a tree of millions of nodes costs no more than what is drawn.
//
// Own properties: above after base depth kids leaves mark nodes paths pitch rows seeded source total whole zoom
(async () => {
	"use strict";
	const me = document.currentScript, svg = me ? me.closest("svg") : document.querySelector(".flamegraph:not(.live)");
	const NS = "http://www.w3.org/2000/svg", XHTML = "http://www.w3.org/1999/xhtml", DOT = " \u00b7 ", DOTS = "\u2026";
	const STILL = { preventScroll: true }, PAD = 16, MAX_BOXES = 9000, MAX_LABELS = 2000, SHADES = 12, THREAD = 5, NOTE = 4;
	const one = s => svg.querySelector(s), all = s => [...svg.querySelectorAll(s)];
	const set = (e, attributes) => {
		for (const k in attributes)
			e.setAttribute(k, attributes[k]);
		return e;
	};
	const add = (to, tag, attributes, text, space = NS) => {
		const e = set(document.createElementNS(space, tag), attributes);
		if (text !== undefined)
			e.textContent = text;
		return to.appendChild(e);
	};
	const on = (e, types, run, options) => types.split(" ").forEach(t => e.addEventListener(t, run, options));
	const seen = (e, yes) => e && e.setAttribute("display", yes ? "inline" : "none");
	const { abs, floor, max, min, sqrt } = Math;
	const extent = () => svg.getBoundingClientRect();
	const html = (to, tag, attributes, text) => add(to, tag, attributes, text, XHTML);
	const graph = one(".graph"), cfg = graph.dataset, svgWidth = +svg.getAttribute("width");
	const pitch = +cfg["pitch"], font = parseFloat(graph.getAttribute("font-size")), factor = +(cfg.factor || 1), unit = cfg.unit;
	const fluid = svg.hasAttribute("data-fluid"), minPixels = max(+(cfg.min || 0.5), 0.3), textY = (pitch - 1 + font * 0.7) / 2;

	// --- The tree: nodes in preorder, node 0 is the root, end[i] is behind the last node that i's subtree holds.

	async function inflate() {
		const text = atob(all(".island").map(e => e.textContent).join("")), packed = new Uint8Array(text.length);
		for (let i = 0; i < text.length; i++)
			packed[i] = text.charCodeAt(i);
		const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
		return new Uint8Array(await new Response(stream).arrayBuffer());
	}
	const bytes = await inflate();
	let at = 0;
	const number = () => {
		let v = bytes[at++];
		if (v < 128)
			return v;
		v &= 127;
		for (let scale = 128;; scale *= 128) {
			const b = bytes[at++];
			v += (b & 127) * scale;
			if (b < 128)
				return v;
		}
	};
	const column = (n, Type = Uint32Array) => {
		const a = new Type(n + 1);
		for (let i = 1; i <= n; i++)
			a[i] = number();
		return a;
	};
	number();
	const flags = number(), ordered = flags & 32, textBytes = number();
	const strings = new TextDecoder().decode(bytes.subarray(at, at += textBytes)).split("\n");
	// Function 0 is the root's, string 0 its name.
	strings.unshift("all");
	const news = n => {
		let next = 0;
		return column(n).map((v, i) => i && (v || ++next));
	};
	const F = number() + 1, name = news(F - 1), binary = column(F - 1), kind = column(F - 1, Uint8Array);
	const highlight = column(F - 1, Uint16Array), places = flags & 64 ? column(F - 1) : [];
	const P = places.reduce((a, b) => a + b, 0), file = column(P), line = column(P);
	const N = number() + 1, fn = news(N - 1), up = column(N - 1);
	const self = column(N - 1, Float64Array), before = flags & 1 ? column(N - 1, Float64Array) : null;
	// Of each node, an index of `file` and `line`; 0: unknown.
	const placed = flags & 64 && column(N - 1);
	if (placed) {
		let n = 0;
		const starts = places.map(v => (n += v) - v);
		for (let i = 1; i < N; i++)
			placed[i] += placed[i] && starts[fn[i]];
	}
	self[0] = number();
	if (before)
		before[0] = number();
	const parent = new Uint32Array(N), end = new Uint32Array(N);
	for (let i = 1; i < N; i++) {
		let p = i - 1;
		for (let n = up[i]; n; n--)
			p = parent[p];
		parent[i] = p;
	}
	for (let i = N - 1; i >= 0; i--) {
		end[i] = max(end[i], i + 1);
		if (i)
			end[parent[i]] = max(end[parent[i]], end[i]);
	}
	const sums = a => {
		const t = Float64Array.from(a);
		for (let i = N - 1; i; i--)
			t[parent[i]] += t[i];
		return t;
	};
	const totals = sums(self), totals0 = before && sums(before);
	const nameOf = f => strings[name[f]], isThread = f => kind[f] === THREAD;
	const threads = flags & 2 ? [...new Set([...name.keys()].filter(isThread).map(nameOf))] : [];

	// The published hash of palette.h.
	const encoder = new TextEncoder();
	const hash = s => {
		let h = 2166136261;
		for (const b of encoder.encode(s))
			h = Math.imul(h ^ b, 16777619);
		return (h ^ h >>> 16) >>> 0;
	};
	const shades = new Map();
	const shade = s => {
		if (!shades.has(s))
			shades.set(s, hash(s) % SHADES);
		return shades.get(s);
	};
	const short = s => hash(s).toString(36);

	// --- What the reader asked for. `ops` are transforms: m merge, h hide, f focus, r collapse recursion, each with a name.

	const defaults = { view: "top", zoom: [], ops: [], pivot: "", order: "name", colour: before ? "change" : "kind",
		size: "now", flip: cfg.inverted === "", thread: flags & 4 ? "" : "*", q: "" };
	// Samples of each node itself: what widths are of; of a comparison also those now and those before. And with all below it.
	let own, sum;
	const sandwiched = () => state.view === "sandwich";
	let state = { ...defaults }, skip, skips, folds, seeds, root, zoomed, whole;
	const sizes = before && { now: self, was: before, both: self.map((v, i) => (v + before[i] * (totals[0] / totals0[0] || 0)) / 2) };

	const fill = test => Uint8Array.from(name.keys(), f => test(f) ? 1 : 0);
	function prepare() {
		const is = (op, f) => op.f === nameOf(f);
		skip = new Uint8Array(F);
		folds = new Set();
		seeds = null;
		own = before ? [sizes[state.size], self, before] : [self];
		const drop = flagged => {
			own = own.map(a => Float64Array.from(a));
			for (let i = 1; i < N; i++)
				if (flagged[fn[i]]) {
					own.forEach(a => a.fill(0, i, end[i]));
					i = end[i] - 1;
				}
		};
		if (threads.length && state.thread === "")
			skip = fill(isThread);
		else if (threads.length && state.thread !== "*")
			drop(fill(f => isThread(f) && nameOf(f) !== state.thread));
		for (const op of state.ops) {
			if (op.t === "m")
				skip = fill(f => skip[f] || is(op, f));
			else if (op.t === "h")
				drop(fill(f => is(op, f)));
			else if (op.t === "r")
				folds.add(op.f);
			else
				focus(op.f);
		}
		sum = own.map(a => a === self ? totals : a === before ? totals0 : sums(a));
		skips = skip.includes(1);
		mark();
	}
	function outermost(wanted) {
		const flagged = fill(f => nameOf(f) === wanted), found = [];
		for (let i = 1; i < N; i++)
			if (flagged[fn[i]]) {
				found.push(i);
				i = end[i] - 1;
			}
		return found;
	}
	function focus(f) {
		seeds = outermost(f);
		own = own.map(a => {
			const kept = new Float64Array(N);
			for (const i of seeds)
				kept.set(a.subarray(i, end[i]), i);
			return kept;
		});
	}

	// --- Groups.

	// `source`: the leaves, or the function's own nodes, that lead to each of the nodes; they have the samples.
	const group = (f, up, nodes, source) => ({ f, up, depth: up ? up.depth + 1 : 0, nodes, source, total: 0, self: 0, after: 0, base: 0,
		kids: null });
	const tally = (g, i, a) => {
		g.total += a[0][i];
		if (before) {
			g.after += a[1][i];
			g.base += a[2][i];
		}
	};
	const holds = (i, a) => before ? a.some(v => v[i]) : a[0][i];
	const compare = (a, b) => (state.order === "size" && b.total - a.total) || (nameOf(a.f) < nameOf(b.f) ? -1 :
		nameOf(a.f) > nameOf(b.f) ? 1 : kind[a.f] - kind[b.f]);
	function expand(g) {
		if (g.kids)
			return g.kids;
		const found = new Map(), plain = !folds.size, mine = nameOf(g.f);
		const child = (node, source) => {
			const f = fn[node];
			const key = ordered && !g.source ? node : f;
			let k = found.get(key);
			if (!k)
				found.set(key, k = group(f, g, [], g.source && []));
			k.nodes.push(node);
			if (g.source)
				k.source.push(source);
			tally(k, source || node, samplesOf(g));
		};
		const absorbed = f => skip[f] || (!plain && nameOf(f) === mine && (folds.has(mine) || folds.has("*")));
		if (g.source) {
			const top = new Set(seeds), above = i => top.has(i) ? 0 : parent[i];
			g.nodes.forEach((node, i) => {
				let p = g.leaves ? node : above(node);
				while (p && absorbed(fn[p]))
					p = above(p);
				if (p)
					child(p, g.source[i]);
			});
			g.self = g.up && !g.up.up ? g.total : 0;
		} else {
			const pending = g.seeded ? [] : [...g.nodes];
			if (g.seeded)
				seeds.forEach(i => child(i));
			while (pending.length) {
				const i = pending.pop(), stop = end[i];
				g.self += own[0][i];
				for (let c = i + 1; c < stop; c = end[c])
					if (absorbed(fn[c]))
						pending.push(c);
					else if (holds(c, sum))
						child(c);
			}
		}
		g.kids = [...found.values()];
		if (state.order === "size" || g.source || (!ordered && (g.nodes.length > 1 || seeds || skips)))
			g.kids.sort(compare);
		return g.kids;
	}
	// The group below which everything else is: all stacks, from their roots or from their leaves.
	function makeRoot(view) {
		const g = group(0, null, [0], null);
		if (view === "bottom") {
			g.source = g.nodes;
			g.nodes.pop();
			for (let i = 0; i < N; i++)
				if (holds(i, own))
					g.nodes.push(i);
			g.leaves = true;
		}
		g.seeded = !!seeds && view !== "bottom";
		tally(g, 0, sum);
		return g;
	}
	function pivot(f, callers) {
		const nodes = outermost(f).filter(i => holds(i, sum)), g = group(nodes.length ? fn[nodes[0]] : 0, null, nodes, callers && nodes);
		nodes.forEach(i => tally(g, i, sum));
		return g;
	}
	// What the nodes in `source` count for: bottom-up they are leaves.
	const samplesOf = g => g.source && root.leaves ? own : sum;
	const pathOf = g => {
		const p = [];
		for (; g; g = g.up)
			p.unshift(g);
		return p;
	};

	// --- Labels: the same forms as label.c.

	const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}]|[\u{20000}-\u{3fffd}]/u;
	const columns = s => /^[ -~]*$/.test(s) ? s.length : [...s].reduce((n, c) => n + (WIDE.test(c) ? 2 : 1), 0);
	const cut = (s, room) => {
		if (columns(s) <= room)
			return s;
		let out = "", n = 0;
		for (const c of s) {
			n += columns(c);
			if (n > room - 1)
				break;
			out += c;
		}
		return out + DOTS;
	};
	const noArguments = s => {
		let depth = 0, i;
		const stop = s.endsWith(" const") ? s.length - 6 : s.length;
		if (s[stop - 1] !== ")")
			return s;
		for (i = stop - 1; i >= 0; i--) {
			depth += (s[i] === ")") - (s[i] === "(");
			if (!depth)
				break;
		}
		return depth || i <= 0 || s.slice(0, i).endsWith("operator") ? s : s.slice(0, i);
	};
	const noTemplates = s => {
		let depth = 0, out = "";
		if (s.includes("operator") || s[0] === "<")
			return s;
		for (let i = 0; i < s.length; i++) {
			if (s[i] === "<" && !depth++)
				out += "<" + DOTS;
			if (s[i] === ">" && depth && s[i - 1] !== "-")
				depth--;
			if (!depth)
				out += s[i];
		}
		return out;
	};
	const lastPart = s => {
		let depth = 0;
		for (let i = s.length - 1; i > 0; i--) {
			if (s[i] === ">" || s[i] === ")")
				depth++;
			else if (depth && (s[i] === "<" || s[i] === "("))
				depth--;
			if (!depth && i + 1 < s.length && (s[i] === "/" || (s[i] === ":" && s[i - 1] === ":")))
				return i + 1;
		}
		return 0;
	};
	const fit = (s, room) => {
		if (room < 3)
			return "";
		if (columns(s) > room)
			s = noArguments(s);
		if (columns(s) <= room)
			return s;
		s = noTemplates(s);
		const last = lastPart(s);
		if (columns(s) <= room || !last)
			return cut(s, room);
		const whole = DOTS + (s[last - 1] === "/" ? "/" : "::") + s.slice(last);
		return columns(whole) <= room ? whole : cut(s.slice(last), room);
	};

	// --- Search.

	// hit: by function, does its name match? marks: those that are in view. count[i]: marked nodes before i. onPath[i]: is
	// there one from the root to i? Both are made when they are asked for.
	let hit = null, marks, count, onPath;
	const literal = s => s.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
	function compile(s) {
		const icase = s === s.toLowerCase() ? "i" : "";
		try {
			return new RegExp(s, icase);
		} catch (e) {
			return new RegExp(literal(s), icase);
		}
	}
	function search() {
		const r = state.q && compile(state.q), ok = r && strings.map(s => r.test(s));
		hit = r ? Uint8Array.from(name, (n, f) => f && ok[n] ? 1 : 0) : null;
		mark();
	}
	function mark() {
		marks = hit && hit.map((h, f) => h && !skip[f]);
		count = onPath = null;
	}
	function counted() {
		if (!count) {
			count = new Uint32Array(N + 1);
			for (let i = 0; i < N; i++)
				count[i + 1] = count[i] + marks[fn[i]];
		}
		return count;
	}
	function path() {
		if (!onPath) {
			onPath = new Uint8Array(N);
			for (let i = 0; i < N; i++)
				onPath[i] = marks[fn[i]] | onPath[parent[i]];
		}
		return onPath;
	}
	const holdsHit = g => {
		const h = g.source ? path() : counted();
		return g.nodes.some(g.source ? i => h[i] : i => h[end[i]] > h[i]);
	};
	// Samples of a group with a match in their stack, each once.
	function matched(g) {
		let s = 0;
		if (g.source)
			g.nodes.forEach((i, k) => s += path()[i] ? samplesOf(g)[0][g.source[k]] : 0);
		else
			for (const from of g.nodes)
				for (let i = from; i < end[from]; i++)
					if (marks[fn[i]]) {
						s += sum[0][i];
						i = end[i] - 1;
					}
		return s;
	}

	// --- Layout: rows of boxes [group, x, width]; group null: frames too narrow to draw.

	let inner = svgWidth - 2 * PAD, advance = font * 0.61, rows = [], first = 0, shown = 0, up0 = 0, folded = 0, narrowest;
	function layout(g, out, over) {
		for (let least = minPixels;; least *= 2) {
			let level = [{ g, x: 0, w: inner * g.total / over }], count = 0;
			out.length = 0;
			folded = 0;
			while (level.length && count < MAX_BOXES) {
				out.push(level);
				const next = [];
				for (const b of level) {
					let x = b.x, run = 0, inRun = 0, mark = false;
					const flush = () => {
						if (run >= minPixels || mark)
							next.push({ g: null, x: x - run, w: run, total: inRun, mark });
						run = inRun = 0;
						mark = false;
					};
					for (const k of b.g ? expand(b.g) : []) {
						const width = inner * k.total / over;
						if (width < least) {
							folded += k.total;
							run += width;
							inRun += k.total;
							mark = mark || (hit && holdsHit(k));
						} else {
							flush();
							next.push({ g: k, x, w: width, mark: hit && hit[k.f] });
						}
						x += width;
					}
					flush();
				}
				count += next.length - 1;
				level = next;
			}
			if (!level.length)
				return narrowest = least;
		}
	}
	function place() {
		rows = [];
		if (sandwiched()) {
			const callers = [], callees = [];
			layout(pivot(state.pivot, true), callers, zoomed.total || 1);
			layout(zoomed, callees, zoomed.total || 1);
			up0 = callers.length - 1;
			rows = callers.slice(1).reverse().concat(callees);
		} else {
			const above = pathOf(zoomed).slice(0, -1);
			layout(zoomed, rows, zoomed.up ? zoomed.total : whole);
			up0 = above.length;
			rows = above.map(g => [{ g, x: 0, w: inner, above: true }]).concat(rows);
		}
		const tallest = min(800, max(rows.length, +cfg["rows"]));
		shown = state.view === "top" ? max(min(800, +cfg["rows"]), tallest) : min(800, rows.length);
		first = rows.length <= shown ? 0 : max(0, min(up0 - 3, rows.length - shown));
	}
	const rowY = r => (state.flip ? r - first : shown - 1 - r + first) * pitch;
	const visible = r => r >= first && r < first + shown;

	// --- Drawing.

	const change = (a, b) => {
		const d = abs(a - b), r = d / (max(a, b) || 1);
		return (b >= a ? "p" : "m") + (a + b && !(a && b) ? 7 : d < 0.0005 || r < 0.02 ? 0 :
			1 + [0.05, 0.1, 0.2, 0.4, 0.7].filter(x => r >= x).length);
	};
	function paint(b) {
		const g = b.g, f = g ? g.f : 0;
		if (!g)
			return b.mark ? "x hit" : "x";
		if (hit && hit[f])
			return "hit";
		if (!f)
			return "r";
		const s = nameOf(f);
		if (state.colour === "change")
			return change(g.base / (sum[2][0] || 1), g.after / (sum[1][0] || 1));
		if (state.colour === "self")
			return "s" + min(5, floor(6 * g.self / g.total));
		if (highlight[f])
			return "h" + (highlight[f] - 1) % 8;
		if (kind[f] === NOTE)
			return "n";
		if (state.colour === "name")
			return "b" + shade(s);
		if (state.colour === "binary")
			return binary[f] ? "b" + shade(strings[binary[f]]) : "x";
		return "ukijnu"[kind[f]] + shade(s);
	}
	const round = v => Math.round(v * 10) / 10;
	graph.textContent = "";
	const layers = {};
	for (const l of ["aw", "at", "w", "t"])
		layers[l] = { g: add(graph, "g", { class: l[l.length - 1] + (l[1] ? " above" : "") }), paths: new Map() };
	for (const l of [layers.t, layers.at])
		set(l.g, { "stroke-width": pitch - 1, transform: "translate(0 " + (pitch - 1) / 2 + ")" });
	const labels = add(graph, "g", { "aria-hidden": "true" });
	const hover = add(graph, "rect", { class: "ring", height: pitch - 1, display: "none" });
	const tree = add(graph, "g", { role: "tree", "aria-label": "Flame graph" });

	function drawBoxes() {
		const texts = [...labels.children];
		let used = 0;
		const d = {};
		rows.forEach((row, r) => {
			if (!visible(r))
				return;
			const y = rowY(r);
			for (const b of row) {
				if (b.g)
					expand(b.g);
				const wide = b.w >= 5 && pitch > 5, x = Math.round(b.x), right = Math.round(b.x + b.w);
				const key = (b.above ? "a" : "") + (wide ? "w " : "t ") + paint(b);
				d[key] = (d[key] || "") + (wide ?
					"M" + (x + 1) + " " + (y + 1) + "h" + (right - x - 3) + "v" + (pitch - 3) + "H" + (x + 1) + "z" :
					"M" + round(b.x) + " " + y + "h" + round(b.w > 1.2 ? b.w - 0.6 : max(b.w, 0.3)));
				const s = b.g && b.w >= 38 && used < MAX_LABELS ? fit(nameOf(b.g.f), floor((b.w - 9) / advance)) : "";
				if (s) {
					const t = texts[used] || add(labels, "text");
					set(t, { x: x + 4, y: floor(y + textY), class: hit && hit[b.g.f] ? "on" : "" });
					if (t.textContent !== s)
						t.textContent = s;
					used++;
				}
			}
		});
		texts.slice(used).forEach(t => t.remove());
		for (const l in layers) {
			for (const [cls, p] of layers[l].paths)
				if (!d[l + " " + cls]) {
					p.remove();
					layers[l].paths.delete(cls);
				}
		}
		for (const key in d) {
			const i = key.indexOf(" "), l = layers[key.slice(0, i)], cls = key.slice(i + 1);
			if (!l.paths.has(cls))
				l.paths.set(cls, add(l.g, "path", { class: cls }));
			l.paths.get(cls).setAttribute("d", d[key]);
		}
	}

	// --- Numbers in words.

	const amount = n => Math.round(n * factor).toLocaleString("en-US");
	const share = (a, b, digits = 2) => (b ? 100 * a / b : 0).toFixed(digits) + "%";
	// Wilson's interval: what the share would be in most repetitions, as far as samples are independent.
	const interval = (k, n) => {
		const z = 1.96, p = k / n, q = z * z / n, h = z * sqrt((p - p * p + q / 4) / n);
		return share(max(0, p + q / 2 - h), 1 + q, 1).slice(0, -1) + "\u2013" + share(min(1 + q, p + q / 2 + h), 1 + q, 1);
	};
	// The line that most of a group's samples are in.
	function placeOf(g) {
		const heat = new Map();
		let best = 0;
		if (placed && g.f)
			g.nodes.forEach((i, k) => {
				const p = placed[i], s = (heat.get(p) || 0) + samplesOf(g)[0][g.source ? g.source[k] : i];
				heat.set(p, s);
				if (p && (!best || s > heat.get(best)))
					best = p;
			});
		return best ? strings[file[best]] + ":" + line[best] : "";
	}
	const KINDS = ["", "kernel", "inlined", "JIT", "", "thread"];
	function numbers(b) {
		const g = b.g, count = (v, n) => amount(v) + " " + unit + ", " + share(v, n);
		if (!g)
			return count(b.total, whole);
		const now = before ? g.after : g.total, n = before ? sum[1][0] : whole;
		const parts = [strings[binary[g.f]], placeOf(g), KINDS[kind[g.f]]].map((s, i) => binary[g.f] || i ? s : "");
		parts.push(count(now, n) + (g.f && factor === 1 && n ? " (" + interval(min(now, n), n) + " at 95%)" : ""));
		if (before)
			parts.push("before " + count(g.base, sum[2][0]));
		else
			parts.push("self " + amount(g.self) + ", " + share(g.self, n));
		if (zoomed.up && !b.above)
			parts.push(share(g.total, zoomed.total) + " of view");
		return parts.filter(s => s).join(DOT);
	}
	const title = b => b.g ? (b.g.f && cfg.prefix ? cfg.prefix + " " : "") + nameOf(b.g.f) : "(frames too narrow to draw)";
	// Root first, whatever the view.
	function stackOf(g) {
		const p = pathOf(g).map(x => x.f).filter(f => f);
		return g.source ? p.reverse() : p;
	}
	const SUFFIXES = ["", "_[k]", "_[i]", "_[j]", "", ""];
	const foldedLine = g => stackOf(g).map(f => nameOf(f).replace(/;/g, ":") + SUFFIXES[kind[f]]).join(";") + " " + g.total;

	// --- The page around it: tools above, details below.

	svg.classList.add("live");
	svg.setAttribute("role", "group");
	if (fluid) {
		svg.setAttribute("width", "100%");
		svg.removeAttribute("viewBox");
	}
	const panel = (place, tag, attributes) => html(add(svg, "foreignObject", place), tag, attributes);
	const tools = panel({ x: PAD, y: 60, height: 30 }, "div", { class: "tools" }), toolBox = tools.parentNode;
	const choice = (label, key, options) => {
		const s = html(tools, "select", { "aria-label": label, title: label });
		for (const o in options)
			html(s, "option", { value: o }, options[o]);
		on(s, "change", () => go({ [key]: s.value }));
		return s;
	};
	const button = (to, text, label, run, attributes) => {
		const b = html(to, "button", { type: "button", "aria-label": label, title: label, ...attributes }, text);
		on(b, "click", run);
		return b;
	};
	const controls = {
		view: choice("View", "view", { top: "Top-down", bottom: "Bottom-up", sandwich: "Sandwich" }),
		colour: choice("Colour", "colour", { ...(before && { change: "Colour by change" }), kind: "Colour by kind",
			name: "Colour by name", binary: "Colour by binary", self: "Colour by self" }),
		order: choice("Order", "order", { name: ordered ? "In order" : "Order by name", size: "Order by size" }),
	};
	if (before)
		controls.size = choice("Width", "size", { now: "Width: now", was: "Width: before", both: "Width: both" });
	if (threads.length) {
		const o = { "": "All threads", "*": "Each thread" };
		threads.forEach(t => o[t] = t);
		controls.thread = choice("Thread", "thread", o);
	}
	button(tools, "\u21c5", "Flip (i)", () => go({ flip: !state.flip }));
	const undo = button(tools, "Undo", "Undo (u)", () => go({ ops: state.ops.slice(0, -1) }));
	const reset = button(tools, "Reset zoom", "Reset zoom (Esc)", () => go({ zoom: [] }));
	html(tools, "span", { class: "gap" });
	const found = html(tools, "span", { class: "found", role: "status" });
	const prev = button(tools, "\u2039", "Previous match (N)", () => jump(-1));
	const next = button(tools, "\u203a", "Next match (n)", () => jump(1));
	const input = html(tools, "input", { type: "search", placeholder: "Search  /", "aria-label": "Search functions",
		autocomplete: "off", spellcheck: "false" });
	on(input, "input", () => go({ q: input.value }, true));
	const map = add(svg, "g", { class: "map" }), mapView = add(map, "rect", { class: "part", height: 7 });
	const ticks = add(map, "path", { class: "ticks" });
	const crumbs = panel({ x: PAD, y: 38, height: 22 }, "nav", { class: "trail", "aria-label": "Zoom" });
	const bar = panel({ x: PAD - 6, height: 44 }, "div", { class: "details", role: "status" }), barBox = bar.parentNode;
	const barName = html(bar, "b"), barText = html(bar, "span");
	const menu = panel({ width: 270 }, "div", { class: "menu", role: "menu", "aria-label": "Actions" });
	const crumbBox = crumbs.parentNode, menuBox = menu.parentNode;
	seen(menuBox, false);

	let current = null, pointed = null, menuFor = null;
	function details(b, text) {
		barName.textContent = b ? title(b) : "";
		barText.textContent = text || (b ? numbers(b) : "");
		seen(barBox, b || text);
		stick();
	}
	function ring(rect, b, r) {
		set(rect, { x: round(b.x), y: rowY(r), width: max(1, round(b.w - 0.6)), height: pitch - 1 });
		seen(rect, true);
	}
	function under(event) {
		const m = graph.getScreenCTM(), x = (event.clientX - m.e) / m.a, k = floor((event.clientY - m.f) / m.d / pitch);
		const r = first + (state.flip ? k : shown - 1 - k), row = visible(r) && rows[r];
		const b = row && row.find(v => x >= v.x && x < v.x + v.w);
		return b ? { b, r } : null;
	}

	// The focused box is the one item of the tree that is an element; arrows replace it.
	let item = null;
	function focusOn(p, take) {
		const had = item && document.activeElement === item, same = rows[p.r];
		current = p.b.g;
		if (item)
			item.remove();
		item = add(tree, "rect", { class: "ring focus", role: "treeitem", tabindex: 0, "aria-level": p.r + 1,
			"aria-label": title(p.b) + ", " + numbers(p.b), "aria-selected": false, "aria-setsize": same.length,
			"aria-posinset": same.indexOf(p.b) + 1, ...(p.b.g && expand(p.b.g).length && { "aria-expanded": true }) });
		ring(item, p.b, p.r);
		if (take || had)
			item.focus({ preventScroll: !take });
		item.classList.toggle("idle", !take && !had);
	}
	const where = g => {
		const r = g ? rows.findIndex(row => row.some(v => v.g === g)) : -1;
		return r < 0 ? null : { b: rows[r].find(v => v.g === g), r };
	};
	function move(key) {
		const p = where(current), vertical = (key === "ArrowUp") !== state.flip;
		if (!p)
			return;
		let q;
		if (key === "Home")
			q = { b: rows[up0][0], r: up0 };
		else if (key === "ArrowUp" || key === "ArrowDown") {
			const r = p.r + (vertical ? 1 : -1), row = visible(r) && rows[r] || [], middle = p.b.x + p.b.w / 2;
			const near = row.filter(b => b.g && b.x < p.b.x + p.b.w && b.x + b.w > p.b.x);
			const widest = near.reduce((a, b) => a && a.w >= b.w ? a : b, null);
			q = near[0] && { b: vertical ? widest : near.find(b => b.x + b.w >= middle) || near[0], r };
		} else {
			const row = rows[p.r].filter(b => b.g), i = row.indexOf(p.b) + (key === "ArrowRight" ? 1 : -1);
			q = row[i] && { b: row[i], r: p.r };
		}
		if (q) {
			focusOn(q, true);
			details(q.b);
		}
	}

	// --- Where we are, as text; what is matched; the small map.

	const ACTIONS = { m: "merged", h: "hidden", f: "focus", r: "collapsed" };
	function drawCrumbs() {
		crumbs.textContent = "";
		const sandwich = sandwiched(), path = sandwich ? [] : pathOf(zoomed);
		const show = zoomed.up || state.ops.length || sandwich;
		seen(one(".sub"), !show);
		seen(crumbBox, show);
		if (sandwich)
			html(crumbs, "span", {}, "Callers and callees of " + state.pivot);
		const from = path.length > 12 ? path.length - 11 : 0;
		(show ? path : []).forEach((g, i) => {
			if (i && i < from)
				return;
			if (i)
				html(crumbs, "span", { "aria-hidden": true }, i === from && from > 1 ? "\u203a " + DOTS + " \u203a" : "\u203a");
			button(crumbs, cut(nameOf(g.f), 40), "Zoom to " + nameOf(g.f), () => zoom(g), g === zoomed && { "aria-current": true });
		});
		state.ops.forEach((op, i) => button(crumbs, ACTIONS[op.t] + " " + cut(op.f === "*" ? "recursion" : op.f, 30) + " \u00d7",
			"Undo this", () => go({ ops: state.ops.filter((x, k) => k !== i) }), { class: "op" }));
	}
	function drawMatches() {
		for (const e of [found, prev, next])
			e.hidden = !hit;
		if (!hit)
			return ticks.setAttribute("d", "");
		const m = matched(zoomed), t = zoomed === root ? m : matched(root), sandwich = sandwiched();
		found.textContent = share(m, zoomed === root ? whole : zoomed.total) + " matched" +
			(zoomed !== root && !sandwich ? ", " + share(t, whole) + " of all" : "");
		const saved = [folded, narrowest], boxes = [];
		layout(root, boxes, sandwich ? root.total || 1 : whole);
		[folded, narrowest] = saved;
		const at = new Set();
		boxes.forEach(row => row.forEach(b => {
			if (b.mark)
				for (let x = floor(b.x); x <= b.x + b.w && x < inner; x++)
					at.add(x);
		}));
		ticks.setAttribute("d", [...at].sort((a, b) => a - b).map(x => "M" + x + " 0h1v7h-1z").join(""));
	}
	function drawMap() {
		let x = 0, g = zoomed;
		for (; g.up; g = g.up)
			for (const k of expand(g.up)) {
				if (k === g)
					break;
				x += k.total;
			}
		const scale = inner / (whole || 1);
		set(mapView, { x: round(x * scale), width: max(2, round((zoomed.up ? zoomed.total : whole) * scale)) });
		seen(map, zoomed.up || hit);
	}

	// --- Everything anew.

	function draw() {
		place();
		drawBoxes();
		drawCrumbs();
		drawMatches();
		drawMap();
		for (const k in controls)
			controls[k].value = state[k];
		undo.hidden = !state.ops.length;
		reset.hidden = !zoomed.up;
		if (input.value !== state.q)
			input.value = state.q;
		seen(hover, false);
		const line = one(".sum"), left = (state.size === "was" ? totals0 : totals)[0] - sum[0][0];
		line.dataset.text = amount(zoomed.total) + " " + unit + ({ was: " before", both: ", average of both" }[state.size] || "") +
			(zoomed.up ? " in view" : "") + (folded ? " = " +
			amount(zoomed.total - folded) + " shown + " + amount(folded) + " in frames narrower than " + round(narrowest) + " px" : ", all shown") +
			(left > 0.5 ? "; " + amount(left) + " left out" : "");
		arrange();
		const p = where(current) || { b: rows[up0][0], r: up0 };
		focusOn(p);
		svg.classList.toggle("searching", !!hit);
	}
	function arrange() {
		set(toolBox, { width: inner });
		const toolHeight = tools.offsetHeight + 2;
		let y = 66 + toolHeight;
		set(toolBox, { height: toolHeight });
		map.setAttribute("transform", "translate(" + PAD + " " + y + ")");
		y += 12;
		graph.setAttribute("transform", "translate(" + PAD + " " + y + ")");
		y += shown * pitch + 14;
		for (const e of [one(".legend"), one(".top")])
			if (e) {
				const h = e.getBBox();
				e.setAttribute("transform", "translate(" + PAD + " " + y + ")");
				y += h.y + h.height + 14;
			}
		y += 8;
		for (const e of all(".foot")) {
			e.setAttribute("y", y);
			y += 16;
		}
		svg.setAttribute("height", y + 4);
		set(crumbBox, { width: inner });
		set(barBox, { width: inner + 12 });
		all("[data-text]").forEach(e => {
			const size = parseFloat(getComputedStyle(e).fontSize) || 12;
			e.textContent = cut(e.dataset.text, floor(inner / (size * 0.58)));
		});
		for (const e of all(".top tspan:nth-child(3)"))
			e.textContent = fit(e.dataset.text = e.dataset.text || e.textContent, floor((inner - 148) / advance));
		stick();
	}
	function stick() {
		const r = extent(), h = +svg.getAttribute("height"), scale = r.height / h || 1;
		barBox.setAttribute("y", max(0, min(h - 48, (innerHeight - r.top) / scale - 48)));
		toolBox.setAttribute("y", max(60, 4 - r.top / scale));
	}
	function resize() {
		inner = max((fluid ? extent().width : svgWidth) || svgWidth, 120) - 2 * PAD;
		draw();
	}

	// --- State, kept in the address by what is shown, not where: it holds for a later profile of the same program too.

	const keys = { view: "v", order: "o", colour: "c", size: "w", thread: "th", q: "q" };
	function toHash() {
		const u = new URLSearchParams();
		for (const k in keys)
			if (state[k] !== defaults[k])
				u.set(keys[k], state[k]);
		if (state.flip !== defaults.flip)
			u.set("i", +state.flip);
		if (state.pivot && sandwiched())
			u.set("p", short(state.pivot));
		if (state.ops.length)
			u.set("t", state.ops.map(o => o.t + (o.f === "*" ? o.f : short(o.f))).join("."));
		if (state.zoom.length && state.zoom.length < 2000)
			u.set("z", state.zoom.map(short).join("."));
		return "#" + u;
	}
	function fromHash(text) {
		const u = new URLSearchParams(text.slice(1)), s = { ...defaults, ops: [], zoom: [] };
		let byHash = null;
		const find = h => {
			byHash = byHash || new Map([...name.keys()].map(f => [short(nameOf(f)), nameOf(f)]));
			return h === "*" ? h : byHash.get(h);
		};
		for (const k in keys)
			if (u.has(keys[k]) && (!controls[k] || [...controls[k].options].some(o => o.value === u.get(keys[k]))))
				s[k] = u.get(keys[k]);
		if (u.has("i"))
			s.flip = u.get("i") === "1";
		s.pivot = find(u.get("p")) || "";
		if (s.view === "sandwich" && !s.pivot)
			s.view = "top";
		s.ops = (u.get("t") || "").split(".").map(t => ({ t: t[0], f: find(t.slice(1)) })).filter(o => ACTIONS[o.t] && o.f);
		s.zoom = (u.get("z") || "").split(".").filter(h => h).map(find);
		return s;
	}
	const alone = () => document.querySelectorAll("svg.flamegraph").length === 1;
	const names = g => pathOf(g).slice(1).map(x => nameOf(x.f));
	// As far up from the root as there are frames of these names.
	function follow(path) {
		let g = root;
		for (const n of path) {
			const k = expand(g).filter(x => nameOf(x.f) === n).sort((a, b) => b.total - a.total)[0];
			if (!k)
				break;
			g = k;
		}
		return g;
	}
	function show(s) {
		const old = state, at = current && names(current);
		const tree = ["view", "ops", "thread", "order", "size", "pivot"].some(k => s[k] !== old[k]) || !root;
		state = s;
		if (tree) {
			prepare();
			root = sandwiched() ? pivot(state.pivot) : makeRoot(state.view);
			whole = !sandwiched() && own[0] === self ? max(+cfg["whole"], 1) : sum[0][0] || 1;
			current = at && follow(at);
		}
		if (s.q !== old.q)
			search();
		zoomed = follow(state.zoom);
		state.zoom = names(zoomed);
		draw();
	}
	function go(changes, replace) {
		const s = { ...state, ...changes };
		if (changes.view === "sandwich" && !s.pivot)
			s.pivot = nameOf((current && current.f) || zoomed.f || mostSelf());
		if (["view", "pivot"].some(k => k in changes))
			s.zoom = [];
		show(s);
		remember(replace);
	}
	// Where an address cannot be changed (a sandbox) there is no way back, but everything else.
	function remember(replace) {
		if (alone())
			try {
				history[replace ? "replaceState" : "pushState"](null, "", toHash());
			} catch (e) {}
	}
	function mostSelf() {
		const s = new Float64Array(F);
		for (let i = 1; i < N; i++)
			s[fn[i]] += own[0][i];
		return s.indexOf(s.reduce((a, b) => max(a, b)));
	}
	function zoom(g) {
		if (sandwiched())
			return g && g.f && go({ pivot: nameOf(g.f) });
		current = zoomed = g;
		state = { ...state, zoom: names(g) };
		draw();
		remember();
	}

	// From match to match: along the boxes in view, and into what is too narrow to draw.
	function jump(step) {
		const list = [];
		rows.forEach((row, r) => row.forEach(b => b.g && hit && hit[b.g.f] && !b.above && list.push({ b, r })));
		list.sort((a, b) => a.b.x - b.b.x || a.r - b.r);
		const narrow = rows.flat().filter(b => !b.g && b.mark);
		if (!list.length && narrow.length) {
			const b = narrow[0], r = rows.findIndex(row => row.includes(b)) - 1;
			const under = rows[r].find(v => v.g && v.x <= b.x + 0.01 && v.x + v.w >= b.x + b.w - 0.01);
			const k = under && expand(under.g).filter(holdsHit).sort((x, y) => y.total - x.total)[0];
			return k && zoom(k);
		}
		if (!list.length)
			return;
		const i = list.findIndex(p => p.b.g === current);
		let p = list[(i < 0 && step < 0 ? 0 : i) + step < 0 ? list.length - 1 : (i + step) % list.length];
		if (!visible(p.r)) {
			zoom(p.b.g);
			p = where(zoomed);
		}
		focusOn(p, true);
		details(p.b);
	}

	// --- Actions.

	const copy = text => navigator.clipboard.writeText(text).then(() => details(null, "Copied: " + cut(text, 100)),
		() => details(null, "Copying is not allowed"));
	const op = t => g => go({ ops: [...state.ops, { t, f: nameOf(g.f) }], zoom: t === "f" ? [] : state.zoom });
	const actions = [
		["Zoom", "Enter", zoom],
		["Sandwich: callers and callees", "s", g => go({ view: "sandwich", pivot: nameOf(g.f) })],
		["Focus on this function", "f", op("f")],
		["Hide its samples", "h", op("h")],
		["Merge into its callers", "x", op("m")],
		["Collapse its recursion", "r", op("r")],
		["Collapse all recursion", "R", () => go({ ops: [...state.ops, { t: "r", f: "*" }] })],
		["Search for it", "", g => go({ q: "^" + literal(nameOf(g.f)) + "$" })],
		["Copy name", "y", g => copy(nameOf(g.f))],
		["Copy stack", "Y", g => copy(stackOf(g).map(nameOf).join("\n"))],
		...(placed ? [["Copy file:line", "", g => copy(placeOf(g))]] : []),
		["Copy as folded line", "", g => copy(foldedLine(g))],
	];
	for (const [text, key, run] of actions) {
		const b = button(menu, text, text, () => {
			const g = menuFor;
			closeMenu();
			run(g);
		}, { role: "menuitem", tabindex: -1 });
		html(b, "kbd", {}, key);
	}
	function closeMenu() {
		if (menuBox.getAttribute("display") === "none")
			return;
		seen(menuBox, false);
		if (item)
			item.focus(STILL);
	}
	function openMenu(p, x, y) {
		if (!p || !p.b.g || !p.b.g.f)
			return;
		menuFor = p.b.g;
		focusOn(p);
		seen(menuBox, true);
		const h = menu.offsetHeight + 8;
		set(menuBox, { x: max(0, min(x, inner + 2 * PAD - 274)), height: h,
			y: max(0, min(y, svg.getAttribute("height") - h)) });
		menu.firstChild.focus(STILL);
	}
	on(menu, "keydown", e => {
		const list = [...menu.children], i = list.indexOf(document.activeElement);
		const to = { ArrowDown: i + 1, ArrowUp: i - 1 + list.length, Home: 0, End: list.length - 1 }[e.key];
		if (to !== undefined)
			list[to % list.length].focus();
		else if (e.key === "Escape" || e.key === "Tab")
			closeMenu();
		else
			return;
		e.preventDefault();
		e.stopPropagation();
	});

	const HELP = ["Arrows, Enter, Backspace, Esc: move, zoom", "/ n N: search", "m: actions", "v c o w t i: view, colour, order, width, thread, flip",
		"s f h x r R u: sandwich, focus, hide, merge, recursion, undo", "y Y: copy"].join(DOT);
	function press(e) {
		const typing = e.target === input, g = current, p = where(g);
		const which = { v: "view", c: "colour", o: "order", w: "size", t: "thread" }[e.key];
		const find = (e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "f";
		if (find ? typing : e.ctrlKey || e.metaKey || e.altKey)
			return;
		if (find || (e.key === "/" && !typing)) {
			input.focus();
			input.select();
		} else if (e.key === "Escape") {
			if (state.q)
				go({ q: "" });
			else if (!typing && state.zoom.length)
				zoom(root);
			else if (sandwiched())
				go({ view: "top" });
			details(null);
			if (typing && item)
				item.focus(STILL);
		} else if (typing) {
			if (e.key !== "Enter")
				return;
			jump(e.shiftKey ? -1 : 1);
			input.focus();
		} else if (/^(select|button|input|textarea)$/i.test(e.target.tagName)) {
			return;
		} else if (/^(Arrow|Home)/.test(e.key)) {
			move(e.key);
		} else if (e.key === "Backspace") {
			if (zoomed.up)
				zoom(zoomed.up);
		} else if (e.key === "n" || e.key === "N") {
			jump(e.key === "n" ? 1 : -1);
		} else if (e.key === "u") {
			go({ ops: state.ops.slice(0, -1) });
		} else if (e.key === "i") {
			go({ flip: !state.flip });
		} else if (which && controls[which]) {
			const o = [...controls[which].options].map(x => x.value);
			go({ [which]: o[(o.indexOf(state[which]) + 1) % o.length] });
		} else if ((e.key === "m" || e.key === "ContextMenu" || (e.key === "F10" && e.shiftKey)) && p) {
			const c = graph.transform.baseVal.consolidate().matrix;
			openMenu(p, c.e + p.b.x + 8, c.f + rowY(p.r) + pitch);
		} else if (e.key === "?") {
			details(null, HELP);
		} else {
			const a = e.key && g && (g.f || /^(Enter|R)$/.test(e.key)) && actions.find(x => x[1] === e.key);
			if (!a)
				return;
			a[2](g);
		}
		e.preventDefault();
	}
	on(graph, "click", e => {
		const p = under(e);
		if (p && p.b.g)
			zoom(p.b.g);
	});
	on(graph, "mousemove", e => {
		const p = under(e);
		if (p && p.b === pointed)
			return;
		pointed = p && p.b;
		seen(hover, false);
		if (p)
			ring(hover, p.b, p.r);
		details(p && p.b);
	});
	on(graph, "mouseleave", () => {
		pointed = null;
		seen(hover, false);
		details(null);
	});
	on(graph, "contextmenu", e => {
		const p = under(e), r = extent();
		if (p && p.b.g && p.b.g.f) {
			e.preventDefault();
			openMenu(p, e.clientX - r.left, e.clientY - r.top);
		}
	});
	on(svg, "mousedown", e => {
		if (!menu.contains(e.target))
			closeMenu();
	});
	on(tree, "focusin", () => {
		const p = where(current);
		item.classList.remove("idle");
		if (p)
			details(p.b);
	});
	// Alone on a page it hears every key, beside others only those meant for it.
	on(window, "keydown", e => {
		if (svg.contains(e.target) || (alone() && !/^(input|textarea|select)$/i.test(e.target.tagName)))
			press(e);
	});
	on(window, "resize", resize);
	on(window, "scroll", stick, { passive: true });
	// Paper is not as wide as the window: the picture is scaled to it.
	if (fluid) {
		on(window, "beforeprint", () => set(svg, { viewBox: "0 0 " + (inner + 2 * PAD) + " " + svg.getAttribute("height"),
			preserveAspectRatio: "xMidYMin" }));
		on(window, "afterprint", () => svg.removeAttribute("viewBox"));
	}
	on(window, "popstate", () => alone() && show(fromHash(location.hash)));

	const probe = add(labels, "text", {}, "m".repeat(40));
	advance = probe.getComputedTextLength() / 40 || advance;
	probe.remove();
	inner = max((fluid ? extent().width : svgWidth) || svgWidth, 120) - 2 * PAD;
	details(null);
	show(alone() ? fromHash(location.hash) : state);
	/* What is wide stands at the root: begin there, not at the tip of the tallest stack. */
	if (alone() && !state.flip)
		scrollTo(0, graph.getBoundingClientRect().bottom - innerHeight * 0.9);
})();
