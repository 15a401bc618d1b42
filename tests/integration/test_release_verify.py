"""Packages whose files break a promise: each file is made by a real compiler, and each check finds what is wrong with it."""

from __future__ import annotations

import json
import subprocess
import tarfile
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from crosstasks import pipeline
from crosstasks.catalog import recipes
from crosstasks.catalog.targets import find
from crosstasks.clients import engines
from crosstasks.core.errors import NothingSelected
from crosstasks.extras.release.verify import error_of, examine

AMD64 = "x86_64-unknown-linux-gnu"
MUSL = "x86_64-unknown-linux-musl"
ARM64 = "aarch64-unknown-linux-gnu"
ARM64_MUSL = "aarch64-unknown-linux-musl"

HELLO = 'fn main() { println!("app 1.0.0"); }\n'
C = 'int puts(const char *);\nint main(void) { return puts("app 1.0.0") < 0; }\n'


@pytest.fixture(scope="module")
def gcc(crosstasks, tmp_path_factory):
    """Debian's C compilers: the machine's own, and for other targets those in the images that are built here."""
    folder = tmp_path_factory.mktemp("gcc")
    (folder / "Cargo.toml").write_text('[package]\nname = "small"\nversion = "0.1.0"\nedition = "2021"\n')
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text("fn main() {}\n")

    def compiled(triple, to, *flags, source=C):
        target = find(triple)
        (to.parent / "app.c").write_text(source)
        command = ["gcc"]
        if triple != AMD64:
            arguments = ("--target", triple, "--builder", "cross")
            assert crosstasks("provision", *arguments, cwd=folder).returncode == 0
            plan = json.loads(crosstasks("plan", *arguments, "--format", "json", cwd=folder).stdout)["plans"][0]
            mount = f"--volume={to.parent}:{to.parent}"
            image = plan["route"]["image"]["ref"]
            command = ["docker", "run", "--rm", "--network=none", mount, f"--workdir={to.parent}", image, f"{target.gnu}-gcc"]
        subprocess.run([*command, "-O1", "-s", "-o", to.name, "app.c", *flags], check=True, cwd=to.parent)
        return to

    return compiled


@pytest.fixture
def rustc(tmp_path):
    """The machine's own rustc; the source lies in the project's folder."""

    def compiled(*flags, source=HELLO, name="app"):
        file = tmp_path / "project" / "src" / "main.rs"
        file.write_text(source)
        to = tmp_path / name
        subprocess.run(
            ("rustc", "-O", "--edition=2021", "-Cstrip=symbols", *flags, "-o", to, "src/main.rs"), check=True, cwd=file.parents[1]
        )
        return to

    return compiled


@pytest.fixture
def released(tmp_path, environ):
    """A project, and a way to package files for a target and verify the package; what is returned are the findings by check."""
    project = tmp_path / "project"
    subprocess.run(("cargo", "init", "--quiet", "--vcs", "none", "--name", "app", str(project)), check=True)

    def verified(target, *files, config=""):
        (project / "crosstasks.toml").write_text(f'version = 1\ntargets = ["{target}"]\n{config}')
        packaged(project / "dist", target, *files)
        context = pipeline.look(pipeline.start(project, environ=environ, say=lambda _line: None))
        findings = examine(project / "dist", context)
        error = error_of(findings)
        return SimpleNamespace(
            rows={row.check: row for row in findings},
            wrong={row.check: row.problems for row in findings if row.state == "failed"},
            error=error,
        )

    verified.project = project
    return verified


def packaged(dist, target, *files):
    """Package files as a release does: one folder, named as the archive."""
    dist.mkdir(exist_ok=True)
    name = f"app-{target}-v1.0.0"
    if "windows" in target:
        with zipfile.ZipFile(dist / f"{name}.zip", "w") as archive:
            for file in files:
                archive.write(file, f"{name}/{Path(file).name}")
        return
    with tarfile.open(dist / f"{name}.tar.gz", "w:gz") as archive:
        for file in files:
            archive.add(file, f"{name}/{Path(file).name}")


def test_a_good_program_keeps_every_promise(released, rustc):
    """A program of rustc as it is by default, started on this host; beside it a text and a script, which are no programs."""
    script = released.project / "install.sh"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    done = released(AMD64, rustc(), script, released.project / "Cargo.toml", config='glibc = "2.36"\n')
    assert {} == done.wrong
    assert None is done.error
    assert {name for name, row in done.rows.items() if row.state == "ok"} == set(done.rows) - {"static"}


