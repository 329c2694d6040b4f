"""Who asks: an IAM token or an API key, as it goes with a stream."""

from dataclasses import dataclass, field
from enum import StrEnum

from captions.errors import CredentialsError


class Kind(StrEnum):
    """How the secret is presented: the first word of the `authorization` header."""

    IAM_TOKEN = "Bearer"
    API_KEY = "Api-Key"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A secret and, for a user account, the folder it is used in.

    A service account works in its own folder, and the service refuses another: with `service_account`, which every
    API key is of, `folder_id` is left empty whatever was given. A token of which it is not known may be of either.
    `renewed` says that the token was got a short while ago and not written down by a person.

    The secret is in no `repr`, and a secret that could not be a header's value is refused. Raises CredentialsError.
    """

    kind: Kind
    secret: str = field(repr=False)
    folder_id: str = ""
    service_account: bool = False
    renewed: bool = False

    def __post_init__(self) -> None:
        if not self.secret or not all("!" <= character <= "~" for character in self.secret):
            what = "IAM token" if self.kind is Kind.IAM_TOKEN else "API key"
            raise CredentialsError(
                f"The {what} is not usable: it is empty, or has spaces, line breaks or letters that no {what} has.",
                "Copy it again, whole and on one line.",
            )
        if self.kind is Kind.API_KEY:
            object.__setattr__(self, "service_account", True)
        if self.service_account:
            object.__setattr__(self, "folder_id", "")

    @property
    def authorization(self) -> str:
        """Value of the `authorization` header. Secret."""
        return f"{self.kind} {self.secret}"
