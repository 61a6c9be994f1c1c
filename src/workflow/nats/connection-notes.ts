/** Says when the server is gone for longer than a moment, and when it is there again. */
import { clearTimeout, setTimeout } from "node:timers";
import type { Session } from "./session.js";

/** Milliseconds: the client connects again at once to a server that is there. */
const MOMENT = 2000;

export function noteConnection(session: Session, note: (text: string) => void): void {
	let timer: NodeJS.Timeout | undefined;
	let isTold = false;
	session.onDisconnect(() => {
		clearTimeout(timer);
		timer = setTimeout(() => {
			if (isTold || session.connection.isClosed()) return;
			isTold = true;
			note(
				`no connection to the NATS server at ${session.address} any more; the links that use it wait until it is back, and ` +
					"lose nothing",
			);
		}, MOMENT).unref();
	});
	session.onReconnect(() => {
		clearTimeout(timer);
		if (isTold) note(`the NATS server at ${session.address} is back`);
		isTold = false;
	});
}