@pytest.mark.parametrize(
    ("triple", "problem"),
    [
        (ARM64, "is for EM_AARCH64, not EM_X86_64"),
        ("i686-unknown-linux-gnu", "has 32 bits, not 64"),
        ("x86_64-pc-windows-gnu", "is pe for EM_X86_64, not elf"),
        ("s390x-unknown-linux-gnu", "is big-endian, not little"),
    ],
)
def test_a_program_for_another_machine(triple, problem, released, gcc, tmp_path):
    """Format, machine, class and byte order are those of the target; nothing else is then asked of the file."""
    done = released(AMD64, gcc(triple, tmp_path / "app.bin"))  # mingw would add .exe
    assert {"format"} == set(done.wrong)
    assert problem in done.wrong["format"]
    assert done.error.code == 6
    assert "relro" not in done.rows


def test_a_program_for_another_libc(released, rustc):
    """One that asks for musl's loader is none for glibc's systems; one of glibc's none for musl's."""
    wrong = released(MUSL, rustc()).wrong
    assert {"format": ("is for the libc gnu, not musl",)} == wrong


def test_another_interpreter(released, rustc):
    """A loader that the target's systems do not have is told."""
    done = released(AMD64, rustc("-Clink-arg=-Wl,--dynamic-linker=/opt/own/ld-linux-x86-64.so.2"))
    assert done.wrong["interpreter"] == ("asks for the loader /opt/own/ld-linux-x86-64.so.2, not /lib64/ld-linux-x86-64.so.2",)


def test_a_symbol_above_the_floor(released, tmp_path):
    """The symbols are named, and the crate that asks for each: of Rust, of C in a build script, or none that is known."""
    project = released.project
    needy = project / "needy"
    (needy / "src").mkdir(parents=True)
    (needy / "Cargo.toml").write_text('[package]\nname = "needy"\nversion = "0.1.0"\nedition = "2021"\n')
    (needy / "src" / "lib.rs").write_text('extern "C" { fn arc4random() -> u32; }\npub fn number() -> u32 { unsafe { arc4random() } }\n')
    (project / "Cargo.toml").write_text(
        '[package]\nname = "app"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\nneedy = { path = "needy" }\n'
    )
    (project / "src" / "main.rs").write_text(
        'extern "C" { fn arc4random_uniform(most: u32) -> u32; }\n'
        'fn main() { println!("{} {}", needy::number(), unsafe { arc4random_uniform(6) }); }\n'
    )
    target = project / "target" / "crosstasks" / ".cargo-0"
    subprocess.run(("cargo", "build", "--quiet", "--release", "--target", AMD64, "--target-dir", target), cwd=project, check=True)

    done = released(AMD64, target / AMD64 / "release" / "app", config='glibc = "2.34"\nverify-skip = ["paths"]\n')

    assert done.wrong == {
        "glibc": (
            "needs arc4random@GLIBC_2.36, which is newer than 2.34: asked for by needy",
            "needs arc4random_uniform@GLIBC_2.36, which is newer than 2.34: the crate that asks for it is not known",
        )
    }
    assert "off" == done.rows["paths"].state
    assert {} == released(AMD64, target / AMD64 / "release" / "app", config='glibc = "2.36"\nverify-skip = ["paths"]\n').wrong


def test_musl_is_static(released, gcc, tmp_path):
    """Dynamic where static is promised is told; a static program is good, and starts."""
    (tmp_path / "libc.c").write_text("int puts(const char *text) { return *text; }\n")
    subprocess.run(("gcc", "-shared", "-nostdlib", "-Wl,-soname,libc.so", "-o", "libc.so", "libc.c"), check=True, cwd=tmp_path)
    bare = "int puts(const char *);\nvoid _start(void) { puts(0); }\n"
    dynamic = ("-nostdlib", "-fPIE", "-pie", "-Wl,-z,now,--dynamic-linker=/lib/ld-musl-x86_64.so.1", "-L.", "-l:libc.so")
    done = released(MUSL, gcc(AMD64, tmp_path / "app", *dynamic, source=bare), config='verify-skip = ["smoke"]\n')
    assert {"static": ("is linked dynamically: it wants /lib/ld-musl-x86_64.so.1, libc.so",)} == done.wrong
    static = released(MUSL, gcc(AMD64, tmp_path / "app", "-static-pie", "-Wl,-z,now"))
    assert {} == static.wrong
    assert "ok" == static.rows["smoke"].state


