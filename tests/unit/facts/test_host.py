"""The machine, read from values and from files in a folder."""

from __future__ import annotations

import os
import sys

import pytest
from facts_looks import LINUX, look
from msgspec.structs import replace

from crosstasks.catalog.machines import arch, debian_name
from crosstasks.catalog.targets import catalogue
from crosstasks.core.looking import Platform
from crosstasks.core.steps import Absent, Question
from crosstasks.facts import Facts, ask
from crosstasks.facts.host import Host, ci, container, container_id, parse


@pytest.mark.parametrize(
    ("platform", "musl", "triple"),
    [
        (LINUX, False, "x86_64-unknown-linux-gnu"),
        (replace(LINUX, bits=32), False, "i686-unknown-linux-gnu"),
        (replace(LINUX, machine="aarch64", glibc=""), True, "aarch64-unknown-linux-musl"),
        (replace(LINUX, machine="aarch64", bits=32), False, "armv7-unknown-linux-gnueabihf"),
        (replace(LINUX, machine="riscv64"), False, "riscv64gc-unknown-linux-gnu"),
        (replace(LINUX, glibc="glibc 2.36"), True, "x86_64-unknown-linux-gnu"),
        (Platform(system="darwin", machine="arm64"), False, "aarch64-apple-darwin"),
    ],
)
def test_the_triple_follows_from_kernel_libc_and_width(platform, musl, triple):
    """The host triple is that of the programs that are usual there, not that of the kernel alone."""
    host = parse(platform, {}, musl=musl)
    assert isinstance(host, Host)
    assert triple == host.triple


def test_the_libc_has_its_version():
    """What Python calls 'glibc 2.36' is libc gnu, version 2.36."""
    host = parse(LINUX, {})
    assert isinstance(host, Host)
    assert ("gnu", "2.36") == (host.libc, host.glibc)


@pytest.mark.parametrize("system", ["win32", "cygwin", "plan9"])
def test_a_system_that_is_no_host_is_absent_with_a_reason(system):
    """A host that is not supported is a reason, not a guess; Windows is told what to do instead."""
    found = parse(Platform(system=system, machine="AMD64"), {})
    why = f"crosstasks runs on Linux, on macOS and in WSL 2 of Windows, not on {system!r}"
    assert found == Absent(why, "WSL 2: https://learn.microsoft.com/windows/wsl")


def test_windows_is_asked_nothing_that_it_does_not_have(monkeypatch, tmp_path):
    """Python has neither uname nor confstr there: the answer is the reason, and no traceback."""
    for name in ("uname", "confstr"):
        monkeypatch.delattr(os, name)
    monkeypatch.setattr(sys, "platform", "win32")
    found = ask(Question("host"), look(tmp_path, platform=Platform.here), Facts(answers={}))
    assert isinstance(found, Absent)
    assert "WSL 2" in found.why


@pytest.mark.parametrize(
    ("environ", "service"),
    [
        ({}, ""),
        ({"CI": "true"}, "unknown"),
        ({"CI": "1", "GITHUB_ACTIONS": "true"}, "github"),
        ({"GITLAB_CI": "true"}, "gitlab"),
        ({"TF_BUILD": "True"}, "azure"),
        ({"CI": "false"}, ""),
        ({"CI": "0", "GITHUB_ACTIONS": "true"}, ""),
        ({"CI": ""}, ""),
        ({"CIRCLECI": "true"}, "circleci"),
    ],
)
def test_ci_is_told_by_its_variables(environ, service):
    """Each service has its variable; CI=false is off whatever else is set."""
    assert service == ci(environ)


IN_DOCKER = "130 112 254:0 /var/lib/docker/containers/" + "7c" * 32 + "/hostname /etc/hostname rw - ext4 /dev/vda rw\n"
VM = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"


@pytest.mark.parametrize(
    ("files", "told", "kind"),
    [
        (set(), {}, ""),
        ({".dockerenv"}, {}, "docker"),
        ({".dockerenv"}, {"mounts": VM}, ""),
        ({".dockerenv"}, {"mounts": "112 56 0:49 / / rw - overlay overlay rw\n"}, "docker"),
        (set(), {"mounts": VM + IN_DOCKER}, "docker"),
        (set(), {"cgroup": "8:pids:/docker/" + "7c" * 32}, "docker"),
        ({"run/.containerenv"}, {}, "podman"),
        (set(), {"cgroup": "0::/kubepods/besteffort/pod1"}, "unknown"),
        (set(), {"variable": "lxc"}, "unknown"),
    ],
)
def test_a_container_is_told_by_what_its_engine_leaves(files, told, kind):
    """A virtual machine that was made from an image keeps .dockerenv, and is none."""
    assert kind == container(files, **told)


def test_names_of_architectures_become_those_of_triples():
    """Docker, Debian and kernels have names of their own."""
    assert ["aarch64", "x86_64", "armv7", "powerpc64le", "s390x"] == [
        arch(name) for name in ("arm64", "AMD64", "armhf", "ppc64el", "s390x")
    ]


def test_each_machine_has_debians_name():
    """The catalogue's, where the target has a floating-point unit, or any other whose libraries are Debian's; what has none keeps its own."""
    rows = {row.arch: row.debian for row in catalogue().values() if row.debian and not row.triple.endswith("eabi")}
    assert {name: debian_name(name) for name in rows} == rows | {"thumbv7neon": "thumbv7neon"}
    assert [debian_name(name) for name in ("arm", "powerpc64", "s390x", "alpha")] == ["armel", "ppc64", "s390x", "alpha"]


def test_the_machine_is_looked_at_without_starting_a_program(tmp_path):
    """Apt is there if both its programs are, and the suite is the code name in os-release."""
    release = tmp_path / "root/etc/os-release"
    release.parent.mkdir(parents=True)
    release.write_text('NAME="Debian"\nVERSION_CODENAME=bookworm\n')
    host = ask(Question("host"), look(tmp_path, programs=("apt-get", "dpkg-deb")), Facts())
    assert (True, "bookworm", "") == (host.apt, host.suite, host.container)
    (tmp_path / "bin/dpkg-deb").unlink()
    assert not ask(Question("host"), look(tmp_path), Facts()).apt


@pytest.mark.parametrize(
    ("mounts", "found"),
    [
        (f"1 2 254:0 /var/lib/docker/containers/{'a1' * 32}/hostname /etc/hostname rw - ext4 /dev/vda rw\n", "a1" * 32),
        (f"1 2 254:0 /containers/overlay-containers/{'b2' * 32}/userdata/hostname /etc/hostname rw - ext4 /dev/vda rw\n", "b2" * 32),
        ("1 2 254:0 / / rw - ext4 /dev/vda rw\n", ""),
    ],
)
def test_the_id_of_our_container_is_read_from_its_mounts(mounts, found):
    """It is there whatever the host name is."""
    assert found == container_id(mounts)
