"""The machine with nothing of Debian on it that could help: apt, dpkg and gpg are not there, nor are their folders."""

from __future__ import annotations

PROGRAMS = ("apt", "apt-get", "apt-cache", "apt-config", "dpkg", "dpkg-deb", "dpkg-query", "gpg", "gpgv", "gpg-agent", "sq", "sqv")
FOLDERS = ("/etc/apt", "/var/lib/apt", "/var/cache/apt", "/var/lib/dpkg", "/usr/share/keyrings", "/usr/lib/apt")

HIDE = f"""
set -e
for name in {" ".join(PROGRAMS)}; do
    for folder in /usr/bin /usr/local/bin; do
        [ ! -e $folder/$name ] || mount --bind /dev/null $folder/$name
    done
done
for folder in {" ".join(FOLDERS)}; do
    [ ! -d $folder ] || mount -t tmpfs tmpfs $folder
done
exec "$@"
"""

HIDDEN = ("unshare", "--mount", "sh", "-c", HIDE, "sh")
"""Before a command: it runs where all that is hidden; of the machine's other programs nothing changes. It takes root."""
