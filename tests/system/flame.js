// SPDX-License-Identifier: Apache-2.0
// The browser's part of flame.t: node flame.js DIR MODULES. Serves DIR (files that flame.t made) on loopback with our
// Content-Security-Policy, drives Chromium, and prints one line of JSON per check.
"use strict";
const fs = require("fs"), http = require("http"), path = require("path");
const [dir, modules] = process.argv.slice(2);
const { chromium } = require(path.resolve(modules, "playwright-core"));
const axe = fs.readFileSync(path.resolve(modules, "axe-core", "axe.min.js"), "utf8");
const csp = fs.readFileSync(path.join(dir, "csp"), "utf8").trim();
const TYPES = { ".svg": "image/svg+xml", ".html": "text/html" };

let test = "";
const tell = (ok, name, got, want) => console.log(JSON.stringify({ test, ok, name, got, want }));
const is = (got, want, name) => tell(JSON.stringify(got) === JSON.stringify(want), name, got, want);
const ok = (value, name, got) => tell(!!value, name, got === undefined ? value : got, "true");
const atMost = (got, want, name) => tell(got <= want, name, got, "at most " + want);

// In the page: what a reader of the picture sees, parsed from its paths and labels.
function helpers() {
	window.the = (n = 0) => {
		const svg = document.querySelectorAll("svg.flamegraph")[n], graph = svg.querySelector(".graph"), s = { svg, graph };
		s.pitch = +graph.dataset.pitch;
		s.boxes = () => [...graph.querySelectorAll("g > path")].flatMap(p => {
			const wide = !p.parentNode.classList.contains("t"), out = [];
			for (const m of p.getAttribute("d").matchAll(/M([\d.]+) ([\d.]+)h([\d.]+)/g))
				out.push({ x: m[1] - (wide ? 1 : 0), y: Math.floor(m[2] / s.pitch), w: +m[3] + (wide ? 3 : 0), cls: p.getAttribute("class"),
					above: p.parentNode.classList.contains("above") });
			return out;
		});
		s.labels = () => [...graph.querySelectorAll("text")].map(t => ({ text: t.textContent, x: t.getAttribute("x") - 4,
			y: Math.floor(t.getAttribute("y") / s.pitch), right: t.getBBox().x + t.getBBox().width }));
		// "text x y w", the box of a label, in pixels
		s.box = text => {
			const l = s.labels().find(v => v.text === text), b = l && s.boxes().find(v => v.y === l.y && Math.abs(v.x - l.x) < 0.3);
			return b && { x: Math.round(b.x), y: b.y, w: Math.round(b.w), cls: b.cls, above: b.above };
		};
		s.overflowing = () => s.labels().filter(l => {
			const b = s.boxes().find(v => v.y === l.y && Math.abs(v.x - l.x) < 0.3);
			return !b || l.right > b.x + b.w;
		}).map(l => l.text);
		s.text = selector => {
			const e = svg.querySelector(selector);
			return e && e.textContent;
		};
		return s;
	};
}

