# For other scripts, which source it: builds the library for C, and the package for Python over it, into $folder, faster than a
# wheel. Sets $library, the folder of the sources of the library for C.
# shellcheck shell=bash
node --input-type=module - "$folder/python" <<'PROGRAM'
import { stage } from "./scripts/pack-python.mjs";

stage(process.argv[2]);
PROGRAM
library=$folder/python/libdhmem
include=$(cd "$folder" && python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')
# shellcheck disable=SC2046 # Several words.
cc -O1 -w -std=c11 -D_GNU_SOURCE -DDHMEM_BUILD -fno-strict-aliasing -pthread -shared -fPIC \
	$(make -s -C bindings/c core-flags) -I"$library" -I"$library/include" -I"$library/core" -I"$library/host" \
	"$library"/*/*.c -o "$folder/libdhmem.so" -ldl
cc -O1 -w -std=c11 -D_GNU_SOURCE -shared -fPIC -I"$include" -I"$library/include" "$folder"/python/native/*.c \
	"$folder/libdhmem.so" -o "$folder/python/dhmem/_native.so"
