"""
Refusal
├── AlreadyThere        kind=conflict
├── CollectionNameTaken kind=conflict
├── CollectionNotEmpty  kind=conflict
├── CollectionNotFound  kind=not_found
├── DocumentNotFound    kind=not_found
├── DocumentTooLarge    kind=too_large
├── NoSuchPage          kind=not_found
├── NotQuarantined      kind=conflict
├── NotFailed           kind=conflict
├── PageNotDrawn        kind=unavailable
└── Invalid
    ├── CollectionMalformed
    ├── EmptyFile
    └── FileNameMissing
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class AlreadyThere(Refusal):
    """That collection holds the same file already. Delete one of the two, or leave this one where it is."""

    kind = Kind.CONFLICT
    code = "document_already_there"


class CollectionNameTaken(Refusal):
    """There is a collection of that name already. Choose another name."""

    kind = Kind.CONFLICT
    code = "collection_name_taken"


class CollectionNotEmpty(Refusal):
    """There are documents in this collection. Move or delete them first."""

    kind = Kind.CONFLICT
    code = "collection_not_empty"


class CollectionNotFound(Refusal):
    """There is no such collection, or it is not open to you. Look under Documents, or ask an administrator."""

    kind = Kind.NOT_FOUND
    code = "collection_not_found"


class CollectionMalformed(Invalid):
    """A collection needs a name of 1 to 120 characters, and at most 1,000 of description."""

    code = "collection_malformed"


class DocumentNotFound(Refusal):
    """Your organisation has no such document. It may have been deleted; look under Documents."""

    kind = Kind.NOT_FOUND
    code = "document_not_found"


class DocumentTooLarge(Refusal):
    """The file is larger than {megabytes} MB, the most that is taken. Split it, or ask the operator to raise the limit."""

    kind = Kind.TOO_LARGE
    code = "document_too_large"


class NoSuchPage(Refusal):
    """This document has no such page to look at. Open its text instead."""

    kind = Kind.NOT_FOUND
    code = "no_such_page"


class PageNotDrawn(Refusal):
    """The page cannot be drawn now: too many are at once, or it takes too long. Read its text, or try again in a moment."""

    kind = Kind.UNAVAILABLE
    code = "page_not_drawn"


class NotQuarantined(Refusal):
    """This document is not held back, so there is nothing to release."""

    kind = Kind.CONFLICT
    code = "not_quarantined"


class NotFailed(Refusal):
    """This document was read, so there is nothing to try again."""

    kind = Kind.CONFLICT
    code = "not_failed"


class EmptyFile(Invalid):
    """The file is empty. Check the original and upload it again."""

    code = "empty_file"


class FileNameMissing(Invalid):
    """Choose a file first. A file needs a name of at most 255 characters."""

    code = "file_name_missing"
