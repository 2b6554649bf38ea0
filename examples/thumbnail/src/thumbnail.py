"""Makes a thumbnail of an image that arrives as base64; Pillow is in the package beside this file."""

import base64
import binascii
import io

from PIL import Image, ImageOps, UnidentifiedImageError

LARGEST_SIDE = 4096


def handler(event, context):
    """{"image": base64, "width": pixels} → {"thumbnail": base64, "width", "height", "format"}.

    The thumbnail keeps the image's proportions and format, and is never larger than the image.
    """
    image = open_image(event.get("image"))
    width = wanted_width(event.get("width", 128))
    kind = image.format
    # Cameras store how they were held instead of turning the pixels.
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((width, LARGEST_SIDE))
    thumbnail = io.BytesIO()
    upright.save(thumbnail, kind)
    print(f"{kind} {image.width}x{image.height} -> {upright.width}x{upright.height}, {thumbnail.tell()} bytes")
    return {
        "thumbnail": base64.b64encode(thumbnail.getvalue()).decode(),
        "width": upright.width,
        "height": upright.height,
        "format": kind,
    }


def open_image(text):
    """The image in a base64 text. Raises ValueError, which the caller of the function sees."""
    if not isinstance(text, str):
        raise ValueError('the event needs "image", a base64 text')
    try:
        return Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
    except binascii.Error as error:
        raise ValueError(f'"image" is not base64: {error}') from None
    except UnidentifiedImageError:
        raise ValueError('"image" is not an image that Pillow knows') from None


def wanted_width(width):
    """A width in pixels. Raises ValueError."""
    if type(width) is not int or not 1 <= width <= LARGEST_SIDE:
        raise ValueError(f'"width" must be a whole number from 1 to {LARGEST_SIDE}')
    return width