@pytest.mark.parametrize(
    ("flags", "wrong"),
    [
        (("-Clink-arg=-Wl,-z,execstack",), {"stack": ("has an executable stack",)}),
        (("-Crelro-level=off",), {"relro": ("has no RELRO, not full: its table of functions can be written to",)}),
        (("-Crelro-level=partial",), {"relro": ("has partial RELRO, not full: its table of functions can be written to",)}),
        (("-Crelocation-model=static",), {"pie": ("is not position-independent: it is always loaded at the same address",)}),
    ],
)
def test_hardening(flags, wrong, released, rustc):
    """What rustc does by itself for each target is asked for, unless the configuration leaves the check out."""
    program = rustc(*flags)
    assert wrong == released(AMD64, program).wrong
    (check,) = wrong
    assert {} == released(AMD64, program, config=f'[target.x86_64]\nverify-skip = ["{check}"]\n').wrong


def test_paths_of_this_machine(released, rustc, tmp_path):
    """The project's folder in a program is found, with its section; with --remap-path-prefix there is none."""
    panics = 'fn main() { let all: Vec<String> = std::env::args().collect(); println!("{}", all[1]); }\n'
    inside = released.project / "src" / "main.rs"
    flags = ("-Cpanic=abort", "--remap-path-prefix", f"src={inside.parent}")
    done = released(AMD64, rustc(*flags, source=panics))
    (problem,) = done.wrong["paths"]
    assert problem.startswith(f"names the project's folder: '{inside}")
    assert "(.rodata at 0x" in problem
    assert "--remap-path-prefix" in done.error.hint
    assert {} == released(AMD64, rustc("--remap-path-prefix", f"{tmp_path}=/build", source=panics)).wrong


def test_a_program_that_does_not_start_well(released, rustc):
    """Its exit code and last words are told; the configuration says what it is started with."""
    source = 'fn main() { match std::env::args().nth(1).as_deref() { Some("self-test") => (), _ => { eprintln!("no such option"); std::process::exit(3) } } }\n'
    program = rustc(source=source)
    done = released(AMD64, program)
    assert {"smoke": ("exited with 3 when started with --version on this host: no such option",)} == done.wrong
    assert {} == released(AMD64, program, config='verify-smoke = ["self-test"]\n').wrong


def test_a_program_that_does_not_end(released, rustc, tmp_path):
    """It is ended after the time limit, and its children with it."""
    mark = tmp_path / "child"
    source = (
        'fn main() { let child = std::process::Command::new("sleep").arg("600").spawn().unwrap();\n'
        f'std::fs::write("{mark}", child.id().to_string()).unwrap(); std::thread::sleep(std::time::Duration::from_secs(600)); }}\n'
    )
    done = released(AMD64, rustc(source=source), config="verify-timeout = 2\n")
    assert ("did not end within 2 s when started with --version on this host",) == done.wrong["smoke"]
    child = Path("/proc", mark.read_text(), "stat")
    deadline = time.monotonic() + 30
    while child.exists() and child.read_text().rpartition(") ")[2][0] not in "ZX":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_foreign_programs_start_in_an_image(released, gcc, tmp_path):
    """A dynamic and a static program for aarch64 run under an image's QEMU; one that does not end is ended, with its container."""
    hard = ("-fPIE", "-pie", "-Wl,-z,now")
    good = released(ARM64, gcc(ARM64, tmp_path / "app", *hard))
    assert ({}, "ok") == (good.wrong, good.rows["smoke"].state)
    assert "ok" == released(ARM64_MUSL, gcc(ARM64, tmp_path / "app", "-static")).rows["smoke"].state
    slow = "int pause(void);\nint main(void) { return pause(); }\n"
    done = released(ARM64, gcc(ARM64, tmp_path / "app", *hard, source=slow), config="verify-timeout = 5\n")
    (problem,) = done.wrong["smoke"]
    assert problem.startswith("did not end within 5 s when started with --version in ")
    ours = ("docker", "ps", "--quiet", "--filter", f"label={engines.OWNER}={engines.owner()}")
    left = subprocess.run(ours, capture_output=True, text=True, check=True)
    assert "" == left.stdout


def test_an_image_with_an_older_glibc_starts_no_program(released, gcc, tmp_path):
    """One that says so on its label is passed over, even if it is the newest of the target's images."""
    triple, tag = "s390x-unknown-linux-gnu", "crosstasks-test/too-old:s390x"
    program = gcc(triple, tmp_path / "app", "-fPIE", "-pie", "-Wl,-z,now")
    listed = ("docker", "images", "--quiet", "--filter", f"label=crosstasks.target={triple}")
    image = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()[0]
    recipe = f"FROM {image}\nLABEL crosstasks.libc=2.10\nENV CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER=false\n"
    subprocess.run(("docker", "build", "--quiet", "--tag", tag, "-"), input=recipe, text=True, check=True, capture_output=True)
    try:
        done = released(triple, program)
    finally:
        subprocess.run(("docker", "rmi", tag), check=True, capture_output=True)
    assert ({}, "ok") == (done.wrong, done.rows["smoke"].state)


