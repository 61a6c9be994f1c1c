/** The names and types that both sides of the queue share. */
export const QUEUE = "means";

/** A job takes 100 bytes in Redis, however large its block is. */
export interface MeanJob {
	/** The handle of a block of doubles in the region. */
	readonly token: string;
}

export const REGION = process.env.JOBS_REGION ?? "job-queue";

/** The Redis server, at its socket or at the usual port of this machine. */
export const connection =
	process.env.REDIS_SOCKET === undefined ? { host: "localhost" } : { path: process.env.REDIS_SOCKET };
