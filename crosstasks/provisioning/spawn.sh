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
# spawned.c is for the target: its own compiler makes that, named like the folder behind -L
gnu=${3##*/}
library=$keep/spawned-$gnu.so
if [ -x "$tool" ] && [ "$2" = -L ] && { [ ! -f "$library" ] || [ "$here/spawned.c" -nt "$library" ]; }; then
    made=$(mktemp "$library.XXXXXX") && "$gnu-gcc" -O1 -shared -fPIC -o "$made" "$here/spawned.c" -ldl && chmod 755 "$made" &&
        mv -f "$made" "$library" || rm -f "$made"
fi
preload=
[ ! -f "$library" ] || preload=LD_PRELOAD=$library${LD_PRELOAD:+:$LD_PRELOAD}
left=$#
dashes=
while [ "$left" -gt 0 ]; do
    word=$1
    shift
    if [ -z "$dashes" ] && [ "$word" = -- ]; then
        dashes=seen
        [ -z "$preload" ] || [ ! -x "$tool" ] || set -- "$@" -E "$preload"
        [ ! -x "$tool" ] || set -- "$@" --
    else
        set -- "$@" "$word"
    fi
    left=$((left - 1))
done
[ ! -x "$tool" ] || exec "$tool" "$@"
exec "$@"
