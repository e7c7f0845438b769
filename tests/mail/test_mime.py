from email import message_from_bytes, policy

import pytest

from listmonk_py.mail.mime import base64_lines, skeleton
from listmonk_py.mail.outgoing import Attachment

PNG = Attachment("logo.png", b"\x89PNG" + bytes(range(256)) * 3, "image/png", "abc123@email")
PDF = Attachment("report.pdf", b"%PDF-1.7 \r\n.\r\n..", "application/pdf")


def assembled(text, html, attachments=()):
    made = skeleton(has_text=text is not None, has_html=html is not None, attachments=attachments)
    raw = made.head + (text or b"") + (made.between or b"") + (html or b"") + made.tail
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = message_from_bytes(b"MIME-Version: 1.0\r\n" + raw, policy=policy.default)
    for part in message.walk():
        assert not part.defects
    return message


def shape(message):
    if message.is_multipart():
        return (message.get_content_subtype(), *(shape(part) for part in message.iter_parts()))
    return message.get_content_type()


@pytest.mark.parametrize(
    ("text", "html", "attachments", "expected"),
    [
        (b"t", None, [], "text/plain"),
        (None, b"h", [], "text/html"),
        (b"t", b"h", [], ("alternative", "text/plain", "text/html")),
        (b"t", None, [PDF], ("mixed", "text/plain", "application/pdf")),
        (None, b"h", [PNG], ("related", "text/html", "image/png")),
        (
            b"t",
            b"h",
            [PDF, PNG],
            (
                "mixed",
                ("alternative", "text/plain", ("related", "text/html", "image/png")),
                "application/pdf",
            ),
        ),
        (b"t", None, [PNG], ("mixed", "text/plain", "image/png")),
    ],
)
def test_the_structure_is_no_deeper_than_needed(text, html, attachments, expected):
    assert shape(assembled(text, html, attachments)) == expected


def test_bodies_and_files_read_back():
    message = assembled(b"caf=C3=A9=\r\n", b"<p>x</p>\r\n", [PDF, PNG])
    alternative, pdf = message.iter_parts()
    text, related = alternative.iter_parts()
    html, png = related.iter_parts()
    assert text.get_content() == "café"
    assert html.get_content() == "<p>x</p>\r\n"
    assert pdf.get_content() == PDF.content
    assert pdf.get_filename() == "report.pdf"
    assert pdf.get_content_disposition() == "attachment"
    assert png.get_content() == PNG.content
    assert png["Content-ID"] == "<abc123@email>"
    assert png.get_content_disposition() == "inline"


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("Bericht März.pdf", "Bericht März.pdf"),
        ('quo"te\\d.pdf', 'quo"te\\d.pdf'),
        ("x" * 100 + ".pdf", "x" * 100 + ".pdf"),
        ("日本語" * 30 + ".pdf", "日本語" * 30 + ".pdf"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nContent-Type: text/html\r\n\r\nb", "html  b"),
        ("", "file"),
    ],
)
def test_a_file_name_reads_back_and_cannot_leave_its_parameter(name, read):
    _, part = assembled(b"t", None, [Attachment(name, b"x", "text/html")]).iter_parts()
    assert part.get_filename() is not None
    assert " ".join(part.get_filename().split()) == " ".join(read.split())
    assert part.get_content_type() == "text/html"


@pytest.mark.parametrize("kind", ["", "nonsense", "text/html\r\nX: y", "multipart/mixed", "message/rfc822"])
def test_an_unusable_type_becomes_octet_stream(kind):
    _, part = assembled(b"t", None, [Attachment("a", b"x", kind)]).iter_parts()
    assert part.get_content_type() == "application/octet-stream"


def test_boundaries_differ_from_letter_to_letter():
    assert skeleton(has_text=True, has_html=True).head != skeleton(has_text=True, has_html=True).head


def test_base64_lines_are_76_columns_and_empty_files_are_empty():
    assert base64_lines(b"") == b""
    assert [len(line) for line in base64_lines(bytes(100)).split(b"\r\n")] == [76, 60]
