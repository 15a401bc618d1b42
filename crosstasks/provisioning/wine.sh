#!/bin/sh
# Run a program for Windows under Debian's wine.
#     wine.sh PROGRAM [ARGUMENT]...
# wine keeps Windows's drive and registry in a folder: here one for each container and user. When it first starts it would copy its
# libraries there, 640 MB in ten seconds. We link them, and enter in the registry what wine.inf says, but for those copies.
here=$(dirname "$0")
dlls=/usr/lib/$(uname -m)-linux-gnu/wine/x86_64-windows
home=${TMPDIR:-/tmp}/crosstasks-wine-$(id -u)
system=$home/prefix/drive_c/windows/system32
gnu=x86_64-w64-mingw32

export HOME="$home" WINEPREFIX="$home/prefix" WINEDEBUG="${WINEDEBUG:--all}" WINEDLLOVERRIDES="${WINEDLLOVERRIDES:-mscoree,mshtml=}"
# libraries of C++ and threads, and those that cargo has built, which it names as for the machine that compiles
WINEPATH="$(echo /usr/lib/gcc/$gnu/*-posix);/usr/$gnu/lib;$(echo "$LD_LIBRARY_PATH" | tr : ';')"
export WINEPATH

make_prefix() {
    mkdir -p "$system" "$WINEPREFIX/dosdevices"
    ln -s ../drive_c "$WINEPREFIX/dosdevices/c:"
    ln -s / "$WINEPREFIX/dosdevices/z:"
    # zlib1.dll is where a maintainer script of wine's would link it from
    ln -s "$dlls"/* "$system"
    [ -e "$system/zlib1.dll" ] || ln -sf "/usr/$gnu/lib/zlib1.dll" "$system"
    [ -e "$system/bcryptprimitives.dll" ] ||
        "$gnu-gcc" -O1 -shared -o "$system/bcryptprimitives.dll" "$here/bcryptprimitives.c" -ladvapi32
    echo disable > "$WINEPREFIX/.update-timestamp"
    sed '/^WineFakeDlls=/d' /usr/share/wine/wine.inf > "$home/wine.inf"
    # it stays until the container ends, and nothing that a test has opened stays open in it
    /usr/lib/wine/wineserver -p
    /usr/lib/wine/wine64 rundll32.exe setupapi,InstallHinfSection DefaultInstall 128 "Z:$home/wine.inf"
    # wine.inf says Windows 7, for which Rust has no programs any more
    /usr/lib/wine/wine64 winecfg.exe /v win10
}

if [ ! -e "$home/ready" ]; then
    mkdir -p "$home"
    # tests may start side by side: one makes it, the others wait
    if mkdir "$home/lock" 2>/dev/null; then
        make_prefix < /dev/null > "$home/log" 2>&1
        touch "$home/ready"
    fi
    left=600
    while [ ! -e "$home/ready" ] && [ "$left" -gt 0 ]; do
        sleep 0.1
        left=$((left - 1))
    done
fi
exec /usr/lib/wine/wine64 "$@"
