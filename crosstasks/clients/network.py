"""Look: what programs are told of the user's proxies and authorities, where they do not ask the environment for it themselves.

A machine behind a proxy that opens TLS has ``https_proxy`` and ``SSL_CERT_FILE`` set: OpenSSL, rustup, uv, new pip and the cargo of
rust-lang.org ask no more. What was seen to ask otherwise, and what each is told instead::

    pip before 24.2        PIP_CERT
    Debian's cargo         CARGO_HTTP_CAINFO (its libcurl is built with GnuTLS)
    git                    GIT_SSL_CAINFO
    requests               registry_api.trusting: registries, and Debian's archive
    a container            a copy in its CARGO_HOME, by dependencies and environment

A tool's own setting wins, in its variable, or in the file of the user or the machine that it reads on Linux.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..core.files import read

PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")

CERTIFICATES: Final = "certificates.pem"
"""The authorities' file in a container's CARGO_HOME."""

TOOLS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "PIP_CERT": (
        r"(?m)^[ \t]*+cert[ \t]*+[=:]",
        ("{PIP_CONFIG_FILE}", "{prefix}/pip.conf", "{HOME}/.config/pip/pip.conf", "{HOME}/.pip/pip.conf", "/etc/pip.conf"),
    ),
    "CARGO_HTTP_CAINFO": (r"\bcainfo\b", ("{CARGO_HOME}/config.toml", "{CARGO_HOME}/config")),
    "GIT_SSL_CAINFO": (r"(?i)sslcainfo", ("{HOME}/.gitconfig", "{HOME}/.config/git/config", "/etc/gitconfig")),
}
"""By a tool's variable, how the same stands in its files, and where these lie."""


def authorities(environ: Mapping[str, str]) -> str:
    """Return the file of the authorities that the user trusts, ``SSL_CERT_FILE``; empty if none is named, or it is not there."""
    file = environ.get("SSL_CERT_FILE", "")
    return file if file and Path(file).is_file() else ""


def proxies(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the variables that speak of proxies, as the user has them and in small letters."""
    names = [name for name in environ if name.lower() in PROXIES]
    return tuple(dict.fromkeys((*names, *map(str.lower, names))))


def root_cause(error: BaseException) -> str:
    """Return what is at the bottom of a chain of errors, which is what went wrong; what is raised ``from None`` is the bottom."""
    while (inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = inner
    return str(error)


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what every program is given besides the user's environment.

    ===================  ==================================================  ==============================
    the user has         programs are given                                  unless
    ===================  ==================================================  ==============================
    ``HTTPS_PROXY``      ``https_proxy`` with the same value                 it is set; likewise the others
    ``SSL_CERT_FILE``    the variable of each of ``TOOLS`` with the same     it is set, or the tool's file
                         value                                               names another
    ===================  ==================================================  ==============================
    """
    small = {name.lower(): environ[name] for name in proxies(environ) if name in environ and name.lower() not in environ}
    file = authorities(environ)
    certificates = {name: file for name in TOOLS if file and name not in environ and not _has_setting(name, environ)}
    return small | certificates


def _has_setting(name: str, environ: Mapping[str, str]) -> bool:
    pattern, files = TOOLS[name]
    if name == "PIP_CERT" and environ.get("PIP_CONFIG_FILE") == os.devnull:  # pip then reads none of its files
        return False
    home = environ.get("HOME", "")
    places = {
        "HOME": home,
        "CARGO_HOME": environ.get("CARGO_HOME") or f"{home}/.cargo",
        "PIP_CONFIG_FILE": environ.get("PIP_CONFIG_FILE", ""),
        "prefix": sys.prefix,
    }
    return any(re.search(pattern, read(Path(file.format_map(places)))) for file in files)
