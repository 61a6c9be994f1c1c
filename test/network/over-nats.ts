/** The contract of transports, for NATS: as a user with credentials and the permissions in the documents. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contract } from "./contract.js";
import { Operator } from "./operator.js";
import { Server } from "./server.js";

const folder = mkdtempSync(join(tmpdir(), "dhmem-credentials-"));
const DHMEM_NATS_CREDS = join(folder, "user.creds");
const operator = new Operator();
writeFileSync(DHMEM_NATS_CREDS, operator.credentials());
const server = await Server.start({
	configuration: operator.configuration,
	login: { DHMEM_NATS_CREDS },
});
contract(
	"NATS",
	() => ({ DHMEM_TRANSPORT: "nats", ...server.variables }),
	(run) => server.prepare(run),
	async () => {
		await server[Symbol.asyncDispose]();
		rmSync(folder, { recursive: true });
	},
);
