/** The child of `fork.ts`. */
import { answerOrders } from "./events.js";

/** The number of messages that may wait to be written to the socket. */
const AT_ONCE = 64;
let sent = 0;

process.once("disconnect", () => process.exit(1));
answerOrders(process, (message) => {
	if (++sent % AT_ONCE !== 0) return void process.send?.(message);
	return new Promise<void>((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
});
process.send?.("ready");
