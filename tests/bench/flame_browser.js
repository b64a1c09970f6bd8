// SPDX-License-Identifier: Apache-2.0
// The browser's part of flame_browser: node flame_browser.js FILE MODULES RUNS.
"use strict";
const path = require("path");
const [file, modules, runs] = process.argv.slice(2);
const { chromium } = require(path.resolve(modules, "playwright-core"));
const args = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync";

const median = v => v.sort((a, b) => a - b)[Math.floor((v.length - 1) / 2)];
const print = (name, v, more = "") => console.log("  " + name.padEnd(34) + String(Math.round(median(v))).padStart(6) + " ms  " + more);

// When the root element gets the class "live", the script is ready.
function watch() {
	new MutationObserver(() => {
		const s = document.querySelector(".flamegraph");
		if (s && s.classList.contains("live") && !window.live)
			window.live = performance.now();
	}).observe(document, { attributes: true, subtree: true, childList: true });
}

function prepare() {
	const svg = document.querySelector(".flamegraph"), graph = svg.querySelector(".graph");
	const at = (row, type) => {
		const m = graph.getScreenCTM(), rows = Math.round(graph.getBBox().height / 18);
		graph.dispatchEvent(new MouseEvent(type, { clientX: m.e + 100, clientY: m.f + (rows - 1 - row) * 18 + 5, bubbles: true }));
	};
	const key = k => svg.dispatchEvent(new KeyboardEvent("keydown", { key: k, bubbles: true }));
	const choose = (label, v) => {
		const s = svg.querySelector("select[aria-label=" + label + "]");
		s.value = v;
		s.dispatchEvent(new Event("change"));
	};
	const search = q => {
		const i = svg.querySelector("input");
		i.value = q;
		i.dispatchEvent(new Event("input"));
	};
	window.steps = { "zoom in": () => at(1, "click"), "zoom in, two rows up": () => at(3, "click"), "zoom out": () => key("Escape"),
		"search": () => search("method_1"), "search, regular expression": () => search("Class9.*_2$"), "zoom, searching": () => at(1, "click"),
		"end search": () => key("Escape"), "reset zoom": () => key("Escape"), "bottom-up": () => choose("View", "bottom"),
		"sandwich": () => choose("View", "sandwich"), "top-down": () => choose("View", "top"), "order by size": () => choose("Order", "size"),
		"order by name": () => choose("Order", "name"), "colour by self": () => choose("Colour", "self"), "colour by kind": () => choose("Colour", "kind"),
		"select": () => key("ArrowUp"), "merge": () => key("x"), "undo": () => key("u") };
	window.time = async name => {
		const start = performance.now();
		steps[name]();
		await new Promise(r => requestAnimationFrame(() => setTimeout(r)));
		return [performance.now() - start, document.querySelectorAll(".graph *").length];
	};
}

(async () => {
	const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: args.split(" ") });
	const paints = [], lives = [], times = {}, elements = {}, busy = {};
	for (let i = 0; i < runs; i++) {
		const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
		// CPU time of the page's main thread, in milliseconds: what other programs on the machine do not change.
		const session = await page.context().newCDPSession(page);
		await session.send("Performance.enable", { timeDomain: "threadTicks" });
		const cpu = async () => 1000 * (await session.send("Performance.getMetrics")).metrics.find(m => m.name === "TaskDuration").value;
		const used = (name, since) => cpu().then(now => (busy[name] = busy[name] || []).push(now - since));
		await page.addInitScript(watch);
		const begin = await cpu();
		await page.goto("file://" + path.resolve(file));
		await page.waitForFunction(() => window.live, null, { timeout: 60000 });
		await used("all of loading", begin);
		await page.waitForTimeout(500);
		const [paint, live] = await page.evaluate(() => [performance.getEntriesByName("first-contentful-paint")[0].startTime, window.live]);
		paints.push(paint);
		lives.push(live - paint);
		await page.evaluate(prepare);
		for (const name of await page.evaluate(() => Object.keys(steps))) {
			const since = await cpu(), [time, drawn] = await page.evaluate(n => window.time(n), name);
			await used(name, since);
			(times[name] = times[name] || []).push(time);
			elements[name] = drawn;
			await page.waitForTimeout(100);
		}
		await page.close();
	}
	print("first paint", paints);
	print("from there until the script is ready", lives);
	console.log("  all of loading, CPU time" + String(Math.round(median(busy["all of loading"]))).padStart(16) + " ms");
	for (const name in times)
		print(name, times[name], Math.round(median(busy[name])) + " ms CPU, " + elements[name] + " elements");
	await browser.close();
})();
