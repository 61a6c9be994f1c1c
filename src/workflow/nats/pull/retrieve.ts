/**
 * Gets a block that was sent by reference: from the region, if it is its sender's too; from the keeper of its sender; or
 * through the server, where that one can't be reached.
 */

import { pull } from "./puller.js";
import type { Retrieval, Retrieved } from "./retrieval.js";
import { copyFromRegion } from "./same-region.js";
import { pullThroughServer } from "./through-server.js";

export async function retrieve(retrieval: Retrieval): Promise<Retrieved> {
	const { region, reference, target, signal, isPullOff, addresses } = retrieval;
	const address = `${reference.host}:${reference.port}`;
	if (!isPullOff) {
		if (await copyFromRegion(region, reference.handle, target, signal)) return "whole";
		if (!signal.aborted && addresses.get(address) !== "unreachable") {
			const pulled = await pull(reference, target, signal);
			if (signal.aborted) return "closed";
			addresses.set(address, pulled === "failed" && !addresses.has(address) ? "unreachable" : "reached");
			if (pulled !== "failed") return pulled;
		}
	}
	return pullThroughServer(retrieval);
}
