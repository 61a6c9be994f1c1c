/** For tests that give up root in a process of their own. */
import { Region } from "../src/index.js";

/**
 * Becomes an ordinary user. All of the package is loaded before, since it may lie where only root can read: below
 * root's home.
 */
export function becomeUser(user: number, group = user): void {
	Region.temporary({ directory: "/dev/shm", size: "1MiB" }).close();
	process.setgroups?.([]);
	process.setgid?.(group);
	process.setuid?.(user);
}
