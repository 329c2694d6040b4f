"""What a stream's error means in practice, and what to do about it.

Codes are gRPC's names. The service's own texts are known from its documentation and from reports of its users; those
of the transport were taken from gRPC itself, which gives UNAVAILABLE for everything that keeps it from connecting.
"""

import re
from dataclasses import dataclass

from captions.recognition.credentials import Credentials, Kind
from captions.recognition.endpoint import Endpoint

ROLE = "ai.speechkit-stt.user"
_KEY_NOT_FOUND = re.compile(r"key '[^']*' was not found")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a hint depends on, beside the error itself."""

    endpoint: Endpoint
    tls: bool
    own_authority: bool
    """Whether the endpoint's certificate is checked against a file of the user's."""
    credentials: Credentials | None
    """With what the stream was opened."""
    service: str = "SpeechKit v2"
    """What was asked for there, as `Dialect.service` calls it."""
    client_certificate: bool = False
    """Whether a certificate of our own was shown."""
    own_authorization: bool = False
    """Whether who asks is said by the metadata file."""


def hint(code: str, details: str, at: Circumstances) -> str:
    """Return what to do about an error, in a sentence or two; empty where nothing certain can be said."""
    text = details.lower()
    return _of_the_link(code, text, at) or _of_the_service(code, text, at)


def _of_the_link(code: str, text: str, at: Circumstances) -> str:
    host = str(at.endpoint)
    if "status: 4" in text or code == "UNIMPLEMENTED":
        return f"Something answers at {host}, but it is no {at.service} recogniser: check the endpoint, and any proxy."
    if code != "UNAVAILABLE":
        return ""
    if at.endpoint.is_socket_file:
        return "Nobody listens there, or who did has ended."
    if "hostname verification" in text:
        return f"The certificate is for another name than {at.endpoint.host}: use the name that it was issued for."
    if "certificate_verify_failed" in text:
        if at.own_authority:
            return "The certificate was not issued by the authority in ca_file, or has run out."
        return f"The certificate of {host} is not trusted: name its authority's PEM file with the setting ca_file."
    if "wrong_version_number" in text:
        return f"{host} does not speak TLS: check the port, or turn off the setting tls."
    if "security handshaker" in text:
        return "Check that the file in ca_file holds the certificates of an authority."
    if "resolving" in text or "dns" in text or "name not found" in text:
        return f"The name {at.endpoint.host} was not found: check the endpoint's spelling and the network."
    if "refused" in text:
        return f"Nobody listens at {host}: check host and port, and that the recogniser runs."
    if "unreachable" in text or "no route" in text or "cannot reach" in text:
        return "Check the network, any firewall or proxy, and the endpoint."
    if _is_about_our_certificate(text, at):
        if at.client_certificate:
            return (
                f"{host} closed the connection: it may not accept the client certificate, which must be of an "
                "authority that it trusts, and not have run out."
            )
        return (
            f"{host} closed the connection: it may ask for a client certificate, to be named with the settings "
            "client_certificate and client_key."
        )
    if "http/2" in text:
        return f"{host} does not speak gRPC: check the port."
    if "last error" in text and not at.tls:
        return f"{host} closed the connection: if it speaks TLS, turn on the setting tls."
    if any(sign in text for sign in ("socket closed", "reset", "ping", "stream removed", "goaway")):
        return "The connection broke: check the network."
    return "The service or the way to it has a fault: another attempt may succeed."


def _is_about_our_certificate(text: str, at: Circumstances) -> bool:
    """Whether a server seems to refuse us as a client, of which it tells in TLS alerts, or by closing the connection.

    Since TLS 1.3 that comes after the handshake: gRPC then says that the socket was closed while it connected.
    """
    alerts = ("certificate_required", "unknown_ca", "bad_certificate", "certificate_expired", "handshake_failure")
    closed = "last error" in text and any(sign in text for sign in ("socket closed", "reset", "broken pipe"))
    return at.tls and (closed or any(alert in text for alert in alerts))


def _of_the_service(code: str, text: str, at: Circumstances) -> str:
    if code in {"UNAUTHENTICATED", "PERMISSION_DENIED"} and at.own_authorization:
        return "What the metadata file says in the line authorization was not accepted."
    if at.service == "vosk":
        return _of_vosk(code, at)
    if "specify folder id" in text:
        return "A user account needs its folder's id: set FOLDER_ID, or use a service account, which needs none."
    if "does not match with service account folder" in text:
        return "A service account works in its own folder: leave FOLDER_ID and the setting folder_id unset."
    if _KEY_NOT_FOUND.search(text):
        return "The key was deleted: make another, and put it where this one is kept."
    match code:
        case "UNAUTHENTICATED":
            return _of_credentials(at.credentials)
        case "PERMISSION_DENIED":
            return f"Give the account the role {ROLE} on the folder."
        case "INVALID_ARGUMENT" if "10mb" in text:
            return "One stream takes 10 MB of audio; another can go on."
        case "INVALID_ARGUMENT":
            return "Check language, model, sample rate and encoding: the service does not take this combination."
        case "OUT_OF_RANGE":
            return "One stream lasts 5 minutes at most; another can go on."
        # The service's documentation prints RESOURCE_EXHAUSTED as 9, which is gRPC's FAILED_PRECONDITION.
        case "RESOURCE_EXHAUSTED" | "FAILED_PRECONDITION":
            return "A quota is used up: wait a little, or ask for a higher one."
        case "INTERNAL":
            return "A fault of the service: another attempt may succeed. Check sample rate and encoding if it stays."
        case "DEADLINE_EXCEEDED":
            return "The recogniser or the network is too slow: another attempt may succeed."
        case _:
            return ""


def _of_credentials(credentials: Credentials | None) -> str:
    """What to do where the credentials of a stream were not accepted; also a missing role comes to that."""
    if credentials is None:
        return (
            "Set API_KEY or IAM_TOKEN in the environment, name a file with the setting credentials_file, or see what "
            "captions credentials says."
        )
    if credentials.kind is Kind.API_KEY:
        return (
            "The key was not accepted. Check that it is whole and not deleted, that its scope has "
            f"yc.ai.speechkitStt.execute, and that its service account has the role {ROLE} on its folder."
        )
    if not credentials.renewed:
        return (
            "The token was not accepted. It lasts 12 hours at most (another one: yc iam create-token; by a service "
            f"account's key it is renewed by itself); if it is new, check that its account has the role {ROLE} on the "
            "folder."
        )
    if credentials.service_account:
        return f"The token is a new one: check that the service account has the role {ROLE} on its folder."
    return f"The token is a new one: check that its account has the role {ROLE} on the folder, and which folder it is."


def _of_vosk(code: str, at: Circumstances) -> str:
    match code:
        case "UNAUTHENTICATED" | "PERMISSION_DENIED":
            return "Put what the server asks for into a file, as a line NAME: VALUE, and name it with metadata_file."
        case "UNKNOWN":
            return "The server failed, and its log says how: another attempt may succeed."
        case "DEADLINE_EXCEEDED":
            return "The server or the network is too slow: it serves as many streams at once as it has processors."
        case _:
            return ""
