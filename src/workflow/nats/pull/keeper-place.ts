/**
 * Where the keeper of a region is, and its secret. It is in the region, which the same users can read that may have the
 * blocks.
 */
import { Buffer } from "node:buffer";
import type { Region } from "../../../region.js";
import { type Reference, tokenOf } from "./reference.js";

const NAME = "#keeper";
const MOST_BYTES = 512;

export interface KeeperPlace {
	/** What receivers connect to. */
	readonly host: string;
	readonly port: number;
	readonly isSecure: boolean;
	readonly secret: Buffer;
}

export function writePlace(region: Region, { host, port, isSecure, secret }: KeeperPlace): void {
	const { data } = region.array(NAME, { dtype: "u8", shape: [MOST_BYTES] });
	data.set(Buffer.from(JSON.stringify([host, port, isSecure, secret.toString("base64")])));
}

/** Undefined if the region has no keeper. */
export function readPlace(region: Region): KeeperPlace | undefined {
	if (!region.entries().some(({ name }) => name === NAME)) return undefined;
	const { data } = region.array(NAME);
	const text = Buffer.from(data as Uint8Array)
		.toString()
		.replace(/\0+$/, "");
	const [host, port, isSecure, secret] = JSON.parse(text);
	return { host, port, isSecure, secret: Buffer.from(secret, "base64") };
}

export function referenceTo({ host, port, isSecure, secret }: KeeperPlace, handle: string): Reference {
	return { host, port, isSecure, handle, token: tokenOf(secret, handle) };
}
