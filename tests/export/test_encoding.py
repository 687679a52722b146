"""Shards of Parquet: rows in order, equal to the npz file, finished ones never done again."""

import gzip
import os
import pathlib
import sys

import numpy as np
import pytest
import shard_files
from PIL import Image

pytest.importorskip("pyarrow", reason='Needs the extra "parquet".')

from pyarrow import parquet

from export import encode
from export.encoding import on_ray, plan, shard
from zoo.light import probability
from zoo.storage import files, locks

BLOCK, ROWS = 2, 4  # images of a block and of a shard


@pytest.fixture(scope="module")
def artifact():
    return pathlib.Path(__file__).parents[2] / "artifacts" / "bilbo-mnist-z2"


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (11, 28, 28, 1), np.uint8)


def write_npy(folder, images):
    np.save(folder / "images.npy", images)
    return folder / "images.npy"


def write_packed_npz(folder, images):
    np.savez_compressed(folder / "images.npz", images=images)
    return folder / "images.npz"


def write_packed_idx(folder, images):
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in images.shape[:3])
    (folder / "images.gz").write_bytes(gzip.compress(header + images.tobytes()))
    return folder / "images.gz"


def write_folder(folder, images):
    for i, image in enumerate(images):
        path = folder / "pictures" / f"{i % 3}" / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(path)
    return folder / "pictures"


def write_wds(folder, images):
    pytest.importorskip("webdataset")
    shard_files.shard_set(folder / "set", images[..., 0], np.zeros(len(images), int), 2)
    return f"wds:{folder}/set/train-*.tar"


def write_hf(folder, images):
    datasets = pytest.importorskip("datasets")
    pictures = [Image.fromarray(image[..., 0]) for image in images]
    features = datasets.Features({"image": datasets.Image()})
    datasets.Dataset.from_dict({"image": pictures}, features).to_parquet(folder / "images.parquet")
    return f"hf:{folder}/images.parquet"


KINDS = (write_npy, write_packed_npz, write_packed_idx, write_folder, write_wds, write_hf)


def run(artifact, source, out, **options):
    options = {"batch_size": BLOCK, "progress": False, **options}
    if not str(out).endswith(".npz"):
        options.setdefault("shard_rows", ROWS)
    return encode.encode(artifact, source, out, **options)


def read(out):
    """Returns dict column -> array of all shards of a folder, in the order of their names."""
    tables = [parquet.read_table(path) for path in sorted(out.glob("part-*"))]
    columns = {}
    for name in tables[0].schema.names:
        values = [value for table in tables for value in table[name].to_pylist()]
        columns[name] = np.array(values)
    return columns


@pytest.mark.parametrize("write", KINDS, ids=lambda write: write.__name__)
def test_shards_have_the_rows_of_the_npz_file(artifact, images, tmp_path, write, monkeypatch):
    monkeypatch.setenv("ELBO_ZOO_CACHE", str(tmp_path / "cache"))
    source = write(tmp_path, images)
    assert run(artifact, source, tmp_path / "features.npz", nll=3) == len(images)
    assert run(artifact, source, tmp_path / "shards", nll=3) == len(images)
    names = sorted(path.name for path in (tmp_path / "shards").iterdir())
    assert names == ["_encoding.json", *(f"part-0000{i}-of-00003.parquet" for i in range(3))]
    rows = read(tmp_path / "shards")
    assert rows["key"].tolist() == list(range(len(images)))
    with np.load(tmp_path / "features.npz") as npz:
        np.testing.assert_array_equal(rows["features"].astype(np.float32), npz["features"])
        np.testing.assert_array_equal(rows["nll"], npz["nll"])
        if write is write_folder:
            assert rows["path"].tolist() == npz["files"].tolist()
            assert rows["path"][:2].tolist() == ["0/00.png", "0/03.png"]
    if write is write_wds:
        assert len(set(rows["path"])) == len(images)
        name, _, path = rows["path"][0].partition(": ")
        assert name.startswith(str(tmp_path / "set" / "train-00")) and path.endswith(".png")
    assert ("path" in rows) == (write in (write_folder, write_wds))


