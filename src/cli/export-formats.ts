/** The formats that `dhmem export` can write, and its options. */
export const formatNames = ["compose", "kubernetes"] as const;
export type FormatName = (typeof formatNames)[number];

export interface ExportOptions {
	withNats?: true;
}
