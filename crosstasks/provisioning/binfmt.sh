# Take an entry out of the kernel's table of foreign programs, and put another in its place.
# Given: the entry's name, and the line that registers it; an empty line only takes it out.
set -eu
busybox mkdir -p /table
busybox mount -t binfmt_misc binfmt_misc /table
if [ -e "/table/$1" ]; then echo -1 >"/table/$1"; fi
if [ -n "$2" ]; then
    printf %s "$2" >/table/register
    busybox cat "/table/$1"
fi
