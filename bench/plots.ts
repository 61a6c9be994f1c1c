/** Curves as SVG. */
import { dot, lineY, type PlotOptions, plot, ruleX, type TextOptions, text } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Curve } from "./curve.js";
import { describe, isBusy, type Machine } from "./report.js";

const UNITS = ["B", "KiB", "MiB", "GiB"];

function bytesOf(value: number): string {
	const unit = Math.floor(Math.log2(value) / 10);
	return `${value / 2 ** (10 * unit)} ${UNITS[unit]}`;
}

/** Colours that people with a weak sense of colours tell apart. */
const RANGE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"];

const LINE = 16;

/** A curve with its spread, as the text of an SVG. The axis of costs is logarithmic. */
export function draw({ title, x, y, points }: Curve, machine: Machine): string {
	const { document } = parseHTML("<html></html>");
	const names = [...new Set(points.map(({ line }) => line))];
	const channels = { x: "x", stroke: "line" } as const;
	const marginTop = (names.length + 4) * LINE;
	const where = isBusy(machine) ? `${describe(machine)}; busy with other work` : describe(machine);
	const heading = (line: string, index: number, options: TextOptions) => {
		const at = {
			frameAnchor: "top-left",
			lineAnchor: "bottom",
			dy: index * LINE - marginTop + 2 * LINE,
		} as const;
		return text([line], { ...at, dx: -40, fontSize: 12, ...options });
	};
	const options: PlotOptions = {
		document,
		width: 720,
		height: 360 + marginTop,
		marginTop,
		marginLeft: 60,
		style: { background: "white", fontFamily: "sans-serif" },
		x: { type: x.scale, label: x.label, ...(x.unit === "bytes" ? { tickFormat: bytesOf } : {}) },
		y: { type: "log", label: y, grid: true, tickFormat: String },
		color: { domain: names, range: RANGE },
		marks: [
			heading(title, 0, { fontWeight: "bold", fontSize: 14 }),
			heading(where, 1, { fill: "#666", fontSize: 10 }),
			...names.map((name, index) => heading(`● ${name}`, index + 2, { fill: () => name })),
			ruleX(points, { ...channels, y1: "least", y2: "most", strokeOpacity: 0.4 }),
			lineY(points, { ...channels, y: "median" }),
			dot(points, { ...channels, y: "median" }),
		],
	};
	const svg = plot(options);
	svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
	return svg.outerHTML;
}
