#!/bin/sh
# Run spawn.c, beside this file, compiled when it is first wanted: the image's own compiler knows the image's machine.
# Where that fails the plain emulator runs the program, and only what the program starts cannot be run.
#     spawn.sh EMULATOR [OPTION]... -- PROGRAM [ARGUMENT]...
here=$(dirname "$0")
keep=$here
[ -w "$here" ] || keep=${TMPDIR:-/tmp}
tool=$keep/spawn-$(uname -m)
if [ ! -x "$tool" ] || [ "$here/spawn.c" -nt "$tool" ]; then
    made=$(mktemp "$tool.XXXXXX") && gcc -O1 -o "$made" "$here/spawn.c" && chmod 755 "$made" && mv -f "$made" "$tool" || rm -f "$made"
fi
[ -x "$tool" ] && exec "$tool" "$@"
left=$#
dashes=
while [ "$left" -gt 0 ]; do
    word=$1
    shift
    if [ -z "$dashes" ] && [ "$word" = -- ]; then dashes=seen; else set -- "$@" "$word"; fi
    left=$((left - 1))
done
exec "$@"
