/** The contract of transports, for shared memory. `scripts/test-network.sh` tests it for NATS. */
import { contract } from "./contract.js";

contract("shared memory", () => ({}));
