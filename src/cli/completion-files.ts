/** The answer of `dhmem complete` if the word is the name of a file: the shell completes these best. */
export const FILES = ":files";
