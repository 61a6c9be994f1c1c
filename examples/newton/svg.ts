import type { Convergence } from "./convergence.js";
import { TOLERANCE } from "./protocol.js";

const WIDTH = 880;
const HEIGHT = 380;
const TOP = 64;
const BOTTOM = 316;
const STEPS = { left: 72, right: 500 };
const COUNTS = { left: 580, right: 856 };
const TICK_CANDIDATES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];

const STYLE = `
	text { font: 12px system-ui, sans-serif; fill: #444 }
	.title { font-size: 15px; fill: #222 }
	.tick { font-size: 10px; fill: #777 }
	.grid { stroke: #e4e4df }
	.axis { fill: none; stroke: #999 }
	.trace { fill: none; stroke: #2f6f9f; stroke-opacity: .28 }
	.limit { stroke: #c2452d; stroke-dasharray: 5 4 }
	.limit-label { font-size: 11px; fill: #c2452d }
	.bar { fill: #5a9a78 }`;

/**
 * Draws two plots side by side: how the steps of some problems shrink, and how many problems converge in each
 * iteration.
 */
export function renderSvg(convergence: Convergence): string {
	const { converged, problems } = convergence;
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">
<style>${STYLE}
</style>
<rect width="100%" height="100%" fill="#fdfdfb"/>
${text(STEPS.left, 32, `Newton's method: ${converged} of ${problems} problems converged`, "title", "start")}
${stepsPlot(convergence)}
${countsPlot(convergence)}
</svg>
`;
}

/**
 * log10 |step| over the iterations, with a line for each problem. Simple roots plunge, double roots descend
 * straight.
 */
function stepsPlot(convergence: Convergence): string {
	const end = lastConverging(convergence);
	const traces = [...convergence.traces.values()].map((trace) => trace.slice(0, end));
	const last = Math.max(2, ...traces.map((trace) => trace.length));
	const logs = traces.flat();
	const limit = Math.log10(TOLERANCE);
	const low = Math.floor(Math.min(limit - 1, ...logs));
	const high = Math.ceil(Math.max(limit + 1, ...logs));
	const x = scale(1, last, STEPS.left, STEPS.right);
	const y = scale(low, high, BOTTOM, TOP);

	const yTicks = ticks(low, high, 7).map(
		(log) => `<line class="grid" x1="${STEPS.left}" x2="${STEPS.right}" y1="${y(log)}" y2="${y(log)}"/>
${text(STEPS.left - 8, y(log) + 4, `10<tspan dy="-4" font-size="8">${String(log).replace("-", "−")}</tspan>`, "tick", "end")}`,
	);
	const xTicks = ticks(1, last, 10).map((i) => text(x(i), BOTTOM + 16, i, "tick"));
	const lines = traces
		.map((trace) => trace.map((log, i) => `${x(i + 1)},${y(log)}`).join(" "))
		.map((points) => `<polyline class="trace" points="${points}"/>`);
	return [
		...yTicks,
		...lines,
		`<line class="limit" x1="${STEPS.left}" x2="${STEPS.right}" y1="${y(limit)}" y2="${y(limit)}"/>`,
		text(STEPS.right, y(limit) + 15, `converged: |step| &lt; ${TOLERANCE}`, "limit-label", "end"),
		...xTicks,
		axes(STEPS, "iteration", "|step|"),
	].join("\n");
}

/** How many problems converged in each iteration. */
function countsPlot(convergence: Convergence): string {
	const last = lastConverging(convergence);
	const counts = convergence.iterations.slice(0, last).map(({ converged }) => converged);
	const high = Math.max(1, ...counts);
	const x = scale(0.5, last + 0.5, COUNTS.left, COUNTS.right);
	const y = scale(0, high * 1.05, BOTTOM, TOP);
	const width = x(2) - x(1);

	const yTicks = ticks(0, high, 6).map(
		(
			count,
		) => `<line class="grid" x1="${COUNTS.left}" x2="${COUNTS.right}" y1="${y(count)}" y2="${y(count)}"/>
${text(COUNTS.left - 8, y(count) + 4, count, "tick", "end")}`,
	);
	const bars = counts.map((count, i) => {
		const left = x(i + 1) - 0.42 * width;
		const height = BOTTOM - y(count);
		return `<rect class="bar" x="${round(left)}" y="${y(count)}" width="${round(0.84 * width)}" height="${round(height)}"/>`;
	});
	const xTicks = ticks(1, last, 10).map((i) => text(x(i), BOTTOM + 16, i, "tick"));
	return [...yTicks, ...bars, ...xTicks, axes(COUNTS, "iterations until converged", "problems")].join("\n");
}

/**
 * Returns the last iteration in which a point converged. After it, only the points that never converge
 * remain.
 */
function lastConverging({ iterations }: Convergence): number {
	const last = iterations.findLast(({ converged }) => converged > 0);
	return last?.number ?? Math.max(1, iterations.length);
}

function axes({ left, right }: { left: number; right: number }, xLabel: string, yLabel: string): string {
	const middle = (TOP + BOTTOM) / 2;
	return `<path class="axis" d="M${left} ${TOP}V${BOTTOM}H${right}"/>
${text((left + right) / 2, BOTTOM + 40, xLabel)}
<g transform="translate(${left - 46} ${middle}) rotate(-90)">${text(0, 0, yLabel)}</g>`;
}

function text(x: number, y: number, content: string | number, style = "", anchor = "middle"): string {
	return `<text x="${round(x)}" y="${round(y)}" class="${style}" text-anchor="${anchor}">${content}</text>`;
}

function scale(from: number, to: number, start: number, end: number): (value: number) => number {
	return (value) => round(start + ((value - from) / (to - from)) * (end - start));
}

/** Returns round numbers between two bounds, at most about `count` of them. */
function ticks(from: number, to: number, count: number): number[] {
	const distance = TICK_CANDIDATES.find((candidate) => (to - from) / candidate <= count) ?? to - from;
	const first = Math.ceil(from / distance);
	return Array.from({ length: Math.floor(to / distance) - first + 1 }, (_, i) => (first + i) * distance);
}

function round(value: number): number {
	return Math.round(value * 10) / 10;
}
