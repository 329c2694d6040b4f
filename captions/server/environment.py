"""What the processes that we start are given of our environment."""

import os

OURS = frozenset({"IAM_TOKEN", "API_KEY", "FOLDER_ID", "YC_SERVICE_ACCOUNT_KEY_FILE"})


def without_ours() -> dict[str, str]:
    """Return our environment without what concerns only us: secrets, and the settings of the dashboard."""
    return {k: v for k, v in os.environ.items() if k not in OURS and not k.startswith("CAPTIONS_")}
