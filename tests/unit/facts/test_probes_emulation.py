"""The program that proves a platform, and how its end is read."""

from __future__ import annotations

import io
import json
import tarfile

import pytest
from elftools.elf.elffile import ELFFile
from facts_looks import Programs, look

from crosstasks.catalog.targets import ARCHES
from crosstasks.core.steps import Absent, Done, Question
from crosstasks.facts import Facts, ask
from crosstasks.facts.probes import CODE, PLATFORMS, PROGRAMS, EmulationTest, archive, program, read
from crosstasks.testing import facts

SAID = {f"docker {name}": Done(argv=(), code=0) for name in ("load", "rm", "rmi")}
ASKED = Question("emulation-test", "linux/s390x")


def ended(code, err=""):
    return Programs({**SAID, "docker run": Done(argv=(), code=code, err=err)})


@pytest.mark.parametrize("arch", PROGRAMS)
def test_a_program_is_a_static_elf_file_of_its_architecture(arch):
    """As another reader of ELF sees it: class, byte order and machine of the catalogue, one segment that holds the entry."""
    file = ELFFile(io.BytesIO(program(arch)))
    told = ARCHES[arch]
    assert (told.bits, told.endian == "little", told.machine) == (file.elfclass, file.little_endian, file["e_machine"])
    (segment,) = file.iter_segments()
    assert segment["p_vaddr"] < file["e_entry"] < segment["p_vaddr"] + segment["p_filesz"]


def test_the_image_holds_the_program_and_names_its_platform():
    """An engine that chooses by platform, and one that looks for the variant, find the right one."""
    with tarfile.open(fileobj=io.BytesIO(archive("linux/arm/v7", "a:b"))) as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json"))
        config = json.load(tar.extractfile(manifest["Config"]))
        layer = tar.extractfile(manifest["Layers"][0]).read()
    assert ("arm", "v7", ["a:b"]) == (config["architecture"], config["variant"], manifest["RepoTags"])
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert program("armv7") == tar.extractfile("program").read()


def test_only_its_own_code_is_a_proof():
    """The engine's codes, and that of a shell, prove nothing."""
    assert EmulationTest(platform="linux/arm64") == read("linux/arm64", Done(argv=(), code=CODE))
    assert all(isinstance(read("linux/arm64", Done(argv=(), code=code)), Absent) for code in (0, 1, 125, 126, 127, 139))


@pytest.mark.parametrize(
    "said", ["standard_init_linux.go:228: exec user process caused: exec format error", "exec /program: exec format error"]
)
def test_what_nothing_runs_has_its_remedy(said):
    """Docker's words for it, of runc before and after 1.1, lead to the task that sets emulation up."""
    found = read("linux/s390x", Done(argv=(), code=1, err=said))
    assert ("the engine's kernel does not run linux/s390x programs", True) == (found.why, "emulation.install" in found.hint)


def test_a_proof_is_kept_and_a_refusal_is_not(tmp_path):
    """The engine is asked once in ten minutes; what did not work may have been mended."""
    good, bad = ended(CODE), ended(1, "exec format error")
    known = facts(engine=facts().engine.__class__(kind="docker", command="docker", version="1", arch="x86_64"))
    for _ in range(2):
        assert isinstance(ask(ASKED, look(tmp_path, bad), known), Absent)
    for _ in range(2):
        assert EmulationTest(platform="linux/s390x") == ask(ASKED, look(tmp_path, good), known)
    assert [2, 1] == [sum(call[1] == "run" for call in runner.calls) for runner in (bad, good)]


def test_the_image_is_removed_whatever_happens(tmp_path):
    """It is the last thing that the engine is told."""
    runner = ended(1, "exec format error")
    known = facts(engine=facts().engine.__class__(kind="podman", command="docker", version="1", arch="x86_64"))
    ask(ASKED, look(tmp_path, runner), known)
    assert ("rmi", "--force") == runner.calls[-1][1:3]
    assert runner.calls[-1][3].startswith("localhost/crosstasks/proof:")


def test_an_interrupt_leaves_no_container(tmp_path):
    """A program that hangs under QEMU is what one presses Ctrl-C for."""

    class Cut(Programs):
        def __call__(self, argv, **options):
            done = super().__call__(argv, **options)
            if argv[1:2] == ("run",):
                raise KeyboardInterrupt
            return done

    runner = Cut({**SAID, "docker run": Done(argv=(), code=CODE)})
    known = facts(engine=facts().engine.__class__(kind="docker", command="docker", version="1", arch="x86_64"))
    with pytest.raises(KeyboardInterrupt):
        ask(ASKED, look(tmp_path, runner), known)
    assert [("rm", "--force"), ("rmi", "--force")] == [call[1:3] for call in runner.calls[-2:]]


def test_what_cannot_be_proven_is_said(tmp_path):
    """No engine, or a platform that there is no program for."""
    assert "is not on PATH" in ask(ASKED, look(tmp_path), Facts(answers={Question("engine"): Absent("docker is not on PATH")})).why
    assert "crosstasks cannot test linux/mips" in ask(Question("emulation-test", "linux/mips"), look(tmp_path), facts()).why
    assert len(PLATFORMS) == len(PROGRAMS)
