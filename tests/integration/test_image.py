"""Debian's packages without root, and images made of them: on the real engine, with the real apt."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from itertools import takewhile
from pathlib import Path

import podman
import pytest
from msgspec.structs import replace

from crosstasks.catalog import recipes, targets
from crosstasks.catalog.ingredients import Recipe
from crosstasks.clients import engines
from crosstasks.clients.debian import Archive
from crosstasks.clients.debian.deb import members
from crosstasks.clients.debian.index import Package
from crosstasks.core.errors import CrosstasksError, ImageFailed, ToolMissing
from crosstasks.provisioning import image

MACHINES = {"x86_64": ("linux/amd64", "amd64"), "aarch64": ("linux/arm64", "arm64")}
HOST, ARCHITECTURE = MACHINES[platform.machine()]
(OTHER,) = ({one for one, _ in MACHINES.values()}) - {HOST}
FOREIGN = "aarch64" if HOST == "linux/amd64" else "x86_64"
SUITE = recipes.SUITE
SPAWN = tuple(Path(image.__file__).parent / name for name in ("spawn.c", "spawn.sh"))
SMALL = ("dash", "coreutils", "mawk")

BUILD = """
import sys
from pathlib import Path
import msgspec
from crosstasks.provisioning import image
from crosstasks.clients.debian import Archive
from crosstasks.catalog.ingredients import Recipe
recipe, debian, folder = msgspec.json.decode(sys.argv[1], type=Recipe), Path(sys.argv[2]), Path(sys.argv[3])
say = lambda line: print(line, flush=True)
image.build(recipe, engine="docker", folder=folder, archive=Archive(debian, recipe.suite, say=say), spawn=(), say=say)
"""


def silent(_line):
    """Hear nothing."""


@pytest.fixture(scope="module")
def archive(cache):
    """Debian's, with what other tests have fetched of it."""
    return Archive(cache / "debian", SUITE, say=silent)


@pytest.fixture
def folder(tmp_path):
    """Where images are made."""
    return tmp_path / "images"


@pytest.fixture(scope="module")
def own():
    """Note recipes whose images are ours to remove; their tags are no user's."""
    tags = []

    def mine(recipe):
        tags.append(f"{recipe.tag.partition(':')[0]}:test-{os.getpid()}-{len(tags)}")
        return replace(recipe, tag=tags[-1])

    yield mine
    subprocess.run(["docker", "rmi", "--force", *tags], capture_output=True, check=False)


def wanted(name, on=HOST, **more):
    """Return a recipe, which must be possible."""
    recipe = recipes.recipe(targets.find(name), on, SUITE, **more)
    assert isinstance(recipe, Recipe), recipe
    return recipe


def small():
    """Return a recipe of a few packages, built in a second."""
    return replace(wanted("x86_64" if HOST == "linux/amd64" else "aarch64"), base=SMALL)


def build(recipe, archive, folder, *, shares_layers=False):
    """Build an image, and return what the engine says of it."""
    image.build(recipe, engine="docker", folder=folder, archive=archive, spawn=SPAWN, say=silent, shares_layers=shares_layers)
    (found,) = engines.inspect("docker", (recipe.tag,))
    return found


def shell(tag, script, *options):
    """Run a script in an image for a minute at most, with nothing but the image's own environment."""
    argv = ["docker", "run", "--rm", "-i", *options, tag, "timeout", "60", "sh", "-s"]
    return subprocess.run(argv, input=script, capture_output=True, text=True, check=False)


def left_in(folder):
    """Return what lies in a folder, but for locks, and for what is kept of layers."""
    return [path.name for path in folder.iterdir() if path.suffix != ".lock" and path.name != image.LAYERS]


@pytest.fixture(scope="module")
def foreign(archive, own, cache):
    """An image for a target of another architecture, with a library of it."""
    recipe = own(wanted(FOREIGN, packages=("zlib1g-dev",)))
    return recipe, build(recipe, archive, cache / "images", shares_layers=True)


# the archive


def test_a_closure_holds_all_dependencies_with_sha256_and_can_be_fetched(archive):
    """Of any architecture; what is fetched is read without being unpacked."""
    archive.update(["amd64", "arm64"])
    for architecture in ("amd64", "arm64"):
        found = archive.closure(["zlib1g"], architecture)
        assert {"zlib1g", "libc6"} <= {one.name for one in found}
        assert {one.architecture for one in found} <= {architecture, "all"}
        assert all(one.digest.startswith("sha256:") for one in found)
        (file,) = archive.fetch([one for one in found if one.name == "zlib1g"])
        held = {info.name: content.read(4) for info, content in members(file) if content}
        assert b"\x7fELF" in held.values()
    assert left_in(archive.folder / "archives")


