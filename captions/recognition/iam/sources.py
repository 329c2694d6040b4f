"""Where credentials come from: what the settings say, in the order that the README documents. Light to import."""

from collections.abc import Mapping
from dataclasses import dataclass

from captions.errors import CredentialsError
from captions.recognition.authorization import Authorization
from captions.recognition.credentials import Kind
from captions.recognition.endpoint import SPEECHKIT, parse_endpoint
from captions.recognition.iam.exchange import Exchange
from captions.recognition.iam.key import ServiceAccountKey
from captions.recognition.iam.metadata import MetadataService
from captions.recognition.iam.renewed import Renewed
from captions.recognition.iam.system_keyring import Keyring
from captions.recognition.iam.token import Source, Token
from captions.recognition.iam.web_request import Unreachable
from captions.recognition.iam.written import KEY_FILE, CredentialsFile, Environment, in_environment
from captions.recognition.iam.yc import NoTool, YcTool
from captions.settings import Settings

SPEECHKITS = ("speechkit-v2", "speechkit-v3")


class FirstOf:
    """See Source: the first of several that gives something; from then on only that one is asked."""

    name = "auto"

    def __init__(self, *sources: Source) -> None:
        self._sources = sources
        self.found: Source | None = None
        self.where = ", or ".join(source.where for source in sources)

    async def fetch(self) -> Token:
        """See Source."""
        if self.found is not None:
            return await self.found.fetch()
        failure: CredentialsError | None = None
        for source in self._sources:
            try:
                token = await source.fetch()
            except (Unreachable, NoTool):
                continue
            except CredentialsError as error:
                failure = error
            else:
                self.found, self.name, self.where = source, source.name, source.where
                return token
        raise failure if failure is not None else none_there()


def none_there() -> CredentialsError:
    """Return the error for SpeechKit without credentials."""
    return CredentialsError(
        "SpeechKit needs credentials, and there are none.",
        "Set API_KEY or IAM_TOKEN in the environment, or name a file with --credentials-file.",
    )


def find_authorization(settings: Settings, environment: Mapping[str, str]) -> Authorization | None:
    """Return where credentials come from, None where none are to be sent. As `find_source`."""
    source = find_source(settings, environment)
    return None if source is None else Renewed(source)


def find_source(settings: Settings, environment: Mapping[str, str]) -> Source | None:
    """Return where credentials come from, None where there are none.

    With `credentials` on auto that is `credentials_file`, else the environment; and where SpeechKit itself is named as
    the recogniser, a key in YC_SERVICE_ACCOUNT_KEY_FILE, the metadata service and yc: what is there for other programs
    must not send what somebody says into the cloud. Another server gets only what was given for it, and a Vosk server,
    which asks for none, only a file's.

    Nothing is asked on the network and no program is run here. May read a file: not for the event loop. Raises
    CredentialsError where what was named cannot be used, and SettingError.
    """
    exchange = Exchange(settings.iam_endpoint, settings.ca_file)
    folder_id = settings.folder_id
    match settings.credentials:
        case "none":
            return None
        case "environment":
            return _looked_into(Environment(environment, exchange, folder_id))
        case "keyring":
            return Keyring(exchange, folder_id)
        case "metadata":
            return MetadataService(environment)
        case "yc":
            return YcTool(environment, folder_id)
    if settings.credentials_file:
        return _looked_into(CredentialsFile(settings.credentials_file, exchange, folder_id))
    if settings.recognizer == "vosk":
        return None
    elsewhere = parse_endpoint(settings.endpoint) != parse_endpoint(SPEECHKIT)
    named = settings.recognizer in SPEECHKITS and not elsewhere
    if in_environment(environment, key_file=named) is not None:
        return Environment(environment, exchange, folder_id)
    return FirstOf(MetadataService(environment), YcTool(environment, folder_id)) if named else None


def _looked_into(source: "CredentialsFile | Environment") -> Source:
    source.read()
    return source


@dataclass(frozen=True, slots=True)
class Told:
    """What can be said of a source without asking anybody.

    `kind` is API_KEY, IAM_TOKEN or KEY (a service account's, which is exchanged for tokens), and empty where only
    asking would tell; `folder` is whether one is sent, None where that is not known either. `file` is what was read.
    """

    name: str
    where: str
    kind: str = ""
    folder: bool | None = None
    file: str = ""

    @property
    def text(self) -> str:
        """In words, after which " from" and the like may follow."""
        kinds = {"KEY": "a service account's key", "": "a token"}
        with_folder = ", with a folder" if self.folder else ""
        return f"{kinds.get(self.kind, self.kind)} from {self.where}{with_folder}"


def tell(source: Source) -> Told:
    """Say what there is. May read a file: not for the event loop. Raises CredentialsError."""
    if not isinstance(source, CredentialsFile | Environment):
        # The metadata service's is a service account's, which has a folder of its own.
        return Told(source.name, source.where, "", False if isinstance(source, MetadataService) else None)
    written = source.read()
    if isinstance(written, ServiceAccountKey):
        where = f"{source.where} ({KEY_FILE})" if isinstance(source, Environment) else source.where
        return Told(source.name, where, "KEY", False, source.file)
    name = "API_KEY" if written.kind is Kind.API_KEY else "IAM_TOKEN"
    file = source.file if isinstance(source, CredentialsFile) else ""
    return Told(source.name, source.where, name, bool(written.folder_id), file)
