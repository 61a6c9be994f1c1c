/** The functions of the C library that the shim and the library for C use. */
import { execFileSync } from "node:child_process";

const counted = [
	"close fallocate fchmod fchown fcntl ftruncate getrandom link linkat madvise mkfifo mmap munmap open pread",
	"pthread_create read rename sigaction syscall unlink write",
];

/** Only in the library for C: `c/calls.c`. */
const countedInC = [
	"epoll_create1 epoll_ctl eventfd fopen getcwd gethostname nanosleep opendir readdir stat statfs timerfd_create",
	"timerfd_settime",
];

const others = [
	// Memory and text.
	"asprintf calloc dprintf free memcpy memset snprintf strdup __strdup strerror strlen strrchr __errno_location",
	// These concern only this process, and nothing is lost with them.
	"abort clock_gettime dladdr dlopen dlsym getpid raise signal sigaddset sigdelset sigemptyset sigfillset sysconf",
	"pthread_attr_destroy pthread_attr_init pthread_attr_setstacksize pthread_cond_broadcast pthread_cond_destroy",
	"pthread_cond_init pthread_cond_timedwait pthread_cond_wait pthread_condattr_destroy pthread_condattr_init",
	"pthread_condattr_setclock pthread_join pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock",
	"pthread_mutex_trylock pthread_mutex_unlock pthread_once pthread_sigmask sched_yield sigismember sigtimedwait",
];

const othersInC = [
	"__assert_fail __isoc99_sscanf _longjmp _setjmp malloc memcmp memmove realloc stpcpy strchr strcmp strcspn strncmp",
	"strndup strnlen strspn strtok_r strtoul strtoull vsnprintf",
	"__register_atfork __tls_get_addr closedir fclose fread getenv geteuid time",
];

/** The imports of a library that are neither counted as steps nor known to make no system call that matters here. */
export function unknownImports(library: string, isForC = false): string[] {
	const lines = [...counted, ...others, ...(isForC ? [...countedInC, ...othersInC] : [])];
	const known = new Set(lines.flatMap((line) => line.split(" ")));
	const imported = execFileSync("nm", ["-D", "--undefined-only", library], { encoding: "utf8" })
		.split("\n")
		.filter((line) => / U /.test(line))
		.map((line) => line.replace(/.* U /, "").replace(/@.*/, ""))
		.filter((name) => !name.startsWith("napi_"));
	if (imported.length <= 20) throw new Error(`${library} imports only ${imported.join()}`);
	return imported.filter((name) => !known.has(name));
}
