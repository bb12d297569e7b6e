"""What a file is, by what it holds: names and declared types are only believed where they agree with it.

Whatever is not recognised is refused, and so is whatever a browser or an operating system would run.
"""

import html
import re
from dataclasses import dataclass

HEAD = 64 * 1024  # so much of a file tells what it is
LARGEST_SVG = 1024 * 1024  # an SVG is read to its end


@dataclass(frozen=True, slots=True)
class Kind:
    mimetype: str
    extension: str


SVG = Kind("image/svg+xml", ".svg")
ZIP = Kind("application/zip", ".zip")
OLE = Kind("application/x-ole-storage", ".bin")
TEXT = Kind("text/plain", ".txt")
MP4 = Kind("video/mp4", ".mp4")

SIGNATURES = [  # where it stands, what it is
    (0, b"\xff\xd8\xff", Kind("image/jpeg", ".jpg")),
    (0, b"\x89PNG\r\n\x1a\n", Kind("image/png", ".png")),
    (0, b"GIF87a", Kind("image/gif", ".gif")),
    (0, b"GIF89a", Kind("image/gif", ".gif")),
    (8, b"WEBP", Kind("image/webp", ".webp")),
    (8, b"WAVE", Kind("audio/wav", ".wav")),
    (4, b"ftypheic", Kind("image/heic", ".heic")),
    (4, b"ftypavif", Kind("image/avif", ".avif")),
    (4, b"ftypM4A", Kind("audio/mp4", ".m4a")),
    (4, b"ftyp3g", Kind("video/3gpp", ".3gp")),
    (4, b"ftypqt", Kind("video/quicktime", ".mov")),
    (4, b"ftyp", MP4),
    (0, b"\x1aE\xdf\xa3", Kind("video/webm", ".webm")),
    (0, b"OggS", Kind("audio/ogg", ".ogg")),
    (0, b"ID3", Kind("audio/mpeg", ".mp3")),
    (0, b"\xff\xfb", Kind("audio/mpeg", ".mp3")),
    (0, b"\xff\xf3", Kind("audio/mpeg", ".mp3")),
    (0, b"\xff\xf1", Kind("audio/aac", ".aac")),
    (0, b"\xff\xf9", Kind("audio/aac", ".aac")),
    (0, b"#!AMR", Kind("audio/amr", ".amr")),
    (0, b"%PDF-", Kind("application/pdf", ".pdf")),
    (0, b"{\\rtf", Kind("application/rtf", ".rtf")),
    (0, b"PK\x03\x04", ZIP),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
]
RIFF = {"image/webp", "audio/wav"}
OFFICE = {
    b"word/": Kind("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"),
    b"xl/": Kind("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"),
    b"ppt/": Kind("application/vnd.openxmlformats-officedocument.presentationml.presentation", ".pptx"),
}
OPEN_DOCUMENT = {
    b"mimetypeapplication/vnd.oasis.opendocument.text": Kind(
        "application/vnd.oasis.opendocument.text", ".odt"
    ),
    b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet": Kind(
        "application/vnd.oasis.opendocument.spreadsheet", ".ods"
    ),
}
BY_NAME = {  # what the content leaves open
    ".doc": Kind("application/msword", ".doc"),
    ".xls": Kind("application/vnd.ms-excel", ".xls"),
    ".ppt": Kind("application/vnd.ms-powerpoint", ".ppt"),
}
TEXTS = {".csv": Kind("text/csv", ".csv"), ".json": Kind("application/json", ".json")}
MARKED_TEXTS = {
    b"BEGIN:VCARD": Kind("text/vcard", ".vcf"),
    b"BEGIN:VCALENDAR": Kind("text/calendar", ".ics"),
}
PROGRAMS = (b"AndroidManifest.xml", b"classes.dex", b"META-INF/MANIFEST.MF", b"vbaProject.bin")
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
ACTIVE_TEXT = re.compile(
    rb"<\s*(?:!doctype\s+html|html|head|body|script|iframe|object|embed|meta|link|form|template|svg)\b"
    rb"|^\s*<(?:!|\?|/?[a-z])|^#!|EICAR-STANDARD-ANTIVIRUS-TEST-FILE",
    re.IGNORECASE,
)
ACTIVE_SVG = re.compile(
    r"<\s*(?:[\w-]+:)?(?:script|foreignobject|iframe|object|embed|handler|set|animate\w*|link|meta|a)\b"
    r"|<!(?:entity|doctype[^>]*\[)|[\s\"'/]on\w+\s*=|(?:java|vb)script:|data:\s*(?!image/(?:png|jpeg|gif|webp))"
    r"|href\s*=\s*[\"']?\s*(?!#|data:)[^\s\"'>]|url\s*\(\s*[\"']?\s*(?!#)|@import|<\?xml-stylesheet",
    re.IGNORECASE,
)
DECLARED = {  # one container, two kinds of content: here the declared type is believed
    ("video/webm", "audio/webm"): Kind("audio/webm", ".webm"),
    ("video/mp4", "audio/mp4"): Kind("audio/mp4", ".m4a"),
    ("audio/ogg", "audio/opus"): Kind("audio/opus", ".opus"),
}
KINDS = frozenset(
    [
        *(kind for *_, kind in SIGNATURES if kind is not OLE),
        *(*OFFICE.values(), *OPEN_DOCUMENT.values(), *BY_NAME.values(), *TEXTS.values()),
        *(*MARKED_TEXTS.values(), *DECLARED.values(), TEXT, SVG),
    ]
)


