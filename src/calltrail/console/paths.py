"""Where the pages of named things are. Names may hold any printable character."""

from urllib.parse import quote, unquote

METHODS_PATH, ENDPOINTS_PATH, PEOPLE_PATH, ROLES_PATH = "/methods", "/endpoints", "/people", "/roles"


def method_path(system_name: str) -> str:
    return f"{METHODS_PATH}/{_part(system_name)}"


def endpoint_path(external_id: str) -> str:
    return f"{ENDPOINTS_PATH}/{_part(external_id)}"


def person_path(email: str) -> str:
    return f"{PEOPLE_PATH}/{_part(email)}"


def role_path(name: str) -> str:
    return f"{ROLES_PATH}/{_part(name)}"


def name_in(part: str) -> str:
    """The name that a part of a path stands for, as the server reads that part."""
    return unquote(part)


def _part(name: str) -> str:
    """The name as one part of a path.

    The server undoes one escaping before it looks for the page, so what would look like another page there is escaped
    twice: a slash, `new`, the end of an address of JSON, and names of folders.
    """
    once = name.replace("%", "%25").replace("/", "%2F")
    if name == "new":
        once = "%6Eew"
    if name.endswith(".json") or name in (".", ".."):
        once = once.replace(".", "%2E")
    return quote(once, safe="@")
