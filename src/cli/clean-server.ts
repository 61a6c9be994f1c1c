/** `dhmem clean --server`. */
import { toJson } from "../terminal/escape.js";
import { formatSize } from "../terminal/format-size.js";
import { clearLeftOvers } from "../workflow/nats/left-over.js";
import { readServer } from "../workflow/nats/settings.js";
import { fromUser } from "./usage-error.js";

/** @param address true for the one in the environment */
export async function cleanServer(
	address: string | true,
	{ dryRun, json }: { dryRun: boolean; json: true | undefined },
): Promise<void> {
	const variables = address === true ? process.env : { ...process.env, DHMEM_NATS: address };
	const server = fromUser(() => readServer(variables));
	const found = await clearLeftOvers(server, dryRun);
	if (json) console.log(toJson(found));
	else {
		for (const { run, streams, bytes } of found) {
			console.log(
				`${run}: ${dryRun ? "would be " : ""}removed (${streams.length} streams, ${formatSize(bytes)}), because nobody ` +
					"takes part in it any more",
			);
		}
	}
}
