/** The formats that `dhmem export` can write. */
export const formatNames = ["compose", "kubernetes"] as const;
export type FormatName = (typeof formatNames)[number];
