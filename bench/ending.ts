/** Functions to call if the driver ends early, by a signal or an error, so that no process outlives it. */
export const endings = new Set<() => void>();

process.once("exit", () => {
	for (const end of endings) end();
});
