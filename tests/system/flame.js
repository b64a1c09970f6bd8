// SPDX-License-Identifier: Apache-2.0
// What the drivers in flame.t do with the n-th flame graph of a page.
function graph(n) {
	"use strict";
	var svg = document.querySelectorAll("svg.flamegraph")[n], s = { svg: svg };
	s.frames = svg.querySelector(".frames");
	s.boxes = Array.from(svg.querySelectorAll(".frames g[data-v]"));
	s.input = svg.querySelector("input");
	s.name = function (b) { return b.firstChild.textContent.split("\n")[0]; };
	s.box = function (start) {
		return s.boxes.find(function (b) { return s.name(b) === start; }) ||
			s.boxes.find(function (b) { return s.name(b).startsWith(start); });
	};
	s.visible = function (b) {
		return b.getAttribute("display") !== "none" && b.parentNode.getAttribute("display") !== "none";
	};
	s.placeOf = function (b) {
		var r = b.querySelector("rect");
		return s.visible(b) ? r.getAttribute("x") + " " + r.getAttribute("width") : "hidden";
	};
	s.place = function (start) { return s.placeOf(s.box(start)); };
	s.places = function () {
		return s.boxes.map(function (b) {
			var text = b.querySelector("text");
			return s.placeOf(b) + " " + b.getAttribute("class") + " " + (text ? text.textContent : "");
		}).join("\n");
	};
	s.label = function (start) { var t = s.box(start).querySelector("text"); return t ? t.textContent : ""; };
	s.send = function (b, type) { b.querySelector("rect").dispatchEvent(new MouseEvent(type, { bubbles: true })); };
	s.clickBox = function (b) { s.send(b, "click"); };
	s.overBox = function (b) { s.send(b, "mouseover"); };
	s.click = function (start) { s.clickBox(s.box(start)); };
	s.over = function (start) { s.overBox(s.box(start)); };
	s.details = function () { return svg.querySelector(".details").textContent; };
	s.key = function (key, target, ctrl) {
		var event = new KeyboardEvent("keydown", { key: key, ctrlKey: !!ctrl, bubbles: true, cancelable: true });
		return !(target || svg).dispatchEvent(event);
	};
	s.search = function (text) {
		s.input.value = text;
		s.input.dispatchEvent(new Event("input"));
		return svg.querySelector(".found").textContent;
	};
	s.overflowing = function () {
		return s.boxes.filter(function (b) {
			var t = b.querySelector("text"), r = b.querySelector("rect").getBoundingClientRect(), l;
			if (!t || !s.visible(b))
				return false;
			l = t.getBoundingClientRect();
			return l.left < r.left || l.right > r.right || l.width < 5;
		}).map(s.name);
	};
	return s;
}
