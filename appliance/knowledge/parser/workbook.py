"""XLS and XLSB by calamine. It hands over values without their number formats, comments and hidden rows."""

import io
from datetime import date, datetime, time, timedelta

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

from .blocks import Output, Page, Unreadable
from .figures import general
from .sheets import Sheet, Value


def read(content: bytes, _kind: str) -> Output:
    """Return the sheets of an older or a binary workbook."""
    output, page = Output(format="xlsb" if content.startswith(b"PK") else "xls"), Page(None)
    output.pages.append(page)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        for number, about in enumerate(workbook.sheets_metadata):
            sheet = Sheet(output, page, about.name, is_hidden=about.visible != SheetVisibleEnum.Visible)
            found = workbook.get_sheet_by_index(number)
            first = found.start[1] if found.start else 0
            for row in found.iter_rows():
                sheet.row([value for column, one in enumerate(row, first) if (value := _value(column, one)).text])
            sheet.close([])
    except PasswordError as error:
        raise Unreadable("encrypted") from error
    except (CalamineError, ValueError, OSError) as error:
        raise Unreadable("damaged") from error
    except BaseException as error:
        # How a Rust library says that it met what it did not expect.
        if type(error).__name__ == "PanicException":
            raise Unreadable("damaged") from error
        raise
    return output


def _value(column: int, value: float | str | bool | date | time | timedelta) -> Value:
    if isinstance(value, str):
        return Value(column, " ".join(value.split()))
    if isinstance(value, bool):
        return Value(column, str(value).upper())
    if isinstance(value, float | int):
        return Value(column, general(value), is_number=True)
    if isinstance(value, datetime):
        is_day = not (value.hour or value.minute or value.second)
        return Value(column, value.date().isoformat() if is_day else value.isoformat(" ", "minutes"), is_number=True)
    return Value(column, str(value), is_number=True)
