/**
 * Keeps the blocks that the tasks of one region have sent by reference, in the process of their runner: it gives them to
 * receivers, also after a task has ended or was killed and while one is busy, and frees each when its message has left the
 * stream.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import type { Msg } from "@nats-io/transport-node";
import type { Region } from "../../../region.js";
import { dispose } from "../../../values/dispose.js";
import type { Link } from "../../links.js";
import { socketOf } from "../keep-alive.js";
import { namesOf, type StreamNames } from "../names.js";
import type { Session } from "../session.js";
import type { PullSettings } from "../settings.js";
import { fence } from "./fence.js";
import { decodeFull } from "./full.js";
import { writePlace } from "./keeper-place.js";
import { KeptBlocks } from "./kept-blocks.js";
import { Listener, type Source } from "./listener.js";
import { LEAST_PULLED, tokenOf } from "./reference.js";
import { decodeRequest, encodeAnswer, isAllowed, isInside } from "./request.js";
import { partOf } from "./through-server.js";

/** Milliseconds between looks at the streams, beside the receivers' hints. */
const LOOK = 250;
/** Milliseconds after a hint, which the server may give before it has handled what the hint is about. */
const SOON = 10;

export interface Keeping {
	/** The run's name on the server. */
	readonly run: string;
	readonly session: Session;
	/** The links whose senders are in the region. */
	readonly links: readonly Link[];
	readonly settings: PullSettings;
}

export interface KeeperOptions extends Keeping {
	readonly region: Region;
	readonly note: (text: string) => void;
}

interface KeptLink {
	readonly names: StreamNames;
	readonly blocks: KeptBlocks;
	/** While a look is to come, or goes on. */
	look?: NodeJS.Timeout | undefined;
	/** True if there is a reason for another look. */
	isHinted: boolean;
}

export class Keeper implements Source {
	readonly #region: Region;
	readonly #session: Session;
	readonly #links: readonly KeptLink[];
	readonly #secret = randomBytes(32);
	/** Blocks that are in this process only, because the region was full. */
	readonly #moved = new Map<string, Buffer>();
	#listener: Listener | undefined;
	readonly #timer: NodeJS.Timeout;
	readonly #unsubscribe: (() => void)[] = [];
	#isClosed = false;

