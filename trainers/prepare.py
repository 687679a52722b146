"""Downloads and prepares a data set, and prints its splits.

TFDS_DATA_DIR=~/tensorflow_datasets python -m trainers.prepare --name=celeb_a

Files that you downloaded yourself are read from `downloads/manual` in the data folder. TensorFlow
Datasets checks them, and downloads the others. CelebA's are img_align_celeba.zip,
list_eval_partition.txt, list_attr_celeba.txt, list_landmarks_align_celeba.txt and
identity_CelebA.txt.
"""

from trainers import scripts

with scripts.needs(__name__):
    from absl import flags

scripts.prepare_tensorflow()

NAME = flags.DEFINE_string("name", None, "A data set, as in --config.data.name: celeb_a.")
DATA_DIR = scripts.define_path(
    "data_dir", None, "Where TensorFlow Datasets keeps its data; TFDS_DATA_DIR by default."
)


def main(argv):
    """Prepares the data set that the flags name."""
    scripts.start_tensorflow()
    from trainers.data.sources import open_source

    source = open_source(NAME.value, data_dir=DATA_DIR.value)
    sizes = ", ".join(f"{split} {source.sizes[split]}" for split in source.splits)
    print(f"{source.name} is prepared: {source.text}. Splits: {sizes}")


if __name__ == "__main__":
    scripts.run(main, required=("name",))
