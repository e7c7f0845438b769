"""Running a program as somebody else than root: PostgreSQL refuses root.

First choice is a user namespace in which root appears as uid 1000: no account is made, no file changes
its owner. Where the kernel or the container forbids that, a service account runs its own copy of the
binaries under /var/lib, because an account must be able to enter every parent folder.
"""

import ctypes
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from listmonk_py.local.children import LocalError

CLONE_NEWUSER = 0x10000000  # unshare(2)
UID_INSIDE = 1000
SERVICE_USER = "listmonk-py"
SERVICE_HOME = Path("/var/lib/listmonk-py")


@dataclass(frozen=True)
class Disguise:
    """How to run the server: what the child does before exec, and the folders it uses.

    `home` is None when the folders the caller has in mind serve as they are.
    """

    before_exec: Callable[[], None] | None = None
    home: Path | None = None
    uid: int | None = None
    gid: int | None = None


def disguise() -> Disguise:
    """Return how a server that refuses root can be run by this process.

    Raises:
        LocalError: this is root, and neither a user namespace nor a service account can be had.
    """
    if os.geteuid() != 0:
        return Disguise()
    if namespace_works():
        return Disguise(before_exec=enter_namespace)
    account = service_account()
    SERVICE_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
    os.chown(SERVICE_HOME, account.pw_uid, account.pw_gid)

    def become() -> None:
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)

    return Disguise(before_exec=become, home=SERVICE_HOME, uid=account.pw_uid, gid=account.pw_gid)


def enter_namespace() -> None:
    """Move this process into a user namespace where it is uid 1000; for use between fork and exec."""
    uid, gid = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{UID_INSIDE} {uid} 1"),
        ("gid_map", f"{UID_INSIDE} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def namespace_works() -> bool:
    """True when `enter_namespace` succeeds here; tried in a child that ends at once."""
    child = os.fork()
    if child == 0:
        try:
            enter_namespace()
            os._exit(0 if os.geteuid() == UID_INSIDE else 1)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def service_account() -> pwd.struct_passwd:
    """Return the account of the embedded server, made on first use.

    Raises:
        LocalError: it does not exist and cannot be made.
    """
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        pass
    made = None
    if useradd := shutil.which("useradd"):
        made = subprocess.run(
            [
                useradd,
                "--system",
                "--home-dir",
                str(SERVICE_HOME),
                "--shell",
                "/usr/sbin/nologin",
                SERVICE_USER,
            ],
            capture_output=True,
            text=True,
        )
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        why = made.stderr.strip() if made else "there is no useradd"
        raise LocalError(
            "PostgreSQL does not run as root, this system allows no user namespace, and the account"
            f" {SERVICE_USER} could not be made ({why}). Run this as an ordinary user, or set DATABASE_URL."
        ) from None


def own_copy(site_packages: Path, folders: Sequence[str], name: str, who: Disguise) -> Path:
    """Copy `folders` of `site_packages` once to the service account's home, readable by it.

    Returns the copy, in which they lie beside each other as before: programs of a wheel find their
    libraries by relative paths.
    """
    assert who.home is not None
    target = who.home / name
    if target.exists():
        return target
    draft = who.home / f".{name}-{os.getpid()}"
    for folder in folders:
        shutil.copytree(site_packages / folder, draft / folder, symlinks=True)
    for folder_path, _, files in os.walk(draft):
        os.chmod(folder_path, 0o755)  # noqa: S103 - public binaries
        for file in files:
            path = Path(folder_path, file)
            if not path.is_symlink():
                path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
    os.replace(draft, target)
    return target
