/** The contract of transports, for NATS. */
import { contract } from "./contract.js";
import { Server } from "./server.js";

const server = await Server.start();
contract(
	"NATS",
	() => ({ DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address }),
	(run) => server.prepare(run),
	() => server[Symbol.asyncDispose](),
);