	private constructor({ region, run, session, links }: KeeperOptions) {
		this.#region = region;
		this.#session = session;
		this.#links = links.map((link) => ({
			names: namesOf(run, link),
			blocks: new KeptBlocks(region, link),
			isHinted: false,
		}));
		this.#timer = setInterval(() => {
			for (const link of this.#links) this.#lookSoon(link);
		}, LOOK);
		for (const link of this.#links) {
			this.#subscribe(link.names.room, (message) => this.#onHint(link, message.string()));
			this.#subscribe(link.names.blocks, (message) => this.#onRequest(message));
		}
	}

	/**
	 * From now on, the tasks of the region send large blocks by reference.
	 *
	 * @returns undefined if there is nothing to keep: then they send all through the server
	 */
	static async open(options: KeeperOptions): Promise<Keeper | undefined> {
		const { region, session, settings, note } = options;
		const links = options.links.filter(({ transport, policy }) => transport === "nats" && policy === "block");
		const { localAddress: host, encrypted } = socketOf(session) ?? {};
		const isLargeEnough = region.lookWith(({ largestBlock }) => largestBlock >= LEAST_PULLED);
		if (settings.isOff || links.length === 0 || host === undefined || !isLargeEnough) return undefined;
		const { address, tls } = settings;
		const isSecure = tls && encrypted === true;
		let keeper: Keeper | undefined;
		try {
			keeper = new Keeper({ ...options, links });
			const listener = await Listener.open({ host, port: address?.port ?? 0, isSecure }, keeper);
			keeper.#listener = listener;
			const announced = { host: address?.host ?? host, port: address?.port ?? listener.port };
			writePlace(region, { ...announced, isSecure, secret: keeper.#secret });
			return keeper;
		} catch (error) {
			keeper?.close();
			note(
				`large blocks go through the NATS server, because this runner can't keep them: ${error instanceof Error ? error.message : error}`,
			);
			return undefined;
		}
	}

	#subscribe(subject: string, onMessage: (message: Msg) => void): void {
		const subscription = this.#session.connection.subscribe(subject, {
			callback: (error, message) => {
				if (error !== null) return;
				try {
					onMessage(message);
				} catch {
					// The region is corrupted, for which its runner ends the run.
				}
			},
		});
		this.#unsubscribe.push(() => subscription.unsubscribe());
	}

	tokenOf(handle: string): Buffer {
		return tokenOf(this.#secret, handle);
	}

	bytesOf(handle: string): Uint8Array | undefined {
		const link = this.#links.find(({ blocks }) => blocks.has(handle));
		return link && (this.#moved.get(handle) ?? link.blocks.bytesOf(handle));
	}

	/** A receiver has released something, or has no room. */
	#onHint(link: KeptLink, text: string): void {
		const wanted = decodeFull(text, this.#region);
		if (wanted > 0) this.#moveOut(wanted);
		this.#lookSoon(link);
	}

	#lookSoon(link: KeptLink): void {
		link.isHinted = true;
		link.look ??= setTimeout(async () => {
			link.isHinted = false;
			await this.#look(link);
			link.look = undefined;
			if (link.isHinted && !this.#isClosed) this.#lookSoon(link);
		}, SOON);
	}

	/** A receiver can't connect, and asks for a part of a block. */
	#onRequest(message: Msg): void {
		const request = Buffer.from(message.data);
		const asked = decodeRequest(request);
		if (asked === undefined) return;
		const { handle, at, length } = asked;
		const token = this.tokenOf(handle);
		if (!isAllowed(request, token)) return;
		const bytes = this.bytesOf(handle);
		const isTooLarge = length > partOf(this.#session.maxPayload);
		if (bytes !== undefined && (isTooLarge || !isInside(asked, bytes.length))) return;
		const here = [encodeAnswer("here", request, token), bytes?.subarray(at, at + length) ?? Buffer.alloc(0)];
		const answer = Buffer.concat(here);
		fence();
		// If it is there now, it was there while its bytes were copied.
		message.respond(this.bytesOf(handle) === undefined ? encodeAnswer("withdrawn", request, token) : answer);
	}

	/** Takes so many bytes of blocks out of the region, into this process. */
	#moveOut(wanted: number): void {
		let moved = 0;
		for (const { blocks } of this.#links) {
			for (const { handle, length } of blocks.all()) {
				if (moved >= wanted) return;
				if (this.#moved.has(handle)) continue;
				const bytes = blocks.bytesOf(handle);
				if (bytes === undefined) continue;
				this.#listener?.cut(handle);
				this.#moved.set(handle, Buffer.from(bytes));
				// Otherwise its send was given up meanwhile.
				if (blocks.freeMemory(handle)) moved += length;
				else this.#moved.delete(handle);
			}
		}
	}

	/** Frees what was released: its message is not in the stream any more. */
	async #look({ names, blocks }: KeptLink): Promise<void> {
		try {
			if (blocks.size === 0 || this.#session.connection.isClosed()) return;
			const { state } = await this.#session.manager.streams.info(names.stream, { deleted_details: true });
			if (this.#isClosed) return;
			const deleted = new Set(state.deleted);
			for (const { handle, position } of blocks.all())
				if (position > 0 && (position < state.first_seq || deleted.has(position))) this.#free(blocks, handle);
			for (const handle of [...this.#moved.keys()])
				if (!this.#links.some((each) => each.blocks.has(handle))) this.#moved.delete(handle);
		} catch {
			// The server does not answer now. If the stream is gone, the tasks say so, and the runner if the region is corrupted.
		}
	}

	#free(blocks: KeptBlocks, handle: string): void {
		this.#listener?.cut(handle);
		blocks.free(handle);
		this.#moved.delete(handle);
	}

	/** Nobody needs a block any more. */
	close(): void {
		this.#isClosed = true;
		clearInterval(this.#timer);
		for (const unsubscribe of this.#unsubscribe) unsubscribe();
		for (const { look } of this.#links) clearTimeout(look);
		this.#listener?.close();
		try {
			for (const { blocks } of this.#links) for (const { handle } of blocks.all()) this.#free(blocks, handle);
		} catch {
			// What can't be freed goes with the region.
		}
	}

	[dispose](): void {
		this.close();
	}
}
