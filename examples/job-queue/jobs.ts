/** What both sides of the queue agree on. */
export const QUEUE = "means";

/** A job is 100 bytes in Redis, however large the block is that its token stands for. */
export interface MeanJob {
	/** The handle of a block of doubles in the region. */
	readonly token: string;
}

export const REGION = process.env.JOBS_REGION ?? "job-queue";

/** The Redis server: by its socket, or on this machine at the usual port. */
export const connection =
	process.env.REDIS_SOCKET === undefined ? { host: "localhost" } : { path: process.env.REDIS_SOCKET };
