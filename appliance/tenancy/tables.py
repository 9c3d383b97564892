from datetime import datetime
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class OrganisationRow(Table):
    __tablename__ = "organisations"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None]


class SettingsRow(Table):
    __tablename__ = "organisation_settings"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_review: Mapped[str]
    link_hosts: Mapped[list[str]] = mapped_column(ARRAY(Text))
    call_content_days: Mapped[int] = mapped_column(default=0)
