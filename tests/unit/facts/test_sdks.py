"""Kits of others on this machine: as cargo-xwin and Google lay them out."""

from __future__ import annotations

import pytest
from facts_looks import look

from crosstasks.core.steps import Absent, Question
from crosstasks.facts import sdks
from crosstasks.facts.sdks import Ndk, Xwin, levels, marked_arches

COMPILERS = (
    *("aarch64-linux-android21-clang", "aarch64-linux-android35-clang", "armv7a-linux-androideabi21-clang"),
    *("x86_64-linux-android21-clang++", "clang", "llvm-ar", "i686-linux-android21-clang"),
)
"""Names in r27's ``toolchains/llvm/prebuilt/linux-x86_64/bin``."""


def asked(tmp_path, **environ):
    """What is here."""
    return sdks.ask(look(tmp_path, environ=environ), Question("sdks"), None)


def test_levels_of_the_ndk():
    """By the name that each compiler begins with; what is for C++, or for no target, is none."""
    assert levels(COMPILERS) == {
        "aarch64-linux-android": (21, 35),
        "armv7a-linux-androideabi": (21,),
        "i686-linux-android": (21,),
    }


@pytest.mark.parametrize("name", sdks.NDK)
def test_an_ndk_that_a_variable_names(tmp_path, name):
    """With the API levels of its compilers."""
    programs = tmp_path / "ndk" / "toolchains" / "llvm" / "prebuilt" / "linux-x86_64" / "bin"
    programs.mkdir(parents=True)
    for compiler in COMPILERS[:2]:
        (programs / compiler).touch()
    folder = str(tmp_path / "ndk")
    assert asked(tmp_path, **{name: folder}).ndk == Ndk(folder=folder, programs=str(programs), levels={"aarch64-linux-android": (21, 35)})


def test_what_is_no_ndk(tmp_path):
    """Each with the reason."""
    assert asked(tmp_path).ndk == Absent("neither ANDROID_NDK_HOME nor ANDROID_NDK_ROOT names an NDK")
    assert "ANDROID_NDK_HOME names no NDK for linux" in asked(tmp_path, ANDROID_NDK_HOME=str(tmp_path)).ndk.why
    (tmp_path / "toolchains" / "llvm" / "prebuilt" / "linux-x86_64" / "bin").mkdir(parents=True)
    assert "no compiler is in" in asked(tmp_path, ANDROID_NDK_HOME=str(tmp_path)).ndk.why


def test_microsofts_files_that_are_whole(tmp_path):
    """The first line of cargo-xwin's mark names the architectures, whose folders have to be there; without a mark there are none."""
    folder = tmp_path / "kept"
    assert asked(tmp_path, XWIN_CACHE_DIR=str(folder)).xwin == Xwin(folder=str(folder))
    (folder / "xwin" / "crt" / "lib" / "x86_64").mkdir(parents=True)
    (folder / "xwin" / "DONE").write_text("x86_64 aarch64\nMicrosoft.VC.14.44.17.14.CRT.x64.Desktop.base.vsix\n")
    assert asked(tmp_path, XWIN_CACHE_DIR=str(folder)).xwin == Xwin(folder=str(folder), arches=("x86_64",))


def test_without_a_variable_they_are_in_our_cache(tmp_path):
    """Where nobody else looks."""
    assert asked(tmp_path).xwin.folder.endswith("/xwin")
    assert marked_arches("") == ()