def test_the_nll_is_that_of_all_images_at_once(artifact, images, tmp_path):
    run(artifact, write_npy(tmp_path, images), tmp_path / "shards", nll=5)
    expected = probability.load_probability(artifact).nll(images, 5)
    np.testing.assert_allclose(read(tmp_path / "shards")["nll"], expected, rtol=1e-5)


def test_a_row_says_which_model_made_it(artifact, images, tmp_path):
    run(artifact, write_npy(tmp_path, images), tmp_path / "shards")
    (first, *_) = sorted((tmp_path / "shards").glob("part-*"))
    schema = parquet.read_schema(first)
    assert [str(field.type) for field in schema] == ["int64", "fixed_size_list<element: float>[2]"]
    settings = files.read_json(tmp_path / "shards" / "_encoding.json")
    assert settings["model_sha256"] == {"encoder": files.sha256(artifact / "encoder.onnx")}
    assert b'"count": 11' in schema.metadata[shard.METADATA]


@pytest.fixture
def written(monkeypatch):
    """The numbers of the shards that are written from here on."""
    numbers, write = [], shard.Worker.write

    def noted(self, number):
        numbers.append(number)
        return write(self, number)

    monkeypatch.setattr(shard.Worker, "write", noted)
    return numbers


def test_only_shards_that_are_not_whole_are_done_again(artifact, images, tmp_path, written):
    source, out = write_packed_npz(tmp_path, images), tmp_path / "shards"
    run(artifact, source, out)
    expected, paths = read(out), sorted(out.glob("part-*"))
    dates = [path.stat().st_mtime_ns for path in paths]
    paths[0].unlink()
    paths[2].write_bytes(paths[2].read_bytes()[:-9])
    (out / ".part-00000-of-00003.parquet.abc").touch()  # as a killed process leaves one
    assert run(artifact, source, out) == len(images)
    assert written == [0, 1, 2, 0, 2]
    assert paths[1].stat().st_mtime_ns == dates[1]
    for name, values in read(out).items():
        np.testing.assert_array_equal(values, expected[name])
    run(artifact, source, out)
    assert len(written) == 5


def test_a_packed_file_is_unpacked_once(artifact, images, tmp_path, monkeypatch):
    source, opened, kept = write_packed_idx(tmp_path, images), [], gzip.open

    def counted(*arguments):
        opened.append(arguments)
        return kept(*arguments)

    monkeypatch.setattr(gzip, "open", counted)
    run(artifact, source, tmp_path / "one", shard_rows=20)
    once = len(opened)
    run(artifact, source, tmp_path / "many", shard_rows=BLOCK)
    assert len(opened) == 2 * once


