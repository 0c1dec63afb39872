"""Users of an environment: who may sign in, and what their tokens allow. The functions of modules/auth check both."""

from opsctl.auth.passwords import hash_password, new_password
from opsctl.auth.signing_in import SignInRefused, sign_in
from opsctl.auth.users import SCOPES, User, add_user, list_users, remove_user

__all__ = [
    "SCOPES",
    "SignInRefused",
    "User",
    "add_user",
    "hash_password",
    "list_users",
    "new_password",
    "remove_user",
    "sign_in",
]
