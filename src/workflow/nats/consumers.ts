/** The consumers of a stream on the server: one for each opening of its receiver, named with its epoch. */
import { DhmemError } from "../../errors.js";
import type { Endpoint } from "./endpoint.js";
import { codeOf } from "./stream.js";

/** The error for a receiver that was replaced by another. */
export function taken(link: string): DhmemError {
	return new DhmemError(
		"DHMEM_ENDPOINT_TAKEN",
		`Another process receives from ${link} now; run each task only once at a time`,
	);
}

export function nameOf(epoch: number): string {
	return `r${epoch}`;
}

/** Deletes the consumers of older epochs. @throws DHMEM_ENDPOINT_TAKEN if there is one of a newer epoch */
export async function removeOlder({ session, names, epoch }: Endpoint): Promise<void> {
	const { consumers } = session.manager;
	for await (const { name } of consumers.list(names.stream)) {
		if (Number(name.slice(1)) > epoch) {
			throw taken(names.link);
		}
		await consumers.delete(names.stream, name).catch((error) => {
			if (codeOf(error) !== 10014) throw error;
		});
	}
}