const args = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync";
let browser, base, failures = 0;
const served = http.createServer((request, response) => {
	const name = path.basename(request.url.split(/[?#]/)[0]), file = path.join(dir, name), type = TYPES[path.extname(name)];
	if (name === "favicon.ico")
		return response.writeHead(204).end();
	if (!type || !fs.existsSync(file))
		return response.writeHead(404).end();
	// Pages that embed are ours alone; the files themselves get the documented policy.
	response.writeHead(200, { "Content-Type": type, ...(name.startsWith("page") ? {} : { "Content-Security-Policy": csp }) });
	response.end(fs.readFileSync(file));
});

// Opens a file, runs `drive(page)`, and holds that the console stayed silent.
async function on(name, file, options, drive) {
	const { complaints, ...context } = options;
	const c = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...context }), page = await c.newPage(), said = [];
	test = name;
	page.on("console", m => said.push(m.text()));
	page.on("pageerror", e => said.push(String(e)));
	try {
		await page.addInitScript(helpers);
		await page.goto(base + file);
		if (options.javaScriptEnabled !== false && !options.still)
			await page.waitForSelector("svg.flamegraph.live", { timeout: 10000, state: "attached" });
		await drive(page, c);
		if (!complaints)
			is(said, [], "nothing on the console");
	} catch (e) {
		tell(false, "ran to its end", String(e.stack || e), "");
		failures++;
	}
	await c.close();
	if (failures > 4) // each has waited for what does not come
		throw new Error("most of it fails");
}
const click = async (page, text, button = "left") => {
	const p = await page.evaluate(t => {
		const g = the(), b = g.box(t), m = g.graph.getScreenCTM();
		return [m.e + b.x + 3, m.f + (b.y + 0.5) * g.pitch];
	}, text);
	await page.mouse.click(p[0], p[1], { button });
};
const hover = async (page, text) => {
	const p = await page.evaluate(t => {
		const g = the(), b = g.box(t), m = g.graph.getScreenCTM();
		return [m.e + b.x + 3, m.f + (b.y + 0.5) * g.pitch];
	}, text);
	await page.mouse.move(p[0], p[1]);
};
const see = (page, f, arg) => page.evaluate(f, arg);
const box = (page, text) => see(page, t => the().box(t), text);
const text = (page, selector) => see(page, s => the().text(s), selector);
const picture = page => see(page, () => JSON.stringify([the().boxes(), the().labels()].map(l => l.map(b => JSON.stringify(b)).sort())));
const search = async (page, what) => {
	await page.fill("input[type=search]", what);
	return text(page, ".found");
};
const view = page => see(page, () => the().svg.querySelector("select[aria-label=View]").value);
const names = page => see(page, () => the().labels().map(l => l.text));
const act = async (page, frame, action) => {
	await click(page, frame, "right");
	await page.getByRole("menuitem", { name: action }).click();
};

// The graph of flame.t: 1168 pixels for 1000 samples.
const tests = {
	async first_paint() {
		await on("a picture without script", "small.svg", { javaScriptEnabled: false }, async page => {
			is(await box(page, "work"), { x: 701, y: 3, w: 467, cls: (await box(page, "work")).cls, above: false }, "a box where its samples are");
			is(await see(page, () => the().overflowing()), [], "no label is wider than its box in the fonts of this machine");
			ok((await text(page, ".sum")).startsWith("1,000 samples, all shown"), "its sum");
			ok((await text(page, ".top")).includes("rest"), "a table of functions");
			is(await see(page, () => document.querySelectorAll("foreignObject").length), 0, "no controls that would not work");
		});
		await on("live as still", "small.svg", {}, async page => {
			const words = async p => JSON.parse(await picture(p))[1].map(l => JSON.parse(l)).map(l => l.text + " " + Math.round(l.x)).sort();
			const live = await words(page);
			const c = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 1200, height: 900 } }), still = await c.newPage();
			await still.addInitScript(helpers);
			await still.goto(base + "small.svg");
			is(await words(still), live, "the script draws the same picture");
			await c.close();
		});
	},

	async zoom() {
		await on("zoom", "small.svg", {}, async page => {
			const before = await picture(page);
			is(await see(page, () => the().overflowing()), [], "no label is wider than its box");
			await click(page, "work");
			is((await box(page, "work")).w, 1168, "the clicked box takes the whole width");
			is((await box(page, "main")).above, true, "its caller stands below it, faded");
			is(await box(page, "rest"), undefined, "what is beside it is hidden");
			// Callees of work by name: Alloc_arena 50, alloc 250, std::map 100 of 400.
			is([(await box(page, "alloc")).x, (await box(page, "alloc")).w], [146, 730], "its callee in the zoomed scale");
			ok((await names(page)).includes("std::map<int, std::less<int> >::find"), "labels grow with their boxes");
			is((await text(page, ".trail")), "all\u203aapp\u203amain\u203awork", "where we are");
			await hover(page, "alloc");
			ok(/250 samples, 25\.00% \(22\.4\u201327\.8% at 95%\) \u00b7 self 100, 10\.00% \u00b7 62\.50% of view/.test(await text(page, ".details")),
				"details: Wilson's interval, shares of all and of the view", await text(page, ".details"));
			ok(/^400 samples in view, all shown/.test(await text(page, ".sum")), "the sum of the view");
			const address = page.url();
			await page.goBack();
			is(await picture(page), before, "back");
			await page.goForward();
			is((await box(page, "work")).w, 1168, "forward");
			await page.reload();
			await page.waitForSelector("svg.flamegraph.live", { state: "attached" });
			is((await box(page, "work")).w, 1168, "reload keeps the place");
			ok(!/\d{4}/.test(decodeURIComponent(new URL(address).hash).replace(/[a-z][\da-z]*|[\da-z]*[a-z]/g, "")), "no pixels in the address", address);
			await page.goto(base + "other.svg" + new URL(address).hash);
			await page.waitForSelector("svg.flamegraph.live", { state: "attached" });
			is((await box(page, "work")).w, 1168, "an address holds for another profile of the program");
			await page.goto(address);
			await page.getByRole("button", { name: "Zoom to main" }).click();
			is((await box(page, "main")).w, 1168, "the trail leads back");
			await page.getByRole("button", { name: "Reset zoom" }).click();
			is(await picture(page), before, "reset");
			await click(page, "alloc");
			await page.keyboard.press("Escape");
			is(await picture(page), before, "Escape");
		});
	},

	async search() {
		await on("search", "small.svg", {}, async page => {
			// alloc 250 (once a sample, however often it stands in the stack) + Alloc_arena 50 of 1000
			for (const [what, share] of [["alloc", "30.00%"], ["Alloc", "5.00%"], ["^alloc$", "25.00%"], ["f(x", "30.00%"], ["f\\(x", "30.00%"],
				["nosuch", "0.00%"], ["rest|f", "70.00%"]])
				is(await search(page, what), share + " matched", what);
			await search(page, "Alloc");
			is((await see(page, () => the().boxes().filter(b => b.cls === "hit").length)), 1, "matches are marked");
			const ticks = await see(page, () => the().svg.querySelector(".ticks").getAttribute("d").match(/M\d+/g).map(s => +s.slice(1)));
			is([ticks[0], ticks[ticks.length - 1]], [700, 759], "and their place in the map: samples 600 to 650 of 1000");
			await search(page, "");
			await click(page, "work");
			is(await search(page, "alloc"), "75.00% matched, 30.00% of all", "of the view and of all");
			await page.keyboard.press("Escape");
			await page.keyboard.press("Escape");
			await page.keyboard.press("/");
			await page.keyboard.type("^rest|^f");
			const found = [];
			for (let i = 0; i < 3; i++) {
				await page.keyboard.press(i ? "n" : "Enter");
				await see(page, () => the().svg.querySelector("[role=treeitem]").focus());
				found.push((await text(page, ".details b")));
			}
			is(found, ["rest", "f(x", "rest"], "from match to match and around");
			await page.keyboard.press("N");
			is(await text(page, ".details b"), "f(x", "and backwards");
		});
		await on("a match too small to draw", "tiny.svg", {}, async page => {
			is(await search(page, "needle"), "0.00% matched", "its share");
			ok(await see(page, () => the().svg.querySelector(".ticks").getAttribute("d").length), "a tick in the map");
			for (let i = 0; i < 5; i++)
				await page.getByRole("button", { name: "Next match" }).click();
			ok((await names(page)).includes("needle"), "next match zooms to it");
		});
	},

	async views() {
		await on("views", "small.svg", {}, async page => {
			const y = (await box(page, "all")).y;
			await page.keyboard.press("i");
			is((await box(page, "all")).y, 0, "i puts the root on top");
			await page.keyboard.press("i");
			is((await box(page, "all")).y, y, "and back");
			await page.selectOption("select[aria-label=View]", "bottom");
			// Leaves by name: Alloc_arena 50, alloc 250 (100 + 100 + 50), f(x 300, rest 300, std::map 100
			is([(await box(page, "alloc")).x, (await box(page, "alloc")).w], [58, 292], "bottom-up: all leaves of one function are one box");
			is((await box(page, "f(x")).w, 351, "bottom-up: another leaf"); // 350.4 to 700.8, in whole pixels
			is((await box(page, "main")).y < (await box(page, "rest")).y, true, "its callers stand on it");
			await page.selectOption("select[aria-label=View]", "top");
			await act(page, "rest", "Sandwich");
			is((await box(page, "rest")).w, 1168, "sandwich: the function over the whole width");
			is((await box(page, "main")).y, (await box(page, "rest")).y + 1, "its caller below");
			is((await box(page, "f(x")).y, (await box(page, "rest")).y - 1, "its callee above");
			is((await box(page, "f(x")).w, 584, "half of it");
			await page.goBack();
			is(await view(page), "top", "back to the view before");
			await page.selectOption("select[aria-label=Order]", "size");
			is((await box(page, "rest")).x, 0, "by size: the largest is first");
			await page.selectOption("select[aria-label=Order]", "name");
			await page.selectOption("select[aria-label=Colour]", "self");
			is([(await box(page, "f(x")).cls, (await box(page, "main")).cls], ["s5", "s0"], "by self: all of it, nothing of it");
			await page.selectOption("select[aria-label=Colour]", "name");
			ok(/^b\d+$/.test((await box(page, "main")).cls), "by name");
			await page.selectOption("select[aria-label=Colour]", "binary");
			is((await box(page, "main")).cls, "x", "by binary: folded stacks have none");
		});
	},

	async charts() {
		await on("flame chart", "chart.svg", {}, async page => {
			const b = () => see(page, () => the().labels().filter(l => l.text === "b").map(l => Math.round(l.x)).sort((x, y) => x - y));
			is(await b(), [0, 584], "what ran again later is another box");
			await click(page, "a");
			is(await b(), [0, 584], "zoomed too");
		});
	},

	async transforms() {
		await on("transforms", "small.svg", {}, async page => {
			const before = await picture(page);
			await act(page, "work", "Merge into its callers");
			is(await box(page, "work"), undefined, "merge: the frame is gone");
			is([(await box(page, "alloc")).w, (await box(page, "alloc")).y], [292, 3], "merge: its callees moved down");
			await page.keyboard.press("u");
			is(await picture(page), before, "undo");
			await act(page, "work", "Hide its samples");
			is((await box(page, "rest")).w, 1168, "hide: what is left takes the width");
			ok(/^600 samples, all shown; 400 left out/.test(await text(page, ".sum")), "hide: the sum says so", await text(page, ".sum"));
			await page.getByRole("button", { name: "Undo (u)" }).click();
			await act(page, "alloc", "Focus on this function");
			is(await text(page, ".sum"), "250 samples, all shown; 750 left out", "focus: its samples, each once");
			is((await box(page, "alloc")).w, 1168, "focus: it stands at the root");
			await page.keyboard.press("u");
			await act(page, "alloc", "Collapse its recursion");
			// alloc;alloc was 100 samples, alloc;other;alloc is no direct recursion
			await hover(page, "alloc");
			ok(/250 samples.*self 200, 20\.00%/.test(await text(page, ".details")), "collapse: the inner call's samples are its own", await text(page, ".details"));
			await page.reload();
			await page.waitForSelector("svg.flamegraph.live", { state: "attached" });
			is(await text(page, ".trail .op"), "collapsed alloc \u00d7", "transforms are in the address");
			await page.locator(".trail .op").click();
			is(await picture(page), before, "and undone where they are listed");
		});
	},

	async copies() {
		await on("copy", "small.svg", { permissions: ["clipboard-read", "clipboard-write"] }, async page => {
			const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
			await act(page, "f(x", "Copy name");
			is(await clipboard(), "f(x", "name");
			await act(page, "f(x", "Copy stack");
			is(await clipboard(), "app\nmain\nrest\nf(x", "stack");
			await act(page, "f(x", "Copy as folded line");
			is(await clipboard(), "app;main;rest;f(x 300", "folded");
		});
	},

	async keyboard() {
		await on("keyboard only", "small.html", {}, async page => {
			const focused = () => see(page, () => document.activeElement.getAttribute("aria-label") || document.activeElement.textContent);
			for (let i = 0; i < 30 && !/^all, /.test(await focused()); i++)
				await page.keyboard.press("Tab");
			ok(/^all, 1,000 samples/.test(await focused()), "Tab reaches the tree", await focused());
			const path = [];
			for (const key of ["ArrowUp", "ArrowUp", "ArrowUp", "ArrowRight", "ArrowLeft", "ArrowDown", "Home"]) {
				await page.keyboard.press(key);
				path.push((await focused()).split(",")[0]);
			}
			is(path, ["app", "main", "rest", "work", "rest", "main", "all"], "arrows move along the boxes");
			is(await see(page, () => ["role", "aria-level", "aria-setsize", "aria-posinset", "aria-expanded"].map(a => document.activeElement.getAttribute(a))),
				["treeitem", "1", "1", "1", "true"], "what a screen reader is told");
			for (const key of ["ArrowUp", "ArrowUp", "ArrowUp", "Enter"])
				await page.keyboard.press(key);
			is((await box(page, "rest")).w, 1168, "Enter zooms");
			await page.keyboard.press("Backspace");
			is((await box(page, "main")).w, 1168, "Backspace zooms out");
			await page.keyboard.press("m");
			is(await focused(), "Zoom", "m opens the actions");
			await page.keyboard.press("ArrowDown");
			ok(/^Sandwich/.test(await focused()), "arrows move in them", await focused());
			await page.keyboard.press("Escape");
			ok(/^main, /.test(await focused()), "Escape closes them, the box has the focus again", await focused());
			for (const key of ["ArrowUp", "ArrowUp", "x", "u"])
				await page.keyboard.press(key);
			ok(/^rest, /.test(await focused()), "what f(x stood on has the focus when that is merged, and when that is undone", await focused());
			await page.keyboard.press("s");
			is(await view(page), "sandwich", "s shows callers and callees");
			await page.keyboard.press("Escape");
			await page.keyboard.press("v");
			is(await view(page), "bottom", "v changes the view");
			await page.keyboard.press("o");
			is(await see(page, () => the().svg.querySelector("select[aria-label=Order]").value), "size", "o changes the order");
			await page.keyboard.press("w");
			is(await see(page, () => location.hash), "#v=bottom&o=size", "a key without a choice does nothing");
			await page.keyboard.press("?");
			ok(/Arrows, /.test(await text(page, ".details")), "? tells the keys");
			await page.keyboard.press("Control+f");
			is(await see(page, () => document.activeElement.type), "search", "Ctrl-F opens our search");
		});
	},

	async looks() {
		const colours = () => {
			const of = e => getComputedStyle(e), g = the().graph;
			return { bg: of(document.querySelector(".bg")).fill, label: of(g.querySelector("text")).fill, boxes: [...new Set([...g.querySelectorAll(".w path")].map(p => of(p).fill))] };
		};
		const luminance = c => c.match(/\d+/g).slice(0, 3).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
			.reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
		const contrast = (a, b) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);
		const worst = c => Math.min(...c.boxes.map(b => contrast(b, c.label)));
		await on("dark", "small.svg", { colorScheme: "dark" }, async page => {
			const c = await see(page, colours);
			is(c.bg, "rgb(21, 23, 28)", "a dark page");
			ok(worst(c) >= 4.5, "labels can be read (WCAG AA)", worst(c));
			for (const mode of ["name", "self", "binary"]) {
				await page.selectOption("select[aria-label=Colour]", mode);
				ok(worst(await see(page, colours)) >= 4.5, "labels can be read by " + mode, worst(await see(page, colours)));
			}
		});
		await on("light", "small.svg", { colorScheme: "light" }, async page => {
			for (const mode of ["kind", "name", "self", "binary"]) {
				await page.selectOption("select[aria-label=Colour]", mode);
				ok(worst(await see(page, colours)) >= 4.5, "labels can be read by " + mode, worst(await see(page, colours)));
			}
		});
		await on("forced colours", "small.svg", { forcedColors: "active", colorScheme: "dark" }, async page => {
			const c = await see(page, colours);
			ok(worst(c) >= 7, "labels can be read", [c, worst(c)]);
			await search(page, "alloc");
			const marked = await see(page, () => getComputedStyle(the().graph.querySelector(".hit")).fill);
			ok(!c.boxes.includes(marked), "matches differ", marked);
		});
		await on("reduced motion", "small.svg", { reducedMotion: "reduce" }, async page => {
			await click(page, "work");
			is(await see(page, () => document.getAnimations().length), 0, "nothing moves");
		});
		await on("print", "small.svg", { colorScheme: "dark" }, async page => {
			await see(page, () => window.addEventListener("beforeprint", () => window.printed = the().svg.getAttribute("viewBox")));
			await page.pdf();
			const height = await see(page, () => the().svg.getAttribute("height"));
			is(await see(page, () => window.printed), "0 0 1200 " + height, "scaled to the paper");
			is(await see(page, () => the().svg.getAttribute("viewBox")), null, "and not on the screen");
			await page.emulateMedia({ media: "print" });
			is((await see(page, colours)).bg, "rgb(255, 255, 255)", "paper is white");
			is(await see(page, () => getComputedStyle(document.querySelector(".tools")).display), "none", "no controls");
			ok((await names(page)).includes("work"), "labels");
		});
		await on("320 pixels wide", "small.svg", { viewport: { width: 320, height: 600 } }, async page => {
			is(await see(page, () => the().overflowing()), [], "no label is wider than its box");
			atMost(await see(page, () => document.documentElement.scrollWidth), 320, "nothing to scroll sideways to");
		});
	},

	async embedding() {
		await on("as <img>", "page_img.html", { still: true }, async page => {
			const seen = await see(page, async () => {
				const i = document.querySelector("img"), c = document.createElement("canvas");
				await i.decode();
				c.width = 1200;
				c.height = 400;
				c.getContext("2d").drawImage(i, 0, 0);
				const d = c.getContext("2d").getImageData(0, 0, 1200, 400).data, colours = new Set();
				for (let k = 0; k < d.length; k += 4)
					colours.add(d[k] << 16 | d[k + 1] << 8 | d[k + 2]);
				return [i.naturalWidth, colours.size];
			});
			is(seen[0], 1200, "it loads");
			ok(seen[1] > 50, "it is a picture", seen[1]);
		});
		await on("sandboxed", "page_sandbox.html", { still: true, complaints: true }, async page => {
			const frame = page.frames()[1];
			await frame.waitForSelector("svg.flamegraph");
			is(await frame.evaluate(() => [document.querySelectorAll(".live").length, document.querySelectorAll(".graph text").length > 5]), [0, true],
				"without scripts the picture stands");
		});
		await on("sandboxed, scripts allowed", "page_sandbox_scripts.html", { still: true }, async page => {
			const frame = page.frames()[1];
			await frame.waitForSelector("svg.flamegraph.live");
			await frame.evaluate(helpers);
			const p = await frame.evaluate(() => {
				const b = the().box("work"), m = the().graph.getScreenCTM();
				return [m.e + b.x + 3, m.f + b.y * 18 + 8];
			});
			const at = await page.locator("iframe").boundingBox();
			await page.mouse.click(at.x + 2 + p[0], at.y + 2 + p[1]);
			is((await frame.evaluate(() => the().box("work"))).w, (await frame.evaluate(() => the().box("all"))).w, "it zooms");
		});
		await on("two on one page", "page_two.html", {}, async page => {
			await page.waitForFunction(() => document.querySelectorAll(".live").length === 2);
			const other = () => see(page, () => JSON.stringify(the(1).boxes()));
			const before = await other();
			await click(page, "work");
			await page.locator("input[type=search]").first().fill("alloc");
			is(await other(), before, "what one shows leaves the other alone");
			is((await box(page, "work")).w > 1000, true, "the first has zoomed");
			is(await see(page, () => document.querySelectorAll("svg [id]").length), 0, "no ids that could clash");
		});
	},

	async safety() {
		for (const file of ["hostile.svg", "hostile.html"])
			await on("hostile names in " + file, file, {}, async page => {
				await page.waitForTimeout(100);
				for (const what of [".", "script", "<"])
					await search(page, what);
				await search(page, "");
				for (const t of (await names(page)).slice(0, 30)) {
					await hover(page, t);
					await click(page, t);
					await page.keyboard.press("s");
					await page.keyboard.press("Escape");
					await page.keyboard.press("Escape");
				}
				is(await see(page, () => [typeof window.pwned, document.querySelectorAll("script").length, document.querySelectorAll("img, image, iframe, a").length]),
					["undefined", 1, 0], "no script but ours, no element of a name");
			});
		await on("a policy for our script alone", "tampered.svg", { complaints: true }, async page => {
			is(await see(page, () => [typeof window.pwned, document.querySelectorAll("script").length]), ["undefined", 2], "another script in the file does not run");
		});
	},

	async access() {
		for (const scheme of ["light", "dark"])
			await on("axe, " + scheme, "small.html", { colorScheme: scheme }, async page => {
				await page.evaluate(axe);
				const serious = async () => (await page.evaluate(() => axe.run())).violations.filter(v => /serious|critical/.test(v.impact))
					.map(v => v.id + ": " + v.nodes.map(n => n.html.slice(0, 120) + " " + n.failureSummary.slice(0, 200)).slice(0, 2).join(" | "));
				is(await serious(), [], "no serious finding");
				await click(page, "work");
				await search(page, "alloc");
				is(await serious(), [], "zoomed and searching");
				await click(page, "alloc", "right");
				is(await serious(), [], "with the menu open");
			});
	},

	async extremes() {
		await on("10,000 frames deep", "deep.svg", {}, async page => {
			atMost(await see(page, () => the().svg.getBoundingClientRect().height), 16000, "a bounded height");
			await search(page, "^f9999$");
			await page.getByRole("button", { name: "Next match" }).click();
			ok(/^f9999/.test(await text(page, ".details b")), "the deepest frame is reached", await text(page, ".details b"));
			await page.keyboard.press("Escape");
			await page.keyboard.press("Escape");
			ok((await names(page)).includes("f1"), "and back");
		});
		await on("nothing", "single.svg", {}, async page => {
			is((await names(page)).sort(), ["all", "only"], "a single frame");
		});
		await on("hundreds of thousands of frames", "large.svg", {}, async page => {
			const count = () => see(page, () => document.querySelectorAll(".graph *").length);
			atMost(await count(), 5000, "drawn elements");
			for (const key of ["ArrowUp", "ArrowUp", "ArrowUp", "Enter"])
				await page.keyboard.press(key);
			atMost(await count(), 5000, "drawn elements, zoomed");
			ok(/matched/.test(await search(page, "method_1")), "search");
			atMost(await count(), 5000, "drawn elements, searching");
			await page.selectOption("select[aria-label=View]", "bottom");
			atMost(await count(), 5000, "drawn elements, bottom-up");
		});
	},

	async compared() {
		await on("what changed", "diff.svg", {}, async page => {
			// Of 100 before: a 50, b 50. Of 200 now: a 150, b 50.
			is([(await box(page, "a")).cls[0], (await box(page, "b")).cls[0]], ["p", "m"], "a larger and a smaller share");
			await hover(page, "a");
			ok(/75\.00%.*before 50 samples, 50\.00%/.test(await text(page, ".details")), "both shares", await text(page, ".details"));
			ok(/larger share/.test(await text(page, ".legend")), "the legend says what colours mean");
		});
		// Of 200 before: keep 100, more 50, gone 50. Of 400 now: keep 200, more 100, fresh 100. 1168 pixels.
		await on("what is gone", "union.svg", {}, async page => {
			const seen = async () => (await names(page)).filter(n => n !== "all").sort();
			const at = async (...list) => {
				const out = [];
				for (const n of list)
					out.push([(await box(page, n)).w, (await box(page, n)).cls]);
				return out;
			};
			is(await seen(), ["app", "fresh", "keep", "leaf", "leaf", "leaf", "more"], "as wide as now");
			is(await at("keep", "more", "fresh"), [[584, "p0"], [292, "p0"], [292, "p7"]], "what is new is told from what is more");
			ok(/compared with 200 samples, 50 of them in frames that are gone/.test(await see(page, () => the().svg.textContent)), "how much is gone");
			ok(/25\.00%0\.00%gone/.test(await text(page, ".top")), "what is gone is in the table", await text(page, ".top"));
			await page.keyboard.press("w");
			is(await seen(), ["app", "gone", "keep", "leaf", "leaf", "more"], "as wide as before");
			is(await at("keep", "more", "gone"), [[584, "p0"], [292, "p0"], [292, "m7"]], "gone frames have their width");
			ok(/^200 samples before, all shown/.test(await text(page, ".sum")), "the sum says of what", await text(page, ".sum"));
			await hover(page, "gone");
			ok(/0 samples, 0\.00%.*before 50 samples, 25\.00%/.test(await text(page, ".details")), "their numbers", await text(page, ".details"));
			await page.reload();
			await page.waitForSelector("svg.flamegraph.live", { state: "attached" });
			is((await box(page, "gone")).w, 292, "the address keeps the choice");
			await page.selectOption("select[aria-label=Width]", "both");
			is(await at("keep", "more", "fresh", "gone"), [[584, "p0"], [292, "p0"], [146, "p7"], [146, "m7"]], "all of both");
			// leaf: 150 of 200 before, all of 400 now.
			await page.selectOption("select[aria-label=View]", "bottom");
			is([(await box(page, "leaf")).w, (await box(page, "leaf")).cls], [1022, "p4"], "bottom-up: a leaf of several");
			is((await at("keep", "fresh", "gone")), [[584, "p0"], [146, "p7"], [146, "m7"]], "bottom-up: its callers, and what is gone");
			await page.selectOption("select[aria-label=View]", "top");
			await act(page, "gone", "Sandwich");
			is([(await box(page, "app")).cls, (await box(page, "gone")).cls], ["m7", "m7"], "sandwich: the callers' samples of what is gone");
			await page.selectOption("select[aria-label=View]", "top");
			await act(page, "gone", "Hide its samples");
			is(await at("keep", "fresh"), [[667, "m4"], [167, "p7"]], "hidden samples are left out on both sides"); // keep: 2/3 before, 1/2 now
		});
	},

	async source_lines() {
		if (!fs.existsSync(path.join(dir, "lines.svg")))
			return;
		await on("source lines", "lines.svg", { permissions: ["clipboard-read", "clipboard-write"] }, async page => {
			await hover(page, "spin");
			ok(/lines .*<\/title><script>window\.pwned=1<\/script>\.c:(72|73) \u00b7/.test(await text(page, ".details")), "file and line", await text(page, ".details"));
			await act(page, "main", "Copy file:line");
			ok(/\.c:83$/.test(await page.evaluate(() => navigator.clipboard.readText())), "where main calls it most");
			await page.selectOption("select[aria-label=View]", "bottom");
			await hover(page, "main");
			ok(/\.c:83 \u00b7/.test(await text(page, ".details")), "bottom-up: of the caller", await text(page, ".details"));
			is(await see(page, () => [window.pwned === undefined, document.querySelectorAll("script").length]), [true, 1], "a file's name runs nothing");
		});
	},

	async thread_choice() {
		if (!fs.existsSync(path.join(dir, "threads.svg")))
			return;
		await on("threads", "threads.svg", {}, async page => {
			const options = await page.locator("select[aria-label=Thread] option").allTextContents();
			ok(options.length > 3, "all, each, and one by one", options);
			const whole = await text(page, ".sum");
			await page.selectOption("select[aria-label=Thread]", { index: 2 });
			ok(/left out/.test(await text(page, ".sum")), "one thread", await text(page, ".sum"));
			await page.selectOption("select[aria-label=Thread]", { index: 1 });
			ok((await names(page)).some(n => /\/\d+$/.test(n)), "each thread as a frame");
			await page.selectOption("select[aria-label=Thread]", { index: 0 });
			is(await text(page, ".sum"), whole, "and all together again");
		});
	},
};

(async () => {
	await new Promise(r => served.listen(0, "127.0.0.1", r));
	base = "http://127.0.0.1:" + served.address().port + "/";
	browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: args.split(" ") });
	for (const name in tests)
		if (!process.env.ONLY || process.env.ONLY.split(",").includes(name))
			await tests[name]();
	await browser.close();
	served.close();
	console.log(JSON.stringify({ test: "the driver", ok: true, name: "ran to its end" }));
})().catch(e => {
	console.error(e);
	process.exit(1);
});
