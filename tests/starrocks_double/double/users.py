"""Users, their passwords, and which tables they may write."""

from dataclasses import dataclass, field


@dataclass
class User:
    password: str = ""
    read_only: list[str] = field(default_factory=list)
    may_create: bool = True


class Users:
    """`read_only` lists `db.table`, or `*`."""

    def __init__(self):
        self.by_name = {"root": User()}

    def change(self, order: dict) -> None:
        order = dict(order)
        name = order.pop("name")
        self.by_name[name] = User(**order)

    def password_of(self, name: str) -> str | None:
        user = self.by_name.get(name)
        return None if user is None else user.password

    def check(self, name: str, password: str) -> bool:
        return self.password_of(name) == password

    def may_insert(self, name: str, db: str, table: str) -> bool:
        user = self.by_name.get(name)
        return user is not None and not {"*", f"{db}.{table}"} & set(user.read_only)

    @staticmethod
    def denial(privilege: str, table: str) -> str:
        return (f"Access denied; you need (at least one of) the {privilege} privilege(s) on TABLE {table} for this operation. "
                "Please ask the admin to grant permission(s) or try activating existing roles using <set [default] role>. ")
