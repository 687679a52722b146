"""Downloads of TensorFlow Datasets: from a server on this machine, and in a clean environment."""

import gzip
import http.server
import pathlib
import shutil
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

from trainers import data, prepare, scripts

ROOT = pathlib.Path(__file__).parents[2]
NUMBER = 12


@pytest.fixture
def kmnist(tmp_path, monkeypatch, rng):
    """Lets TFDS download a small `kmnist` from this machine; returns its images and labels."""
    pytest.importorskip("tensorflow_datasets")
    from tensorflow_datasets.image_classification import mnist

    images = rng.integers(0, 256, (NUMBER, 28, 28), dtype=np.uint8)
    labels = (np.arange(NUMBER) % 10).astype(np.uint8)
    folder = tmp_path / "server"
    folder.mkdir()
    for split in ("train", "t10k"):
        for stem, array, magic in (("images-idx3", images, 3), ("labels-idx1", labels, 1)):
            head = struct.pack(f">{array.ndim + 1}I", 2048 + magic, *array.shape)
            file = folder / f"{split}-{stem}-ubyte.gz"
            file.write_bytes(gzip.compress(head + array.tobytes()))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(mnist.KMNIST, "URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(mnist, "_TRAIN_EXAMPLES", NUMBER)
    monkeypatch.setattr(mnist, "_TEST_EXAMPLES", NUMBER)
    yield folder, images, labels
    server.shutdown()
    server.server_close()


def test_a_download_is_prepared_and_read(kmnist, tmp_path):
    _, images, labels = kmnist
    loaded = data.load("kmnist", data_dir=tmp_path / "data")
    order = np.argsort(loaded.images.reshape(NUMBER, -1).view("V784").ravel())
    expected = np.argsort(images.reshape(NUMBER, -1).view("V784").ravel())
    np.testing.assert_array_equal(loaded.images[order, ..., 0], images[expected])
    np.testing.assert_array_equal(loaded.labels[order], labels[expected])


def test_a_file_that_the_server_lacks_is_named(kmnist, tmp_path):
    folder, _, _ = kmnist
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    message = r"trainers.prepare --name=kmnist`.*Received: DownloadError: .*t10k-images.*404"
    with pytest.raises(FileNotFoundError, match=message):
        data.load("kmnist", data_dir=tmp_path / "data")


def test_prepare_prints_the_splits(capsys):
    with flagsaver.flagsaver():
        arguments = flags.FLAGS(["prepare", "--name=digits"])
        assert scripts.reported(prepare.main)(arguments) is None
    printed = capsys.readouterr().out
    assert "digits is prepared" in printed and "train 1438, validation 179" in printed


CLEAN = """
import tempfile
from tensorflow_datasets.core.download import downloader
from trainers import data
downloader.MAX_RETRIES = 0
for name in ("kmnist", "cifar10", "celeb_a", "svhn_cropped", "omniglot"):
    try:
        data.load(name, data_dir=tempfile.mkdtemp())
    except FileNotFoundError as error:
        print(name, str(error).partition("Received: ")[2])
"""


@pytest.mark.slow
def test_a_clean_environment_downloads_up_to_the_network(tmp_path):
    """`pip install ".[train]"` brings all that a download needs: no package is missing."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("zoo", "trainers", "export", "configs"):
        shutil.copytree(ROOT / name, source / name)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    install = [python, "-m", "pip", "install", "-q", "-e", f"{source}[train]"]
    done = subprocess.run(install, capture_output=True, text=True)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("needs a package index")
    assert done.returncode == 0, done.stderr
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    environment = {"PATH": "/usr/bin:/bin", "TF_CPP_MIN_LOG_LEVEL": "3", **proxy}
    done = subprocess.run(
        [python, "-c", CLEAN], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if "ProxyError" in line]
    assert [line[0] for line in lines] == [
        "kmnist",
        "cifar10",
        "celeb_a",
        "svhn_cropped",
        "omniglot",
    ], done.stdout
