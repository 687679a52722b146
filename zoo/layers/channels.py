"""The layout of images and maps: [B, H, W, C] under every setting of Keras."""

# Each layer that reads it is given this: Keras's default is the user's `image_data_format`.
CHANNELS_LAST = {"data_format": "channels_last"}
