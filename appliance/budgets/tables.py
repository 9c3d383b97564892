from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.orm import Mapped, mapped_column

from appliance.kernel.db import Table


class BudgetRow(Table):
    __tablename__ = "budgets"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    monthly_tokens: Mapped[int] = mapped_column(BigInteger)
    set_by: Mapped[UUID]
    set_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