def test_single_is_one_package_of_exactly_that_version(archive):
    """A closure of it would hold libc6."""
    archive.update([ARCHITECTURE])
    version = archive.versions("zlib1g", ARCHITECTURE)[-1]
    found = archive.single("zlib1g", ARCHITECTURE, version)
    assert (found.name, found.version, found.architecture) == ("zlib1g", version, ARCHITECTURE)
    with pytest.raises(ToolMissing, match=r"has no zlib1g 0\.0\.1"):
        archive.single("zlib1g", ARCHITECTURE, "0.0.1")


def test_a_package_for_all_architectures_is_found_by_its_name(archive):
    """For a toolchain of any machine."""
    archive.update(["amd64", "arm64"])
    assert archive.single("rust-web-src", "all").architecture == "all"
    assert archive.versions("rust-web-src", "all") != ()
    assert archive.versions("libc6", "amd64") != () != archive.versions("libc6", "arm64")


def test_names_that_no_package_has_are_told_with_a_likely_one(archive):
    """A virtual package is as good as one that provides it; what looks like an option is none."""
    archive.update(["arm64"])
    found = archive.lacking(["zlib1g-dev", "libz-dev", "libsl-dev", "--version", "nothing-of-this-kind"], "arm64")
    assert found == {"libsl-dev": "libssl-dev", "--version": "", "nothing-of-this-kind": ""}


def test_a_truncated_package_is_told_by_its_name(archive, tmp_path):
    """Whether it breaks off in the middle or is not there."""
    archive.update([ARCHITECTURE])
    (whole,) = archive.fetch([archive.single("zlib1g", ARCHITECTURE)])
    cut = tmp_path / "cut.deb"
    cut.write_bytes(whole.read_bytes()[:40_000])
    for broken in (cut, tmp_path / "none.deb"):
        with pytest.raises(ToolMissing, match=f"{broken.name} cannot be read\n."):
            list(members(broken))


FIRST = """
import re, sys
from pathlib import Path
from crosstasks.clients.debian.deb import members
for member, _ in members(Path(sys.argv[1])):
    if member.isreg():
        break
print(member.name, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""
"""Its own memory at most, in MiB: what getrusage() tells begins with that of the program which started it."""


def test_what_lies_behind_the_last_wanted_file_is_not_read(tmp_path):
    """QEMU's package has 700 MB of other emulators behind the first."""
    made = tmp_path / "made"
    (made / "DEBIAN").mkdir(parents=True)
    (made / "DEBIAN" / "control").write_text(
        "Package: big\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: big\n"
    )
    (made / "a").write_text("a")
    with (made / "z").open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run(("dpkg-deb", "-Zgzip", "-z1", "--build", str(made), str(tmp_path / "big.deb")), check=True, capture_output=True)
    done = subprocess.run((sys.executable, "-c", FIRST, str(tmp_path / "big.deb")), check=True, capture_output=True, text=True)
    name, most = done.stdout.split()
    assert (name, int(most) < 200) == ("./a", True)


# images for a target


@pytest.mark.parametrize("on", [HOST, OTHER])
def test_no_second_libc_of_the_target_enters_the_image(archive, on):
    """A library brings Debian's libc6 beside the cross compiler's, and programs with threads hang on the mixture."""
    name, architecture = ("aarch64", "arm64") if on == "linux/amd64" else ("x86_64", "amd64")
    added = image.packages(wanted(name, on, packages=("zlib1g-dev",)), archive).target
    names = {(one.name, one.architecture) for one in added}
    assert {("zlib1g-dev", architecture), ("zlib1g", architecture), (f"libc6-{architecture}-cross", "all")} <= names
    assert not names & {(one, architecture) for one in ("libc6", "libc6-dev", "libgcc-s1", "linux-libc-dev")}


@pytest.mark.parametrize(("name", "architecture"), [("s390x", "s390x"), ("powerpc64le", "ppc64el")])
def test_libraries_resolve_where_the_security_suite_has_none(name, architecture, archive):
    """Whatever versions amd64 has; a native program is the image's own."""
    added = image.packages(wanted(name, packages=("libssl-dev", "zlib1g-dev", "protobuf-compiler:native")), archive).target
    names = {(one.name, one.architecture) for one in added}
    assert {("libssl-dev", architecture), ("libssl3", architecture), ("zlib1g-dev", architecture)} <= names
    assert ("protobuf-compiler", ARCHITECTURE) in names
    assert not names & {(one, architecture) for one in ("libc6", "libc6-dev", "libgcc-s1", "protobuf-compiler")}


