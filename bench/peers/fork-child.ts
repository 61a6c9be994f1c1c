/** The child of `fork.ts`. */
import { answerOrders } from "./events.js";

/** Sent before the last one has to be out: what the socket doesn't take yet piles up meanwhile. */
const AT_ONCE = 64;
let sent = 0;

process.once("disconnect", () => process.exit(1));
answerOrders(process, (message) => {
	if (++sent % AT_ONCE !== 0) return void process.send?.(message);
	return new Promise<void>((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
});
process.send?.("ready");
