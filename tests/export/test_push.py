"""`export.push` against a small hub on the loopback address."""

import os
import subprocess
import sys
from pathlib import Path

import fake_hub
import pytest

from export import push
from zoo.releases import card as cards
from zoo.releases import catalogue
from zoo.storage import files

MODEL = "vimae-mnist-z8-l"
LOAD = "import sys, zoo; print(zoo.load_encoder(sys.argv[1]).latent_dim)"


@pytest.fixture
def hub():
    pytest.importorskip("huggingface_hub", reason="needs the extra [hub]")
    with fake_hub.serve() as served:
        yield served


def run(hub, home, *command):
    """Runs Python as a user of the hub."""
    environment = {
        **os.environ,
        **{"HF_ENDPOINT": hub.address, "HF_HOME": str(home), "HF_TOKEN": "hf_test"},
        **{"NO_PROXY": "127.0.0.1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"},
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    options = {"env": environment, "capture_output": True, "text": True, "timeout": 120}
    return subprocess.run([sys.executable, *command], check=False, **options)


def test_a_pushed_model_is_whole_and_loads_by_its_name(hub, tmp_path):
    hub.files["of_an_earlier_upload.txt"] = b"old"
    out = run(hub, tmp_path, "-m", "export.push", MODEL, "hf://someone/digits")
    assert out.returncode == 0, out.stderr
    folder, card = catalogue.open_artifact(MODEL)
    assert set(hub.files) == {cards.CARD, *card["files"]}
    for name, content in hub.files.items():
        assert content == (folder / name).read_bytes(), name
    address = out.stdout.split()[-1]
    assert address == f"hf://someone/digits#sha256={files.sha256(folder / cards.CARD)}"
    loaded = run(hub, tmp_path, "-c", LOAD, address)
    assert loaded.stdout.split() == [str(card["latent_dim"])], loaded.stderr


def test_a_hub_that_refuses_is_one_line(hub, tmp_path):
    hub.refuses = True
    out = run(hub, tmp_path, "-m", "export.push", MODEL, "hf://someone/digits")
    assert out.returncode == 1 and "Traceback" not in out.stderr
    assert "error: Could not push to hf://someone/digits. Received: " in out.stderr


@pytest.mark.parametrize("to", ["someone/digits", "hf://digits", f"hf://a/b#sha256={'0' * 64}"])
def test_other_names_are_refused(to):
    with pytest.raises(ValueError, match=r"Expected hf://OWNER/NAME.*Received"):
        push.push(MODEL, to)
