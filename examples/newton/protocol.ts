/**
 * What the three tasks say to one another. Every message is a batch of doubles: a header, then one group
 * of doubles for each point, in the order in which the guesses were sent.
 *
 *              header           each point
 *   guesses    batch            a, b, c, x               steer    → evaluate
 *   values     batch            y, y'                    evaluate → steer
 *   progress   run, problems    problem, iteration, step steer    → visualize
 *
 * End of stream passes along the same way: steer ends `guesses` when nothing is left to ask, evaluate then
 * ends `values`, and steer then ends `progress`. So each queue is drained, end and all, before the run is over,
 * and the next run in the same region starts clean.
 */
export const GUESSES = "guesses";
export const VALUES = "values";
export const PROGRESS = "progress";

/** Doubles before the first point of a message. */
export const HEADER = { guesses: 1, values: 1, progress: 2 } as const;

/** Doubles for each point of a message. */
export const STRIDE = { guesses: 4, values: 2, progress: 3 } as const;

/** Points in a message at most, so that many problems are many messages of 8 KiB and never one huge one. */
export const POINTS_PER_BATCH = 256;

/**
 * Batches that steer has out at a time. More than one keeps both tasks busy; few enough that the guesses and
 * their values always fit their queues, so the two never wait for each other's room at once.
 */
export const BATCHES_IN_FLIGHT = 4;

/** A Newton step smaller than this, and the point has converged. */
export const TOLERANCE = 0.001;

/** Steps after which a point is given up: enough to come in from 2^32 times the distance between the roots. */
export const MAX_ITERATIONS = 32;
