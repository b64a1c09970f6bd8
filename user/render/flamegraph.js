// SPDX-License-Identifier: Apache-2.0
// The interactive part of a flame graph. It reads boxes from the drawing (see flamegraph.h), and writes to it only by
// textContent and attributes: names in it belong to whoever named a process or a function.
(function () {
	"use strict";
	var SVG = "http://www.w3.org/2000/svg", XHTML = "http://www.w3.org/1999/xhtml";
	var ELLIPSIS = "\u2026", PAD = 16, BAR = 22, TOOLS = 400;
	var svg = document.currentScript ? document.currentScript.closest("svg.flamegraph") :
		document.querySelector("svg.flamegraph:not(.live)");
	var frames = svg.querySelector(".frames"), rows = Array.from(frames.children);
	var total = Number(frames.dataset.total), pitch = Number(frames.dataset.pitch);
	var view = Number(frames.dataset.view); // rows in the picture
	var inverted = frames.dataset.inverted === "1", prefix = frames.dataset.prefix || "";
	var fluid = svg.hasAttribute("data-fluid"), full = Number(svg.getAttribute("width"));
	var height = Number(svg.getAttribute("height"));
	var boxes = [], root, zoomed, first = 0, inner = full - 2 * PAD, column = 7.3, pattern = null;

	function element(space, name, parent, attributes) {
		var e = document.createElementNS(space, name);
		for (var key in attributes)
			e.setAttribute(key, attributes[key]);
		parent.appendChild(e);
		return e;
	}

	// --- Boxes: in order of (row, start), each knows the one it stands on.

	function readBoxes() {
		var below = [];
		rows.forEach(function (g, row) {
			var k = 0;
			below = Array.from(g.children).map(function (e) {
				var v = e.getAttribute("data-v").split(" ");
				var b = { e: e, row: row, start: Number(v[0]), total: Number(v[1]) };
				b.end = b.start + b.total;
				b.rect = e.querySelector("rect");
				b.text = e.querySelector("text");
				b.folded = e.classList.contains("folded");
				while (k < below.length - 1 && below[k].end <= b.start)
					k++;
				b.parent = below[k] || null;
				b.shown = true;
				b.index = boxes.push(b) - 1;
				return b;
			});
		});
		root = zoomed = boxes[0];
	}

	function title(b) {
		return b.e.firstChild.textContent;
	}

	function name(b) {
		var t = title(b);
		return t.slice(0, t.indexOf("\n"));
	}

	// --- Labels: the same forms as label.c.

	var WIDE = [[0x1100, 0x1160], [0x2e80, 0xa4d0], [0xac00, 0xd7a4], [0xf900, 0xfb00], [0xfe30, 0xfe70], [0xff00, 0xff61],
		[0xffe0, 0xffe7], [0x1f300, 0x1fb00], [0x20000, 0x3fffe]];

	function columns(s) {
		var n = 0;
		if (/^[ -~]*$/.test(s))
			return s.length;
		for (var c of s) {
			var code = c.codePointAt(0);
			n += WIDE.some(function (w) { return code >= w[0] && code < w[1]; }) ? 2 : 1;
		}
		return n;
	}

	function cut(s, room) {
		if (s.length <= room && columns(s) <= room)
			return s;
		var out = "", n = 0;
		for (var c of s) {
			n += columns(c);
			if (n > room - 1)
				break;
			out += c;
		}
		return out + ELLIPSIS;
	}

	function withoutArguments(s) {
		var end = s.endsWith(" const") ? s.length - 6 : s.length, depth = 0, i;
		if (s[end - 1] !== ")")
			return s;
		for (i = end - 1; i >= 0; i--) {
			depth += (s[i] === ")") - (s[i] === "(");
			if (!depth)
				break;
		}
		return depth || i <= 0 || s.slice(0, i).endsWith("operator") ? s : s.slice(0, i);
	}

	function withoutTemplateArguments(s) {
		var depth = 0, out = "";
		if (s.includes("operator") || s[0] === "<")
			return s;
		for (var i = 0; i < s.length; i++) {
			if (s[i] === "<" && !depth++)
				out += "<" + ELLIPSIS;
			if (s[i] === ">" && depth && s[i - 1] !== "-")
				depth--;
			if (!depth)
				out += s[i];
		}
		return out;
	}

	function lastComponent(s) {
		var depth = 0;
		for (var i = s.length - 1; i > 0; i--) {
			if (s[i] === ">" || s[i] === ")")
				depth++;
			else if (depth && (s[i] === "<" || s[i] === "("))
				depth--;
			if (!depth && s[i] === ":" && s[i - 1] === ":" && i + 1 < s.length)
				return i + 1;
		}
		return 0;
	}

	function fit(s, room) {
		var last;
		if (room < 3)
			return "";
		if (columns(s) <= room)
			return s;
		s = withoutArguments(s);
		if (columns(s) <= room)
			return s;
		s = withoutTemplateArguments(s);
		last = lastComponent(s);
		if (columns(s) <= room || !last)
			return cut(s, room);
		s = s.slice(last);
		return columns(s) + 3 <= room ? ELLIPSIS + "::" + s : cut(s, room);
	}

	function label(b, x, pixels) {
		var s = b.folded || pixels < 26 ? "" : fit(name(b), Math.floor((pixels - 8) / column));
		if (!s) {
			if (b.text)
				b.text.remove();
			b.text = null;
			return;
		}
		if (!b.text)
			b.text = element(SVG, "text", b.e, { dx: 4, y: textY });
		b.text.setAttribute("x", x);
		if (b.text.textContent !== s)
			b.text.textContent = s;
	}

	// --- Drawing a view: the boxes within the zoomed one over the whole width, those it stands on faded below.

	function isAbove(b, z) {
		return b.row < z.row && b.start <= z.start && b.end >= z.end;
	}

	function percent(part, whole) {
		return String(Number((100 * part / whole).toFixed(4))) + "%";
	}

	function place(b) {
		var z = zoomed, above = isAbove(b, z), whole = z === root ? total : z.total, x, width;
		b.shown = above || (b.row >= z.row && b.start >= z.start && b.end <= z.end);
		if (!b.shown) {
			b.e.setAttribute("display", "none");
			return;
		}
		b.e.removeAttribute("display");
		b.e.classList.toggle("above", above && z !== root);
		x = above ? "0%" : percent(b.start - z.start, whole);
		width = above ? whole : b.total;
		b.rect.setAttribute("x", x);
		b.rect.setAttribute("width", percent(width, whole));
		b.e.classList.toggle("w", inner * width / whole >= 4);
		label(b, x, inner * width / whole);
	}

	function placeRows() {
		rows.forEach(function (g, row) {
			var at = row - first;
			if (at < 0 || at >= view) {
				g.setAttribute("display", "none");
				return;
			}
			g.removeAttribute("display");
			g.setAttribute("transform", "translate(0," + (inverted ? at : view - 1 - at) * pitch + ")");
		});
	}

	function draw() {
		var top = 0;
		boxes.forEach(function (b) {
			place(b);
			if (b.shown)
				top = b.row;
		});
		// A stack higher than the picture: bring the zoomed box down to where its callees are in view.
		first = top < view ? 0 : Math.max(0, Math.min(zoomed.row - 3, top + 1 - view));
		placeRows();
		crumbs();
		found();
	}

	function zoom(b) {
		if (b.folded)
			return;
		zoomed = b;
		reset.hidden = b === root;
		draw();
		stick();
	}

	// --- The line under the title: where we are.

	var sub = svg.querySelector(".sub"), trail = null;

	function crumbs() {
		var path = [], room = Math.floor((inner - 8) / column), b;
		if (trail)
			trail.remove();
		trail = null;
		if (sub)
			sub.setAttribute("display", zoomed === root ? "inline" : "none");
		if (zoomed === root)
			return;
		trail = element(SVG, "text", svg, { class: "trail", x: PAD, y: 52 });
		for (b = zoomed; b && room > 6; b = b.parent) {
			path.unshift({ box: b, text: cut(name(b), Math.min(room, 40)) });
			room -= columns(path[0].text) + 3;
		}
		if (b)
			path[0] = { box: root, text: "all " + ELLIPSIS };
		path.forEach(function (p, i) {
			if (i)
				element(SVG, "tspan", trail, {}).textContent = " \u203a ";
			var t = element(SVG, "tspan", trail, { class: p.box === zoomed ? "here" : "crumb" });
			t.textContent = p.text;
			t.addEventListener("click", function () { zoom(p.box); });
		});
	}

	// --- Search. Every sample counts once: a match that stands on another match is part of it.

	function compile(s) {
		var flags = s === s.toLowerCase() ? "i" : "";
		try {
			return new RegExp(s, flags);
		} catch (e) {
			return new RegExp(s.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), flags);
		}
	}

	function search(s) {
		pattern = s ? compile(s) : null;
		svg.classList.toggle("searching", !!pattern);
		boxes.forEach(function (b) {
			b.match = !!pattern && !b.folded && pattern.test(name(b));
			b.e.classList.toggle("match", b.match);
		});
		found();
	}

	function found() {
		var sum = 0, whole = zoomed === root ? total : zoomed.total, n = 0;
		boxes.forEach(function (b) {
			var p = b.parent;
			b.covered = !!p && p.shown && p.row >= zoomed.row && (p.match || p.covered);
			if (!b.match || !b.shown || b.row < zoomed.row)
				return;
			n++;
			if (!b.covered)
				sum += b.total;
		});
		matched.hidden = !pattern;
		matched.textContent = (100 * sum / whole).toFixed(2) + "% matched";
		matched.title = n + " boxes";
	}

	// --- Tools at the top right, details of the box under the pointer at the bottom. Both stay in view while scrolling.

	var box = element(SVG, "foreignObject", svg, { y: 12, width: TOOLS, height: 34 });
	var tools = element(XHTML, "div", box, { class: "tools" });
	var matched = element(XHTML, "span", tools, { class: "found" });
	var reset = element(XHTML, "button", tools, { type: "button", class: "reset" });
	var input = element(XHTML, "input", tools, { type: "search", placeholder: "Search   /", autocomplete: "off",
		spellcheck: "false", "aria-label": "Search functions" });
	var bar = element(SVG, "g", svg, { class: "bar", display: "none" });
	var barBox = element(SVG, "rect", bar, { x: PAD - 6, y: 0, height: BAR, rx: 5 });
	var barText = element(SVG, "text", bar, { x: PAD, y: 15, class: "details" });
	var sample = svg.querySelector(".frames text"), textY = sample ? sample.getAttribute("y") : pitch - 6;
	reset.textContent = "Reset zoom";
	reset.hidden = true;
	matched.hidden = true;

	function details(b) {
		var text = "";
		if (b) {
			var lines = title(b).split("\n");
			if (zoomed !== root && b.row >= zoomed.row)
				lines[1] += " \u00b7 " + (100 * b.total / zoomed.total).toFixed(2) + "% of view";
			var room = Math.floor(inner / column) - lines[1].length - prefix.length - 5;
			text = (prefix ? prefix + " " : "") + cut(lines[0], Math.max(12, room)) + "   " + lines[1];
		}
		barText.textContent = text;
		bar.setAttribute("display", b ? "inline" : "none");
		if (b)
			stick();
	}

	function stick() {
		var r = svg.getBoundingClientRect(), scale = r.height / height || 1;
		var busy = pattern || zoomed !== root || document.activeElement === input;
		var end = Number(frames.getAttribute("y")) + view * pitch + 4;
		var bottom = (window.innerHeight - r.top) / scale - BAR - 4;
		bar.setAttribute("transform", "translate(0," + Math.max(0, Math.min(end, bottom)) + ")");
		box.setAttribute("y", busy ? Math.min(Math.max(12, 6 - r.top / scale), end) : 12);
	}

	function refit() {
		svg.querySelectorAll("[data-text]").forEach(function (e) {
			var size = parseFloat(getComputedStyle(e).fontSize) || 12, head = e.classList.contains("head");
			// Titles leave room for the search box.
			var width = head ? Math.max(inner - TOOLS / 2 - 24, inner / 3) : inner;
			e.textContent = cut(e.getAttribute("data-text"), Math.floor(width / (size * 0.61)));
		});
	}

	function resize() {
		var width = fluid ? svg.getBoundingClientRect().width || full : full;
		inner = Math.max(width, 120) - 2 * PAD;
		frames.setAttribute("width", inner);
		barBox.setAttribute("width", inner + 12);
		box.setAttribute("x", Math.max(PAD, PAD + inner - TOOLS));
		box.setAttribute("width", Math.min(TOOLS, inner));
		refit();
		draw();
		stick();
	}

	function measure() {
		var t = element(SVG, "text", frames, {}), s = "mmmmmmmmmmmmmmmmmmmm";
		t.textContent = s;
		column = t.getComputedTextLength() / s.length || column;
		t.remove();
	}

	function boxAt(target) {
		var e = target.closest ? target.closest("g[data-v]") : null;
		return e && frames.contains(e) ? byElement.get(e) : null;
	}

	function mine(event) {
		var all = document.querySelectorAll("svg.flamegraph");
		if (event.target === input)
			return true;
		if (/^(input|textarea|select)$/i.test(event.target.tagName || "") || event.target.isContentEditable)
			return false;
		return svg.matches(":hover") || (all[0] === svg && !document.querySelector("svg.flamegraph:hover"));
	}

	function key(event) {
		var find = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f";
		var typing = event.target === input;
		if (!mine(event) || (typing && find))
			return;
		if (find || (event.key === "/" && !typing)) {
			event.preventDefault();
			stick();
			input.focus({ preventScroll: true });
			input.select();
			stick();
		} else if (event.key === "Escape") {
			if (input.value) {
				input.value = "";
				search("");
			} else if (!typing) {
				zoom(root);
			}
			input.blur();
		} else if (event.key === "i" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
			inverted = !inverted;
			placeRows();
		}
	}

	readBoxes();
	var byElement = new Map(boxes.map(function (b) { return [b.e, b]; }));
	svg.classList.add("live");
	if (fluid) {
		svg.setAttribute("width", "100%");
		svg.removeAttribute("viewBox");
	}
	measure();
	resize();
	frames.addEventListener("click", function (event) {
		var b = boxAt(event.target);
		if (b)
			zoom(b);
	});
	frames.addEventListener("mouseover", function (event) { details(boxAt(event.target)); });
	frames.addEventListener("mouseleave", function () { details(null); });
	reset.addEventListener("click", function () { zoom(root); });
	input.addEventListener("input", function () { search(input.value); });
	window.addEventListener("keydown", key);
	window.addEventListener("resize", resize);
	window.addEventListener("scroll", stick, { passive: true });
})();
