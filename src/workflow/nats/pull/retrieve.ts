/**
 * Gets a block that was sent by reference: from the region, if it is its sender's too; from its sender; or from the server
 * where that can't be.
 */
import { pull } from "./puller.js";
import type { Retrieval, Retrieved } from "./retrieval.js";
import { copyFromRegion } from "./same-region.js";
import { readUploaded } from "./uploaded.js";

export async function retrieve(retrieval: Retrieval): Promise<Retrieved> {
	const { region, reference, target, signal, isPullOff, addresses } = retrieval;
	const { handle } = reference;
	if (!isPullOff && handle !== undefined) {
		if (await copyFromRegion(region, handle, target, signal)) return "whole";
		if (signal.aborted) return "closed";
	}
	const address = `${reference.host}:${reference.port}`;
	if (!isPullOff && addresses.get(address) !== "unreachable") {
		const pulled = await pull(reference, target, signal);
		if (signal.aborted) return "closed";
		addresses.set(address, pulled === "failed" && !addresses.has(address) ? "unreachable" : "reached");
		if (pulled !== "failed") return pulled;
	}
	return readUploaded(retrieval);
}
