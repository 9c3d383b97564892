from appliance.dlp import Category, Engine, stopped

_C = Category


def found(engine: Engine, text: str) -> list[tuple[Category, str]]:
    return [(one.category, text[one.start : one.end]) for one in engine.inspect(text)]


def test_what_a_column_is_called_speaks_for_its_cells(rules: Engine) -> None:
    text = 'id,name,ssn,card_number,cvv,dob\n1,Anna Smith,123456789,4111111111111111,123,1980-01-02\n2,"Jones, Bo",219099998,5555555555554444,456,1981-03-04\n\nend'

    assert found(rules, text) == [
        (_C.PERSON, "Anna Smith"), (_C.SOCIAL_SECURITY, "123456789"), (_C.PAYMENT_CARD, "4111111111111111"), (_C.CARD_CODE, "123"), (_C.BIRTH_DATE, "1980-01-02"),
        (_C.PERSON, "Jones, Bo"), (_C.SOCIAL_SECURITY, "219099998"), (_C.PAYMENT_CARD, "5555555555554444"), (_C.CARD_CODE, "456"), (_C.BIRTH_DATE, "1981-03-04"),
    ]  # fmt: skip


def test_it_reads_semicolons_pipes_and_camel_case(rules: Engine) -> None:
    letter = "Vorname;Nachname;Straße\r\nÖzgür;Weiß;Am Markt 4\r\n"
    drawn = "| firstName | mrn |\n|---|---|\n| Anna | A00123 |\n"

    assert found(rules, letter) == [(_C.PERSON, "Özgür"), (_C.PERSON, "Weiß"), (_C.ADDRESS, "Am Markt 4")]
    assert found(rules, drawn) == [(_C.PERSON, "Anna"), (_C.MEDICAL_RECORD, "A00123")]


def test_it_reads_the_rows_of_an_insert(rules: Engine) -> None:
    text = "INSERT INTO people (id, last_name, cvv) VALUES (1, 'O''Neil', '123'), (2, 'Li', 999);\nINSERT INTO x (a, b) VALUES (1, 2);"

    assert found(rules, text) == [(_C.PERSON, "O''Neil"), (_C.CARD_CODE, "123"), (_C.PERSON, "Li"), (_C.CARD_CODE, "999")]


def test_verification_codes_in_a_column_go_nowhere() -> None:
    text = "holder\tcvc\nA\t123\nB\t999\n"

    assert [text[one.start : one.end] for one in stopped(text)] == ["123", "999"]


def test_a_column_of_things_is_not_one_of_people(rules: Engine) -> None:
    assert found(rules, "sku,name,price\n1,Blue Chair,3.20\n2,Red Table,9.99\n") == []
    assert found(rules, "sku,name,phone\n1,Blue Chair,\n2,Red Table,n/a\n") == []


def test_a_column_whose_cells_are_something_else_is_left_alone(rules: Engine) -> None:
    assert found(rules, "card,stock\n1234567890123456,4\n1234567890123457,5\n1234567890123458,6\n") == []
    assert found(rules, "ssn,last name\nn/a,\nunknown,-\n") == []


def test_rows_end_where_the_table_does(rules: Engine) -> None:
    text = "last name,city\nSmith,Leeds\nThat was all of it\nJones,York\n"

    assert found(rules, text) == [(_C.PERSON, "Smith")]
