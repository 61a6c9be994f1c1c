/** Imports point one way: nothing in a cycle, and each room knows only those before it in this list. */
const rooms = [
	"terminal/",
	"errors.ts",
	"events.ts",
	"values/",
	"verify/",
	"host/",
	"core/",
	"waiting/",
	"attachment/",
	"objects/",
	"memory/",
	"sync/",
	"collections/",
	"queue/",
	"handles/",
	"inspect/",
	"region-contents.ts",
	"region.ts",
	"index.ts",
	"assets.ts",
	"esbuild.ts",
	"serve/",
	"workflow/",
	"doctor/",
	"runner/",
	"export/",
	"top/",
	"cli/",
];

const oneWay = rooms.slice(0, -1).map((room, index) => ({
	name: `${room} stands below`,
	severity: "error",
	from: { path: `^src/${room}` },
	to: { path: `^src/(${rooms.slice(index + 1).join("|")})` },
}));

export default {
	forbidden: [
		{ name: "no cycles", severity: "error", from: {}, to: { circular: true } },
		{
			name: "every room is in the list",
			severity: "error",
			from: {},
			to: { path: "^src/", pathNot: `^src/(${rooms.join("|")}|globals\\.d\\.ts)` },
		},
		{
			name: "every room that imports is in the list",
			severity: "error",
			from: { path: "^src/", pathNot: `^src/(${rooms.join("|")}|globals\\.d\\.ts)` },
			to: {},
		},
		{
			name: "the library knows of the core only its layout",
			severity: "error",
			from: { path: "^src/" },
			to: { path: "^assembly/", pathNot: "^assembly/layout\\.ts$" },
		},
		{
			name: "the core knows nothing else",
			severity: "error",
			from: { path: "^assembly/" },
			to: { pathNot: "^assembly/" },
		},
		...oneWay,
	],
	options: {
		tsPreCompilationDeps: true,
		tsConfig: { fileName: "tsconfig.json" },
		doNotFollow: { path: "node_modules" },
	},
};