def test_c_and_cxx_are_built_and_run_by_the_images_environment_alone(foreign):
    """With the target's library, found by pkg-config; exit codes come through, and cc builds for the image itself."""
    recipe, found = foreign
    triple, upper = recipe.target.replace("-", "_"), recipe.target.replace("-", "_").upper()
    script = f"""
        cd /tmp
        cat >a.c <<'C'
#include <zlib.h>
#include <stdio.h>
int main(void) {{ printf("zlib %s\\n", zlibVersion()); return 7; }}
C
        cat >b.cc <<'C'
#include <iostream>
#include <thread>
int main() {{ std::thread t([] {{ std::cout << "from a thread" << std::endl; }}); t.join(); }}
C
        libs=$(PKG_CONFIG_LIBDIR=$PKG_CONFIG_LIBDIR_{triple} pkg-config --libs zlib) || exit 1
        $CARGO_TARGET_{upper}_LINKER a.c -o a $libs || exit 2
        $CARGO_TARGET_{upper}_RUNNER ./a; echo "exit $?"
        $CXX_{triple} b.cc -o b && $CARGO_TARGET_{upper}_RUNNER ./b
        readelf -h a | grep Machine
        echo 'int main(void) {{ return 3; }}' >n.c; cc n.c -o n && ./n; echo "native $?"
    """
    done = shell(recipe.tag, script)
    machine = "AArch64" if FOREIGN == "aarch64" else "Advanced Micro Devices X86-64"
    lines = done.stdout.splitlines()
    assert lines[0].startswith("zlib 1."), done.stderr
    assert lines[1:3] == ["exit 7", "from a thread"], done.stderr
    assert lines[3].split(":")[1].strip() == machine
    assert lines[4] == "native 3"
    assert f"{found['Os']}/{found['Architecture']}" == HOST


def test_the_tools_of_build_scripts_are_there(foreign):
    """Also those that update-alternatives would have named; for any user, as cross runs as the caller's own."""
    recipe, _ = foreign
    names = "sh bash cc c++ gcc g++ make cmake perl pkg-config awk sed grep find tar gzip xz diff env which"
    done = shell(recipe.tag, f"which {names} && touch /tmp/mine && awk 'BEGIN {{ print 6 * 7 }}'", "--user", "1234:1234")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.split()) == len(names.split()) + 1
    assert done.stdout.split()[-1] == "42"


def test_the_image_holds_one_emulator_and_no_documentation(foreign):
    """Debian's package has forty; and the certificates that browsers trust are there."""
    recipe, _ = foreign
    look = "ls /usr/bin | grep -c '^qemu-.*-static$'; ls /usr/share/doc /usr/share/man /usr/bin/*lto-dump* 2>/dev/null"
    done = shell(recipe.tag, f"{look}; head -c 30 /etc/ssl/certs/ca-certificates.crt | wc -c")
    assert done.stdout.split() == ["1", "30"], done.stdout


def test_windows_programs_are_built_and_share_what_lies_below(foreign, archive, own, cache):
    """By the very names in the environment; what all targets share are the same layers, which the engine keeps once."""
    recipe = own(recipes.lean(wanted("windows")))
    found = build(recipe, archive, cache / "images", shares_layers=True)
    done = shell(
        recipe.tag,
        """cd /tmp; echo 'int main(void) { return 0; }' >a.c; cp a.c a.cc
        $CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER a.c -o a.exe && head -c 2 a.exe
        $CXX_x86_64_pc_windows_gnu a.cc -o b.exe && head -c 2 b.exe; env | grep -c RUNNER""",
    )
    assert done.stdout.split() == ["MZMZ0"], done.stderr
    layers, others = (one["RootFS"]["Layers"] for one in (found, foreign[1]))
    shared = len([*takewhile(lambda pair: pair[0] == pair[1], zip(layers, others, strict=False))])
    assert shared == len([*image.groups(image.packages(recipe, archive).base)]) > 1
    assert not set(layers[shared:]) & set(others)