def test_a_smoke_run_has_no_network_and_writes_nothing(released, gcc, tmp_path):
    """In its container a program sees no other machine's address, and cannot write beside itself."""
    source = (
        "#include <fcntl.h>\n#include <ifaddrs.h>\n#include <string.h>\n"
        "int main(void) { struct ifaddrs *all; if (getifaddrs(&all)) return 2;\n"
        'for (; all; all = all->ifa_next) if (strcmp(all->ifa_name, "lo")) return 3;\n'
        'return open("/smoke/new", O_CREAT | O_WRONLY, 0600) >= 0 || open("/etc/new", O_CREAT | O_WRONLY, 0600) >= 0; }\n'
    )
    done = released(ARM64, gcc(ARM64, tmp_path / "app", "-fPIE", "-pie", "-Wl,-z,now", source=source))
    assert ({}, "ok") == (done.wrong, done.rows["smoke"].state)


def test_the_archive_itself(released, rustc, tmp_path, environ):
    """Another folder in it, another checksum than is listed, nothing to run, or half of an archive: each is told."""
    program = rustc()
    released(AMD64, program)
    dist = released.project / "dist"
    (archive,) = dist.iterdir()
    (dist / "SHA256SUMS").write_text(f"{'0' * 64}  {archive.name}\n")
    (problem,) = released(AMD64, program).wrong["package"]
    assert problem.startswith("is not what SHA256SUMS lists: SHA-256 ")
    (dist / "SHA256SUMS").unlink()
    assert ("holds no program and no library",) == released(AMD64, released.project / "Cargo.toml").wrong["package"]
    archive.rename(dist / f"other-{AMD64}-v2.0.0.tar.gz")
    assert "not one folder other-" in " ".join(released(AMD64, program).error.why.splitlines())
    (dist / f"other-{AMD64}-v2.0.0.tar.gz").unlink()
    archive.write_bytes(archive.read_bytes()[:4000])
    context = pipeline.look(pipeline.start(released.project, environ=environ, say=lambda _line: None))
    (row,) = examine(dist, context)
    assert "cannot be unpacked" in row.problems[0]


def test_a_release_for_windows(released, gcc, tmp_path):
    """A zip with a program for Windows keeps its promises; wine starts it where the engine has an image with that, else it is said that none did."""
    done = released("x86_64-pc-windows-gnu", gcc("x86_64-pc-windows-gnu", tmp_path / "app.exe"))
    assert {} == done.wrong
    wine = subprocess.run(("docker", "image", "inspect", recipes.wine("linux/amd64").tag), capture_output=True, check=False)
    assert ("unchecked" if wine.returncode else "ok") == done.rows["smoke"].state


def test_the_task(released, rustc, crosstasks, environ):
    """A table, or JSON with a version; the exit code tells, and that there is nothing to verify is no success."""
    released(AMD64, rustc("-Crelocation-model=static"))
    done = crosstasks("release.verify", cwd=released.project)
    assert done.returncode == 6, done.stderr
    assert "FAILED" in done.stdout
    assert f"app-{AMD64}-v1.0.0.tar.gz/app is not position-independent" in done.stderr
    told = json.loads(crosstasks("release.verify", "--format", "json", cwd=released.project).stdout)
    assert (2, False) == (told["schema_version"], told["ok"])
    assert ["pie"] == [row["check"] for row in told["findings"] if row["state"] == "failed"]
    assert crosstasks("release.verify", "--target", "aarch64", cwd=released.project).returncode == 3
    with pytest.raises(NothingSelected, match="there is no package"):
        examine(released.project / "src", pipeline.look(pipeline.start(released.project, environ=environ)))


def test_a_floor_is_reached(crosstasks, crate, environ):
    """A glibc that no image has is given by zig: the program needs nothing newer, keeps every promise, and runs."""
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64"]\nglibc = "2.17"\nprofile = "release"\n')
    (crate / "src" / "main.rs").write_text('fn main() { println!("small 0.1.0"); }\n')
    remap = f"--remap-path-prefix={crate}=/build --remap-path-prefix={environ['CROSSTASKS_CACHE_DIR']}=/cache"
    done = crosstasks("build", "--format", "json", cwd=crate, RUSTFLAGS=remap)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    (artifact,) = result["artifacts"]
    assert ("zigbuild", "2.17") == (result["route"], artifact["glibc"])
    packaged(crate / "dist", ARM64, artifact["path"])
    rows = examine(crate / "dist", pipeline.look(pipeline.start(crate, environ=environ)))
    assert () == tuple(problem for row in rows for problem in row.problems)
    assert {"glibc": "ok", "smoke": "ok"}.items() <= {row.check: row.state for row in rows}.items()
