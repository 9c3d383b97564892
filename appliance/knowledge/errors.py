"""
Refusal
├── AllowanceTakesTwo   kind=conflict
├── AlreadyThere        kind=conflict
├── BatchNotFound       kind=not_found
├── ChangeUnderWay      kind=conflict
├── CollectionNameTaken kind=conflict
├── CollectionNotEmpty  kind=conflict
├── CollectionNotFound  kind=not_found
├── DocumentNotFound    kind=not_found
├── DocumentTooLarge    kind=too_large
├── FindingNotFound     kind=not_found
├── FindingSettled      kind=conflict
├── ModelNotInstalled   kind=unavailable
├── NoChangeUnderWay    kind=conflict
├── NoSuchPage          kind=not_found
├── NotCancellable      kind=conflict
├── NotQuarantined      kind=conflict
├── NotFailed           kind=conflict
├── NotSecondReviewer   kind=forbidden
├── PageNotDrawn        kind=unavailable
├── PartMisplaced       kind=conflict
├── RescanUnderWay      kind=conflict
├── SecondNeeded        kind=conflict
├── TooManyUploads      kind=over_limit
├── UploadIncomplete    kind=conflict
├── UploadNotFound      kind=not_found
├── VersionInForce      kind=conflict
├── VersionNotFound     kind=not_found
└── Invalid
    ├── AllowanceNotMistaken
    ├── AttestationMissing
    ├── CollectionMalformed
    ├── EmptyFile
    ├── FileNameMissing
    ├── LabelsMalformed
    ├── JustificationMissing
    ├── ModelUnknown
    └── PartMalformed
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class AllowanceNotMistaken(Invalid):
    """Only what was found by mistake can be allowed until a day. Tick that it is not what the rule says, or leave the day out."""

    code = "allowance_not_mistaken"


class AllowanceTakesTwo(Refusal):
    """Where releasing takes two people, a decision makes no allowance: leave the day out, and add it under Data protection, Own rules on data."""

    kind = Kind.CONFLICT
    code = "allowance_takes_two"


class AlreadyThere(Refusal):
    """That collection holds the same file already. Delete one of the two, or leave this one where it is."""

    kind = Kind.CONFLICT
    code = "document_already_there"


class BatchNotFound(Refusal):
    """Your organisation has no such batch of uploads. Look under Documents, Earlier uploads."""

    kind = Kind.NOT_FOUND
    code = "batch_not_found"


class ChangeUnderWay(Refusal):
    """The index is being changed to {model} at this moment. Wait until that is done, or cancel it first."""

    kind = Kind.CONFLICT
    code = "change_under_way"


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


class ModelNotInstalled(Refusal):
    """The model {model} is not on this host. Ask the operator to run `appliance models build {model}`, then try again."""

    kind = Kind.UNAVAILABLE
    code = "model_not_installed"


class NoChangeUnderWay(Refusal):
    """The index is not being changed, or that is done already, so there is nothing to cancel."""

    kind = Kind.CONFLICT
    code = "no_change_under_way"


class NoSuchPage(Refusal):
    """This document has no such page to look at. Open its text instead."""

    kind = Kind.NOT_FOUND
    code = "no_such_page"


class NotCancellable(Refusal):
    """This document is not on its way any more, so there is nothing to cancel."""

    kind = Kind.CONFLICT
    code = "not_cancellable"


class PageNotDrawn(Refusal):
    """The page cannot be drawn now: too many are at once, or it takes too long. Read its text, or try again in a moment."""

    kind = Kind.UNAVAILABLE
    code = "page_not_drawn"


class NotQuarantined(Refusal):
    """This document is not held back, or not in this version, so there is nothing to release."""

    kind = Kind.CONFLICT
    code = "not_quarantined"


class NotFailed(Refusal):
    """This document was read, or is on its way, so there is nothing to try again."""

    kind = Kind.CONFLICT
    code = "not_failed"


class EmptyFile(Invalid):
    """The file is empty. Check the original and upload it again."""

    code = "empty_file"


class FileNameMissing(Invalid):
    """Choose a file first. A file needs a name of at most 255 characters."""

    code = "file_name_missing"


class LabelsMalformed(Invalid):
    """A document takes up to 20 labels of 1 to 40 characters each."""

    code = "labels_malformed"


class ModelUnknown(Invalid):
    """There is no embedding model of that name. Choose one of: {models}."""

    code = "model_unknown"


class PartMalformed(Invalid):
    """A part is one piece of the file, of at most {most} bytes, that does not reach beyond the file's end."""

    code = "part_malformed"


class PartMisplaced(Refusal):
    """The part does not begin where the last one ended. Go on at byte {offset}."""

    kind = Kind.CONFLICT
    code = "part_misplaced"


class TooManyUploads(Refusal):
    """Too many unfinished uploads are kept for you or your organisation. Finish or discard some; after a day they are discarded."""

    kind = Kind.OVER_LIMIT
    code = "too_many_uploads"


class UploadIncomplete(Refusal):
    """Parts of the file are missing. Go on at byte {offset}."""

    kind = Kind.CONFLICT
    code = "upload_incomplete"


class UploadNotFound(Refusal):
    """There is no such unfinished upload of yours. After a day it is discarded: begin again."""

    kind = Kind.NOT_FOUND
    code = "upload_not_found"


class VersionInForce(Refusal):
    """This version is in force. Upload another one or make another one current first, or delete the document."""

    kind = Kind.CONFLICT
    code = "version_in_force"


class VersionNotFound(Refusal):
    """The document has no such version. It may have been deleted; look at the document's versions."""

    kind = Kind.NOT_FOUND
    code = "version_not_found"


class AttestationMissing(Invalid):
    """Your organisation asks whoever uploads to attest: I would post this on our internal wiki. Attest it, or leave the file where it is."""

    code = "attestation_missing"


class FindingNotFound(Refusal):
    """There is no such finding, or its document is not open to you. It may have been decided or deleted; look under Findings."""

    kind = Kind.NOT_FOUND
    code = "finding_not_found"


class FindingSettled(Refusal):
    """That was decided already, or its document does not wait for it any more. Look under Findings for what is left."""

    kind = Kind.CONFLICT
    code = "finding_settled"


class JustificationMissing(Invalid):
    """Say why, in 3 to 500 characters: whoever audits this reads it."""

    code = "justification_missing"


class NotSecondReviewer(Refusal):
    """Your organisation wants two people to agree before something is released. Ask another person who may release documents."""

    kind = Kind.FORBIDDEN
    code = "not_second_reviewer"


class RescanUnderWay(Refusal):
    """Documents are being looked at anew at this moment. Wait until that is done."""

    kind = Kind.CONFLICT
    code = "rescan_under_way"


class SecondNeeded(Refusal):
    """Your organisation wants two people to agree before something is released. Decide under Findings, and ask a second person."""

    kind = Kind.CONFLICT
    code = "second_needed"