def test_layers_that_the_engine_holds_are_neither_made_nor_loaded_again(archive, own, folder):
    """As it is with one target after another: the image is the same as without. What has gone meanwhile is made after all."""
    first = own(replace(small(), base=(*SMALL, "hostname"), packages=(), emulator=""))  # a layer that no other image has
    second, again, alone = (own(replace(first, packages=("ed",))) for _ in range(3))
    options = {"engine": "docker", "folder": folder, "archive": archive, "spawn": (), "shares_layers": True}
    said = []

    def remove(line):
        said.append(line)
        if line.startswith("loading"):
            subprocess.run(("docker", "rmi", first.tag, second.tag), check=True, capture_output=True)

    for recipe, say in ((first, silent), (second, said.append), (again, remove), (alone, silent)):
        image.build(recipe, **{**options, "say": say, "shares_layers": recipe is not alone})
    assert ["on 1 layer that the engine holds", "on 2 layers that the engine holds"] == [
        line.partition(", ")[2].partition(", ")[2] for line in said[::2]
    ]
    (made,), (whole,) = (engines.inspect("docker", (recipe.tag,)) for recipe in (again, alone))
    assert made["RootFS"]["Layers"] == whole["RootFS"]["Layers"]
    assert shell(again.tag, "hostname --version && ed --version").returncode == 0


def test_an_image_for_the_other_platform_is_built_here(archive, own, folder):
    """It cannot be run here, and the engine knows what it is. One that is whole is built, and used, in test_arm64.py."""
    recipe = own(replace(wanted(FOREIGN, OTHER), base=SMALL))
    found = build(recipe, archive, folder)
    assert f"{found['Os']}/{found['Architecture']}" == OTHER
    assert found["Config"]["Labels"].items() >= recipe.labels.items()


# how an image is made


def test_the_same_packages_make_the_same_image(archive, own, folder):
    """Bit by bit: built again after it was removed, it has the same id."""
    recipe = own(small())
    first = build(recipe, archive, folder)["Id"]
    subprocess.run(["docker", "rmi", recipe.tag], check=True, capture_output=True)
    assert build(recipe, archive, folder)["Id"] == first
    assert left_in(folder) == []


def test_what_lies_in_the_engine_is_not_built_again(archive, own, folder):
    """A second call asks the archive nothing."""
    recipe = own(small())
    build(recipe, archive, folder)
    build(recipe, Archive(folder / "none", SUITE, say=silent, web=Refusing()), folder)


class Refusing:
    """A door that nobody may open."""

    def get(self, url, start):
        raise AssertionError(url)


def test_eight_processes_build_it_once(archive, own, folder):
    """The others wait, look again, and find it."""
    recipe = own(small())
    archive.update([ARCHITECTURE])
    argv = [sys.executable, "-c", BUILD, recipe_json(recipe), str(archive.folder), str(folder)]
    children = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    told = [child.communicate(timeout=300) for child in children]
    assert [child.returncode for child in children] == [0] * 8, told
    assert sum("building" in out for out, _ in told) == 1
    assert engines.inspect("docker", (recipe.tag,))