def is_picture(mimetype: str) -> bool:
    return mimetype.startswith("image/") and mimetype != SVG.mimetype


def may_be_shown(mimetype: str) -> bool:
    """In the page itself; everything else is for downloading."""
    return is_picture(mimetype) or mimetype.startswith(("audio/", "video/"))


def recognise(head: bytes, name: str, declared: str = "", *, whole: bool) -> Kind | None:
    """What the file is, from its first octets; `whole` when there are no others. None: not to be taken."""
    kind = _recognised(head, name, whole=whole)
    return kind and DECLARED.get((kind.mimetype, declared), kind)


def _recognised(head: bytes, name: str, *, whole: bool) -> Kind | None:
    if not head:
        return None
    for place, magic, kind in SIGNATURES:
        if head.startswith(magic, place) and (kind.mimetype not in RIFF or head.startswith(b"RIFF")):
            return _opened(head, name, kind)
    if CONTROL.search(head[:HEAD]):
        return None
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if _is_svg(text):
        return SVG if whole and len(head) <= LARGEST_SVG and not _is_active(head) else None
    if ACTIVE_TEXT.search(text[:HEAD]):
        return None
    marked = next((kind for mark, kind in MARKED_TEXTS.items() if text.upper().startswith(mark)), None)
    return marked or TEXTS.get(_extension(name), TEXT)


def _opened(head: bytes, name: str, kind: Kind) -> Kind | None:
    """What lies in a container."""
    if kind is OLE:
        return BY_NAME.get(_extension(name))
    if kind is not ZIP:
        return kind
    if any(program in head for program in PROGRAMS):
        return None
    for mark, document in OPEN_DOCUMENT.items():
        if mark in head[:200]:
            return document
    if b"[Content_Types].xml" in head or b"_rels/.rels" in head:
        by_content = (kind for folder, kind in OFFICE.items() if folder in head)
        by_name = (kind for kind in OFFICE.values() if kind.extension == _extension(name))
        return next(by_content, None) or next(by_name, ZIP)
    return ZIP


def _is_svg(text: bytes) -> bool:
    return (
        re.match(rb"(?:<\?xml[^>]*>|<!--.*?-->|<!doctype\s+svg[^>]*>|\s)*<svg\b", text, re.I | re.S)
        is not None
    )


def _is_active(svg: bytes) -> bool:
    """Anything in it that runs, or fetches."""
    try:
        text = svg.decode()
    except UnicodeDecodeError:
        return True
    plain = html.unescape(text)  # comments too: what ends one is a matter of opinion
    squeezed = re.sub(r"[\x00-\x08\x0b-\x1f]|(?<=[a-z])[\t\r\n]+(?=[a-z]*:)", "", plain, flags=re.IGNORECASE)
    without_names = re.sub(r"""xmlns(?::\w+)?\s*=\s*["'][^"']*["']""", "", squeezed)
    return ACTIVE_SVG.search(without_names) is not None


def _extension(name: str) -> str:
    return "." + name.rpartition(".")[2].lower() if "." in name else ""
