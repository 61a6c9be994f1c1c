/** The thread of `message-port.ts`. */
import { type MessagePort, parentPort } from "node:worker_threads";
import { answerOrders } from "./events.js";

/** The number of messages that are posted before the thread lets the event loop turn. */
const AT_ONCE = 1024;
let posted = 0;

const port = parentPort as MessagePort;
answerOrders(port, (message) => {
	port.postMessage(message);
	return ++posted % AT_ONCE === 0 ? new Promise((resolve) => setImmediate(resolve)) : undefined;
});
port.postMessage("ready");
