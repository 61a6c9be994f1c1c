/** Draws curves as SVG. */
import { axisX, dot, lineY, type PlotOptions, plot, ruleX, type TextOptions, text } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Curve } from "./curve.js";
import { describe, isBusy, type Machine } from "./report.js";

const UNITS = ["B", "KiB", "MiB", "GiB"];

function bytesOf(value: number): string {
	const unit = Math.floor(Math.log2(value) / 10);
	return `${value / 2 ** (10 * unit)} ${UNITS[unit]}`;
}

/** Returns the powers of ten from just below the least value to just above the largest. */
function decadesOf(values: readonly number[]): number[] {
	const least = Math.floor(Math.log10(Math.min(...values)));
	const most = Math.ceil(Math.log10(Math.max(...values)));
	return Array.from({ length: most - least + 1 }, (_, index) => Number(`1e${least + index}`));
}

/** Colours that colour-blind people can tell apart. */
const RANGE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"];

const LINE = 16;

/** Draws a curve with its spread, and returns the text of the SVG. The axis of costs is logarithmic. */
export function draw({ title, x, y, points }: Curve, machine: Machine): string {
	const { document } = parseHTML("<html></html>");
	const names = [...new Set(points.map(({ line }) => line))];
	const channels = { x: "x", stroke: "line" } as const;
	const marginTop = (names.length + 4) * LINE;
	const decades = decadesOf(points.flatMap(({ least, most }) => [least, most]));
	const nameOf = x.unit === "bytes" ? bytesOf : String;
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
		marginLeft: 70,
		style: { background: "white", fontFamily: "sans-serif" },
		x: { type: x.scale },
		y: {
			type: "log",
			domain: [decades[0], decades.at(-1)],
			label: y,
			labelAnchor: "center",
			labelArrow: "none",
			grid: true,
			ticks: decades,
			tickFormat: String,
		},
		color: { domain: names, range: RANGE },
		marks: [
			// `text` instead of `tickFormat`, because with a logarithmic scale the latter labels only powers of
			// ten.
			axisX(x.values, { text: (value: number) => nameOf(value), label: x.label, labelArrow: "none" }),
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
