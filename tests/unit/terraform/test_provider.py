"""Where the provider comes from: each place in turn, and all the reasons when there is none."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from opsctl.errors import Interrupted
from opsctl.terraform import provider, provider_build
from opsctl.terraform.events import Progress
from opsctl.terraform.mirrors import SOURCE, platform_name
from opsctl.terraform.provider import ProviderNotFound, find_provider

FAKE_GO = """#!/bin/sh
case "$1" in
  env) echo go1.26.3;;
  install) echo "$@" > "{told}"; {install};;
esac
"""
BUILDS = (
    'echo github.com/x/y >&2; printf "#!/bin/sh\\necho This binary is a plugin\\n" > "$GOBIN/terraform-provider-aws"; '
    'chmod +x "$GOBIN/terraform-provider-aws"'
)


class Home:
    """A machine of its own: home folder, software folder, cache, PATH. No registry answers."""

    def __init__(self, root: Path) -> None:
        self.root, self.software, self.cache = root, root / "opt", root / "cache"
        (root / "bin").mkdir()
        self.software.mkdir()
        self.env = {"HOME": str(root), "PATH": f"{root}/bin"}
        self.heard = []

    def put(self, mirror: Path, *versions: str) -> Path:
        for version in versions:
            folder = mirror / SOURCE / version / platform_name()
            folder.mkdir(parents=True)
            (folder / f"terraform-provider-aws_v{version}").write_text("#!/bin/sh\n")
            (folder / f"terraform-provider-aws_v{version}").chmod(0o755)
        return mirror

    def configure(self, text: str) -> None:
        (self.root / ".terraformrc").write_text(text)

    def go(self, install: str) -> None:
        go = self.root / "bin" / "go"
        go.write_text(FAKE_GO.format(told=self.root / "told", install=install))
        go.chmod(0o755)
        self.env["PATH"] = f"{self.root}/bin:{os.defpath}"

    def find(self, **options):
        return find_provider(
            cache=self.cache,
            env=self.env,
            software_folders=(str(self.software),),
            on_event=self.heard.append,
            **options,
        )


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(provider, "_fetch_json", lambda url: "does not answer (test)")
    monkeypatch.setattr(provider_build, "available_memory", lambda: 2**40)
    return Home(tmp_path)


def mirror_of(choice):
    return Path(re.search(r'path\s+= "(.*)"', choice.cli_config.read_text()).group(1))


def test_the_users_own_configuration_comes_first_and_is_left_alone(home):
    mine = home.put(home.root / "mine", "5.100.0", "6.1.0")
    home.put(home.software / "plugins", "6.2.0")
    home.configure(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mine}"\n  }}\n}}\n')
    choice = home.find()
    assert (choice.version, choice.cli_config) == ("6.1.0", None)
    assert str(mine) in choice.source


def test_a_configuration_that_names_a_file_that_is_not_there_is_passed_over(home):
    home.env["TF_CLI_CONFIG_FILE"] = "/nonexistent/terraform.rc"
    home.put(home.software / "plugins", "5.100.0")
    assert home.find().version == "5.100.0"


def test_a_commented_mirror_is_none(home):
    mine = home.put(home.root / "mine", "6.1.0")
    home.put(home.software / "plugins", "5.100.0")
    home.configure(f'provider_installation {{\n  # filesystem_mirror {{ path = "{mine}" }}\n}}\n')
    assert home.find().version == "5.100.0"


def test_a_version_that_is_asked_for_wins_over_a_newer_one(home):
    mine = home.put(home.root / "mine", "5.100.0", "6.1.0")
    home.configure(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mine}"\n  }}\n}}\n')
    home.env["OPSCTL_PROVIDER_VERSION"] = "5.100.0"
    choice = home.find()
    assert choice.version == "5.100.0"
    assert not (mirror_of(choice) / SOURCE / "6.1.0").exists()


def test_a_mirror_that_is_named_is_the_only_one_looked_at(home):
    home.put(home.software / "plugins", "6.2.0")
    home.env["OPSCTL_PROVIDER_MIRROR"] = str(home.put(home.root / "named", "5.100.0"))
    assert home.find().version == "5.100.0"


def test_terraforms_own_folder_comes_before_software_folders_and_those_before_the_cache(home):
    home.put(home.cache / "providers" / "mirror", "6.3.0")
    assert home.find().version == "6.3.0"
    home.put(home.software / "plugins", "6.2.0")
    assert home.find().version == "6.2.0"
    home.put(home.root / ".terraform.d" / "plugins", "6.1.0")
    assert home.find().version == "6.1.0"


def test_a_version_that_does_not_fit_is_passed_over(home):
    home.put(home.software / "old", "5.99.0")
    home.put(home.software / "plugins", "5.100.0", "7.0.0")
    assert home.find().version == "5.100.0"


def test_without_any_every_place_and_its_reason_is_told(home):
    home.put(home.software / "old", "4.0.0")
    with pytest.raises(ProviderNotFound) as caught:
        home.find()
    reasons = "\n".join(caught.value.reasons)
    for text in (".terraformrc: there is no such file", "old: has only 4.0.0", "our cache", "registry: does not answer",
                 "Go is not installed"):  # fmt: skip
        assert text in reasons


def test_the_registrys_newest_version_for_this_platform_is_fetched(home, monkeypatch):
    system, machine = platform_name().split("_")
    offers = [
        {"version": "6.1.0", "platforms": [{"os": system, "arch": machine}]},
        {"version": "6.2.0", "platforms": [{"os": "plan9", "arch": "mips"}]},
        {"version": "7.0.0", "platforms": [{"os": system, "arch": machine}]},
    ]
    monkeypatch.setattr(provider, "_fetch_json", lambda url: {"versions": offers})
    terraform = home.root / "bin" / "terraform"
    folder = f"mirror/{SOURCE}/6.1.0/{platform_name()}"
    terraform.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = version ]; then echo \'{"terraform_version": "1.11.4"}\'; exit; fi\n'
        f'grep -q "= 6.1.0" main.tf.json && mkdir -p {folder} && touch {folder}/terraform-provider-aws_v6.1.0 '
        f"&& chmod +x {folder}/terraform-provider-aws_v6.1.0\n"
    )
    terraform.chmod(0o755)
    home.env["PATH"] = f"{home.root}/bin:{os.defpath}"
    assert (home.find().version, home.find().source.split()[0]) == ("6.1.0", "our")


def test_a_build_goes_into_the_cache_and_is_made_once(home):
    home.go(BUILDS)
    assert home.find().source == "built from source"
    assert "6.47.1" in (home.root / "told").read_text()
    (home.root / "told").unlink()
    again = home.find()
    assert again.version == "6.47.1"
    assert again.source.startswith("our cache")
    assert not (home.root / "told").exists()
    assert any(isinstance(event, Progress) for event in home.heard)


def test_looking_alone_builds_nothing_and_says_that_it_could(home):
    home.go(BUILDS)
    with pytest.raises(ProviderNotFound, match="No AWS provider") as caught:
        home.find(make=False)
    assert "6.47.1 can be built here" in caught.value.reasons[-1]
    assert not (home.root / "told").exists()


@pytest.mark.parametrize(
    ("install", "words"),
    [
        ("echo 'undefined: x' >&2; exit 1", "undefined: x"),
        ('cp /bin/true "$GOBIN/terraform-provider-aws"',
         "does not answer as a provider"),
    ],
)  # fmt: skip
def test_a_failed_build_leaves_nothing_half_made(home, install, words):
    home.go(install)
    with pytest.raises(provider_build.BuildFailed, match=words):
        home.find()
    assert not list((home.cache / "providers").glob("building-*"))
    assert not (home.cache / "providers" / "mirror").exists()


def test_an_interrupted_build_leaves_nothing_half_made_and_no_process(home):
    home.go('echo $$ > "$HOME/pid"; touch "$GOBIN/half"; exec sleep 60')
    pid = home.root / "pid"

    def interrupt() -> None:
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(Interrupted):
        home.find()
    assert not list((home.cache / "providers").glob("building-*"))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_too_little_memory_is_a_reason_not_to_build(home, monkeypatch):
    home.go(BUILDS)
    monkeypatch.setattr(provider_build, "available_memory", lambda: 2**30)
    with pytest.raises(ProviderNotFound) as caught:
        home.find()
    assert "1.0 GB are free" in caught.value.reasons[-1]
