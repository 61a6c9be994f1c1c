/** A process that answers each message, and looks for the next one without sleeping. */
import { Region } from "dhmem";
import { serve } from "../fixture/index.js";

async function echo(_talk: unknown, directory: string, how: string): Promise<void> {
	using region = Region.open("waiting", { directory });
	using pings = region.queue("ping").consumer({ spin: 1000 });
	using pongs = region.queue("pong").producer({ spin: 1000 });
	for (;;) {
		using ping = how === "sync" ? pings.receiveSync() : await pings.receive();
		if (ping === undefined) return;
		pongs.trySend(ping.bytes);
	}
}

serve(import.meta.url, { echo });
