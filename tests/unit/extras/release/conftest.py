"""A release of the crate `hello`, whose programs answer from a table."""

from __future__ import annotations

import pytest
from release_values import Programs, failed

from crosstasks.clients.git import Git
from crosstasks.context import Context, look_of
from crosstasks.core import files
from crosstasks.extras.packaging.product import Crate, Product
from crosstasks.extras.release import dist
from crosstasks.extras.release.context import ReleaseContext
from crosstasks.extras.release.dist import File, Part, Program
from crosstasks.project.manifest import Package
from crosstasks.testing import ARM64, config, facts, repository

COMMIT = "a" * 40


@pytest.fixture
def make(tmp_path):
    """A maker of releases: answers of programs, options of [release], what git knows, crates, and other fields of the release."""

    def make(answers=None, *, options=None, git=None, crates=None, environ=None, targets=("aarch64",), top=None, **more):
        run = Programs({("git",): failed("fatal: it is not there", 128)} | (answers or {}))
        options_ = config(*targets, release=options or {}, **(top or {}))
        look = look_of(tmp_path, tmp_path, options_, environ or {}, run)
        crates = crates or (Crate(name="hello", version="0.1.0", folder=str(tmp_path), tag="v0.1.0", binaries=("hello",)),)
        packages = tuple(
            Package(name=one.name, version=one.version, manifest=f"{one.folder}/Cargo.toml", binaries=one.binaries) for one in crates
        )
        known = facts(
            repository=repository(
                root=str(tmp_path), manifest=str(tmp_path / "Cargo.toml"), target_directory=str(tmp_path / "target"), packages=packages
            )
        )
        context = Context(
            config=options_,
            root=tmp_path,
            cache=tmp_path / "cache",
            environ=environ or {},
            run=run,
            say=lambda _line: None,
            look=look,
            facts=known,
        )
        products = tuple(Product(name=one.name, version=one.version, tag=one.tag, crates=(one,)) for one in crates if one.binaries)
        state = {"top": str(tmp_path), "commit": COMMIT, "time": 1_700_000_000, "branch": "main", **(git or {})}
        return ReleaseContext(context=context, git=Git(**state), crates=crates, products=products, **more)

    return make


@pytest.fixture
def packed():
    """Put an archive of a target into the folder of a release, and list it."""

    def packed(release, triple=ARM64, text="archive", glibc="2.34"):
        name = f"hello-{triple}-v0.1.0.tar.gz"
        path = release.dist / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        programs = (Program(name="hello", size=1, sha256="x", glibc=glibc),)
        made = File(
            name=name,
            kind="archive",
            product="hello",
            version="0.1.0",
            target=triple,
            size=path.stat().st_size,
            sha256=files.sha256(path),
            programs=programs,
        )
        dist.remember(release.dist, Part(target=triple, commit=COMMIT, route="cargo", files=(made,)))
        dist.finish(release, (triple,))
        return path

    return packed
