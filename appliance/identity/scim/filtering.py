"""A filter, and an order, as SQL. What a client says is a bind parameter; names of attributes come from the schema.

Every comparison is true or false, never unknown, so that `not` means the same here as in RFC 7644 3.4.2.2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from scim2_models import (
    AttributeBinding,
    Extension,
    InvalidFilterException,
    InvalidPathException,
    Resource,
    ScimFilter,
    SearchRequest,
)
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)
from scim2_models.path.resolution import coerce_value
from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    cast,
    column,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.sql.elements import UnaryExpression

from appliance.identity.scim.resources import folded
from appliance.identity.scim.tables import ProvisionedGroupRow, ProvisionedMemberRow, ProvisionedUserRow
from appliance.kernel.ids import parse_id

MOST_SIGNS: Final = 1_000  # what the library parses once, and keeps
R = TypeVar("R", bound=Resource[Any])
Table = type[ProvisionedUserRow] | type[ProvisionedGroupRow]
Condition = ColumnElement[bool]
_OP: Final = CompareOperator


@dataclass(frozen=True)
class _Value:
    """What an attribute holds, as a column. `is_id` is one of ours; `is_exact` says that case matters."""

    column: ColumnElement[Any]
    is_exact: bool = False
    is_id: bool = False
    is_flag: bool = False
    is_moment: bool = False


class _ToSql(FilterVisitor[Condition], Generic[R]):
    """Turns a filter on one kind of resource into a condition on its table."""

    def __init__(self, said: ScimFilter[R], table: Table) -> None:
        self._said, self._table = said, table

    def visit_logical_expr(self, node: LogicalExpr) -> Condition:
        terms = [self.visit(term) for term in node.terms]
        return and_(*terms) if node.op == LogicalOperator.and_ else or_(*terms)

    def visit_not(self, node: Not) -> Condition:
        return not_(self.visit(node.expr))

    def visit_present(self, node: Present) -> Condition:
        binding = self._said.resolve(node.attr_path, strict=False)
        if binding is None:
            return false()
        if binding.is_multivalued:
            return self._some(binding, lambda element: true() if binding.sub_field_name is None else _is_there(element(binding.sub_field_name)))
        return _is_there(_value_of(self._table, binding))

    def visit_comparison(self, node: Comparison) -> Condition:
        binding = self._said.resolve_comparison(node.attr_path, strict=False)
        if binding is None:
            return false()
        wanted = coerce_value(binding, node.value, node.op)
        if not binding.is_multivalued:
            return _compared(_value_of(self._table, binding), node.op, wanted)
        name = binding.sub_field_name or "value"
        if node.op == _OP.ne:  # none of them is
            return not_(self._some(binding, lambda element: _compared(element(name), _OP.eq, wanted)))
        return self._some(binding, lambda element: _compared(element(name), node.op, wanted))

    def visit_value_path(self, node: ValuePath) -> Condition:
        binding = self._said.resolve(node.attr_path, strict=False)
        if binding is None:
            return false()
        return self._some(binding, lambda element: _OfElement(self._said, node.attr_path, element).visit(node.val_filter))

    def _some(self, binding: AttributeBinding, condition: "Callable[[_Element], Condition]") -> Condition:
        match self._table, binding.field_name:
            case (table, "members") if table is ProvisionedGroupRow:
                return _some_member(condition)
            case (table, "groups") if table is ProvisionedUserRow:
                return _some_group(condition)
            case (_, "emails"):
                one = func.jsonb_array_elements(self._table.keys["emails"]).table_valued(column("value", JSONB)).alias()
                return exists(select(1).select_from(one).where(condition(lambda name: _Value(one.c.value[_wire(name)].astext, is_flag=name == "primary"))))
        raise InvalidFilterException(detail=f"There is no filter by {binding.urn}.")


_Element = Callable[[str], _Value]


class _OfElement(FilterVisitor[Condition]):
    """Turns the filter within brackets into a condition on one element of an attribute that holds several."""

    def __init__(self, said: ScimFilter[Any], outer: AttrPath, element: _Element) -> None:
        self._said, self._outer, self._element = said, outer, element

    def visit_logical_expr(self, node: LogicalExpr) -> Condition:
        terms = [self.visit(term) for term in node.terms]
        return and_(*terms) if node.op == LogicalOperator.and_ else or_(*terms)

    def visit_not(self, node: Not) -> Condition:
        return not_(self.visit(node.expr))

    def visit_present(self, node: Present) -> Condition:
        binding = self._part(node.attr_path)
        return false() if binding is None else _is_there(self._element(str(binding.sub_field_name)))

    def visit_comparison(self, node: Comparison) -> Condition:
        binding = self._part(node.attr_path)
        if binding is None:
            return false()
        wanted = coerce_value(binding, node.value, node.op)
        return _compared(self._element(str(binding.sub_field_name)), node.op, wanted)

    def _part(self, path: AttrPath) -> AttributeBinding | None:
        inner = AttrPath(self._outer.attr, path.attr, self._outer.uri)
        return self._said.resolve(inner, strict=False)


def condition_of(said: ScimFilter[R], table: Table) -> Condition:
    """Return what a filter, checked against its resource, says of a row. Raises InvalidFilterException."""
    return _ToSql(said, table).visit(said.ast)


def order_of(search: SearchRequest[Any], model: type[Resource[Any]], table: Table) -> list[UnaryExpression[Any]]:
    """Return the order that is asked for, and then that of ids: a page never shows a row of another page.

    Who has no such attribute comes last, or first when it is descending, as in Postgres. Raises InvalidPathException.
    """
    ids = table.resource_id.asc()
    binding = search.sort_binding(model)
    if binding is None:
        return [ids]
    if not binding.is_multivalued:
        found = _value_of(table, binding).column
    elif binding.field_name == "emails" and binding.sub_field_name in {"value", "type"}:
        part = binding.sub_field_name
        primary = cast(f"$.emails[*] ? (@.primary == true).{part}", JSONPATH)
        first = cast(f"$.emails[0].{part}", JSONPATH)
        found = func.coalesce(func.jsonb_path_query_first(table.keys, primary), func.jsonb_path_query_first(table.keys, first))
        found = cast(found, JSONB).op("#>>")(literal_column("'{}'::text[]"))
    else:
        raise InvalidPathException(detail=f"There is no order by {binding.urn}.")
    is_descending = search.sort_order == SearchRequest.SortOrder.descending
    return [found.desc() if is_descending else found.asc(), ids]


def _value_of(table: Table, binding: AttributeBinding) -> _Value:
    name, part = binding.field_name, binding.sub_field_name
    if isinstance(binding.model, type) and issubclass(binding.model, Extension):
        path = [str(binding.model.__schema__), _wire(name)]
    elif name == "id":
        return _Value(table.resource_id.expression, is_exact=True, is_id=True)
    elif name == "meta" and part in {"created", "last_modified"}:
        return _Value(table.created_at.expression if part == "created" else table.changed_at.expression, is_moment=True)
    elif name == "user_name" and table is ProvisionedUserRow:
        return _Value(ProvisionedUserRow.user_name_key.expression)
    elif name in {"meta", "schemas"}:
        raise InvalidFilterException(detail=f"There is no filter by {binding.urn}.")
    else:
        path = [_wire(name)]
    if part is not None:
        path.append(_wire(part))
    source = table.doc if binding.case_exact else table.keys
    found = source[path[0]].astext if len(path) == 1 else source[tuple(path)].astext
    return _Value(found, is_exact=binding.case_exact, is_flag=binding.target_type is bool)


def _wire(name: str) -> str:
    """Return an attribute's name on the wire, by its name in our schemas."""
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


