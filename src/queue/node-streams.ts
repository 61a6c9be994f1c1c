/** Node's streams, as types. In a project without `@types/node` they are `any`, and the rest compiles. */
// biome-ignore lint/suspicious/noTsIgnore: there is an error only in such projects.
/** @ts-ignore The module may have no types there. */
export type { Readable, Writable } from "node:stream";