@pytest.mark.parametrize("moment", ["building", "loading"])
def test_killed_it_leaves_nothing_half_made(archive, own, folder, moment):
    """Neither files nor an image; and the next call builds it."""
    recipe = own(small())
    archive.update([ARCHITECTURE])
    argv = [sys.executable, "-c", BUILD, recipe_json(recipe), str(archive.folder), str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if line.startswith(moment):
                child.send_signal(signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL
    assert left_in(folder) == []
    assert engines.inspect("docker", (recipe.tag,)) == []
    assert build(recipe, archive, folder)


def recipe_json(recipe):
    """Return a recipe for another process."""
    import msgspec

    return msgspec.json.encode(recipe).decode()


def test_podman_takes_it_as_well(archive, folder, tmp_path):
    """Debian's podman, unpacked and run from a folder, loads the same archive and knows it by its tag."""
    recipe = replace(small(), tag=f"crosstasks/{small().target}:podman")
    with tempfile.TemporaryDirectory(prefix="podman-") as runroot:  # podman wants it to be no longer than 50 characters
        program = podman.made(tmp_path, runroot)
        image.build(recipe, engine=str(program), folder=folder, archive=archive, spawn=SPAWN, say=silent)
        (found,) = engines.inspect(str(program), (recipe.tag,))
        assert f"{found['Os']}/{found['Architecture']}" == HOST
        assert found["Labels"]["crosstasks.target"] == recipe.target


# packages that are not to be trusted


class Forged:
    """An archive of one package, made by hand."""

    def __init__(self, deb):
        """Offer it whatever is asked."""
        self.deb = deb

    def update(self, architectures):
        """Have lists."""

    def closure(self, packages, architecture):
        """Return it alone."""
        del packages
        name, size = self.deb.name, self.deb.stat().st_size
        return (Package(name="forged", version="1", architecture=architecture, url="", size=size, digest="", file=name),)

    def single(self, name, architecture):
        """Return the one with the authorities."""
        return Package(name=name, version="1", architecture=architecture, url="", size=1, digest="", file="trusted")

    def fetch(self, packages):
        """Have a package with one authority."""
        del packages
        folder = self.deb.parent / "trusted"
        folder.mkdir(exist_ok=True)
        return [forged(folder, ("./usr/share/ca-certificates/mozilla/one.crt", {"size": 1}))]

    def fetch_each(self, groups):
        """Have it."""
        return (tuple(self.deb for _ in packages) for packages in groups)


def forged(folder, *entries):
    """Make a package that holds what no package should; dpkg-deb reads it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, fields in entries:
            info = tarfile.TarInfo(name)
            for key, value in fields.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    control = io.BytesIO()
    with tarfile.open(fileobj=control, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("./control"))
    path = folder / "forged_1_all.deb"
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, content in (("debian-binary", b"2.0\n"), ("control.tar", control.getvalue()), ("data.tar", data.getvalue())):
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2))
    return path


@pytest.mark.parametrize(
    ("name", "fields", "what"),
    [
        ("/etc/passwd", {"size": 1}, "holds the path '/etc/passwd'\nit leads out of the image"),
        ("./usr/../../etc/x", {"size": 1}, "holds the path './usr/../../etc/x'\nit leads out of the image"),
        ("./usr/bin/x", {"type": tarfile.LNKTYPE, "linkname": "../../etc/shadow"}, "holds the path '../../etc/shadow'"),
        ("./usr/bin/x", {"type": tarfile.LNKTYPE, "linkname": "./usr/share/doc/x"}, "'usr/share/doc/x'\nthat is not in the image"),
        ("./dev/sda", {"type": tarfile.BLKTYPE, "devmajor": 8}, "holds the device './dev/sda'"),
        ("./dev/tty", {"type": tarfile.CHRTYPE, "devmajor": 5}, "holds the device './dev/tty'"),
        ("./run/x", {"type": tarfile.FIFOTYPE}, "holds the device './run/x'"),
    ],
)
def test_a_package_that_leads_out_or_holds_devices_is_refused(own, folder, tmp_path, name, fields, what):
    """By its name, before the engine is given anything."""
    recipe = own(small())
    with pytest.raises(ImageFailed) as error:
        build(recipe, Forged(forged(tmp_path, (name, fields))), folder)
    assert what in str(error.value)
    assert str(error.value).startswith("forged_1_all.deb")
    assert engines.inspect("docker", (recipe.tag,)) == []
    assert left_in(folder) == []


def listed(archive):
    """Return the entries of an archive."""
    with tarfile.open(fileobj=archive) as tar:
        return tar.getmembers()


def test_set_user_id_and_owners_do_not_enter_the_image(own, folder, tmp_path):
    """Files are root's, of plain modes, and lie below usr as in every merged Debian."""
    folder_of_it = ("./bin/", {"type": tarfile.DIRTYPE, "mode": 0o755})
    entries = [folder_of_it, ("./bin/su", {"size": 1, "mode": 0o6755, "uid": 7, "gid": 8, "uname": "games"})]
    recipe = own(small())
    build(recipe, Forged(forged(tmp_path, *entries)), folder)
    saved = subprocess.run(["docker", "save", recipe.tag], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as outer:
        (manifest,) = json.load(outer.extractfile("manifest.json"))
        held = {member.name: member for name in manifest["Layers"] for member in listed(outer.extractfile(name))}
    su, tmp, link = (held[name] for name in ("usr/bin/su", "tmp", "bin"))
    assert (su.mode, su.uid, su.gid, su.uname) == (0o755, 0, 0, "")
    assert tmp.mode == 0o1777
    assert (link.issym(), link.linkname) == (True, "usr/bin")


def test_an_engine_that_is_not_there_is_an_error_of_ours(archive, folder):
    """No traceback of another library."""
    with pytest.raises(CrosstasksError):
        image.build(small(), engine=shutil.which("false"), folder=folder, archive=archive, spawn=SPAWN, say=silent)