def _is_there(value: _Value) -> Condition:
    is_text = not (value.is_id or value.is_moment)
    return and_(value.column.is_not(None), value.column != "") if is_text else value.column.is_not(None)


def _compared(value: _Value, op: CompareOperator, wanted: Any) -> Condition:
    if wanted is None:
        is_there = value.column.is_not(None)
        return is_there if op == _OP.ne else not_(is_there) if op == _OP.eq else false()
    if op == _OP.ne:
        return not_(_compared(value, _OP.eq, wanted))
    if value.is_id and op == _OP.eq:
        one = parse_id(str(wanted))
        return false() if one is None else func.coalesce(value.column == one, false())
    if value.is_moment:
        return _ordered(value.column, op, wanted) if isinstance(wanted, datetime) else false()
    if value.is_flag:
        return func.coalesce(value.column == str(wanted).lower(), false()) if op == _OP.eq else false()
    text = str(wanted) if value.is_exact else folded(str(wanted))
    found: ColumnElement[Any] = cast(value.column, Text) if value.is_id else value.column
    match op:
        case _OP.co:
            return func.coalesce(func.strpos(found, text) > 0, false())
        case _OP.sw:
            return func.coalesce(found.startswith(text, autoescape=True), false())
        case _OP.ew:
            return func.coalesce(found.endswith(text, autoescape=True), false())
    return _ordered(found.collate("C"), op, text)


def _ordered(found: ColumnElement[Any], op: CompareOperator, wanted: Any) -> Condition:
    compared: dict[CompareOperator, ColumnElement[Any]] = {
        _OP.eq: found == wanted, _OP.gt: found > wanted, _OP.ge: found >= wanted, _OP.lt: found < wanted, _OP.le: found <= wanted,
    }  # fmt: skip
    return func.coalesce(compared[op], false())


def _some_member(condition: Callable[[_Element], Condition]) -> Condition:
    one, group = ProvisionedMemberRow, ProvisionedGroupRow
    return exists(
        select(1).where(one.tenant_id == group.tenant_id, one.group_id == group.resource_id, condition(_id_only(one.member_id)))
    )


def _some_group(condition: Callable[[_Element], Condition]) -> Condition:
    one, person = ProvisionedMemberRow, ProvisionedUserRow
    return exists(
        select(1).where(one.tenant_id == person.tenant_id, one.member_id == person.resource_id, condition(_id_only(one.group_id)))
    )


def _id_only(found: Any) -> _Element:
    def element(name: str) -> _Value:
        if name != "value":
            raise InvalidFilterException(detail="Only `value` is looked for here.")
        return _Value(found.expression, is_exact=True, is_id=True)

    return element


def check_size(said: str) -> None:
    """Raise InvalidFilterException for a filter that no provider sends."""
    if len(said) > MOST_SIGNS:
        raise InvalidFilterException(detail=f"A filter has at most {MOST_SIGNS} characters.")
