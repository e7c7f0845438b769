"""Opening a session: connect, greeting, EHLO, STARTTLS, AUTH. Not hot, so written straight down."""

import asyncio
import base64
import binascii
import socket
import ssl

from .authentication import EXCHANGES, MECHANISMS
from .extensions import Extensions, parse_ehlo
from .replies import ProtocolError, Reply, parse
from .settings import ServerSettings


class ServerFault(Exception):
    """The server cannot be used now.

    lasting: trying again soon is of no use (wrong password, bad certificate, no STARTTLS).
    crowded: the server has connections enough of us; the others go on.
    """

    def __init__(self, text: str, *, code: int = 0, lasting: bool = False, crowded: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.lasting = lasting
        self.crowded = crowded


class Line(asyncio.Protocol):
    """What opening needs of a connection."""

    transport: asyncio.Transport

    async def reply(self, timeout_s: float) -> list[bytes]:
        """The lines of the next whole reply.

        Raises:
            ServerFault: none came in time, or the connection went away.
        """
        raise NotImplementedError

    def unread(self) -> bool:
        """Bytes have come that nobody has asked for yet."""
        raise NotImplementedError


def tls_context(settings: ServerSettings) -> ssl.SSLContext:
    """TLS 1.2 or newer; the certificate is verified unless staff have said not to."""
    context = ssl.create_default_context()
    if settings.tls_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def connect(line: Line, settings: ServerSettings, context: ssl.SSLContext | None) -> None:
    """TCP, and TLS where it comes first.

    Raises:
        ServerFault: it did not work; the text says what staff can look at.
    """
    where = f"{settings.host}:{settings.port}"
    loop = asyncio.get_running_loop()
    direct = context if settings.tls_type == "TLS" else None
    try:
        async with asyncio.timeout(settings.timeouts.connect_s):
            await loop.create_connection(
                lambda: line,
                settings.host,
                settings.port,
                ssl=direct,
                server_hostname=settings.host if direct else None,
            )
    except TimeoutError:
        raise ServerFault(f"{where} did not answer within {settings.timeouts.connect_s:g} seconds.") from None
    except ssl.SSLError as fault:
        raise _tls_fault(where, fault) from None
    except socket.gaierror:
        raise ServerFault(f"The host name {settings.host} is not known.") from None
    except OSError as fault:
        raise ServerFault(f"{where} cannot be reached: {fault.strerror or fault}.") from None


def _tls_fault(where: str, fault: ssl.SSLError) -> ServerFault:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return ServerFault(f"The certificate of {where} is not valid: {fault.verify_message}.", lasting=True)
    return ServerFault(
        f"TLS with {where} failed: {fault.reason or fault}. Is it the right port?", lasting=True
    )


async def open_session(line: Line, settings: ServerSettings, context: ssl.SSLContext | None) -> Extensions:
    """From the greeting to a signed-in session; returns what the server offers.

    Raises:
        ServerFault: the server refused, or lacks what the settings ask for.
        ProtocolError: what came was no SMTP.
    """
    greeting = await _read(line, settings.timeouts.greeting_s)
    if greeting.code != 220:
        raise _refused("the greeting", greeting)
    extensions = await _hello(line, settings)
    if settings.tls_type == "STARTTLS":
        await _start_tls(line, settings, extensions, context)
        extensions = await _hello(line, settings)
    if settings.auth_protocol != "none":
        await _sign_in(line, settings, extensions)
    return extensions


async def _read(line: Line, timeout_s: float) -> Reply:
    lines = await line.reply(timeout_s)
    return parse(lines[-1], lines[:-1])


async def _ask(line: Line, command: bytes, settings: ServerSettings) -> Reply:
    line.transport.write(command + b"\r\n")
    return await _read(line, settings.timeouts.command_s)


def _refused(what: str, reply: Reply, *, lasting: bool = False) -> ServerFault:
    crowded = what == "the greeting" and reply.code == 421
    return ServerFault(
        f"The mail server answered {what} with: {reply}", code=reply.code, lasting=lasting, crowded=crowded
    )


def hello_name(line: Line, settings: ServerSettings) -> bytes:
    """RFC 5321 section 4.1.4: the name set by staff, else our host name, else an address literal."""
    if settings.hello_hostname:
        return settings.hello_hostname.encode("ascii", "ignore")
    name = socket.gethostname()
    if "." in name and name.isascii():
        return name.encode()
    address = line.transport.get_extra_info("sockname")[0]
    return f"[IPv6:{address}]".encode() if ":" in address else f"[{address}]".encode()


async def _hello(line: Line, settings: ServerSettings) -> Extensions:
    name = hello_name(line, settings)
    line.transport.write(b"EHLO " + name + b"\r\n")
    lines = await line.reply(settings.timeouts.command_s)
    reply = parse(lines[-1], lines[:-1])
    if reply.code == 250:
        return parse_ehlo(lines)
    if reply.code // 100 == 5:
        reply = await _ask(line, b"HELO " + name, settings)
        if reply.code == 250:
            return Extensions()
    raise _refused("EHLO", reply)


async def _start_tls(
    line: Line, settings: ServerSettings, extensions: Extensions, context: ssl.SSLContext | None
) -> None:
    """RFC 3207; mandatory once chosen, there is no falling back to clear text."""
    where = f"{settings.host}:{settings.port}"
    if not extensions.starttls:
        raise ServerFault(f"{where} does not offer STARTTLS.", lasting=True)
    reply = await _ask(line, b"STARTTLS", settings)
    if reply.code != 220:
        raise _refused("STARTTLS", reply)
    if line.unread():
        # Bytes sent in clear before the handshake would be read as if they had come through TLS.
        raise ServerFault(f"{where} sent data between STARTTLS and the handshake.", lasting=True)
    assert context is not None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(settings.timeouts.connect_s):
            transport = await loop.start_tls(
                line.transport,
                line,
                context,
                server_hostname=settings.host,
            )
    except TimeoutError:
        raise ServerFault(f"TLS with {where} was not ready in time.") from None
    except ssl.SSLError as fault:
        raise _tls_fault(where, fault) from None
    except OSError as fault:
        raise ServerFault(f"TLS with {where} failed: {fault}.") from None
    if transport is None:
        raise ServerFault(f"{where} closed the connection during the TLS handshake.")
    line.transport = transport


async def _sign_in(line: Line, settings: ServerSettings, extensions: Extensions) -> None:
    mechanism = MECHANISMS[settings.auth_protocol]
    if mechanism not in extensions.auth:
        offered = ", ".join(sorted(extensions.auth)) or "none"
        raise ServerFault(
            f"{settings.label} does not offer {mechanism} sign-in; it offers: {offered}.", lasting=True
        )
    reply = Reply(334, "", "")
    for piece in EXCHANGES[settings.auth_protocol](settings.username, settings.password):
        if reply.code != 334:
            break
        line_out = piece if isinstance(piece, bytes) else piece(_challenge(reply))
        reply = await _ask(line, line_out, settings)
    if reply.code != 235:
        raise _refused("the sign-in", reply, lasting=reply.code // 100 == 5)


def _challenge(reply: Reply) -> bytes:
    try:
        return base64.b64decode(reply.text)
    except binascii.Error:
        raise ProtocolError(f"The server sent a challenge that is no base64: {reply.text[:80]}") from None
