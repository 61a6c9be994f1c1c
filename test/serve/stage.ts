/** What the tests of `dhmem serve` work with: a server in this process, and requests to it. */
import { once } from "node:events";
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { text } from "node:stream/consumers";
import type { RegionOptions } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ReadRegion } from "../../src/inspect/watcher.js";
import type { Report } from "../../src/serve/sampler.js";
import { RegionServer } from "../../src/serve/server.js";
import { directory, openRegion } from "../fixture/index.js";

export interface Answer {
	status: number | undefined;
	headers: IncomingHttpHeaders;
	body: string;
}

/** Asks a server, under any host's name. The path is sent as it is. */
export async function ask(
	url: string,
	path: string,
	{ method = "GET", headers = {} }: { method?: string; headers?: OutgoingHttpHeaders } = {},
): Promise<Answer> {
	const { hostname, port } = new URL(url);
	const asked = request({ hostname, port, path, method, headers, agent: false });
	asked.end();
	const [response] = await once(asked, "response");
	return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

/** A test with a server of the regions in the test's folder. */
export function serverTest(title: string, body: (url: string) => Promise<void>): void {
	test(title, async () => {
		const server = await RegionServer.start({ directory, trust: "any", port: 0 });
		try {
			await body(server.url);
		} finally {
			server.close();
		}
	});
}

export async function reportOf(url: string): Promise<Report> {
	const { status, body } = await ask(url, "/report.json");
	assert.is(status, 200, body);
	return JSON.parse(body) as Report;
}

/** Asks until the report is as wanted: a report answers for a moment. */
export async function reportWhen(url: string, isWanted: (report: Report) => boolean): Promise<Report> {
	for (;;) {
		const report = await reportOf(url);
		if (isWanted(report)) return report;
	}
}

/** A region of a report that could be read. */
export function readable({ regions }: Report, name: string): ReadRegion {
	const region = regions.find((each) => each.name === name);
	if (region === undefined || region.error !== undefined) throw new Error(`${name} can't be read`);
	return region;
}

export const open = (name: string, options: RegionOptions = {}) =>
	openRegion(name, { size: "4MiB", ...options });
