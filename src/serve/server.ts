/** The server of `dhmem serve`: a page, what it polls, and metrics, for this machine only. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DhmemError } from "../errors.js";
import type { Trust } from "../host/trust.js";
import { isRegionName } from "../values/arguments.js";
import { contentTypes, type MetricsFormat, metrics } from "./metrics.js";
import { Sampler } from "./sampler.js";

const ADDRESS = "127.0.0.1";

/**
 * The names by which a browser on this machine, or behind a tunnel to it, calls the server. Another name means
 * that a foreign page has made the browser resolve its own name to this machine, to read what is served here.
 */
const OWN_NAME = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;

const PAGE = new URL("../../../src/serve/page/", import.meta.url);
const files = new Map([
	["/", { name: "index.html", type: "text/html" }],
	["/style.css", { name: "style.css", type: "text/css" }],
	["/icon.svg", { name: "icon.svg", type: "image/svg+xml" }],
	...[
		"main.js",
		"elements.js",
		"format.js",
		"history.js",
		"regions.js",
		"region.js",
		"queue-card.js",
		"drawings.js",
	].map((name) => [`/${name}`, { name, type: "text/javascript" }] as const),
]);

/** The page loads nothing from elsewhere, and text can't become markup. */
const headers = {
	"Content-Security-Policy":
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	"Cross-Origin-Opener-Policy": "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy": "no-referrer",
	"X-Content-Type-Options": "nosniff",
	"Cache-Control": "no-store",
};

interface Answer {
	status?: number;
	type: string;
	body: string | Buffer;
}

export interface ServeOptions {
	directory: string;
	trust: Trust;
	/** 0 takes any free port. */
	port: number;
}

export class RegionServer {
	readonly #server: Server;
	readonly #sampler: Sampler;
	readonly #page = new Map<string, Answer>();

	private constructor({ directory, trust }: ServeOptions) {
		this.#sampler = new Sampler(directory, trust);
		for (const [path, { name, type }] of files)
			this.#page.set(path, { type: `${type}; charset=utf-8`, body: readFileSync(new URL(name, PAGE)) });
		this.#server = createServer((request, response) => this.#onRequest(request, response));
	}

	/**
	 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION: the folder can't be listed; an error with the code EADDRINUSE or
	 * EACCES: the port can't be had
	 */
	static async start(options: ServeOptions): Promise<RegionServer> {
		const server = new RegionServer(options);
		// A folder that can't be listed is an error now, not at each request.
		server.#sampler.sample();
		server.#sampler.close();
		server.#server.listen(options.port, ADDRESS);
		await once(server.#server, "listening");
		return server;
	}

	get url(): string {
		const { port } = this.#server.address() as AddressInfo;
		return `http://${ADDRESS}:${port}/`;
	}

	/** Ends, together with the requests under way. */
	close(): void {
		this.#server.close();
		this.#server.closeAllConnections();
		this.#sampler.close();
	}

	#onRequest(request: IncomingMessage, response: ServerResponse): void {
		const { status = 200, type, body } = this.#answer(request);
		response.writeHead(status, {
			...headers,
			...(status === 405 ? { Allow: "GET, HEAD" } : {}),
			"Content-Type": type,
			"Content-Length": Buffer.byteLength(body),
		});
		response.end(request.method === "HEAD" ? undefined : body);
	}

	#answer(request: IncomingMessage): Answer {
		const { method = "", headers } = request;
		if (!OWN_NAME.test(headers.host ?? ""))
			return inText(
				403,
				"This server answers to localhost and 127.0.0.1 only; call it by one of these names",
			);
		if (method !== "GET" && method !== "HEAD")
			return inText(405, "This server is only for looking; use GET or HEAD");
		try {
			return (
				this.#resource(request) ?? inText(404, "There is nothing here; the page is at /, metrics at /metrics")
			);
		} catch (error) {
			if (error instanceof DhmemError) return inText(503, `${error.message} (${error.code})`);
			console.error("dhmem serve:", error);
			return inText(500, "This failed; the server's standard error says why");
		}
	}

	/** Undefined if there is no such resource. */
	#resource({ url = "", headers }: IncomingMessage): Answer | undefined {
		const [path = "", query = ""] = url.split("?", 2);
		switch (path) {
			case "/metrics": {
				const { snapshot, seconds } = this.#sampler.sample();
				const format = formatFor(headers.accept);
				return { type: contentTypes[format], body: metrics(snapshot, seconds, format) };
			}
			case "/report.json":
				return inJson(this.#sampler.report());
			case "/memory.json":
				return this.#memory(new URLSearchParams(query).get("region") ?? "");
			default:
				return this.#page.get(path);
		}
	}

	#memory(region: string): Answer | undefined {
		if (!isRegionName(region)) return undefined;
		try {
			return inJson(this.#sampler.memory(region));
		} catch (error) {
			if (error instanceof DhmemError && error.code === "DHMEM_NOT_FOUND") return undefined;
			throw error;
		}
	}
}

/** OpenMetrics, unless the client takes plain text and does not know OpenMetrics. */
function formatFor(accept = "*/*"): MetricsFormat {
	const isOld = accept.includes("text/plain") && !accept.includes("application/openmetrics-text");
	return isOld ? "prometheus" : "openmetrics";
}

function inJson(value: unknown): Answer {
	return { type: "application/json; charset=utf-8", body: JSON.stringify(value) };
}

function inText(status: number, text: string): Answer {
	return { status, type: "text/plain; charset=utf-8", body: `${text}\n` };
}
