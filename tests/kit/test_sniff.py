"""What a file is, by what it holds: sixty that lie, run or carry something, and the honest ones."""

import io
import zipfile

import pytest

from services.kit import sniff

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def archive(*names: str, first: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        if first:
            packed.writestr("mimetype", first)
        for name in names:
            packed.writestr(name, "content")
    return file.getvalue()


def svg(inner: str, attributes: str = "") -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{inner}</svg>'.encode()


HONEST = [
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", "foto.jpg", "image/jpeg"),
    (PNG, "foto.png", "image/png"),
    (b"GIF89a\x01\x00", "a.gif", "image/gif"),
    (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a.webp", "image/webp"),
    (b"RIFF\x00\x00\x00\x00WAVEfmt ", "a.wav", "audio/wav"),
    (b"\x00\x00\x00\x18ftypmp42", "a.mp4", "video/mp4"),
    (b"\x00\x00\x00\x18ftypM4A ", "a.m4a", "audio/mp4"),
    (b"\x00\x00\x00\x18ftyp3gp5", "a.3gp", "video/3gpp"),
    (b"\x00\x00\x00\x18ftypheic", "a.heic", "image/heic"),
    (b"\x1aE\xdf\xa3\x01", "a.webm", "video/webm"),
    (b"OggS\x00\x02", "a.ogg", "audio/ogg"),
    (b"ID3\x03\x00", "a.mp3", "audio/mpeg"),
    (b"#!AMR\n", "a.amr", "audio/amr"),
    (b"%PDF-1.7\n%\xe2\xe3", "a.pdf", "application/pdf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.xls", "application/vnd.ms-excel"),
    (archive("[Content_Types].xml", "word/document.xml"), "a.docx", sniff.OFFICE[b"word/"].mimetype),
    (archive("[Content_Types].xml", "xl/workbook.xml"), "a.bin", sniff.OFFICE[b"xl/"].mimetype),
    (
        archive(first="application/vnd.oasis.opendocument.text"),
        "a.odt",
        "application/vnd.oasis.opendocument.text",
    ),
    (archive("foto.txt"), "a.zip", "application/zip"),
    ("Olá, tudo bem? 5 < 6".encode(), "a.txt", "text/plain"),
    ("a;b\ncafé;1".encode("cp1252"), "a.csv", "text/csv"),
    (b"\xef\xbb\xbfa,b", "a.csv", "text/csv"),
    (b'{"a": 1}', "a.json", "application/json"),
    (b"BEGIN:VCARD\nFN:Ana", "ana.vcf", "text/vcard"),
    (b"BEGIN:VCALENDAR", "a.ics", "text/calendar"),
    (
        svg('<path d="M0 0h9"/>', 'viewBox="0 0 9 9" xmlns:xlink="http://www.w3.org/1999/xlink"'),
        "a.svg",
        "image/svg+xml",
    ),
    (
        b'<?xml version="1.0"?>\n<!-- feito -->\n' + svg('<use href="#a" fill="url(#b)"/>'),
        "a.svg",
        "image/svg+xml",
    ),
]
REFUSED = [
    (b"", "vazio.txt"),
    (b"MZ\x90\x00\x03\x00", "a.exe"),
    (b"MZ\x90\x00\x03\x00", "foto.jpg"),
    (b"\x7fELF\x02\x01", "a"),
    (b"\xcf\xfa\xed\xfe\x07", "a"),
    (b"\xca\xfe\xba\xbe\x00\x00", "A.class"),
    (b"\x1f\x8b\x08\x00", "a.svgz"),
    (b"7z\xbc\xaf\x27\x1c", "a.7z"),
    (b"Rar!\x1a\x07\x00", "a.rar"),
    (b"MSCF\x00\x00", "a.cab"),
    (b"#!/bin/sh\nrm -rf /", "a.txt"),
    (b"<!DOCTYPE html><p>oi", "foto.jpg"),
    (b"<html><body>", "a.txt"),
    (b"  \n<script>alert(1)</script>", "a.txt"),
    (b"<h1>oi</h1>", "a.txt"),
    (b"<?php echo 1;", "a.txt"),
    (b"<?xml version='1.0'?><html/>", "a.xml"),
    (b"<img src=x onerror=alert(1)>", "a.csv"),
    (b"texto\n<iframe src=//x>", "a.txt"),
    (b"texto < script >alert(1)", "a.txt"),
    (b"\xef\xbb\xbf<html>", "a.txt"),
    ("<html>".encode("utf-16"), "a.txt"),
    (EICAR, "eicar.txt"),
    (b"texto\x00binario", "a.txt"),
    (b"\x00\x01\x02", "a.bin"),
    (b"RIFF\x00\x00\x00\x00AVI LIST", "a.avi"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.msi"),
    (archive("META-INF/MANIFEST.MF", "A.class"), "a.jar"),
    (archive("AndroidManifest.xml", "classes.dex"), "a.apk"),
    (archive("AndroidManifest.xml"), "a.zip"),
    (archive("[Content_Types].xml", "word/vbaProject.bin"), "a.docx"),
    (svg("<script>alert(1)</script>"), "a.svg"),
    (svg("<SCRIPT href='//x'/>"), "a.svg"),
    (svg("<svg:script>alert(1)</svg:script>"), "a.svg"),
    (svg("", "onload=alert(1)"), "a.svg"),
    (svg("<rect/onclick='x'/>"), "a.svg"),
    (svg('<a href="javascript:alert(1)"><text>x</text></a>'), "a.svg"),
    (svg('<image href="java\nscript:alert(1)"/>'), "a.svg"),
    (svg('<image href="&#106;avascript:alert(1)"/>'), "a.svg"),
    (svg("<foreignObject><body/></foreignObject>"), "a.svg"),
    (svg('<use href="//evil.example/a.svg#x"/>'), "a.svg"),
    (svg('<image xlink:href="http://169.254.169.254/"/>'), "a.svg"),
    (svg('<image href="data:text/html,<script>1</script>"/>'), "a.svg"),
    (svg("<style>@import url(//evil.example)</style>"), "a.svg"),
    (svg("<rect style='fill:url(http://evil.example/x)'/>"), "a.svg"),
    (svg('<animate attributeName="href" values="javascript:alert(1)"/>'), "a.svg"),
    (svg('<set attributeName="onmouseover" to="alert(1)"/>'), "a.svg"),
    (b'<?xml-stylesheet href="//x"?>' + svg(""), "a.svg"),
    (b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + svg("&x;"), "a.svg"),
    (svg("<iframe/>"), "a.svg"),
    (svg("<!--><script>alert(1)</script>-->"), "a.svg"),
    (svg("<handler type='x'/>"), "a.svg"),
    (svg("x" * sniff.LARGEST_SVG), "a.svg"),
]


@pytest.mark.parametrize(("content", "name", "mimetype"), HONEST, ids=[mime for *_, mime in HONEST])
def test_an_honest_file_is_recognised_by_what_it_holds(content: bytes, name: str, mimetype: str) -> None:
    kind = sniff.recognise(content, name, whole=True)

    assert kind is not None
    assert kind.mimetype == mimetype


@pytest.mark.parametrize(("content", "name"), REFUSED, ids=range(len(REFUSED)))
def test_what_runs_or_is_not_known_is_refused(content: bytes, name: str) -> None:
    assert sniff.recognise(content, name, whole=True) is None


def test_an_svg_that_goes_on_is_refused() -> None:
    assert sniff.recognise(svg("<path/>"), "a.svg", whole=False) is None


def test_the_declared_type_counts_only_where_the_container_leaves_it_open() -> None:
    sound = sniff.recognise(b"\x1aE\xdf\xa3", "a.webm", "audio/webm", whole=True)
    lie = sniff.recognise(PNG, "a.html", "text/html", whole=True)

    assert sound is not None
    assert lie is not None
    assert (sound.mimetype, lie.mimetype, lie.extension) == ("audio/webm", "image/png", ".png")


def test_only_pictures_sound_and_film_are_shown_in_the_page() -> None:
    shown = {kind.mimetype for kind in sniff.KINDS if sniff.may_be_shown(kind.mimetype)}

    assert not shown & {"image/svg+xml", "text/plain", "application/pdf", "text/csv", "application/json"}
    assert {"image/png", "audio/ogg", "video/mp4"} <= shown
