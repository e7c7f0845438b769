import quopri

from hypothesis import given
from hypothesis import strategies as st

from listmonk_py.templating.quoted_printable import encode_piece

TEXT = st.text(
    st.one_of(st.sampled_from(" \t\r\n.=-\0\x7fü日🎉"), st.characters(exclude_categories=["Cs"])),
    max_size=300,
)


def unstuffed(data):
    lines = data.split(b"\r\n")
    assert not any(line.startswith(b".") and not line.startswith(b"..") for line in lines)
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)


def plain(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(TEXT)
def test_a_piece_is_whole_lines_of_at_most_76_columns(text):
    piece = encode_piece(text)
    assert piece == b"" or piece.endswith(b"\r\n")
    assert piece.isascii()
    assert not set(piece.replace(b"\r\n", b"")) & set(b"\r\n")
    for line in unstuffed(piece).split(b"\r\n"):
        assert len(line) <= 76
        assert not line.endswith((b" ", b"\t"))


@given(st.lists(TEXT, max_size=8))
def test_pieces_join_to_the_joined_text(texts):
    joined = unstuffed(b"".join(map(encode_piece, texts)))
    assert quopri.decodestring(joined).replace(b"\r\n", b"\n").decode() == "".join(map(plain, texts))


def test_every_length_around_the_line_limit_keeps_room_for_the_soft_break():
    for length in range(60, 320):
        for text in ("x" * length, "ü" * length, "x" * length + "=", "." * length, "日x" * length):
            piece = encode_piece(text)
            assert max(map(len, unstuffed(piece).split(b"\r\n"))) <= 76
            assert quopri.decodestring(unstuffed(piece)).decode() == text


def test_lone_surrogates_do_not_stop_a_message():
    assert encode_piece("a\ud800b") == b"a?b=\r\n"
