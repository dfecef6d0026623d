"""The part `metadata` of the configuration: the database that has ML Metadata, in place of a file in the root."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_Name = Annotated[str, Field(min_length=1)]


class MetadataConfig(BaseModel):
    """A database of MySQL or MariaDB, which one root has for itself.

    The password is no part of it: MySQL's client looks for it in the environment variable MYSQL_PWD.

    Attributes:
        host: Of the server.
        port: Of the server.
        database: Made if it is not there, where the user may.
        user: Whose database it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: _Name
    port: Annotated[int, Field(ge=1, le=65535)] = 3306
    # ML Metadata does not quote it.
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    user: _Name

    @property
    def place(self) -> str:
        """As in `db.example:3306/esmm`."""
        return f"{self.host}:{self.port}/{self.database}"