def test_an_image_that_cannot_be_read_keeps_its_shard_away(artifact, images, tmp_path, written):
    folder, out = write_folder(tmp_path, images), tmp_path / "shards"
    content = (folder / "1" / "04.png").read_bytes()
    (folder / "1" / "04.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"Expected a readable image. Received: path='.*04.png'"):
        run(artifact, folder, out)
    assert [path.name for path in out.glob("part-*")] == ["part-00000-of-00003.parquet"]
    (folder / "1" / "04.png").write_bytes(content)
    with pytest.raises(ValueError, match="images_sha256=.*or another folder"):
        run(artifact, folder, out)  # the date of a picture is another


def test_a_folder_of_other_shards_is_refused(artifact, images, tmp_path, written):
    source, out = write_npy(tmp_path, images), tmp_path / "shards"
    run(artifact, source, out)
    for changed, text in (
        ({"shard_rows": 6}, "shard_rows=6, or another folder.*which has shards of shard_rows=4"),
        ({"nll": 3}, "Expected shards of model_sha256=|Expected shards of nll=3"),
        ({"resize": True}, "resize=True, or another folder.*resize=False"),
    ):
        with pytest.raises(ValueError, match=text):
            run(artifact, source, out, **changed)
    np.save(source, images[::-1])
    os.utime(source, ns=(1, 1))
    with pytest.raises(ValueError, match="images_sha256"):
        run(artifact, source, out)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    for path in (tmp_path / "other", tmp_path / "other" / "notes"):
        path.is_dir() or path.touch()
        with pytest.raises(ValueError, match="a new or empty folder for shards.*other"):
            run(artifact, source, path)
    assert len(written) == 3


def test_two_processes_do_not_encode_into_one_folder(artifact, images, tmp_path):
    source, out = write_npy(tmp_path, images), tmp_path / "shards"
    out.mkdir()
    folder = os.open(out, os.O_RDONLY)
    try:
        assert locks.try_lock(folder)
        with pytest.raises(ValueError, match="no other process encodes into"):
            run(artifact, source, out)
    finally:
        os.close(folder)
    assert run(artifact, source, out) == 11


def test_options_that_are_refused(artifact, images, tmp_path):
    source, out = write_npy(tmp_path, images), tmp_path / "shards"
    for options, text in (
        ({"shard_rows": 5}, "shard_rows as a multiple of batch_size=2. Received: shard_rows=5"),
        ({"shard_rows": 0}, "`shard_rows` must be a positive int"),
        ({"nll": -1}, "`nll` must be a positive int"),
        ({"executor": "rya"}, "Expected executor among .*'rya'.*Did you mean \"ray\""),
        ({"cpus": 2}, "Expected executor='ray' with cpus"),
        ({"executor": "ray", "cpus": 0}, "Expected cpus > 0"),
    ):
        with pytest.raises(ValueError, match=text):
            run(artifact, source, out, **options)
    with pytest.raises(ValueError, match="a folder for shards of Parquet with executor='ray'"):
        run(artifact, source, tmp_path / "features.npz", executor="ray")
    assert not out.exists()


def test_the_command_writes_shards_and_says_what_is_missing(
    artifact, images, tmp_path, monkeypatch, capsys
):
    source, out = write_npy(tmp_path, images), tmp_path / "shards"
    arguments = [f"--model={artifact}", f"--images={source}", f"--out={out}", "--shard_rows=256"]
    assert encode.main(arguments) == 0
    assert f"11 images -> {out}" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "ray", None)
    assert encode.main([*arguments, "--executor=ray"]) == 1
    error = capsys.readouterr().err
    assert error == 'error: ray is needed and not installed: pip install "elbo-zoo[train,ray]"\n'
    assert encode.main([*arguments, "--gpus=1"]) == 1
    assert "Expected --executor=ray with --gpus. Received: --executor=local" in (
        capsys.readouterr().err
    )
    with pytest.raises(SystemExit):
        encode.main([*arguments, "--executor=rya"])
    assert "invalid choice: 'rya'" in capsys.readouterr().err


def test_paths_reach_a_node_as_absolute_ones(artifact, images, tmp_path, monkeypatch):
    write_npy(tmp_path, images)
    monkeypatch.chdir(tmp_path)
    made, _ = plan.make(os.path.relpath(artifact), "images.npy", "shards", batch_size=BLOCK)
    assert os.path.samefile(made.model, artifact) and os.path.isabs(made.model)
    assert made.out == tmp_path / "shards"
    assert made.images == str(tmp_path / "images.npy")
    absolute = plan.pictures.absolute
    assert absolute("wds:a-{0..1}.tar::~/b.tar") == (
        f"wds:{tmp_path}/a-{{0..1}}.tar::{os.path.expanduser('~')}/b.tar"
    )
    assert absolute("tfds:mnist") == "tfds:mnist"


def test_an_actor_hands_back_rows_and_errors(artifact, images, tmp_path):
    source = write_npy(tmp_path, images)
    made, _ = plan.make(artifact, source, tmp_path / "out", shard_rows=ROWS, batch_size=BLOCK)
    answer = on_ray.Actor(made, 1)({"shard": np.array([2, 0])})
    assert answer["rows"].tolist() == [3, 4] and answer["error"].tolist() == ["", ""]
    assert made.missing() == [1]
    starts = made.out / on_ray.STARTS
    assert not list(starts.iterdir())
    (starts / "1").write_bytes(b"." * on_ray.TRIES)  # as actors leave it that end in this shard
    answer = on_ray.Actor(made, 1)({"shard": np.array([1])})
    assert "a shard that ends no process" in answer["error"][0] and made.missing() == [1]
    np.save(source, images[:9])
    answer = on_ray.Actor(made, 1)({"shard": np.array([1])})
    assert answer["rows"].tolist() == [0]
    assert "Expected the 11 images" in answer["error"][0] and "on the node" in answer["error"][0]
