(function () {
"use strict";
/* Everything is found from this script's own <svg>, so that many graphs can stand on one page. */
var svg = document.currentScript.closest("svg");
var frames = Array.prototype.slice.call(svg.querySelectorAll(".f"));
var details = svg.querySelector(".details"), status = svg.querySelector(".matched");
var reset = svg.querySelector(".reset"), find = svg.querySelector(".find");
var W = +svg.dataset.width, P = +svg.dataset.pad, C = +svg.dataset.char, total = +svg.dataset.total;
var info = frames.map(function (g) {
	return { g: g, rect: g.querySelector("rect"), text: g.querySelector("text"), name: g.querySelector("title").textContent.split("\n")[0],
		x: +g.dataset.x, n: +g.dataset.n, self: +g.dataset.s, depth: +g.dataset.d, hit: false };
});
var focus = info[0];

function percent(n, of) { return (of ? 100 * n / of : 0).toFixed(2) + "%"; }
function count(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ","); }

function label(f, width) {
	var room = Math.floor((width - 6) / C), name = Array.from(f.name);
	f.text.textContent = room < 3 ? "" : name.length <= room ? f.name : name.slice(0, room - 2).join("") + "..";
}

function draw() {
	var scale = (W - 2 * P) / (focus.n || 1);
	info.forEach(function (f) {
		var up = f.depth < focus.depth && f.x <= focus.x && f.x + f.n >= focus.x + focus.n;
		var inside = f.depth >= focus.depth && f.x >= focus.x && f.x + f.n <= focus.x + focus.n;
		var x = up ? P : P + (f.x - focus.x) * scale, width = up ? W - 2 * P : f.n * scale;
		f.g.classList.toggle("off", !(up || inside));
		f.g.classList.toggle("up", up);
		if (!(up || inside)) return;
		f.rect.setAttribute("x", x.toFixed(2));
		f.rect.setAttribute("width", Math.max(width, 0.1).toFixed(2));
		f.text.setAttribute("x", (x + 3).toFixed(2));
		label(f, width);
	});
	reset.classList.toggle("off", focus === info[0]);
	showMatched();
}

function zoom(f) { focus = f; draw(); }

function describe(f) {
	details.textContent = f.name + ": " + count(f.n) + " " + svg.dataset.unit + ", " + percent(f.n, total) +
		(focus === info[0] ? "" : " (" + percent(f.n, focus.n) + " of " + focus.name + ")") +
		", self " + count(f.self) + " (" + percent(f.self, total) + ")";
}

/* A regular expression, or the text itself when it is none; upper case makes it case-sensitive. */
function pattern(term) {
	var flags = /[A-Z]/.test(term) ? "" : "i";
	try { return new RegExp(term, flags); } catch (e) {
		return new RegExp(term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), flags);
	}
}

function search(term) {
	var re = term ? pattern(term) : null;
	info.forEach(function (f) {
		f.hit = !!re && f.depth > 0 && re.test(f.name);
		f.g.classList.toggle("hit", f.hit);
	});
	showMatched();
}

/* Samples under any match, each once: matches inside a match are part of it. Frames come parents first. */
function matched(root) {
	var sum = 0, end = -1;
	info.filter(function (f) { return f.hit; }).sort(function (a, b) { return a.x - b.x || b.n - a.n; }).forEach(function (f) {
		var from = Math.max(f.x, end, root.x), to = Math.min(f.x + f.n, root.x + root.n);
		if (to > from) { sum += to - from; end = to; }
	});
	return sum;
}

function showMatched() {
	if (!info.some(function (f) { return f.hit; })) { status.textContent = box && box.value ? "no match" : ""; return; }
	status.textContent = "matched " + percent(matched(info[0]), total) +
		(focus === info[0] ? "" : ", " + percent(matched(focus), focus.n) + " of view");
}

var box = null;
function openSearch() {
	var holder;
	if (!box) {
		holder = document.createElementNS("http://www.w3.org/2000/svg", "foreignObject");
		holder.setAttribute("x", W - P - 300); holder.setAttribute("y", 28); holder.setAttribute("width", 220); holder.setAttribute("height", 26);
		box = document.createElementNS("http://www.w3.org/1999/xhtml", "input");
		box.setAttribute("type", "search"); box.setAttribute("placeholder", "search (regular expression)");
		box.setAttribute("aria-label", "search frames");
		box.style.cssText = "width:210px;font:12px system-ui,sans-serif";
		box.addEventListener("input", function () { search(box.value); });
		box.addEventListener("keydown", function (e) { if (e.key === "Escape") { box.value = ""; search(""); box.blur(); } e.stopPropagation(); });
		holder.appendChild(box);
		svg.appendChild(holder);
	}
	box.focus();
}

function frameOf(target) {
	var g = target.closest ? target.closest(".f") : null, i = g ? frames.indexOf(g) : -1;
	return i < 0 ? null : info[i];
}

svg.addEventListener("click", function (e) { var f = frameOf(e.target); if (f) zoom(f); });
svg.addEventListener("mouseover", function (e) { var f = frameOf(e.target); if (f) describe(f); });
svg.addEventListener("focusin", function (e) { var f = frameOf(e.target); if (f) describe(f); });
reset.addEventListener("click", function () { zoom(info[0]); });
find.addEventListener("click", openSearch);
document.addEventListener("keydown", function (e) {
	var f = frameOf(document.activeElement || svg);
	if (e.key === "/" || ((e.ctrlKey || e.metaKey) && e.key === "f")) { e.preventDefault(); openSearch(); }
	else if (e.key === "Enter" && f) zoom(f);
	else if (e.key === "Escape") zoom(info[0]);
});
frames.forEach(function (g) { g.setAttribute("tabindex", "0"); });
find.classList.remove("off");
})();
